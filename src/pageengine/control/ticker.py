"""The ticker: what is done for the virtual machines of a host as time goes by.

Sampling goes by a VM's own time, everything else by the host's. Nothing here decides: rates and
targets are what the last plan said, in the VM table.

Time passes for all VMs in a few array operations. Only those that have something due are looked at
one by one, in the order they were added: an estimator whose period is over, a driver that is not
where it should be, a guest that reports free pages. A driver at its target is at rest until the
target or the balloon changes, and is not polled for nothing.

A driver at work may need memory, and so bring about a decision in the middle. The policy is shown
the VMs as they are: those whose turn had not come yet as they were before, and their time passes
after it (``hold``).
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pageengine.control import vm_views
from pageengine.control.vm_control import VMControl
from pageengine.control.vm_table import VMTable
from pageengine.core import vm_columns
from pageengine.plumbing.kept import Kept

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pageengine.core.engine import Engine

TICK = 1e-9  # seconds: sums of steps are late by less
READING_SECONDS = 1.0  # readings are due on whole seconds
REPORT_SECONDS = 2.0  # a guest reports free blocks after this long (virtio-balloon)


class _Due(NamedTuple):
    """What is due, per VM. ends: a sampling period; pages: to scan; polls, target: of the driver,
    in pages; moves: whether it has anything to do; reports: of free pages.
    """

    ends: NDArray[np.bool_]
    pages: NDArray[np.int64]
    polls: NDArray[np.float64]
    target: NDArray[np.float64]
    moves: NDArray[np.bool_]
    reports: NDArray[np.bool_]


class Ticker(Kept):
    """Time for a VM table. two_scans: the rule of the sharing scan; reports_free: whether guests
    hand free blocks back.
    """

    KEPT = ("two_scans", "reports_free")

    def __init__(self, table: VMTable, engine: Engine):
        self._table, self._engine = table, engine
        self.two_scans = self.reports_free = False
        # from which row on, the clocks, and whose they are
        self._saved: tuple[int, NDArray[np.float64], list[VMControl]] | None = None
        self._at = -1

    def advance(self, seconds: float, ran: NDArray[np.float64]) -> None:
        """Time passes for every VM. ran: seconds of each."""
        table = self._table
        table.tidy()
        first = 0
        while first < len(table):
            before = table.controls
            first = self._advance_from(first, seconds, ran)
            table.tidy()
            if table.controls is not before:  # a policy added or removed VMs on the way
                done = set(before[:first])
                lived = dict(zip(before, ran.tolist(), strict=True))
                ran = np.array([lived.get(control, seconds) for control in table.controls])
                first = sum(control in done for control in table.controls)
        for control, statistics in table.lying:
            if table.runs()[control.row]:
                told = partial(vm_views.guest_view, table, control)
                statistics.pass_time(table.driver_seconds(control), told)

    def due_in(self) -> float:
        """Seconds until a driver at work is polled, a guest reports, or an estimator is read."""
        table = self._table
        table.tidy()
        if not len(table):
            return np.inf
        working = table.runs() & (table.rest != table.target_pages())
        polls = np.where(working, 1.0 - table.poll_due, np.inf)
        left = np.maximum(0.0, table.every - table.period)  # and as much again for what it waits
        readings = np.maximum(READING_SECONDS, np.ceil(left / READING_SECONDS - TICK))
        found = min(float(polls.min()), float(readings.min()))
        reporting = self._reporting(slice(None))
        if self.reports_free and reporting.any():
            found = min(found, REPORT_SECONDS - float(table.report_due[reporting].max()))
        for control, statistics in table.lying:
            if table.runs()[control.row]:
                found = min(found, statistics.due_in(table.driver_seconds(control)))
        return max(found, TICK)

    def hold(self) -> None:
        """A decision is coming. VMs whose turn in ``advance`` has not come yet are as they
        were before it, and theirs begins anew after the one at work.
        """
        table = self._table
        if self._saved is None:
            return
        first, clocks, controls = self._saved
        self._saved = None
        table.tidy()
        if controls is table.controls:
            table.clocks[:, self._at + 1 :] = clocks[:, self._at + 1 - first :]
        else:  # VMs came or went
            for row in range(self._at + 1, len(controls)):
                if table.has(controls[row]):
                    table.clocks[:, controls[row].row] = clocks[:, row - first]

    def _advance_from(self, first: int, seconds: float, ran: NDArray[np.float64]) -> int:
        """Up to the first VM whose work brings a decision about; the VM after it."""
        table = self._table
        clocks = first, table.clocks[:, first:].copy(), table.controls
        due = self._pass_time(slice(first, None), seconds, ran[first:])
        two_scans, at = self.two_scans, first
        for i in np.flatnonzero(due.moves | due.reports).tolist():
            row = self._at = first + i
            try:
                self._watch(due, slice(at - first, i + 1), at, two_scans)
                at, self._saved = row + 1, clocks
                control = table.controls[row]
                if due.moves[i]:
                    work = int(due.polls[i]), int(due.target[i])
                    seconds = int(table.polls[row])
                    table.polled(control, *work, *control.poll(*work, seconds))
                if due.reports[i] and table.has(control):
                    control.report_free()
            except BaseException:
                self._saved = clocks
                self.hold()
                raise
            if self._saved is None:
                return at
            self._saved = None
        self._watch(due, slice(at - first, None), at, two_scans)
        return len(table)

    def _pass_time(self, rows: slice, seconds: float, ran: NDArray[np.float64]) -> _Due:
        """The clocks go on; what is due now."""
        table = self._table
        table.elapsed[rows] += seconds
        table.ran[rows] += ran
        awake = np.maximum(0.0, seconds - table.boot_left[rows])
        table.boot_left[rows] = np.maximum(0.0, table.boot_left[rows] - seconds)
        table.period[rows] += ran
        table.scan_due[rows] += table.scan_rate[rows] * seconds
        table.poll_due[rows] += awake
        polls = _whole(table.poll_due[rows])
        table.polls[rows] += polls
        target = table.target_pages(rows)
        works = table.runs(rows) & (table.rest[rows] != target)
        table.unmoved[rows] = np.where(works, table.unmoved[rows] + awake, 0.0)
        reports = np.zeros(len(ran), bool)
        if self.reports_free:
            table.report_due[rows] += awake
            reports = self._reporting(rows) & (table.report_due[rows] >= REPORT_SECONDS - TICK)
            table.report_due[rows][reports] -= REPORT_SECONDS * np.floor(
                (table.report_due[rows][reports] + TICK) / REPORT_SECONDS
            )
        return _Due(
            ends=table.period[rows] >= table.every[rows] - TICK,
            pages=np.minimum(_whole(table.scan_due[rows]), table.pages[rows]).astype(np.int64),
            polls=polls,
            target=target,
            moves=self._moves(rows, polls, target),
            reports=reports,
        )

    def _reporting(self, rows: slice) -> NDArray[np.bool_]:
        """Whose guest is there to report its free pages."""
        table = self._table
        return (table.has_guest[rows] > 0) & (table.boot_left[rows] <= 0)

    def _moves(
        self, rows: slice, polls: NDArray[np.float64], target: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Which drivers are polled and not at rest: their target is another, or the guest took
        pages back.
        """
        table = self._table
        moves = (polls > 0) & table.runs(rows)
        if moves.any():
            rest = table.rest[rows]
            in_balloon = vm_columns.ballooned(self._engine, table.ids[rows])
            moves &= (rest != target) | (in_balloon < rest)
        return moves

    def _watch(self, due: _Due, which: slice, first: int, two_scans: bool) -> None:
        """Readings and scans of these VMs, the first of which is in row ``first``. What was
        marked and how pages are shared do not depend on one another, so all readings come first.
        """
        table = self._table
        ends, pages = due.ends[which], due.pages[which]
        if ends.any():
            self._end_periods(first + np.flatnonzero(ends))
        if pages.any():
            rows = slice(first, first + len(pages))
            vm_columns.scan(self._engine, table.ids[rows], pages, two_scans)
            table.scanned[rows] += pages

    def _end_periods(self, rows: NDArray[np.intp]) -> None:
        """Estimators get their readings, and their next periods begin. One that fails keeps no
        reading from the others.
        """
        table = self._table
        table.period[rows] %= table.every[rows]
        controls = [table.controls[row] for row in rows.tolist()]
        sampled = [control for control in controls if control.samples]
        ids = np.array([control.vm._id for control in sampled], np.uint64)
        engine = self._engine
        readings = dict(zip(sampled, vm_columns.end_samples(engine, ids).T.tolist(), strict=True))
        table.read_again(rows)
        failure = None
        for control in controls:
            try:
                if control.samples:
                    control.end_period(*readings[control])
                else:
                    control.read_ages()
            except Exception as error:
                failure = failure or error
        sizes = [control.sample_size for control in sampled]
        vm_columns.begin_samples(engine, ids, np.array(sizes, np.uint32))
        table.every[rows] = [control.estimator.period for control in controls]
        if failure is not None:
            raise failure

    def ends_scan_pass(self) -> bool:
        """Whether every VM that is scanned has been, once; then the next pass begins."""
        table = self._table
        scanning = table.scan_rate > 0
        if not scanning.any() or (table.scanned < table.pages)[scanning].any():
            return False
        table.scanned[scanning] = 0
        return True


def _whole(due: NDArray[np.float64]) -> NDArray[np.float64]:
    """Takes what is whole off a column; fractions wait."""
    whole = np.floor(due + TICK)
    np.maximum(due - whole, 0.0, out=due)
    return whole
