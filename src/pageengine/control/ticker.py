"""Housekeeping: what a host does for its machines as time goes by.

Sampling goes by a machine's own time, everything else by the host's. Nothing here decides: rates
and targets come from the last plan.

Time passes for all machines in a few array operations. Only those that have something due are
looked at one by one, in the order they were added: an estimator whose period is over, a driver that
is not where it should be, a guest that reports free pages. A driver at its target is at rest until
the target or the balloon changes, and is not polled for nothing.

A driver at work may need memory, and so bring about a decision in the middle. The policy is shown
the machines as they are: those whose turn had not come yet as they were before, and their time
passes after it (``hold``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pageengine.control.vm_control import Keeping
from pageengine.control.vm_table import Household
from pageengine.core import vm_columns as columns
from pageengine.policy.base import Plan
from pageengine.units import PAGE_BYTES

TICK = 1e-9  # seconds: sums of steps are late by less
READING_SECONDS = 1.0  # readings are due on whole seconds
REPORT_SECONDS = 2.0  # a guest reports free blocks after this long (virtio-balloon)


class _Due(NamedTuple):
    """What is due, per machine. ends: a sampling period; pages: to scan; polls, target: of the
    driver, in pages; moves: whether it has anything to do; reports: of free pages.
    """

    ends: np.ndarray
    pages: np.ndarray
    polls: np.ndarray
    target: np.ndarray
    moves: np.ndarray
    reports: np.ndarray


class Housekeeping(Household):
    """The machines of a host, through time."""

    def __init__(self, host):
        super().__init__(host)
        # from which machine on, the clocks, and whose they are
        self._saved: tuple[int, np.ndarray, list[Keeping]] | None = None
        self._at = -1

    def advance(self, seconds: float, ran: np.ndarray, plan: Callable[[], Plan]) -> None:
        """Time passes for every machine. ran: seconds of each; plan: a function that says what the
        plan is.
        """
        self.tidy()
        first = 0
        while first < len(self):
            before = self._keepings
            first = self._advance_from(first, seconds, ran, plan())
            self.tidy()
            if self._keepings is not before:  # a policy added or removed machines on the way
                done = set(before[:first])
                lived = dict(zip(before, ran.tolist(), strict=True))
                ran = np.array([lived.get(keeping, seconds) for keeping in self._keepings])
                first = sum(keeping in done for keeping in self._keepings)

    def due_in(self, plan: Plan) -> float:
        """Seconds until a driver at work is polled, a guest reports, or an estimator is read."""
        self.tidy()
        if not len(self):
            return np.inf
        target = np.minimum(self.balloon_target, self.balloon_max()) // PAGE_BYTES
        working = self.runs() & (self.rest != target)
        polls = np.where(working, 1.0 - self.poll_due, np.inf)
        left = np.maximum(0.0, self.every - self.period)  # and as much again for what it waits
        readings = np.maximum(READING_SECONDS, np.ceil(left / READING_SECONDS - TICK))
        found = min(float(polls.min()), float(readings.min()))
        reporting = self._reporting(slice(None))
        if plan.report_free and reporting.any():
            found = min(found, REPORT_SECONDS - float(self.report_due[reporting].max()))
        return max(found, TICK)

    def hold(self) -> None:
        """A decision is coming. Machines whose turn in ``advance`` has not come yet are as they
        were before it, and theirs begins anew after the one at work.
        """
        if self._saved is None:
            return
        first, clocks, keepings = self._saved
        self._saved = None
        self.tidy()
        if keepings is self._keepings:
            self._clocks[:, self._at + 1 :] = clocks[:, self._at + 1 - first :]
        else:  # machines came or went
            for row in range(self._at + 1, len(keepings)):
                if self._keeps(keepings[row]):
                    self._clocks[:, keepings[row].row] = clocks[:, row - first]

    def _advance_from(self, first: int, seconds: float, ran: np.ndarray, plan) -> int:
        """Up to the first machine whose work brings a decision about; the machine after it."""
        clocks = first, self._clocks[:, first:].copy(), self._keepings
        due = self._pass_time(slice(first, None), seconds, ran[first:], plan)
        two_scans, at = plan.scan_rule == "two-scans", first
        for i in np.flatnonzero(due.moves | due.reports).tolist():
            row = self._at = first + i
            try:
                self._watch(due, slice(at - first, i + 1), at, two_scans)
                at, self._saved = row + 1, clocks
                keeping = self._keepings[row]
                if due.moves[i]:
                    there = keeping.poll(int(due.polls[i]), int(due.target[i]))
                    self.rests(keeping, due.target[i] if there else -1)
                if due.reports[i] and self._keeps(keeping):
                    keeping.report_free()
            except BaseException:
                self._saved = clocks
                self.hold()
                raise
            if self._saved is None:
                return at
            self._saved = None
        self._watch(due, slice(at - first, None), at, two_scans)
        return len(self)

    def _pass_time(self, rows: slice, seconds: float, ran: np.ndarray, plan) -> _Due:
        """The clocks go on; what is due now."""
        self.elapsed[rows] += seconds
        self.ran[rows] += ran
        awake = np.maximum(0.0, seconds - self.boot_left[rows])
        self.boot_left[rows] = np.maximum(0.0, self.boot_left[rows] - seconds)
        self.period[rows] += ran
        self.scan_due[rows] += self.scan_rate[rows] * seconds
        self.poll_due[rows] += awake
        polls = _whole(self.poll_due[rows])
        target = np.minimum(self.balloon_target[rows], self.balloon_max(rows)) // PAGE_BYTES
        reports = np.zeros(len(ran), bool)
        if plan.report_free:
            self.report_due[rows] += awake
            reports = self._reporting(rows) & (self.report_due[rows] >= REPORT_SECONDS - TICK)
            self.report_due[rows][reports] -= REPORT_SECONDS * np.floor(
                (self.report_due[rows][reports] + TICK) / REPORT_SECONDS
            )
        return _Due(
            ends=self.period[rows] >= self.every[rows] - TICK,
            pages=np.minimum(_whole(self.scan_due[rows]), self.pages[rows]).astype(np.int64),
            polls=polls,
            target=target,
            moves=self._moves(rows, polls, target),
            reports=reports,
        )

    def _reporting(self, rows: slice) -> np.ndarray:
        """Whose guest is there to report its free pages."""
        return (self.has_guest[rows] > 0) & (self.boot_left[rows] <= 0)

    def _moves(self, rows: slice, polls: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Which drivers are polled and not at rest: their target is another, or the guest took
        pages back.
        """
        moves = (polls > 0) & self.runs(rows)
        if moves.any():
            rest = self.rest[rows]
            in_balloon = columns.ballooned(self._host._engine, self.ids[rows])
            moves &= (rest != target) | (in_balloon < rest)
        return moves

    def _watch(self, due: _Due, which: slice, first: int, two_scans: bool) -> None:
        """Readings and scans of these machines, the first of which is in row ``first``. What was
        marked and how pages are shared do not depend on one another, so all readings come first.
        """
        ends, pages = due.ends[which], due.pages[which]
        if ends.any():
            self._end_periods(first + np.flatnonzero(ends))
        if pages.any():
            rows = slice(first, first + len(pages))
            columns.scan(self._host._engine, self.ids[rows], pages, two_scans)
            self.scanned[rows] += pages

    def _end_periods(self, rows: np.ndarray) -> None:
        """Estimators get their readings, and their next periods begin. One that fails keeps no
        reading from the others.
        """
        self.period[rows] %= self.every[rows]
        keepings = [self._keepings[row] for row in rows.tolist()]
        sampled = [keeping for keeping in keepings if keeping.samples]
        ids = np.array([keeping.vm._id for keeping in sampled], np.uint64)
        engine = self._host._engine
        readings = dict(zip(sampled, columns.end_samples(engine, ids).T.tolist(), strict=True))
        self._seen[:, rows] = -1
        failure = None
        for keeping in keepings:
            try:
                if keeping.samples:
                    keeping.end_period(*readings[keeping])
                else:
                    keeping.read_ages()
            except Exception as error:
                failure = failure or error
        sizes = [keeping.sample_size for keeping in sampled]
        columns.begin_samples(engine, ids, np.array(sizes, np.uint32))
        self.every[rows] = [keeping.estimator.period for keeping in keepings]
        if failure is not None:
            raise failure

    def ends_scan_pass(self) -> bool:
        """Whether every machine that is scanned has been, once; then the next pass begins."""
        scanning = self.scan_rate > 0
        if not scanning.any() or (self.scanned < self.pages)[scanning].any():
            return False
        self.scanned[scanning] = 0
        return True


def _whole(due: np.ndarray) -> np.ndarray:
    """Takes what is whole off a column; fractions wait."""
    whole = np.floor(due + TICK)
    np.maximum(due - whole, 0.0, out=due)
    return whole
