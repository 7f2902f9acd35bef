"""Policies that do one thing, to compare others with: shares alone, proportion alone, free memory
first, and no overcommitment at all.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from pageengine.plumbing import given
from pageengine.policy.advice import migration
from pageengine.policy.base import Plan, Snapshot
from pageengine.policy.entitlement import Claims, entitle
from pageengine.policy.ladder import VMNumbers, plans, split
from pageengine.policy.rules import RECLAIM
from pageengine.policy.watermarks import Watermarks, by_consumption, state_of, with_limits
from pageengine.units import PAGE_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray


def checked_technique(technique: str) -> str:
    return given.choice(technique, "technique", RECLAIM)


class Proportional:
    """Swap without any policy: below the low mark of free memory, every VM gives up in
    proportion to what it holds above its reservation, until the high mark is free again.

    Source: what kswapd does with VMs that are alike (Linux mm/vmscan.c), and the baseline of
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
        m, need = VMNumbers(snapshot.vms), self.marks.need(snapshot)
        reclaim = with_limits(m, self._parts(m, need))
        return Plan(
            state=state_of(need),
            vms=plans(m, reclaim=reclaim, technique=self.technique),
            wake_below=self.marks.low(snapshot.memory),
            migrate=migration(snapshot, m),
        )

    def _parts(self, m: VMNumbers, need: int) -> NDArray[np.int64]:
        return by_consumption(m, need)


class FreeFirst(Proportional):
    """First come, first served: free memory is handed out to whoever asks. On need it comes back
    from whoever holds most per share, down to the level where the next one holds as much.

    Source: min-funding revocation (Waldspurger and Weihl 1995; OSDI 2002 section 5.1), with no
    estimate of idle memory and no targets while memory is free. A VM without shares counts as
    having one.
    """

    name = "free-first"

    def __init__(self, technique: str = "ladder", scale: float = 10):
        super().__init__(technique, scale)

    def _parts(self, m: VMNumbers, need: int) -> NDArray[np.int64]:
        if not need or not len(m):
            return 0 * m.consumed
        held = m.consumed // PAGE_BYTES
        least = np.minimum(m.reservation, m.consumed) // PAGE_BYTES
        left = max(int(held.sum()) + -need // PAGE_BYTES, int(least.sum()))
        kept = entitle(Claims(np.maximum(1, m.shares), held, least, held), left, 0.0)
        return (held - kept) * PAGE_BYTES


class Shares(Proportional):
    """Shares and nothing else: every VM is entitled to memory in proportion to its shares,
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
        m, need = VMNumbers(snapshot.vms), self.marks.need(snapshot)
        target = self._targets(m, snapshot.memory)
        parts = split(need, np.maximum(0, np.minimum(m.consumed - target, m.above_reservation)))
        if parts.sum() < need:
            parts = by_consumption(m, need)
        return Plan(
            state=state_of(need),
            vms=plans(m, target=target, reclaim=with_limits(m, parts), technique=self.technique),
            wake_below=self.marks.low(snapshot.memory),
            migrate=migration(snapshot, m),
        )

    def _targets(self, m: VMNumbers, memory: int) -> NDArray[np.int64]:
        """Bytes that each VM is entitled to."""
        least, most = -(-m.reservation // PAGE_BYTES), m.most // PAGE_BYTES
        most = np.maximum(most, least)
        pages = max((memory - self.marks.marks(memory)[2]) // PAGE_BYTES, int(least.sum()))
        return entitle(Claims(m.shares, most, least, most), pages, 0.0) * PAGE_BYTES


class NoOvercommit:
    """No overcommitment: nothing is taken from anybody, but for what is above a limit. VMs
    start only while their sizes fit into memory together.

    Source: the static allocation that OSDI 2002 and Clark et al. (NSDI 2005) compare with; Xen's
    default. A host cannot refuse a VM on a policy's behalf: who starts VMs asks
    ``admits`` first; ``overcommits`` is False to say so.
    """

    name = "no-overcommit"
    promises = frozenset({"reservation", "limit"})
    overcommits = False

    def __repr__(self) -> str:
        return "NoOvercommit()"

    def admits(self, memory: int, sizes: Iterable[int]) -> bool:
        """Whether VMs of these sizes in bytes may run together."""
        return sum(sizes) <= memory

    def reserve(self, memory: int) -> int:
        """Nothing is kept free."""
        return 0

    def decide(self, snapshot: Snapshot) -> Plan:
        m = VMNumbers(snapshot.vms)
        vms = plans(m, reclaim=with_limits(m, 0 * m.consumed), technique="swap")
        return Plan(vms=vms, wake_below=0, migrate=migration(snapshot, m))
