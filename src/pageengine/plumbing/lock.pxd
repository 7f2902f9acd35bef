from libc.stdint cimport uint32_t


cdef class CallLock:
    cdef object _lock
    cdef str _what
    cdef unsigned long _owner
    cdef size_t _depth
    cdef uint32_t _forks

    cdef int enter(self) except -1
    cdef int leave(self) except -1
