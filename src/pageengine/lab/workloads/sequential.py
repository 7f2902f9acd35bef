"""A program that goes through its memory from end to end, over and over."""

import numpy as np

from pageengine.lab.workloads.base import Accesses, Paced, Release, of_pace


class Sequential(Paced):
    """Touches page after page and begins again: the worst case of every replacement by recency."""

    KEPT = (*Paced.KEPT, "_next")
    PACED = True
    _next: int = of_pace("first")

    def start(self, pages: int, rng: np.random.Generator) -> None:
        super().start(pages, rng)
        self.pace.in_order(self.draws, self.pages)

    def step(self, seconds: float, time: float) -> list[Accesses | Release]:
        return self.paced(seconds)
