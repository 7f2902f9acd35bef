from libc.stdint cimport uint64_t

from pageengine._c.state cimport pe_state_in, pe_state_out


cdef class StateOut:
    cdef pe_state_out _out


cdef class StateIn:
    cdef pe_state_in _in
    cdef object _kept

    cdef int _well(self) except -1
    cdef uint64_t _left(self)
