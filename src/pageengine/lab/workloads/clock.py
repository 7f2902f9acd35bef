"""What a replay must know of a whole trace before it begins: whether it has a clock, how long it
takes, and how many accesses it may want at once.

Of every rate in RATES it is held how far the accesses of any stretch of time exceed it, the depth
of a token bucket (RFC 2697) that would let the trace through: with the rate r and the depth d, no
stretch of s seconds has more than r s + d accesses.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pageengine.traces import Trace

RATES = 4.0 ** np.arange(16)  # accesses per second


@dataclass(frozen=True)
class Clock:
    """first: the time of the first access; seconds: from there to the last; accesses: how many;
    back: how many have an earlier time than one before; depths: of the buckets of RATES.
    """

    first: float
    seconds: float
    accesses: int
    back: int
    depths: tuple[float, ...]

    @property
    def period(self) -> float:
        """Seconds from one round to the next: after the last access the mean gap."""
        return self.seconds * self.accesses / max(1, self.accesses - 1)

    def bound(self) -> tuple[float, int]:
        """(rate, depth) of the bucket that has least room for a second's accesses, of those whose
        rate is no less than the mean.
        """
        mean = self.accesses / self.period
        fits = [
            (r + d, r, d) for r, d in zip(RATES.tolist(), self.depths, strict=True) if r >= mean
        ]
        _, rate, depth = min(fits, default=(0, mean, float(self.accesses)))
        return rate, int(np.ceil(depth))


def clock_of(trace: Trace, vm: int | None) -> Clock | None:
    """Of the accesses of one VM, or all. None: the trace has no times, or they are all one. It
    is read once; as long as the file does not change, not again.
    """
    stat = os.stat(trace.path)
    return _read(_Source(trace, (trace.path, trace.kind, stat.st_size, stat.st_mtime_ns)), vm)


class _Source:
    """A trace that equals others of the same file."""

    def __init__(self, trace: Trace, what: tuple[str, str, int, int]):
        self.trace, self.what = trace, what

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Source) and self.what == other.what

    def __hash__(self) -> int:
        return hash(self.what)


@lru_cache(maxsize=64)
def _read(source: _Source, vm: int | None) -> Clock | None:
    n, back, first, last = 0, 0, 0.0, -np.inf
    least, depths = np.full(len(RATES), np.inf), np.zeros(len(RATES))
    for batch in source.trace.of(vm):
        if batch.time is None:
            return None
        first = float(batch.time[0]) if not n else first
        times = np.maximum.accumulate(np.maximum(batch.time, last))
        back += int(np.count_nonzero(batch.time < times))
        numbers = np.arange(n, n + len(times), dtype=np.float64)
        for i, rate in enumerate(RATES.tolist()):
            ahead = numbers - rate * (times - first)
            lowest = np.minimum(np.minimum.accumulate(ahead), least[i])
            depths[i] = max(depths[i], float(np.max(ahead + 1 - lowest)))
            least[i] = lowest[-1]
        n, last = n + len(times), float(times[-1])
    if not n or last == first:
        return None
    return Clock(first, last - first, n, back, tuple(depths.tolist()))
