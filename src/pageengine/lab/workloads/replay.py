"""A recorded trace, played again."""

from __future__ import annotations

import numpy as np

from pageengine import traces
from pageengine.lab.workloads.base import Accesses, Paced, Release


class Replay(Paced):
    """The accesses of a trace (``pageengine.traces``), ``rate`` per second of the machine's time,
    pages folded into the machine's by remainder; again from the start when it ends, unless
    ``once``. trace: a path. vm: only the accesses of this number.
    """

    PART = 1.0

    def __init__(self, *, trace: str, rate: float = 1000.0, once: bool = False,
                 vm: int | None = None):  # fmt: skip
        super().__init__(rate=rate)
        self.trace, self.once, self.vm = traces.open(trace), bool(once), vm

    def start(self, pages: int, rng: np.random.Generator) -> None:
        super().start(pages, rng)
        self._batches = iter(self.trace)
        self._pages, self._writes = np.zeros(0, np.int64), np.zeros(0, bool)
        self._ended = False

    def step(self, seconds: float, time: float) -> list[Accesses | Release]:
        n = self.touches(seconds)
        while len(self._pages) < n and not self._ended:
            self._more()
        pages, self._pages = self._pages[:n], self._pages[n:]
        writes, self._writes = self._writes[:n], self._writes[n:]
        return [Accesses(pages % self.pages, writes)]

    def _more(self) -> None:
        batch = next(self._batches, None)
        if batch is None:
            self._batches = iter(self.trace)
            batch = None if self.once else next(self._batches, None)
        if batch is None:
            self._ended = True
            return
        mine = batch.of(self.vm)
        self._pages = np.concatenate([self._pages, mine.page])
        self._writes = np.concatenate([self._writes, mine.write])
