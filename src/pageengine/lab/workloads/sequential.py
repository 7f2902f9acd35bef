"""A program that goes through its memory from end to end, over and over."""

import numpy as np

from pageengine.lab.workloads.base import Accesses, Paced, Release


class Sequential(Paced):
    """Touches page after page and begins again: the worst case of every replacement by recency."""

    KEPT = (*Paced.KEPT, "_next")

    def start(self, pages: int, rng: np.random.Generator) -> None:
        super().start(pages, rng)
        self._next = 0

    def step(self, seconds: float, time: float) -> list[Accesses | Release]:
        n = self.touches(seconds)
        ids = (self._next + np.arange(n)) % self.pages
        self._next = (self._next + n) % self.pages
        return [Accesses(ids, self.writes(n))]
