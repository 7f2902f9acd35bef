from pageengine._c.frames cimport bool


cdef extern from "pe_memory.h" nogil:
    ctypedef struct pe_memory:
        void *context

    void *pe_memory_zeroed(const pe_memory *self, size_t n, size_t bytes)
    void pe_memory_freed(const pe_memory *self, void *memory)
