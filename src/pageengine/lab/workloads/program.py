"""A workload written in Python."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from pageengine.lab.workloads.base import Accesses, Paced, Release
from pageengine.plumbing import given
from pageengine.plumbing.arrays import as_write_flags, integers

_AHEAD = 8


class Program(Paced):
    """``batches(pages, rng)`` gives an iterator of what is done: arrays of page numbers, pairs of
    page numbers and writes (bool or bool [n]), Accesses or Release. ``rate`` touches per second
    are taken from it; when it ends, the VM is idle.
    """

    PART = 1.0

    def __init__(
        self, *, batches: Callable[[int, np.random.Generator], Iterable[Any]], rate: float = 1000.0
    ):
        super().__init__(rate=rate)
        if not callable(batches):
            raise TypeError(
                f"batches must be a function of (pages, rng), got {given.shown(batches)}"
            )
        self.batches = batches

    def start(self, pages: int, rng: np.random.Generator) -> None:
        super().start(pages, rng)
        self.ended = False
        self._source = iter(self.batches(pages, rng))
        self._waiting: list[Accesses | Release] = []

    def warm(self, time: float) -> list[Accesses | Release]:
        """What another iterator of it does first, with the same draws, until it ends or has made
        _AHEAD touches for each page of the VM; ``step`` begins with its first batch.
        """
        found: list[Accesses | Release] = []
        left = _AHEAD * self.pages
        for batch in self.batches(self.pages, copy.deepcopy(self.rng)):
            step = _as_step(batch, self.pages)
            if isinstance(step, Accesses):
                if len(step.ids) >= left:
                    return [*found, _cut(step, left)[0]]
                left -= len(step.ids)
            found.append(step)
            if len(found) == left:  # one that does nothing, for ever
                break
        return found

    def state(self) -> dict[str, Any]:
        raise TypeError(
            "a workload of kind 'program' runs a function, and where that stands cannot be saved: "
            "write a class with state() and restore(state)"
        )

    def step(self, seconds: float, time: float) -> list[Accesses | Release]:
        n, found = self.touches(seconds), []
        while n > 0:
            if not self._waiting:
                batch = next(self._source, None)
                if batch is None:
                    self.ended = True
                    break
                self._waiting.append(_as_step(batch, self.pages))
            step = self._waiting.pop()
            if isinstance(step, Accesses) and len(step.ids) > n:
                step, rest = _cut(step, n)
                self._waiting.append(rest)
            found.append(step)
            n -= len(step.ids) if isinstance(step, Accesses) else 0
        return found


def _as_step(batch: Any, pages: int) -> Accesses | Release:
    if isinstance(batch, (Accesses, Release)):
        return batch
    ids, write = batch if isinstance(batch, tuple) else (batch, False)
    ids = integers(ids, "pages of the program")
    if ids.size and (ids.min() < 0 or ids.max() >= pages):
        bad = int(ids[(ids < 0) | (ids >= pages)][0])
        raise ValueError(f"the program touched page {bad}; the VM has pages 0 to {pages - 1}")
    flags = as_write_flags(write, len(ids))
    return Accesses(ids, bool(write) if flags is None else flags.view(bool))


def _cut(step: Accesses, n: int) -> tuple[Accesses, Accesses]:
    first, rest = step.write, step.write
    if isinstance(step.write, np.ndarray):
        first, rest = step.write[:n], step.write[n:]
    return Accesses(step.ids[:n], first, step.kind), Accesses(step.ids[n:], rest, step.kind)
