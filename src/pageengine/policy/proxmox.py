"""Proxmox VE: memory use of the host is held at 80 % by balloons, by shares."""

from __future__ import annotations

from collections.abc import Iterable

from pageengine.policy.advice import migration
from pageengine.policy.base import Plan, Snapshot, VMView
from pageengine.policy.ksm import PAGES_TO_SCAN, SLEEP_MILLISECS, Scanner
from pageengine.policy.ladder import Machines, plans
from pageengine.policy.taking import Watermarks, by_consumption, optional, state_of, with_limits
from pageengine.units import MIB

ROUND_SECONDS = 10.0
TARGET = 0.80
DEAD_BAND = 10 * MIB
MOST_CHANGE = 100 * MIB
COMFORT = 0.25
MOST_SPLITS = 100


class Proxmox:
    """Proxmox VE: auto-ballooning of pvestatd, KSM by ksmtuned, and the kernel's swap.

    Source: PVE::AutoBalloon and pvestatd of pve-manager.

    Each 10 s: goal = 80 % of memory less what is used; within 10 MiB of it nothing happens. Each
    machine with a running driver and shares should have its minimum (size less what its balloon may
    take) + its part by shares of all that machines have above their minima, goal included; between
    minimum and size, at most 100 MiB away from what it has now, and nobody grows while the host
    shrinks. A guest is comfortable that has
    its minimum and more than a quarter of it free: when the host shrinks, comfortable guests give
    first; when it grows, the others get first. All take part where that brings nothing.

    target: the node option ballooning-target. ksm, pages_to_scan, sleep_millisecs, scale: as KVM.
    """

    name = "proxmox"
    promises = frozenset({"reservation", "limit"})

    def __init__(self, target: float = TARGET, ksm: str = "tuned",
                 pages_to_scan: int = PAGES_TO_SCAN, sleep_millisecs: float = SLEEP_MILLISECS,
                 scale: float = 10):  # fmt: skip
        if not 0 < target <= 1:
            raise ValueError(f"target must be above 0 and at most 1, got {target!r}")
        self.target = target
        self.scanner = Scanner(ksm, pages_to_scan, sleep_millisecs)
        self.marks = Watermarks(scale)

    def __repr__(self) -> str:
        return f"Proxmox(target={self.target}, ksm={self.scanner.mode!r})"

    def reserve(self, memory: int) -> int:
        """Free memory in bytes below which accesses wait for the policy."""
        return self.marks.low(memory)

    def decide(self, snapshot: Snapshot) -> Plan:
        m, need = Machines(snapshot.vms), self.marks.need(snapshot)
        scan, memo = self.scanner.rates(snapshot)
        balloons: dict[str, int] = {}
        last = snapshot.memo.get("round_time", -ROUND_SECONDS)
        if snapshot.time - last >= ROUND_SECONDS:
            last = snapshot.time
            balloons = self._round(snapshot)
        return Plan(
            state=state_of(need),
            vms=plans(
                m,
                balloon=optional(m, balloons),
                reclaim=with_limits(m, by_consumption(m, need)),
                technique="swap",
                scan=scan,
            ),
            wake_below=self.marks.low(snapshot.memory),
            again=ROUND_SECONDS,
            scan_rule="two-scans",
            migrate=migration(snapshot),
            memo=memo | {"round_time": last},
        )

    def _round(self, snapshot: Snapshot) -> dict[str, int]:
        """Balloon targets of one round of pvestatd; only those that change."""
        used = snapshot.memory - snapshot.free
        goal = int(snapshot.memory * self.target) - used
        vms = [vm for vm in snapshot.vms if vm.balloon_max > 0 and vm.shares > 0]
        if abs(goal) <= DEAD_BAND or not vms:
            return {}
        first = [vm for vm in vms if comfortable(vm) == (goal < 0)]
        found = share_out(first, goal) or share_out(vms, goal)
        return {
            vm.name: min(vm.size - found[vm.name], vm.balloon_max) for vm in vms if vm.name in found
        }


def comfortable(vm: VMView) -> bool:
    least, has = vm.size - vm.balloon_max, vm.size - vm.ballooned
    return vm.guest is not None and vm.guest.free > COMFORT * least and has >= least


def share_out(vms: Iterable[VMView], goal: int) -> dict[str, int]:
    """Memory that each guest should have, of those for which it changes.

    What is above all minima, with the goal, is split by shares. Guests only grow while there is
    something to hand out; one that has its part already, or would have to grow while the host
    shrinks, leaves the split. What bounds left over is split again among the others.
    """
    split = list(vms)
    has = {vm.name: vm.size - vm.ballooned for vm in split}
    wish, rest, moved = dict(has), goal, True
    rounds = 0
    while split and rest and moved and rounds < MOST_SPLITS:
        above = rest + sum(wish[vm.name] - (vm.size - vm.balloon_max) for vm in split)
        shares = sum(vm.shares for vm in split)
        stay, moved = [], False
        for vm in split:
            least, now = vm.size - vm.balloon_max, has[vm.name]
            desired = min(max(least + above * vm.shares // shares, least), vm.size)
            if desired == now or (desired > now and goal < 0):
                continue
            new = min(max(desired, now - MOST_CHANGE), now + MOST_CHANGE)
            rest -= new - wish[vm.name]
            moved |= new != wish[vm.name]
            wish[vm.name] = new
            stay.append(vm)
        split, rounds = stay, rounds + 1
    return {name: value for name, value in wish.items() if value != has[name]}
