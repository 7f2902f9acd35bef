from libc.stdint cimport int32_t, int64_t, uint8_t, uint64_t

from pageengine._c.status cimport pe_status
from pageengine._c.vm cimport pe_vm
from pageengine.core.access_order cimport AccessOrder
from pageengine.core.engine cimport Engine
from pageengine.core.guest cimport Guest
from pageengine.lab.accesses cimport *
from pageengine.lab.workloads.pace cimport Pace
from pageengine.stores.profile cimport VMContents


cdef class AccessMaker:
    cdef public list _waiting
    cdef public object _arriving, _version
    cdef public int64_t double_paging
    cdef public object _vm
    cdef Engine _engine
    cdef uint64_t _id
    cdef AccessOrder _order
    cdef VMContents _contents
    cdef bint _bytes, _zeroes_are_private

    cdef bint waiting(self)
    cdef bint blocked(self) except -1
    cdef double do_paced(self, Pace pace, double seconds) except -2
    cdef double _by_guest(self, Guest guest, accesses *touches, size_t n) except -2
    cdef double _both(self, accesses *first, accesses *behind, int flags) except -2
    cdef object _waits_from(self, accesses *all_, size_t first, bint flags)
    cdef pe_vm *_there(self) except NULL
    cdef bint _limited(self) except -1
    cdef int _look(self, accesses *all_, size_t *count) except -1
    cdef Py_ssize_t _make(self, accesses *all_) except -1
    cdef Py_ssize_t _touch(self, accesses *all_, size_t first, size_t end) except -1
    cdef Py_ssize_t _rest(self, accesses *all_, size_t first, size_t end, size_t done,
                          pe_status status) except -1
    cdef Py_ssize_t _write(self, accesses *all_, size_t first, size_t end) except -1
    cdef int _paged_out(self, accesses *all_, size_t out, size_t fresh) except -1
    cdef object _left(self, accesses *all_, size_t first)
