"""What policies have in common when they take memory: marks of free memory, and who gives how much.

The marks are those of Linux (mm/page_alloc.c, 6.x), in whole pages and as of one zone with all of
memory in it: min = 4 sqrt(memory in KiB) KiB, between 128 KiB and 256 MiB (vm.min_free_kbytes); low
and high lie one and two steps above it, of max(min / 4, memory * watermark_scale_factor / 10000).
kswapd wakes when free memory is down to low and works until it is above high; here accesses wait
meanwhile, so that min is never reached. A host so small that the least of 128 KiB would be much of
it has its marks within memory. Transparent huge pages raise min on real hosts (khugepaged's
recommendation, 67584 KiB on many): not here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.plumbing import given
from pageengine.policy.advice import migration
from pageengine.policy.base import Plan, Snapshot
from pageengine.policy.ladder import VMNumbers, plans, split
from pageengine.units import PAGE_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

KIB = 1024
MIN_FREE_KIB = (128, 262_144)


class Watermarks:
    """Free memory in bytes at which taking begins (low) and ends (high).

    scale: vm.watermark_scale_factor, in 1/10000 of memory: the least step between two marks.
    """

    def __init__(self, scale: float = 10):
        self.scale = given.real(scale, "scale", 0, 3000, "(]")

    def marks(self, memory: int) -> tuple[int, int, int]:
        """min, low and high of a host of this memory."""
        pages = memory // PAGE_BYTES
        kib = math.isqrt(16 * pages * (PAGE_BYTES // KIB))
        kib = min(max(kib, MIN_FREE_KIB[0]), MIN_FREE_KIB[1])
        least = min(kib * KIB // PAGE_BYTES, pages // 4)
        step = min(max(least // 4, int(pages * self.scale / 10_000), 1), pages // 4)
        return least * PAGE_BYTES, (least + step) * PAGE_BYTES, (least + 2 * step) * PAGE_BYTES

    def low(self, memory: int) -> int:
        return self.marks(memory)[1]

    def need(self, snapshot: Snapshot) -> int:
        """Bytes to win now; 0 while more than low is free."""
        _, low, high = self.marks(snapshot.memory)
        if snapshot.free > low:
            return 0
        return high + PAGE_BYTES - snapshot.free

    def plan(
        self,
        snapshot: Snapshot,
        m: VMNumbers,
        balloon: NDArray[np.object_] | None,
        again: float,
        memo: Mapping[str, Any],
        *,
        technique: str = "swap",
        scan: NDArray[Any] | None = None,
        **more: Any,
    ) -> Plan:
        """Balloon targets (a column, None for who stays as it is), and the kernel's swap
        underneath. scan: a column too; more: of the whole plan, by its own names.
        """
        need = self.need(snapshot)
        return Plan(
            state=state_of(need),
            vms=plans(
                m,
                balloon=balloon,
                reclaim=with_limits(m, by_consumption(m, need)),
                technique=technique,
                scan=scan,
            ),
            wake_below=self.low(snapshot.memory),
            again=again,
            migrate=migration(snapshot, m),
            memo=memo,
            **more,
        )


def by_consumption(m: VMNumbers, need: int) -> NDArray[np.int64]:
    """kswapd's way: from every VM in proportion to what it holds above its reservation."""
    return split(need, m.above_reservation)


def with_limits(m: VMNumbers, parts: NDArray[np.int64]) -> NDArray[np.int64]:
    """The parts, and at least what is above a limit, but nothing that is reserved."""
    found: NDArray[np.int64] = np.minimum(np.maximum(parts, m.above_limit), m.above_reservation)
    return found


def optional(m: VMNumbers, chosen: Mapping[str, int]) -> NDArray[np.object_]:
    """A column of the values by name; None, to leave things as they are, for the others."""
    return np.array([chosen.get(name) for name in m.names], object)


def state_of(need: int) -> str:
    """Policies without states of their own know two."""
    return "hard" if need else "high"
