from libc.stdint cimport int64_t, uint32_t

from pageengine._c.guest cimport *
from pageengine._c.status cimport pe_status

cdef enum:
    NUMBERS_OF = 1 + PE_GUEST_NUMBERS  # what a guest's numbers are


cdef class Guest:
    cdef pe_guest *_guest
    cdef object _lock
    cdef readonly uint32_t pages
    cdef readonly str replacement
    cdef uint32_t _swap_pages, _kernel_pages

    cdef pe_guest *_made(self) except NULL
    cdef pe_status _make(self, const pe_guest_touches *touches, pe_guest_ops *ops,
                         pe_guest_made *made) except *
    cdef object _touch(self, kind, const int64_t[:] ids, write, pe_guest_ops *ops,
                       pe_guest_made *made)
    cdef uint32_t _some(self, pages) except? 0
    cdef int _count(self, int64_t *numbers) except -1
