from libc.stdint cimport uint8_t, uint32_t, uint64_t

from pageengine._c.memory cimport pe_memory
from pageengine._c.status cimport pe_status
from pageengine._c.vm cimport bool


cdef extern from "pe_zcache.h" nogil:
    ctypedef enum pe_packing:
        PE_PACKING_ESX
        PE_PACKING_DENSE

    ctypedef struct pe_zcache

    ctypedef struct pe_zcache_config:
        pe_packing packing
        uint8_t *pool
        uint64_t limit_bytes
        const pe_memory *memory

    ctypedef struct pe_zcache_stats:
        uint64_t blobs
        uint64_t frames
        uint64_t slot_bytes
        uint64_t payload_bytes
        uint64_t quarter
        uint64_t half

    pe_status pe_zcache_new(pe_zcache **out, const pe_zcache_config *config)
    void pe_zcache_delete(pe_zcache *self)
    pe_status pe_zcache_groups(pe_zcache *self, uint32_t count)
    void pe_zcache_set_limit(pe_zcache *self, uint64_t limit_bytes)
    void pe_zcache_set_group_limit(pe_zcache *self, uint32_t group, uint64_t limit_bytes)
    bool pe_zcache_needs_frame(const pe_zcache *self, size_t length)
    pe_status pe_zcache_store(pe_zcache *self, uint32_t group, uint64_t owner, const void *payload,
                              size_t length, uint32_t spare, bool *used_spare, uint32_t *out)
    const void *pe_zcache_payload(const pe_zcache *self, uint32_t blob, size_t *length)
    uint64_t pe_zcache_owner(const pe_zcache *self, uint32_t blob)
    uint32_t pe_zcache_erase(pe_zcache *self, uint32_t group, uint32_t blob)
    uint32_t pe_zcache_oldest(const pe_zcache *self, uint32_t group)
    uint32_t pe_zcache_oldest_of_all(const pe_zcache *self, uint32_t *group)
    pe_zcache_stats pe_zcache_total(const pe_zcache *self)
    pe_zcache_stats pe_zcache_of_group(const pe_zcache *self, uint32_t group)
    size_t pe_zcache_bytes(const pe_zcache *self)
    bool pe_zcache_check(const pe_zcache *self, const char **reason)
