"""A recorded trace, played again."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from pageengine import traces
from pageengine.errors import CheckpointError, TraceWarning
from pageengine.lab.workloads.base import FASTEST, Accesses, Paced, Release
from pageengine.lab.workloads.clock import clock_of
from pageengine.lab.workloads.pages import Pages
from pageengine.plumbing import given
from pageengine.traces.base import Batch, as_vm

RATE = 1000.0  # touches per second of a trace without a clock


class Replay(Paced):
    """The accesses of a trace (``pageengine.traces``), again from the start when it ends, unless
    ``once``. trace: a path. vm: only the accesses of this number, which the trace must have.

    A trace with times is played at these, ``speed`` times as fast, from its first on; ``rate`` says
    to make so many accesses per second instead, 1000 where there are no times. Both are of the
    VM's own time: while it waits the trace waits too, so a VM that falls behind makes
    every access later, and none at once to catch up. So many accesses in a row (``run``) are one.

    Pages are named as ``Pages`` has it; ``notes`` says how many accesses had no page of their own,
    and what of the trace was not read.
    """

    KEPT = (
        *Paced.KEPT,
        "_now",
        "_last",
        "_round",
        "_taken",
        "_names",
        "_writes",
        "_times",
        "_ended",
        "_several",
    )
    PART = 1.0

    def __init__(
        self,
        *,
        trace: str,
        rate: float | None = None,
        speed: float | None = None,
        once: bool = False,
        vm: int | None = None,
    ):
        super().__init__(rate=RATE if rate is None else rate)
        self.trace, self.once = traces.open(trace), given.flag(once, "once")
        self.vm = None if vm is None else as_vm(vm)
        if rate is not None and speed is not None:
            raise ValueError("rate makes accesses without their times and speed with them: say one")
        self.speed = float(given.real(1.0 if speed is None else speed, "speed", 1e-9, FASTEST))
        self._clock = None if rate is not None else clock_of(self.trace, self.vm)
        if self._clock is None:
            if speed is not None:
                raise ValueError(
                    f"speed is of a trace's times, and {self.trace.path} has none: say rate"
                )
            next(self.trace.of(self.vm), None)  # that there is none of the VM is said now
        self._pages, self._several = Pages(1), False

    def __repr__(self) -> str:
        at = f"{self.rate:g}/s" if self._clock is None else f"its times, x {self.speed:g}"
        return f"<replay at {at}>"

    @property
    def ended(self) -> bool:
        """Whether all that it plays once was played."""
        return self._ended and not len(self._names)

    def start(self, pages: int, rng: np.random.Generator) -> None:
        super().start(pages, rng)
        self._pages = Pages(self.pages)
        self._source = self._again()
        self._now, self._last, self._round = 0.0, 0.0, -1
        self._names, self._writes = np.zeros(0, np.int64), np.zeros(0, bool)
        self._times = np.zeros(0)
        self._ended, self._taken = False, 0

    def state(self) -> dict[str, Any]:
        return {"size": self._size(), "pages": self._pages.state(), "replay": super().state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Reads the trace again up to the batch where it was."""
        if state["size"] != self._size():
            raise CheckpointError(f"{self.trace.path} is another trace now than when it was saved")
        super().restore(state["replay"])
        self._pages.restore(state["pages"])
        if self._round >= 0:
            self._source = self._again()
            for _ in range(self._taken):
                next(self._source, None)

    def _size(self) -> int:
        return os.stat(self.trace.path).st_size

    def fastest(self) -> float:
        return self.rate if self._clock is None else self._clock.bound()[0] * self.speed

    def burst(self) -> int:
        """Of a stretch that begins in one round and ends in another, both may be dense."""
        return 1 if self._clock is None else 2 * self._clock.bound()[1] + 1

    @property
    def notes(self) -> list[str]:
        """What was not as the trace has it: sentences for whoever reads the result."""
        found = [f"{self.trace.path}: {note}" for note in self.trace.notes]
        if self._pages.folded:
            found.append(
                f"{self.trace.path}: {self._pages.folded} accesses were to {self._pages.beyond} "
                f"pages beyond the VM's {self._pages.pages}, and were made to pages of others"
            )
        if self._several:
            found.append(
                f"{self.trace.path}: accesses of several VMs are played as of one; vm= says whose"
            )
        if self._clock is not None and self._clock.back:
            found.append(
                f"{self.trace.path}: {self._clock.back} accesses have an earlier time than one "
                "before them, and were made at that"
            )
        return found

    def warm(self, time: float) -> list[Accesses | Release]:
        """It has been through the whole trace once, and begins again."""
        pages, last, count = Pages(self.pages), np.full(self.pages, -1, np.int64), 0
        written = np.zeros(self.pages, bool)
        for batch in self._again():
            ids = pages.of(batch.page)
            last[ids] = count + np.arange(len(ids))  # of equal ones the last holds
            written[ids[batch.write]] = True
            count += len(ids)
        order = np.argsort(last, kind="stable")
        order = order[last[order] >= 0]
        return [Accesses(order, written[order])]

    def step(self, seconds: float, time: float) -> list[Accesses | Release]:
        n = self._by_times(seconds) if self._clock is not None else self._by_rate(seconds)
        names, self._names = self._names[:n], self._names[n:]
        writes, self._writes = self._writes[:n], self._writes[n:]
        self._times = self._times[n:]
        folded = self._pages.folded
        ids = self._pages.of(names)
        if self._pages.folded and not folded:
            warnings.warn(
                f"{self.trace.path}: the trace has more pages than the VM's "
                f"{self._pages.pages}: accesses to those beyond are made to pages of others; give "
                "the VM more memory",
                TraceWarning,
                stacklevel=2,
            )
        return [Accesses(ids, writes)]

    def _by_rate(self, seconds: float) -> int:
        n = self.touches(seconds)
        while len(self._names) < n and not self._ended:
            self._more()
        return n

    def _by_times(self, seconds: float) -> int:
        """How many accesses are due before the end of this step."""
        self._now += seconds
        while not self._ended and (not len(self._times) or self._times[-1] < self._now):
            self._more()
        return int(np.searchsorted(self._times, self._now))

    def _again(self) -> Iterator[Batch]:
        return self.trace.of(self.vm)

    def _more(self) -> None:
        batch = next(self._source, None) if self._round >= 0 else None
        if batch is None:
            if self.once and self._round >= 0:
                self._ended = True
                return
            self._source, self._round, self._taken = self._again(), self._round + 1, 0
            batch = next(self._source, None)
        if batch is None:
            self._ended = True
            return
        self._taken += 1
        self._names = np.concatenate([self._names, batch.page])
        self._writes = np.concatenate([self._writes, batch.write])
        if self.vm is None and batch.vm is not None and not self._several:
            self._several = bool((batch.vm != batch.vm[0]).any())
        if self._clock is not None and batch.time is not None:
            begins = self._round * self._clock.period
            times = (batch.time - self._clock.first + begins) / self.speed
            times = np.maximum.accumulate(np.maximum(times, self._last))
            self._times, self._last = np.concatenate([self._times, times]), float(times[-1])
