"""Pace: touches at a rate, and which pages they are of: what a step of most workloads is made of.

What a workload of these kinds remembers of its touches is here alone. Its ``step`` gives them as
arrays, and a simulation that makes them at once (lab/access_maker.pyx) has them drawn where it
wants them.
"""

import numpy as np

from libc.math cimport rint
from libc.stdint cimport int64_t, uint8_t
from libc.string cimport memset

from pageengine._c.draws cimport pe_draws_part, pe_draws_ranks, pe_draws_window

AHEAD = 600.0  # seconds for which a workload says how fast it may be
cdef double HORIZON = AHEAD
cdef double MOST_TOUCHES = 2.0**40  # of one step: no computer holds as many


cdef class Pace:
    """rate: touches per second; write: part of them that write, 0 to 1; due: fractions of touches
    that wait. Which pages they are of is said by ``by_rank``, ``in_window``, ``in_order`` or
    ``by_series``.

    first: where the window begins, or the next page in order. since: seconds that the window has
    not moved. reads: pages of the old generation; rounds: that the last step ended, as
    ``in_order`` says. size: pages that are touched now. alone: whether a step is what is here and
    nothing else. now: the time of the host, which only ``by_series`` goes by.
    """

    def __init__(self, double rate, double write):
        self.rate, self.write, self.due = rate, write, 0.0
        self.kind, self.alone = NO_PAGES, False
        self.draws, self.ranks = None, None
        self.every = float("inf")
        self.times = self.readings = None
        self.now = 0.0

    def by_rank(self, Draws draws not None, Ranks ranks not None):
        """Touches go by popularity."""
        self._begin(BY_RANK, draws)
        self.ranks = ranks

    def in_window(self, Draws draws not None, size, pages, shift=0, double every=float("inf")):
        """Touches are anywhere in a window of ``size`` of these pages, which moves on by ``shift``
        pages whenever ``every`` seconds are over.
        """
        if not 0 < size <= pages < 2**32 or not 0 <= shift <= pages or not every > 0:
            raise ValueError(f"no window of {size} of {pages} pages moves by {shift} in {every} s")
        self._begin(IN_WINDOW, draws)
        self.size, self.pages, self.shift, self.every = size, pages, shift, every

    def in_order(self, Draws draws not None, pages, bint generations=False):
        """Touches go from page to page, and begin again. generations: all of them write, to the
        young generation; a quarter as many read the ``reads`` pages of the old one, which lies
        behind it. A step that ends a round is none of ``alone`` then.
        """
        if not 0 < pages < 2**32:
            raise ValueError(f"there is no order in {pages} pages")
        self._begin(IN_ORDER, draws)
        self.size, self.generations = pages, generations

    def by_series(self, Draws draws not None, const double[::1] times not None,
                  const double[::1] pages not None, double interval):
        """Touches go in order through the first so many pages, all of them once per ``interval``
        seconds. How many is read off a series at the time that ``at`` says: on a straight line from
        one reading to the next, before the first as the first, after the last as the last; one
        page at least. times: float64 [n], rising; pages: float64 [n].
        """
        moments, readings = np.array(times), np.array(pages)  # which nobody else changes
        rising = (np.diff(moments) > 0).all() and np.isfinite(moments).all()
        if not 0 < len(moments) == len(readings) or not rising or not interval > 0 \
                or not (0 <= readings.min() <= readings.max() < 2**32):
            raise ValueError(f"no series of {len(moments)} times and {len(readings)} readings")
        self._begin(IN_ORDER, draws)
        self.times, self.readings, self.interval = moments, readings, interval
        self.reading_now = -1
        self.at(0.0)

    cpdef void at(self, double time) noexcept:
        """The time of the host is this. Only ``by_series`` goes by it."""
        cdef Py_ssize_t i
        cdef double wanted
        self.now = time
        if self.times is None:
            return
        i = self.reading_now
        if i < 0 or time < self.times[i] or (i + 1 < self.times.shape[0]
                                             and time >= self.times[i + 1]):
            self._look_up()
            i = self.reading_now
        wanted = self.readings[i]
        if i + 1 < self.times.shape[0] and time > self.times[i]:
            wanted += (self.readings[i + 1] - wanted) * (
                (time - self.times[i]) / (self.times[i + 1] - self.times[i]))
        self.size = max(1, <int64_t>rint(wanted))
        self.rate = self.size / self.interval
        if self.first >= self.size:
            self.first %= self.size  # what was due may come when there is less

    cdef void _look_up(self) noexcept:
        """The last reading until now, or the first; and the most from there until ``AHEAD`` seconds
        after the next.
        """
        cdef Py_ssize_t low = 0, high = self.times.shape[0], middle, last = high - 1
        cdef double until
        while low < high:
            middle = (low + high) // 2
            if self.times[middle] <= self.now:
                low = middle + 1
            else:
                high = middle
        self.reading_now = low = max(0, low - 1)
        until = max(self.now, self.times[min(low + 1, last)]) + HORIZON
        self.most = self.readings[low]
        while low < last and self.times[low] < until:
            low += 1
            self.most = max(self.most, self.readings[low])

    cpdef double fastest(self) noexcept:
        """The most touches per second in the next ``AHEAD`` seconds."""
        if self.times is None:
            return self.rate
        return max(1.0, rint(self.most)) / self.interval

    cdef void _begin(self, int kind, Draws draws) noexcept:
        self.kind, self.draws, self.alone = kind, draws, True
        self.first, self.since, self.reads, self.rounds = 0, 0.0, 0, 0
        self.generations, self.every = False, float("inf")
        self.times = self.readings = None

    def touches(self, double seconds):
        """How many touches are due; fractions wait."""
        cdef Py_ssize_t n = self.due_in(seconds)
        if n < 0:
            raise ValueError(f"{self.rate!r} touches per second and {self.due!r} due are no pace")
        self.take(seconds)
        return n

    def writes(self, Draws draws not None, Py_ssize_t n):
        """Which of n touches write: bool, or bool [n] where some do."""
        return draws.part(self.write, n) if self.some() else self.write == 1.0

    def step(self, double seconds):
        """Touches of so many seconds, in order: (pages int64 [n], bool or bool [n]: which write),
        one pair or two.
        """
        cdef Py_ssize_t n = self.due_in(seconds), reads
        cdef int64_t[::1] pages
        cdef uint8_t[::1] flags
        if n < 0 or not self.possible():
            raise ValueError(f"{self!r} has no next step")
        reads = self.reading(n)
        ids, written = np.empty(n + reads, np.int64), np.empty(n + reads, np.bool_)
        pages, flags = ids, written.view(np.uint8)
        self.draw(seconds, n, reads, &pages[0] if n else NULL, &flags[0] if n else NULL)
        first = ids[:n], written[:n] if self.some() else self.all_write()
        return [first, (ids[n:], False)] if reads else [first]

    cdef Py_ssize_t due_in(self, double seconds) noexcept:
        """Touches that such a step has; -1: that is no number."""
        cdef double due = self.due + self.rate * seconds
        return <Py_ssize_t>due if 0 <= due < MOST_TOUCHES else -1

    cdef void take(self, double seconds) noexcept:
        """They are made."""
        self.due += self.rate * seconds
        self.due -= <double><Py_ssize_t>self.due

    cdef bint possible(self) noexcept:
        """Whether there is a step: a state that was restored may be of anything."""
        if self.kind == BY_RANK:
            return True
        if self.kind == IN_WINDOW:
            return 0 <= self.first <= self.pages and self.since >= 0
        if self.kind == IN_ORDER:
            return 0 <= self.first < self.size and 0 <= self.reads < 2**32
        return False

    cdef Py_ssize_t reading(self, Py_ssize_t n) noexcept:
        """How many reads of the old generation go with so many touches."""
        return max(1, n // 4) if self.generations and self.reads and n else 0

    cdef bint all_write(self) noexcept:
        return self.generations or self.write == 1.0

    cdef bint some(self) noexcept:
        """Whether some touches write and others do not: that is drawn."""
        return not self.generations and self.write != 0.0 and self.write != 1.0

    cdef bint ends_round(self, Py_ssize_t n) noexcept:
        """Whether so many touches end one, of which there is more to do."""
        return self.generations and self.first + n >= self.size

    cdef int draw(self, double seconds, Py_ssize_t n, Py_ssize_t reads, int64_t *pages,
                  uint8_t *flags) except -1:
        """The n touches of these seconds, and so many reads behind them."""
        cdef int64_t at = self.first
        cdef Py_ssize_t i
        self.take(seconds)
        if self.kind == IN_WINDOW:
            self.since += seconds
            while self.since >= self.every:
                self.since -= self.every
                self.first = (self.first + self.shift) % self.pages
        elif self.kind == IN_ORDER:
            self.rounds, self.first = (at + n) // self.size, (at + n) % self.size
            for i in range(n):
                pages[i] = at
                at = at + 1 if at + 1 < self.size else 0
        if n == 0:
            return 0
        memset(flags, self.all_write(), n)
        memset(flags + n, 0, reads)
        if self.kind == IN_ORDER and not reads and not self.some():
            return 0
        self.draws._lock.acquire()
        try:
            if self.kind == BY_RANK:
                pe_draws_ranks(self.draws._source, &self.ranks._ranks, n, pages)
            elif self.kind == IN_WINDOW:
                pe_draws_window(self.draws._source, self.first, self.size, self.pages, n, pages)
            if self.some():
                pe_draws_part(self.draws._source, self.write, n, flags)
            if reads:
                pe_draws_window(self.draws._source, 0, self.reads, self.reads, reads, pages + n)
                for i in range(n, n + reads):
                    pages[i] += self.size
        finally:
            self.draws._lock.release()
        return 0

    def __reduce__(self):
        if self.kind != NO_PAGES:
            raise TypeError("a Pace that has begun cannot be pickled; make it again")
        return Pace, (self.rate, self.write)
