"""What two benchmarks that are held against each other do, done by turns: round after round, one of
this and one of that. What disturbs the computer for a while then disturbs both, and the median of
the rounds' ratios says more than the ratio of two medians that were taken at different times.

The fixture ``benchmark`` remembers what a benchmark calls; when the second of a pair is done, both
are called again.
"""

import statistics
import time
from typing import Any, NamedTuple

from pytest_benchmark.fixture import BenchmarkFixture

ROUNDS, SECONDS = 21, 4.0  # of a pair: as many rounds, or as long
SHORT = 2e-3  # seconds; what takes less is called so often that it takes as long


class Call(NamedTuple):
    """What a benchmark measures once."""

    function: Any
    args: tuple
    kwargs: dict
    setup: Any

    def timed(self, times: int) -> float:
        """Seconds that one call takes, of ``times`` calls; with a setup it is one call."""
        args, kwargs = self.args, self.kwargs
        if self.setup:
            args, kwargs = self.setup() or (args, kwargs)
            times = 1
        began = time.perf_counter()
        for _ in range(times):
            self.function(*args, **kwargs)
        return (time.perf_counter() - began) / times


class Remembering(BenchmarkFixture):
    """The plugin's fixture, remembering what it was asked to measure."""

    measured: Call | None = None

    def __call__(self, function, *args, **kwargs):
        self.measured = Call(function, args, kwargs, None)
        return super().__call__(function, *args, **kwargs)

    def pedantic(self, target, args=(), kwargs=None, setup=None, **how):
        self.measured = Call(target, args, kwargs or {}, setup)
        return super().pedantic(target, args, kwargs, setup=setup, **how)


def shortest(benchmark: BenchmarkFixture) -> float:
    """Seconds of the shortest round; NaN where rounds are not timed (--benchmark-disable)."""
    return float(benchmark.stats.stats.min) if benchmark.stats else float("nan")


class Ratios(NamedTuple):
    """How many times the peer's speed, of the rounds: the median and the quartiles."""

    median: float
    low: float
    high: float


def by_turns(one: Call, other: Call, work: float = 1.0) -> Ratios:
    """one against other, which is the peer; work: what one does for each unit of the other's."""
    often = [max(1, round(SHORT / max(call.timed(1), 1e-9))) for call in (one, other)]
    ratios, began = [], time.perf_counter()
    while len(ratios) < ROUNDS and (len(ratios) < 3 or time.perf_counter() - began < SECONDS):
        if len(ratios) % 2:
            theirs, ours = other.timed(often[1]), one.timed(often[0])
        else:
            ours, theirs = one.timed(often[0]), other.timed(often[1])
        ratios.append(work * theirs / ours)
    low, median, high = statistics.quantiles(ratios, n=4)
    return Ratios(median, low, high)
