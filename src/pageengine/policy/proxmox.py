"""Proxmox VE: memory use of the host is held at 80 % by balloons, by shares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.plumbing import given
from pageengine.policy.base import Plan, Snapshot
from pageengine.policy.ksm import PAGES_TO_SCAN, SLEEP_MILLISECS, Scanner
from pageengine.policy.ladder import VMNumbers
from pageengine.policy.watermarks import Watermarks
from pageengine.units import MIB

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROUND_SECONDS = 10.0
TARGET = 0.80
DEAD_BAND = 10 * MIB
MOST_CHANGE = 100 * MIB
COMFORT = 0.25


class Proxmox:
    """Proxmox VE: auto-ballooning of pvestatd, KSM by ksmtuned, and the kernel's swap.

    Source: PVE::AutoBalloon and pvestatd of pve-manager, 2026; docs/policies.md has the whole rule.

    Each 10 s: goal = 80 % of memory less what is used; within 10 MiB of it nothing happens. Guests
    that have a minimum (size less what the balloon may take), shares and a running driver split
    what they have above their minima, and the goal with it, by shares: between minimum and size,
    at most 100 MiB away from what each has now, and nobody grows while the host shrinks. A guest is
    comfortable that has its minimum and more than a quarter of it free: when the host shrinks,
    comfortable guests split first; when it grows, the others. All split again, from there, when
    that came no nearer to the goal. A guest under its minimum comes back to it at once (the
    original: by 100 MiB at a time).

    target: the node option ballooning-target, as a fraction. ksm, pages_to_scan, sleep_millisecs,
    scale: as KVM.
    """

    name = "proxmox"
    promises = frozenset({"reservation", "limit"})

    def __init__(
        self,
        target: float = TARGET,
        ksm: str = "tuned",
        pages_to_scan: int = PAGES_TO_SCAN,
        sleep_millisecs: float = SLEEP_MILLISECS,
        scale: float = 10,
    ):
        self.target = given.real(target, "target", 0, 1, "(]")
        self.scanner = Scanner(ksm, pages_to_scan, sleep_millisecs)
        self.marks = Watermarks(scale)

    def __repr__(self) -> str:
        return f"Proxmox(target={self.target}, ksm={self.scanner.ksm!r})"

    def reserve(self, memory: int) -> int:
        """Free memory in bytes below which accesses wait for the policy."""
        return self.marks.low(memory)

    def decide(self, snapshot: Snapshot) -> Plan:
        m = VMNumbers(snapshot.vms)
        scan, memo = self.scanner.rates(snapshot)
        balloon = None
        last: Any = snapshot.memo.get("round_time", -ROUND_SECONDS)
        # to the moment, as in kvm.mom
        if snapshot.time - last >= ROUND_SECONDS:
            last = snapshot.time
            balloon = self._round(m, snapshot)
        memo |= {"round_time": last}
        return self.marks.plan(
            snapshot, m, balloon, ROUND_SECONDS, memo, scan=scan, scan_rule="two-scans"
        )

    def _round(self, m: VMNumbers, snapshot: Snapshot) -> NDArray[np.object_] | None:
        """Balloon targets of one round of pvestatd: a column, None for who stays as it is."""
        percent = round(self.target * 100, 9)  # the option is in percent: memory * 80 / 100
        goal = int(snapshot.memory * percent / 100 - (snapshot.memory - snapshot.free))
        if abs(goal) <= DEAD_BAND:
            return None
        has, least = m.size - m.ballooned, m.size - m.balloon_max
        part = (m.balloon_max > 0) & (m.shares > 0) & (least > 0) & (has > 0)
        free = np.array([0 if vm.guest is None else vm.guest.free for vm in snapshot.vms], np.int64)
        comfortable = (free > COMFORT * least) & (has >= least)
        wanted, rest = share_out(m, part & (comfortable == (goal < 0)), goal, has)
        if rest >= goal > 0 or rest <= goal < 0:
            wanted, _ = share_out(m, part, rest, wanted)
        balloon: NDArray[np.object_] = np.minimum(m.size - wanted, m.balloon_max).astype(object)
        balloon[wanted == has] = None
        return balloon


def share_out(
    m: VMNumbers, part: NDArray[np.bool_], goal: int, wanted: NDArray[np.int64]
) -> tuple[NDArray[np.int64], int]:
    """Memory that each guest should have (int64 [n] of bytes), and what is left of the goal then.

    wanted: what each should have so far; who takes no part keeps it. Guests grow only while there
    is something to hand out; one that has its part already, or would have to grow while the host
    shrinks, leaves the split with what it was to have. What bounds left over is split again among
    the others. Their sum does not change in that, so a split without a guest less is the last.
    """
    has, least = m.size - m.ballooned, m.size - m.balloon_max
    rest, part = goal, part.copy()
    while rest and part.any():
        above = rest + int((wanted - least)[part].sum())
        share = np.trunc(above / int(m.shares[part].sum()) * m.shares).astype(np.int64)
        desired = np.clip(least + share, least, m.size)
        part &= (desired < has) | ((desired > has) & (goal > 0))
        new = np.where(part, np.clip(desired, has - MOST_CHANGE, has + MOST_CHANGE), wanted)
        if (new == wanted).all():
            break
        rest -= int((new - wanted).sum())
        wanted = new
    return wanted, rest
