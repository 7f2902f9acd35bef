"""A program whose popular pages are touched most."""

import numpy as np

from pageengine.lab.workloads.base import Accesses, Paced, Release, at_least


class Zipf(Paced):
    """The page of rank r is touched in proportion to 1 / r ** alpha; ranks are scattered over the
    memory. alpha: 0 is uniform, 1 the usual skew.
    """

    def __init__(self, *, rate: float = 1000.0, memory=None, write: float = 0.3,
                 alpha: float = 0.9):  # fmt: skip
        super().__init__(rate=rate, memory=memory, write=write)
        self.alpha = at_least(alpha, "alpha", 0)

    def start(self, pages: int, rng: np.random.Generator) -> None:
        super().start(pages, rng)
        self._draw = ranks(self.pages, self.alpha)
        self._where = rng.permutation(self.pages)

    def step(self, seconds: float, time: float) -> list[Accesses | Release]:
        n = self.touches(seconds)
        return [Accesses(self._where[self._draw(self.rng, n)], self.writes(n))]


def ranks(n: int, alpha: float):
    """A function (rng, k) -> k ranks below n, drawn in proportion to 1 / (rank + 1) ** alpha: by
    inversion, with a guide table that says where to begin to look (Chen and Asau 1974), so that a
    draw costs a look or two however many ranks there are.
    """
    ends = np.cumsum(1.0 / np.arange(1, n + 1) ** alpha)
    ends /= ends[-1]
    ends[-1] = 1.0
    guide = np.searchsorted(ends, np.arange(n) / n, side="right")

    def draw(rng: np.random.Generator, k: int):
        u = rng.random(k)
        found = guide[(u * n).astype(np.int64)]
        low = np.flatnonzero(ends[found] <= u)
        while low.size:
            found[low] += 1
            low = low[ends[found[low]] <= u[low]]
        return found

    return draw
