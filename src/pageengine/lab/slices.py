"""Slices: how finely time is cut within an epoch.

VMs take turns in slices. As long as none of them can use up the free memory that there is
before the next mark, one slice is as good as many. Where memory is short, a slice is short against
what can happen in it: at the rate at which memory went lately, half of what is free above the mark
goes; at the highest rate that workloads can touch pages, no more than that and half of what lies
below it. Bursts of a workload come at once, however short the slice. No slice is longer than the
time for which workloads say how fast they are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from pageengine.lab import life
from pageengine.lab.workloads.pace import AHEAD
from pageengine.plumbing.kept import Kept

if TYPE_CHECKING:
    from pageengine.host.host import Host
    from pageengine.lab.simulated_vm import SimulatedVM
FINEST = 0.05  # seconds
GRID = 2**20  # moments per second: sums and differences of times on it are exact
UNTOLD = 0.25  # seconds at the most, where a workload does not say how fast it is
FORGETS = 0.7  # of the last rate, per slice
TAKING = ("faults_absent", "cow_breaks", "decompressions", "swap_in")


def on_grid(seconds: float) -> float:
    """The nearest moment at which something can happen."""
    return round(seconds * GRID) / GRID


class Slices(Kept):
    """host: whose time it is."""

    KEPT = ("_rate",)

    def __init__(self, host: Host):
        self._host = host
        self._rate = 0.0  # pages per second that accesses took lately

    def end(self, now: float, until: float, due: float, running: list[SimulatedVM]) -> float:
        """The end of the slice that begins now; at the latest ``until``. due: ``Host.due``."""
        longest = self._longest(running)
        if due > now:
            until = min(until, max(on_grid(due), now + 1 / GRID))
        else:  # a decision is wanted: as soon as it can be
            longest = min(longest, FINEST)
        left = until - now
        if left <= longest:
            return until
        return max(now + 1 / GRID, on_grid(now + left / math.ceil(left / longest)))  # equal ones

    def _longest(self, running: list[SimulatedVM]) -> float:
        if life.any_held(running):
            return FINEST
        above, mark = self._host.headroom
        rate = sum(life.fastest(running))
        longest = AHEAD
        if rate == math.inf:
            longest = UNTOLD
        elif rate > 0:
            longest = min(longest, (above + mark / 2) / rate)
        if self._rate > 0:
            longest = min(longest, above / (2 * self._rate))
        return max(FINEST, longest)

    def happened(self, seconds: float, sums: Mapping[str, int]) -> None:
        """What a slice of so many seconds brought about."""
        rate = sum(sums[name] for name in TAKING) / seconds
        self._rate = max(rate, self._rate * FORGETS)
