"""What policies have in common when they take memory: marks of free memory, and who gives how much.

The marks are those of Linux (mm/page_alloc.c): min = 4 sqrt(memory in KiB) KiB, between 128 KiB and
256 MiB (vm.min_free_kbytes); low and high lie one and two steps above it, of
max(min / 4, memory * watermark_scale_factor / 10000). kswapd wakes below low and works until high
is free; here accesses wait meanwhile, so that min is never reached.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from pageengine.policy.base import Snapshot, VMPlan, VMView
from pageengine.units import MIB, PAGE_BYTES

KIB = 1024
MIN_FREE = (128 * KIB, 256 * MIB)


class Watermarks:
    """Free memory in bytes at which taking begins (low) and ends (high).

    scale: vm.watermark_scale_factor, in 1/10000 of memory: the least step between two marks.
    """

    def __init__(self, scale: float = 10):
        if not 0 < scale <= 3000:
            raise ValueError(f"scale must be above 0 and at most 3000, got {scale!r}")
        self.scale = scale

    def marks(self, memory: int) -> tuple[int, int, int]:
        """min, low and high of a host of this memory."""
        least = int(4 * math.sqrt(memory / KIB)) * KIB
        least = min(max(least, MIN_FREE[0]), MIN_FREE[1], memory // 4)
        step = min(max(least // 4, int(memory * self.scale / 10_000), PAGE_BYTES), memory // 4)
        return least, least + step, least + 2 * step

    def low(self, memory: int) -> int:
        return self.marks(memory)[1]

    def need(self, snapshot: Snapshot) -> int:
        """Bytes to win now; 0 while more than low is free."""
        _, low, high = self.marks(snapshot.memory)
        if snapshot.free > low:
            return 0
        return max(high, low + PAGE_BYTES) - snapshot.free


def above_limit(vm: VMView) -> int:
    """What a machine must give up at any time, without going under its reservation."""
    return max(0, vm.consumed - max(vm.limit, vm.reservation))


def takeable(vm: VMView) -> int:
    """What a machine holds above its reservation."""
    return max(0, vm.consumed - vm.reservation)


def in_proportion(want: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Splits ``want`` by weight: no part above its weight, rounded up so that the sum is not short."""
    total = sum(weights.values())
    if total == 0:
        return dict.fromkeys(weights, 0)
    return {name: min(weight, -(-want * weight // total)) for name, weight in weights.items()}


def by_consumption(vms: Iterable[VMView], want: int) -> dict[str, int]:
    """kswapd's way: from every machine in proportion to what it holds above its reservation."""
    return in_proportion(want, {vm.name: takeable(vm) for vm in vms})


def plans(
    snapshot: Snapshot,
    parts: Mapping[str, int],
    technique: str,
    *,
    targets: Mapping[str, int] | None = None,
    balloons: Mapping[str, int] | None = None,
    scans: Mapping[str, float] | None = None,
) -> dict[str, VMPlan]:
    """One plan for each machine: its part, or what is above its limit; nobody is blocked."""
    return {
        vm.name: VMPlan(
            target=(targets or {}).get(vm.name),
            balloon=(balloons or {}).get(vm.name),
            reclaim=min(takeable(vm), max(parts.get(vm.name, 0), above_limit(vm))),
            technique=technique,
            scan=(scans or {}).get(vm.name),
        )
        for vm in snapshot.vms
    }


def state_of(need: int) -> str:
    """Policies without states of their own know two."""
    return "hard" if need else "high"
