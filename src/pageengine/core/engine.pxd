from libc.stdint cimport int64_t, uint64_t

from pageengine._c.host cimport pe_host
from pageengine._c.vm cimport pe_vm
from pageengine.plumbing.lock cimport CallLock


cdef class Engine:
    cdef pe_host *_host
    cdef CallLock _lock
    cdef object _codec, _faults
    cdef uint64_t _seed
    cdef readonly bint tokens

    cdef int _open(self) except -1
    cdef pe_vm *_vm(self, uint64_t id) except NULL
    cdef object _own(self, const pe_vm *vm, const int64_t[::1] ppns)
    cdef int _check_pages(self, const pe_vm *vm, const int64_t[::1] ppns) except -1
