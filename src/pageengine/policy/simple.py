"""Policies that do one thing, to compare others with: shares alone, proportion alone, free memory
first, and no overcommitment at all.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from pageengine.policy.advice import migration
from pageengine.policy.base import Plan, Snapshot
from pageengine.policy.entitlement import Claims, entitle
from pageengine.policy.rules import RECLAIM
from pageengine.policy.taking import (
    Watermarks,
    by_consumption,
    in_proportion,
    plans,
    state_of,
)
from pageengine.units import PAGE_BYTES


def checked_technique(technique: str) -> str:
    if technique not in RECLAIM:
        raise ValueError(f"technique must be one of {', '.join(RECLAIM)}, got {technique!r}")
    return technique


class Proportional:
    """Swap without any policy: below the low mark of free memory, every machine gives up in
    proportion to what it holds above its reservation, until the high mark is free again.

    Source: what kswapd does with machines that are alike (Linux mm/vmscan.c), and the baseline of
    global replacement in OSDI 2002 section 3. technique: what takes the memory. scale:
    vm.watermark_scale_factor.
    """

    name = "proportional"
    promises = frozenset({"reservation", "limit"})

    def __init__(self, technique: str = "swap", scale: float = 10):
        self.technique, self.marks = checked_technique(technique), Watermarks(scale)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(technique={self.technique!r}, scale={self.marks.scale})"

    def reserve(self, memory: int) -> int:
        """Free memory in bytes below which accesses wait for the policy."""
        return self.marks.low(memory)

    def decide(self, snapshot: Snapshot) -> Plan:
        need = self.marks.need(snapshot)
        return Plan(
            state=state_of(need),
            vms=plans(snapshot, self._parts(snapshot, need), self.technique),
            wake_below=self.marks.low(snapshot.memory),
            migrate=migration(snapshot),
        )

    def _parts(self, snapshot: Snapshot, need: int) -> dict[str, int]:
        return by_consumption(snapshot.vms, need)


class FreeFirst(Proportional):
    """First come, first served: free memory is handed out to whoever asks. On need it comes back
    from whoever holds most per share, down to the level where the next one holds as much.

    Source: min-funding revocation (Waldspurger and Weihl 1995; OSDI 2002 section 5.1), with no
    estimate of idle memory and no targets while memory is free. A machine without shares counts as
    having one.
    """

    name = "free-first"

    def __init__(self, technique: str = "ladder", scale: float = 10):
        super().__init__(technique, scale)

    def _parts(self, snapshot: Snapshot, need: int) -> dict[str, int]:
        vms = snapshot.vms
        if not need or not vms:
            return {}
        held = np.array([vm.consumed // PAGE_BYTES for vm in vms], np.int64)
        least = np.array([min(vm.reservation, vm.consumed) // PAGE_BYTES for vm in vms], np.int64)
        shares = np.array([max(1, vm.shares) for vm in vms])
        left = max(int(held.sum()) + -need // PAGE_BYTES, int(least.sum()))
        kept = entitle(Claims(shares, held, least, held), left, 0.0)
        return {
            vm.name: int(n) * PAGE_BYTES for vm, n in zip(vms, held - kept, strict=True) if n > 0
        }


class Shares(Proportional):
    """Shares and nothing else: every machine is entitled to memory in proportion to its shares,
    between reservation and limit, however much of it lies idle. On need, who holds more gives up in
    proportion to the excess.

    Source: OSDI 2002 section 5.1, the state before the idle-memory tax (tax rate 0). Targets add up
    to memory less the high mark. Where nobody holds more than it deserves (what deserves more does
    not ask for it), everybody gives in proportion.
    """

    name = "shares"
    promises = frozenset({"reservation", "limit", "entitlement"})

    def __init__(self, technique: str = "ladder", scale: float = 10):
        super().__init__(technique, scale)

    def decide(self, snapshot: Snapshot) -> Plan:
        need = self.marks.need(snapshot)
        targets = self.targets(snapshot)
        excess = {vm.name: max(0, vm.consumed - targets[vm.name]) for vm in snapshot.vms}
        parts = in_proportion(need, excess)
        if sum(parts.values()) < need:
            parts = by_consumption(snapshot.vms, need)
        return Plan(
            state=state_of(need),
            vms=plans(snapshot, parts, self.technique, targets=targets),
            wake_below=self.marks.low(snapshot.memory),
            migrate=migration(snapshot),
        )

    def targets(self, snapshot: Snapshot) -> dict[str, int]:
        """Bytes that each machine is entitled to."""
        vms = snapshot.vms
        if not vms:
            return {}
        least = np.array([-(-vm.reservation // PAGE_BYTES) for vm in vms], np.int64)
        most = np.array([min(vm.limit, vm.size) // PAGE_BYTES for vm in vms], np.int64)
        most = np.maximum(most, least)
        high = self.marks.marks(snapshot.memory)[2]
        pages = max((snapshot.memory - high) // PAGE_BYTES, int(least.sum()))
        held = entitle(Claims(np.array([vm.shares for vm in vms]), most, least, most), pages, 0.0)
        return {vm.name: int(n) * PAGE_BYTES for vm, n in zip(vms, held, strict=True)}


class NoOvercommit:
    """No overcommitment: nothing is taken from anybody, but for what is above a limit. Machines
    start only while their sizes fit into memory together.

    Source: the static allocation that OSDI 2002 and Clark et al. (NSDI 2005) compare with; Xen's
    default. A host cannot refuse a machine on a policy's behalf: who starts machines asks
    ``admits`` first; ``overcommits`` is False to say so.
    """

    name = "no-overcommit"
    promises = frozenset({"reservation", "limit"})
    overcommits = False

    def __repr__(self) -> str:
        return "NoOvercommit()"

    def admits(self, memory: int, sizes: Iterable[int]) -> bool:
        """Whether machines of these sizes in bytes may run together."""
        return sum(sizes) <= memory

    def reserve(self, memory: int) -> int:
        """Nothing is kept free."""
        return 0

    def decide(self, snapshot: Snapshot) -> Plan:
        return Plan(vms=plans(snapshot, {}, "swap"), wake_below=0, migrate=migration(snapshot))
