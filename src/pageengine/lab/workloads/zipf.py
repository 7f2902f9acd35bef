"""A program whose popular pages are touched most."""

from __future__ import annotations

from weakref import WeakValueDictionary

import numpy as np

from pageengine.core.draws import Popularity, Ranks
from pageengine.lab.workloads.base import Accesses, Paced, Release
from pageengine.plumbing import given
from pageengine.units import Size

_KNOWN: WeakValueDictionary[tuple[int, float], Popularity] = WeakValueDictionary()


class Zipf(Paced):
    """The page of rank r is touched in proportion to 1 / r ** alpha; ranks are scattered over the
    memory. alpha: 0 is uniform, 1 the usual skew.
    """

    PACED = True

    def __init__(
        self,
        *,
        rate: float = 1000.0,
        memory: Size | None = None,
        write: float = 0.3,
        alpha: float = 0.9,
    ):
        super().__init__(rate=rate, memory=memory, write=write)
        self.alpha = steepness(alpha)

    def start(self, pages: int, rng: np.random.Generator) -> None:
        super().start(pages, rng)
        self._by_rank = rng.permutation(self.pages)
        self.pace.by_rank(self.draws, Ranks(self._by_rank, popularity(self.pages, self.alpha)))

    def warm(self, time: float) -> list[Accesses | Release]:
        return [self.once_each(self._by_rank[::-1])]

    def step(self, seconds: float, time: float) -> list[Accesses | Release]:
        return self.paced(seconds)


def steepness(alpha: float) -> float:
    """alpha: beyond 20 all touches go to one page, and powers of ranks to no number."""
    return float(given.real(alpha, "alpha", 0, 20))


def popularity(n: int, alpha: float) -> Popularity:
    """Of n ranks, each in proportion to 1 / (rank + 1) ** alpha: one for all who ask while somebody
    has it, so that what draws look up stays in the caches however many VMs there are.
    """
    found = _KNOWN.get((n, alpha))
    if found is None:
        ends = np.cumsum(1.0 / np.arange(1, n + 1) ** alpha)
        ends /= ends[-1]
        ends[-1] = 1.0
        _KNOWN[n, alpha] = found = Popularity(ends)
    return found
