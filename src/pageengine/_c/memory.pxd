from pageengine._c.frames cimport bool


cdef extern from "pe_memory.h" nogil:
    ctypedef struct pe_memory:
        void *context
