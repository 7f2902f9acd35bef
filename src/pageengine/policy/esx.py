"""ESX: memory states, shares with the idle-memory tax, and the ladder of techniques."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pageengine.policy.base import Plan, Snapshot, VMPlan, VMView
from pageengine.policy.entitlement import Claims, entitle
from pageengine.policy.states import PRESETS, TECHNIQUES, Thresholds
from pageengine.units import MIB, PAGE_BYTES

#: Pages to scan per second and machine, and on the whole host, by generation. 2002: ShareScanVM,
#: ShareScanTotal (ESX 2.x Administration Guide). Later: Mem.ShareScanTime 60 min for one machine,
#: at most Mem.ShareRateMax 1024 pages/s, and Mem.ShareScanGHz 4 MB/s per GHz of the host.
SCAN_2002 = (50, 200)
SCAN_SECONDS, SCAN_RATE_MAX, SCAN_BYTES_PER_GHZ = 3600, 1024, 4 * MIB

CALM_SECONDS, PRESSED_SECONDS = 15.0, 1.0


class ESX:
    """VMware ESX (Waldspurger, OSDI 2002 sections 5 and 6; later states from the vSphere manuals).

    Targets: entitlement by shares between reservation and limit, idle memory taxed at ``idle_tax``,
    over what is left of memory above the goal of free memory. What a machine holds is what it
    consumes, of shared pages its part; OSDI 2002 charges shared pages in full, which makes the sum
    of allocations exceed memory. Nothing is taken while memory is free, and never more than is
    needed to reach the goal: from machines above their target, in proportion to the excess.

    high (clear): balloons shrink to the targets. soft: ballooning, and paging where there is no
    driver or its maximum is reached. hard: paging: share before compress before swap (2002: no
    compression). low: paging, and machines above their target do not run until the state is hard
    again. A machine above its limit is brought under it in any state.

    states: "esx2002" (6/4/2/1 % of memory), "esx5" (100/64/32/16 % of minfree), "esx6" (clear,
    high at 400 %; the balloon stops in hard), or a function of memory in bytes that gives
    Thresholds. margin: how far free memory must exceed a threshold on the way up. host_ghz: of all
    cores together, which caps the scan.
    """

    name = "esx"
    promises = frozenset({"reservation", "limit", "entitlement"})

    def __init__(self, states="esx6", idle_tax: float = 0.75, margin: float = 0.1,
                 host_ghz: float = 20.0):  # fmt: skip
        if not callable(states) and states not in PRESETS:
            raise ValueError(
                f"unknown states {states!r}; there are {', '.join(PRESETS)}, and functions of the "
                "memory in bytes that give Thresholds"
            )
        if not 0 <= idle_tax < 1:
            raise ValueError(f"idle_tax must be at least 0 and below 1, got {idle_tax!r}")
        if not 0 <= margin < 1:
            raise ValueError(f"margin must be at least 0 and below 1, got {margin!r}")
        if not host_ghz > 0:
            raise ValueError(f"host_ghz must be above 0, got {host_ghz!r}")
        self.states, self.idle_tax, self.margin, self.host_ghz = states, idle_tax, margin, host_ghz
        self._old = states == "esx2002"

    def __repr__(self) -> str:
        return f"ESX(states={self.states!r}, idle_tax={self.idle_tax})"

    def thresholds(self, memory: int) -> Thresholds:
        """Free memory in bytes that bounds each state, on a host of this memory."""
        return self.states(memory) if callable(self.states) else PRESETS[self.states](memory)

    def reserve(self, memory: int) -> int:
        """Free memory in bytes at which the first state below high begins."""
        return self.thresholds(memory).bytes[1]

    def decide(self, snapshot: Snapshot) -> Plan:
        thresholds = self.thresholds(snapshot.memory)
        state = thresholds.next_state(snapshot.state, snapshot.free, self.margin)
        goal = min(int(thresholds.goal * (1 + self.margin)) + PAGE_BYTES, snapshot.memory // 2)
        targets = self._targets(snapshot, goal)
        takes = state not in ("high", "clear")
        need = max(0, goal - snapshot.free) if takes else 0
        parts = _parts(snapshot, targets, need)
        scan = self._scan_rates(snapshot)
        vms = {
            vm.name: self._plan(vm, state, targets[vm.name], parts[vm.name], scan[vm.name])
            for vm in snapshot.vms
        }
        memo = {}
        if "block" in TECHNIQUES[state]:
            memo = {"free": float(snapshot.free)}
            # who waits while nothing can be won would wait for ever
            stuck = snapshot.state == state and snapshot.free <= snapshot.memo.get("free", -1)
            if not stuck:
                vms = {n: replace(plan, blocked=parts[n] > 0) for n, plan in vms.items()}
        return Plan(
            state=state,
            vms=vms,
            memo=memo,
            wake_below=thresholds.below(state),
            again=PRESSED_SECONDS if state in ("hard", "low") else CALM_SECONDS,
        )

    def _targets(self, snapshot: Snapshot, goal: int) -> dict[str, int]:
        vms = snapshot.vms
        minimum = np.array([vm.reservation for vm in vms], np.int64) // PAGE_BYTES
        pages = max((snapshot.memory - goal) // PAGE_BYTES, int(minimum.sum()))
        claims = Claims(
            shares=np.array([vm.shares for vm in vms]),
            active=np.array([vm.active // PAGE_BYTES for vm in vms]),
            minimum=minimum,
            maximum=np.array([min(vm.limit, vm.size) // PAGE_BYTES for vm in vms]),
        )
        held = entitle(claims, pages, self.idle_tax) if vms else []
        return {vm.name: int(n) * PAGE_BYTES for vm, n in zip(vms, held, strict=True)}

    def _plan(self, vm: VMView, state: str, target: int, part: int, scan: float) -> VMPlan:
        balloon, paging = vm.ballooned, part
        if "balloon" in TECHNIQUES[state] and part:
            # what the guest never used is in its balloon first, and frees nothing
            unused = vm.size - vm.granted - vm.ballooned - vm.swapped - vm.compressed
            balloon = min(vm.ballooned + max(0, unused) + part, max(vm.balloon_max, vm.ballooned))
            paging = max(0, part - max(0, balloon - vm.ballooned - max(0, unused)))
        elif part == 0:
            balloon = max(0, vm.ballooned - max(0, target - vm.consumed))
        return VMPlan(
            target=target,
            balloon=min(balloon, vm.balloon_max),
            reclaim=paging,
            technique="swap" if self._old else "ladder",
            scan=scan,
        )

    def _scan_rates(self, snapshot: Snapshot) -> dict[str, float]:
        if self._old:
            most, host = SCAN_2002
            wanted = dict.fromkeys((vm.name for vm in snapshot.vms), float(most))
        else:
            host = SCAN_BYTES_PER_GHZ * self.host_ghz / PAGE_BYTES
            wanted = {
                vm.name: min(vm.size / PAGE_BYTES / SCAN_SECONDS, SCAN_RATE_MAX)
                for vm in snapshot.vms
            }
        cut = min(1.0, host / total) if (total := sum(wanted.values())) else 1.0
        return {name: rate * cut for name, rate in wanted.items()}


def _parts(snapshot: Snapshot, targets: dict[str, int], need: int) -> dict[str, int]:
    """What each machine is to give up: its part of the need, and what is above its limit."""
    excess = {vm.name: max(0, vm.consumed - targets[vm.name]) for vm in snapshot.vms}
    total = sum(excess.values())
    parts = {}
    for vm in snapshot.vms:
        part = min(excess[vm.name], -(-need * excess[vm.name] // total)) if total else 0
        part = max(part, vm.consumed - max(vm.limit, vm.reservation), 0)
        parts[vm.name] = part
    return parts
