"""Clocks: time goes on in the columns of a VM table, for all its VMs in one pass, and what is due
for each is told.
"""

import numpy as np

from libc.math cimport INFINITY, ceil, floor
from libc.stdint cimport int64_t, uint8_t

from pageengine import units


TICK = 1e-9  # seconds: sums of steps are late by less
READING_SECONDS = 1.0  # readings are due on whole seconds
REPORT_SECONDS = 2.0  # a guest reports free blocks after this long (virtio-balloon)

cdef double LATE = TICK, READING = READING_SECONDS, REPORT = REPORT_SECONDS
cdef double BYTES = units.PAGE_BYTES

cdef tuple _NAMES = (
    "boot_left",
    "period",
    "scan_due",
    "poll_due",
    "polls",
    "unmoved",
    "report_due",
    "elapsed",
    "ran",
    "scan_rate",
    "scanned",
    "balloon_target",
    "balloon_limit",
    "unreserved",
    "rest",
    "has_driver",
    "has_guest",
    "every",
    "pages",
)
cdef enum:
    BOOT_LEFT
    PERIOD
    SCAN_DUE
    POLL_DUE
    POLLS
    UNMOVED
    REPORT_DUE
    ELAPSED
    RAN
    SCAN_RATE
    SCANNED
    BALLOON_TARGET
    BALLOON_LIMIT
    UNRESERVED
    REST
    HAS_DRIVER
    HAS_GUEST
    EVERY
    PAGES
    COLUMNS


cdef double _whole(double *due) noexcept:
    """Takes what is whole off; fractions wait."""
    cdef double whole = floor(due[0] + LATE)
    due[0] = max(due[0] - whole, 0.0)
    return whole


cdef class Clocks:
    """columns: the names of the table's columns, in order; its arrays are float64 [columns, VMs or
    more].
    """

    cdef Py_ssize_t _at[COLUMNS]

    def __cinit__(self, columns):
        for i, name in enumerate(_NAMES):
            self._at[i] = columns.index(name)

    def pass_time(self, double[:, ::1] table, Py_ssize_t first, const double[::1] ran,
                  double seconds, bint reports_free):
        """For the VMs in the rows from ``first`` on, as many as ``ran`` has: seconds of each. What
        is due of each is (bool: a sampling period ends; int64: pages to scan; float64: polls of the
        driver, and its target in pages; bool: whether it is there and polled; bool: whether
        it reports free pages), and of these whether there is any (ends, pages, polled, reports).
        """
        cdef Py_ssize_t i, n = ran.shape[0]
        cdef double *column[COLUMNS]
        cdef double awake, target
        cdef bint runs, awaken, any_ends = False, any_pages = False
        cdef bint any_polled = False, any_reports = False
        self._columns(table, first, n, column)
        all_ends, all_pages = np.empty(n, np.bool_), np.empty(n, np.int64)
        all_polls, all_targets = np.empty(n), np.empty(n)
        all_polled, all_reports = np.empty(n, np.bool_), np.zeros(n, np.bool_)
        cdef uint8_t[::1] ends = all_ends.view(np.uint8), polled = all_polled.view(np.uint8)
        cdef uint8_t[::1] reports = all_reports.view(np.uint8)
        cdef int64_t[::1] pages = all_pages
        cdef double[::1] polls = all_polls, targets = all_targets
        for i in range(n):
            column[ELAPSED][i] += seconds
            column[RAN][i] += ran[i]
            awake = max(seconds - column[BOOT_LEFT][i], 0.0)
            column[BOOT_LEFT][i] = max(column[BOOT_LEFT][i] - seconds, 0.0)
            awaken = column[BOOT_LEFT][i] <= 0
            column[PERIOD][i] += ran[i]
            column[SCAN_DUE][i] += column[SCAN_RATE][i] * seconds
            column[POLL_DUE][i] += awake
            polls[i] = _whole(&column[POLL_DUE][i])
            column[POLLS][i] += polls[i]
            runs = column[HAS_DRIVER][i] > 0 and awaken
            targets[i] = target = _target(column, i, runs)
            if runs and column[REST][i] != target:
                column[UNMOVED][i] += awake
            else:
                column[UNMOVED][i] = 0.0
            if reports_free:
                column[REPORT_DUE][i] += awake
                if column[HAS_GUEST][i] > 0 and awaken \
                        and column[REPORT_DUE][i] >= REPORT - LATE:
                    reports[i] = any_reports = True
                    column[REPORT_DUE][i] -= REPORT * floor((column[REPORT_DUE][i] + LATE) / REPORT)
            ends[i] = column[PERIOD][i] >= column[EVERY][i] - LATE
            any_ends |= ends[i]
            pages[i] = <int64_t>min(_whole(&column[SCAN_DUE][i]), column[PAGES][i])
            any_pages |= pages[i] > 0
            polled[i] = polls[i] > 0 and runs
            any_polled |= polled[i]
        return (
            (all_ends, all_pages, all_polls, all_targets, all_polled, all_reports),
            (any_ends, any_pages, any_polled, any_reports),
        )

    def due_in(self, double[:, ::1] table, Py_ssize_t n, bint reports_free) -> float:
        """Seconds until a driver at work is polled, a guest reports, or an estimator is read, of
        the first n VMs; infinite where there are none.
        """
        cdef double *column[COLUMNS]
        cdef double found = INFINITY, left
        cdef Py_ssize_t i
        cdef bint runs
        self._columns(table, 0, n, column)
        for i in range(n):
            runs = column[HAS_DRIVER][i] > 0 and column[BOOT_LEFT][i] <= 0
            if runs and column[REST][i] != _target(column, i, runs):
                found = min(found, 1.0 - column[POLL_DUE][i])
            left = max(column[EVERY][i] - column[PERIOD][i], 0.0)
            found = min(found, max(READING, ceil(left / READING - LATE)))
            if reports_free and column[HAS_GUEST][i] > 0 and column[BOOT_LEFT][i] <= 0:
                found = min(found, REPORT - column[REPORT_DUE][i])
        return found

    def targets(self, double[:, ::1] table, Py_ssize_t n):
        """What the drivers of the first n VMs work towards, in pages: float64 [n]."""
        cdef double *column[COLUMNS]
        cdef Py_ssize_t i
        self._columns(table, 0, n, column)
        found = np.empty(n)
        cdef double[::1] view = found
        for i in range(n):
            view[i] = _target(column, i, column[HAS_DRIVER][i] > 0 and column[BOOT_LEFT][i] <= 0)
        return found

    def ends_scan_pass(self, double[:, ::1] table, Py_ssize_t n) -> bool:
        """Whether each of the first n VMs that is scanned has been, once; the next pass begins
        then.
        """
        cdef double *column[COLUMNS]
        cdef Py_ssize_t i
        cdef bint found = False
        self._columns(table, 0, n, column)
        for i in range(n):
            if column[SCAN_RATE][i] > 0:
                found = True
                if column[SCANNED][i] < column[PAGES][i]:
                    return False
        if found:
            for i in range(n):
                if column[SCAN_RATE][i] > 0:
                    column[SCANNED][i] = 0
        return found

    cdef int _columns(self, double[:, ::1] table, Py_ssize_t first, Py_ssize_t n,
                      double **column) except -1:
        cdef Py_ssize_t i
        for i in range(COLUMNS):
            if self._at[i] >= table.shape[0] or not 0 <= first <= first + n <= table.shape[1]:
                raise IndexError(f"no rows {first} to {first + n} of {table.shape[1]}")
            column[i] = &table[self._at[i], 0] + first
        return 0

    def __reduce__(self):
        raise TypeError("Clocks cannot be pickled; make them again for their columns")


cdef double _target(double **column, Py_ssize_t i, bint runs) noexcept:
    """What the driver works towards, in pages: what it was told, as far as it may."""
    cdef double most = min(column[BALLOON_LIMIT][i], column[UNRESERVED][i]) if runs else 0.0
    return floor(min(column[BALLOON_TARGET][i], most) / BYTES)
