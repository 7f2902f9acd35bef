from libc.stdint cimport uint8_t, uint64_t

cdef extern from "<stdbool.h>":
    ctypedef unsigned char bool_t "bool"

cdef extern from "pe_hash.h" nogil:
    ctypedef enum pe_hash_variant:
        pass
    ctypedef struct pe_hash_key:
        pe_hash_variant variant
    uint64_t pe_hash_token(uint64_t token, uint64_t salt)
    bint pe_page_is_same(const void *page, uint64_t *word)
    bint pe_page_equal(const void *a, const void *b)
    pe_hash_variant pe_hash_best()
    void pe_hash_key_init(pe_hash_key *self, uint64_t salt, pe_hash_variant variant)
    void pe_pages_are_zero(const void *pages, size_t stride, size_t n, bool_t *out)
    void pe_hash_pages(const pe_hash_key *key, const void *pages, size_t stride, size_t n,
                       uint64_t *out)
