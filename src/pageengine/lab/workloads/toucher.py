"""The toucher of OSDI 2002 section 5.4: a program that touches a known amount of memory."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from pageengine.lab.workloads.base import Accesses, Paced, Release
from pageengine.plumbing import given
from pageengine.units import PAGE_BYTES, Size, parse_size


class Toucher(Paced):
    """Touches everything of the current amount, over and over. schedule: [[seconds, amount], ...],
    times of the host that rise, amounts as bytes or text; before the first there is nothing. When
    the amount shrinks, the rest is released.
    """

    KEPT = (*Paced.KEPT, "_next")

    def __init__(
        self,
        *,
        schedule: Iterable[tuple[float, Size]] = ((0, "50 MiB"),),
        rate: float = 5000.0,
        write: float = 0.5,
    ):
        super().__init__(rate=rate, write=write)
        steps = [_step(step) for step in given.several(schedule, "schedule")]
        if not steps or any(b[0] <= a[0] for a, b in zip(steps, steps[1:], strict=False)):
            raise ValueError(f"the times of the schedule must rise, got {given.shown(schedule)}")
        self.schedule = [(t, amount // PAGE_BYTES) for t, amount in steps]

    def start(self, pages: int, rng: np.random.Generator) -> None:
        super().start(pages, rng)
        most = max(amount for _, amount in self.schedule)
        if most > pages:
            raise ValueError(f"the schedule asks for {most} pages and the VM has {pages}")
        self.in_use, self._next = 0, 0

    def warm(self, time: float) -> list[Accesses | Release]:
        self.in_use = self._amount(time)
        return [self.once_each(np.arange(self.in_use))]

    def _amount(self, time: float) -> int:
        return ([0] + [pages for t, pages in self.schedule if t <= time])[-1]

    def step(self, seconds: float, time: float) -> list[Accesses | Release]:
        amount = self._amount(time)
        found: list[Accesses | Release] = []
        if amount < self.in_use:
            found.append(Release(np.arange(amount, self.in_use)))
        self.in_use = amount
        n = self.touches(seconds)
        if amount:
            ids = (self._next + np.arange(n)) % amount
            self._next = (self._next + n) % amount
            found.append(Accesses(ids, self.writes(n)))
        return found


def _step(step: Any) -> tuple[float, int]:
    if not isinstance(step, (list, tuple)) or len(step) != 2:
        raise ValueError(f"schedule must be a list of [seconds, amount], got {given.shown(step)}")
    return given.seconds(step[0], "a time of the schedule"), parse_size(step[1], "amount")
