"""A VM that has booted and does next to nothing."""

import numpy as np

from pageengine.lab.workloads.base import FASTEST, Accesses, Paced, Release
from pageengine.plumbing import given
from pageengine.units import Size


class Idle(Paced):
    """Touches its memory once at the start, at ``fill`` pages per second, then only a few pages of
    its kernel, ``rate`` per second among the first ``active`` pages.
    """

    KEPT = (*Paced.KEPT, "_filled", "_poured", "_filling")
    PACED = True

    def __init__(
        self,
        *,
        rate: float = 20.0,
        memory: Size | None = None,
        write: float = 0.1,
        fill: float = 20_000.0,
        active: int = 512,
    ):
        super().__init__(rate=rate, memory=memory, write=write)
        self.fill = float(given.real(fill, "fill", 1, FASTEST))
        self.active = given.whole(active, "active", 1)
        self._filled, self._poured, self._filling = 0, 0.0, True

    def fastest(self) -> float:
        return max(self.fill, self.rate) if self._filling else self.rate

    def start(self, pages: int, rng: np.random.Generator) -> None:
        super().start(pages, rng)
        active = min(self.active, self.pages)
        self.pace.in_window(self.draws, active, active)
        self.pace.alone = False  # until it has filled its memory

    def warm(self, time: float) -> list[Accesses | Release]:
        self._filled, self._filling = self.pages, False
        return [Accesses(np.arange(self.pages)[::-1], True)]

    def step(self, seconds: float, time: float) -> list[Accesses | Release]:
        found: list[Accesses | Release] = []
        if self._filled < self.pages:
            self._poured += self.fill * seconds  # fractions of pages wait, whatever the steps
            end = min(self.pages, int(self._poured))
            found.append(Accesses(np.arange(self._filled, end), True))
            seconds = (self._poured - end) / self.fill if end == self.pages else 0.0
            self._filled, self._filling = end, end < self.pages
        if not self._filling and seconds > 0:
            found += self.paced(seconds)
            self.pace.alone = True
        return found
