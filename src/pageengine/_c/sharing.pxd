from libc.stdint cimport uint8_t, uint32_t, uint64_t

from pageengine._c.status cimport pe_status

cdef extern from "pe_sharing.h" nogil:
    ctypedef uint32_t pe_frame
    ctypedef enum pe_entry_kind:
        PE_ENTRY_HINT
    ctypedef struct pe_sharing:
        uint32_t *mappers
        uint64_t buckets
        uint32_t frames
        uint32_t shared
        uint64_t hints
        uint64_t mapped
        uint64_t hints_dropped
        uint64_t kicks
        uint32_t generation
    ctypedef struct pe_sharing_cursor:
        uint64_t hash
        uint64_t slot
        pe_entry_kind kind
        uint64_t id
        uint32_t step
    const uint64_t PE_SHARING_OWNER_MAX
    pe_status pe_sharing_init(pe_sharing *self, uint32_t frames)
    void pe_sharing_fini(pe_sharing *self)
    pe_sharing_cursor pe_sharing_find(uint64_t hash)
    bint pe_sharing_next(const pe_sharing *self, pe_sharing_cursor *cursor)
    bint pe_sharing_hint(pe_sharing *self, uint64_t hash, uint64_t owner)
    void pe_sharing_refresh(pe_sharing *self, const pe_sharing_cursor *cursor)
    void pe_sharing_forget(pe_sharing *self, const pe_sharing_cursor *cursor)
    void pe_sharing_promote(pe_sharing *self, const pe_sharing_cursor *cursor, pe_frame frame)
    pe_status pe_sharing_insert(pe_sharing *self, uint64_t hash, pe_frame frame)
    bint pe_sharing_remove(pe_sharing *self, uint64_t hash, pe_frame frame)
    pe_status pe_sharing_attach(pe_sharing *self, pe_frame frame)
    uint32_t pe_sharing_detach(pe_sharing *self, pe_frame frame)
    void pe_sharing_new_generation(pe_sharing *self)
    void pe_sharing_lookup_many(const pe_sharing *self, const uint64_t *hashes, size_t n,
                                uint8_t *kinds, uint64_t *ids)
    size_t pe_sharing_hint_many(pe_sharing *self, const uint64_t *hashes, const uint64_t *owners,
                                size_t n)
    size_t pe_sharing_insert_many(pe_sharing *self, const uint64_t *hashes, const pe_frame *frames,
                                  size_t n)
    size_t pe_sharing_bytes(const pe_sharing *self)
    bint pe_sharing_check(const pe_sharing *self, const char **reason)
