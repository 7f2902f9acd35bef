from libc.stdint cimport uint32_t

cdef object ids(object values, uint32_t count, str noun)
