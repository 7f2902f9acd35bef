from libc.stdint cimport uint32_t

from pageengine._c.draws cimport pe_ranks, pe_source


cdef class Popularity:
    cdef const double[::1] _ends
    cdef const uint32_t[::1] _guide
    cdef object __weakref__


cdef class Ranks:
    cdef pe_ranks _ranks
    cdef Popularity _popularity
    cdef const uint32_t[::1] _names


cdef class Draws:
    cdef const pe_source *_source
    cdef object _generator, _lock
