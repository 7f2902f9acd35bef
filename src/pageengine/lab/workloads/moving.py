"""A program whose working set moves."""

import numpy as np

from pageengine.lab.workloads.base import Accesses, Paced, Release, of_pace, part
from pageengine.plumbing import given
from pageengine.units import Size


class Moving(Paced):
    """Touches, at random, a window of ``window`` (part of its memory) that moves on by ``move`` of
    itself every ``every`` seconds of the VM's time.
    """

    KEPT = (*Paced.KEPT, "_first", "_since")
    PACED = True
    _first: int = of_pace("first")
    _since: float = of_pace("since")

    def __init__(
        self,
        *,
        rate: float = 1000.0,
        memory: Size | None = None,
        write: float = 0.3,
        window: float = 0.25,
        move: float = 0.5,
        every: float = 60.0,
    ):
        super().__init__(rate=rate, memory=memory, write=write)
        self.window, self.move = part(window, "window"), part(move, "move")
        self.every = given.seconds(every, "every", 1e-3)

    def start(self, pages: int, rng: np.random.Generator) -> None:
        super().start(pages, rng)
        self._size = max(1, int(self.window * self.pages))
        moves = int(self.move * self._size)
        self.pace.in_window(self.draws, self._size, self.pages, moves, self.every)
        self.in_use = self._size

    def warm(self, time: float) -> list[Accesses | Release]:
        """Where it moves, every page has been in its window."""
        reached = self.pages if int(self.move * self._size) else self._size
        return [self.once_each((self._size + np.arange(reached)) % reached)]

    def step(self, seconds: float, time: float) -> list[Accesses | Release]:
        return self.paced(seconds)
