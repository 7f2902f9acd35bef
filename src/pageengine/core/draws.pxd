from pageengine._c.draws cimport pe_ranks, pe_source


cdef class Ranks:
    cdef pe_ranks _ranks
    cdef object _kept


cdef class Draws:
    cdef const pe_source *_source
    cdef object _generator, _lock
