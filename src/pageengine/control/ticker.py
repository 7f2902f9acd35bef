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
from pageengine.control.clocks import TICK
from pageengine.control.vm_control import VMControl
from pageengine.control.vm_table import VMTable
from pageengine.core import vm_columns
from pageengine.plumbing.kept import Kept

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pageengine.core.engine import Engine


class _Due(NamedTuple):
    """What is due, per VM. ends: a sampling period; pages: to scan; polls, target: of the driver,
    in pages; moves: whether it has anything to do; reports: of free pages. looks: whether any
    period ends or page is to be scanned; works: whether any driver is polled, or guest reports.
    """

    ends: NDArray[np.bool_]
    pages: NDArray[np.int64]
    polls: NDArray[np.float64]
    target: NDArray[np.float64]
    moves: NDArray[np.bool_]
    reports: NDArray[np.bool_]
    looks: bool
    works: bool


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
        found = table.due_in(self.reports_free)
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
        due = self._pass_time(first, seconds, ran[first:])
        two_scans, at = self.two_scans, first
        for i in np.flatnonzero(due.moves | due.reports).tolist() if due.works else ():
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

    def _pass_time(self, first: int, seconds: float, ran: NDArray[np.float64]) -> _Due:
        """The clocks go on; what is due now. A driver that is polled has something to do where its
        target is another than that at which it rests, or its guest took pages back.
        """
        table = self._table
        told, (ends, scans, polled, reports) = table.pass_time(
            first, ran, seconds, self.reports_free
        )
        due = _Due(*told, ends or scans, polled or reports)
        if polled:
            rest = table.rest[first:]
            in_balloon = vm_columns.ballooned(self._engine, table.ids[first:])
            due.moves[:] &= (rest != due.target) | (in_balloon < rest)
        return due

    def _watch(self, due: _Due, which: slice, first: int, two_scans: bool) -> None:
        """Readings and scans of these VMs, the first of which is in row ``first``. What was
        marked and how pages are shared do not depend on one another, so all readings come first.
        """
        if not due.looks:
            return
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
        return self._table.ends_scan_pass()
