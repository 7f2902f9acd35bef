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
    """A function (rng, k) -> k ranks below n, drawn in proportion to 1 / (rank + 1) ** alpha: the
    cumulative distribution is cut into as many equal steps as there are ranks (up to 2**20), and a
    draw is one look into the table of their ends.
    """
    weights = np.cumsum(1.0 / np.arange(1, n + 1) ** alpha)
    weights /= weights[-1]
    steps = min(1 << 20, max(1 << 12, n))
    table = np.minimum(np.searchsorted(weights, (np.arange(steps) + 0.5) / steps), n - 1)

    def draw(rng: np.random.Generator, k: int):
        # within a step that covers several ranks, they are as good as equal
        chosen = rng.integers(0, steps, k)
        low = table[chosen]
        width = table[np.minimum(chosen + 1, steps - 1)] - low
        return low + (rng.random(k) * (width + 1)).astype(np.int64).clip(0, np.maximum(width, 0))

    return draw
