from libc.stdint cimport int64_t, uint8_t

from pageengine.core.draws cimport Draws, Ranks

cdef enum:
    NO_PAGES
    BY_RANK
    IN_WINDOW
    IN_ORDER


cdef class Pace:
    cdef public double rate, write, due, since
    cdef public int64_t first, reads
    cdef public bint alone
    cdef readonly int64_t rounds, size
    cdef readonly double now
    cdef int kind
    cdef bint generations
    cdef int64_t pages, shift
    cdef double every, interval, most
    cdef const double[::1] times, readings
    cdef Py_ssize_t reading_now
    cdef Draws draws
    cdef Ranks ranks

    cpdef double fastest(self) noexcept
    cpdef void at(self, double time) noexcept
    cdef void _look_up(self) noexcept
    cdef void _begin(self, int kind, Draws draws) noexcept
    cdef Py_ssize_t due_in(self, double seconds) noexcept
    cdef void take(self, double seconds) noexcept
    cdef bint possible(self) noexcept
    cdef Py_ssize_t reading(self, Py_ssize_t n) noexcept
    cdef bint all_write(self) noexcept
    cdef bint some(self) noexcept
    cdef bint ends_round(self, Py_ssize_t n) noexcept
    cdef int draw(self, double seconds, Py_ssize_t n, Py_ssize_t reads, int64_t *pages,
                  uint8_t *flags) except -1
