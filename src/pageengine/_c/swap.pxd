from libc.stdint cimport uint8_t, uint32_t, uint64_t

from pageengine._c.frames cimport bool, pe_frames
from pageengine._c.status cimport pe_status


cdef extern from "pe_swap.h" nogil:
    enum:
        PE_SWAP_READ_MAX

    ctypedef uint32_t pe_slot

    ctypedef struct pe_swap:
        pe_frames slots
        int file
        int error
        uint64_t written
        uint64_t read
        uint64_t write_calls
        uint64_t read_calls

    pe_status pe_swap_init(pe_swap *self, uint32_t slots, int file)
    void pe_swap_fini(pe_swap *self)
    pe_status pe_swap_grow(pe_swap *self, uint32_t slots)
    uint32_t pe_swap_give_back_checked(pe_swap *self, uint32_t n, const pe_slot *slots)
    pe_status pe_swap_write_many(pe_swap *self, uint32_t n, const uint8_t *pages,
                                 pe_slot *out, uint32_t *done)
    pe_status pe_swap_read_many(pe_swap *self, uint32_t n, const pe_slot *slots,
                                uint8_t *out, uint32_t *done)
    size_t pe_swap_bytes(const pe_swap *self)
    bool pe_swap_check(const pe_swap *self, const char **reason)
