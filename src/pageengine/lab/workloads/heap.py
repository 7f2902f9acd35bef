"""A heap with generations, as a Java virtual machine has it."""

import math

import numpy as np

from pageengine.lab.workloads.base import Accesses, Paced, Release, of_pace, part
from pageengine.units import Size


class Heap(Paced):
    """Allocation sweeps through a young generation, ``young`` of its memory, at ``rate`` pages per
    second; each time round, ``survive`` of it is added to the old generation, where as many pages
    are read at random. When the old generation is full, a full collection touches all of it, and
    leaves ``live`` of it; the rest is released.
    """

    KEPT = (*Paced.KEPT, "_old", "_next")
    PACED = True
    _old: int = of_pace("reads")
    _next: int = of_pace("first")

    def __init__(
        self,
        *,
        rate: float = 2000.0,
        memory: Size | None = None,
        young: float = 0.25,
        survive: float = 0.1,
        live: float = 0.4,
    ):
        super().__init__(rate=rate, memory=memory, write=1.0)
        self.young, self.survive = part(young, "young"), part(survive, "survive")
        self.live = part(live, "live")

    def start(self, pages: int, rng: np.random.Generator) -> None:
        super().start(pages, rng)
        self._young = min(max(1, int(self.young * self.pages)), max(1, self.pages - 1))
        self.pace.in_order(self.draws, self._young, generations=True)
        self.in_use = self._young

    def fastest(self) -> float:
        """Of touches that allocate, a quarter read the old generation besides; each round of the
        young generation adds to it, and every so many rounds all of it is collected.
        """
        return self.rate * (1.25 + sum(self._each_round()) / self._young)

    def burst(self) -> int:
        """A round that ends, and a collection, are touched at once."""
        return 3 + math.ceil(2 * sum(self._each_round())) + self.pages - self._young

    def _each_round(self) -> tuple[int, float]:
        """Pages that a round adds to the old generation, and that it collects in the mean."""
        room = self.pages - self._young
        grown = max(1, int(self.survive * self._young))
        rounds = max(1, math.ceil((room - int(self.live * room)) / grown))
        return grown, room / rounds

    def warm(self, time: float) -> list[Accesses | Release]:
        """It has just collected: all of its memory was touched, and ``live`` of the old generation
        is left.
        """
        room = self.pages - self._young
        self._old = int(self.live * room)
        self.in_use = self._young + self._old
        left = self._young + np.arange(self._old, room)
        return [self.once_each(np.arange(self.pages)), Release(left)]

    def step(self, seconds: float, time: float) -> list[Accesses | Release]:
        found = self.paced(seconds)
        for _ in range(self.pace.rounds):
            found += self._promote()
        self.in_use = self._young + self._old
        return found

    def _promote(self) -> list[Accesses | Release]:
        room = self.pages - self._young
        grown = min(room, self._old + max(1, int(self.survive * self._young)))
        found: list[Accesses | Release] = [
            Accesses(self._young + np.arange(self._old, grown), True)
        ]
        self._old = grown
        if grown >= room:
            kept = int(self.live * room)
            found.append(Accesses(self._young + np.arange(grown), True))
            found.append(Release(self._young + np.arange(kept, grown)))
            self._old = kept
        return found
