from pageengine._c.turns cimport pe_turns


cdef class AccessOrder:
    cdef pe_turns _turns
    cdef object _kept
    cdef readonly int apart, plain
