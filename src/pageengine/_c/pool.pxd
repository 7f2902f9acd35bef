from libc.stdint cimport uint8_t, uint32_t, uint64_t

from pageengine._c.frames cimport pe_frame
from pageengine._c.status cimport pe_status


cdef extern from "pe_pool.h" nogil:
    ctypedef struct pe_pool:
        uint8_t *bytes
        uint64_t *touched
        uint32_t count

    pe_status pe_pool_init(pe_pool *self, uint32_t count)
    void pe_pool_fini(pe_pool *self)
    uint64_t pe_pool_release(pe_pool *self, const uint64_t *idle_words)
    uint8_t *pe_pool_page(const pe_pool *self, pe_frame frame)
    uint8_t *pe_pool_page_to_fill(pe_pool *self, pe_frame frame)
    uint8_t *pe_pool_page_zeroed(pe_pool *self, pe_frame frame)
