from libc.stdint cimport uint8_t, uint64_t

cdef extern from "<stdbool.h>":
    ctypedef unsigned char bool_t "bool"

cdef extern from "pe_hash.h" nogil:
    ctypedef enum pe_hash_variant:
        PE_HASH_PORTABLE
        PE_HASH_SSE2
        PE_HASH_AVX2
        PE_HASH_AVX512
        PE_HASH_NEON
    enum:
        PE_HASH_KEY_WORDS
    ctypedef struct pe_hash_key:
        pe_hash_variant variant
    uint64_t pe_hash_page(const void *page, uint64_t salt)
    uint64_t pe_hash_token(uint64_t token, uint64_t salt)
    bint pe_page_is_zero(const void *page)
    bint pe_page_is_same(const void *page, uint64_t *word)
    bint pe_page_equal(const void *a, const void *b)
    pe_hash_variant pe_hash_best()
    void pe_hash_key_init(pe_hash_key *self, uint64_t salt, pe_hash_variant variant)
    uint64_t pe_hash_page_keyed(const pe_hash_key *key, const void *page)
    void pe_hash_pages_keyed(const pe_hash_key *key, const uint8_t *const *pages, size_t n,
                             uint64_t *out)
    void pe_pages_are_zero(const void *pages, size_t stride, size_t n, bool_t *out)
    void pe_hash_pages(const pe_hash_key *key, const void *pages, size_t stride, size_t n,
                       uint64_t *out)
    bint pe_hash_has(pe_hash_variant variant)
