from libc.stddef cimport ptrdiff_t
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from pageengine._c.status cimport pe_status
from pageengine._c.vm cimport bool


cdef extern from "pe_guest.h" nogil:
    ctypedef struct pe_guest

    ctypedef enum pe_guest_kind:
        PE_GUEST_MEMORY
        PE_GUEST_FILE

    ctypedef struct pe_guest_ops:
        int64_t *ppn
        uint8_t *flags
        size_t n
        size_t room

    ctypedef struct pe_guest_touches:
        pe_guest_kind kind
        bool all_write
        const uint8_t *write
        const void *ids
        ptrdiff_t stride
        size_t n

    ctypedef struct pe_guest_made:
        size_t done
        size_t misses

    enum:
        PE_GUEST_NUMBERS
        PE_GUEST_BATCH
        PE_GUEST_BLOCK

    pe_status pe_guest_new(pe_guest **out, uint32_t pages, uint32_t swap_pages,
                           uint32_t kernel_pages, size_t replacement)
    void pe_guest_delete(pe_guest *self)
    const char *pe_guest_replacement_name(size_t replacement)
    pe_status pe_guest_touch(pe_guest *self, const pe_guest_touches *touches, pe_guest_ops *ops,
                             pe_guest_made *made)
    void pe_guest_release(pe_guest *self, pe_guest_kind kind, const int64_t *ids, size_t n)
    uint32_t pe_guest_drop_cache(pe_guest *self, uint32_t n)
    pe_status pe_guest_inflate(pe_guest *self, uint32_t n, bool may_sleep, int64_t *ppns,
                               pe_guest_ops *ops, uint32_t *got)
    uint32_t pe_guest_deflate(pe_guest *self, uint32_t n, int64_t *ppns)
    uint32_t pe_guest_report(pe_guest *self, int64_t *blocks)
    void pe_guest_numbers(const pe_guest *self, uint64_t *numbers)
    const char *pe_guest_number_name(size_t number)
    size_t pe_guest_bytes(const pe_guest *self)
    bool pe_guest_check(const pe_guest *self, const char **reason)
