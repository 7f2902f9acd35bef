/* Content of one page as numbers: a 64-bit hash, and the tests "all zero", "one repeated word",
   "equal". The hash is the same on every computer and compiler (of either byte order, any CPU). */
#ifndef PE_HASH_H
#define PE_HASH_H

#include "pe_base.h"

/* Hash of a 64-bit content token under a salt. For one salt, different tokens never collide. */
uint64_t pe_hash_token(uint64_t token, uint64_t salt);
bool pe_page_is_zero(const void *page);
/* n pages at pages, pages + stride, ...; faster than one by one on pages that are not in cache. */
void pe_pages_are_zero(const void *pages, size_t stride, size_t n, bool *out);
/* True when the page is one 64-bit word (little-endian) repeated; the word goes to *word. */
bool pe_page_is_same(const void *page, uint64_t *word);
bool pe_page_equal(const void *a, const void *b);

/* 64-bit hash of PE_PAGE_BYTES bytes: the salt's keys, drawn once, and a way of computing that this
   CPU has. Different salts give independent hashes, every way the same number. Not proof of
   equality: every match is confirmed with pe_page_equal. */
typedef enum pe_hash_variant {
    PE_HASH_PORTABLE,
    PE_HASH_SSE2,
    PE_HASH_AVX2,
    PE_HASH_AVX512,
    PE_HASH_NEON
} pe_hash_variant;

#define PE_HASH_KEY_WORDS 150

typedef struct pe_hash_key {
    uint64_t words[PE_HASH_KEY_WORDS];
    pe_hash_variant variant;
} pe_hash_key;

/* The fastest way on this CPU. Asks the CPU, which can take tens of microseconds in a virtual
   machine: ask once and keep the answer. */
pe_hash_variant pe_hash_best(void);
/* Nothing to free. `variant` is the best, the portable one, or on x86 any below the best. */
void pe_hash_key_init(pe_hash_key *self, uint64_t salt, pe_hash_variant variant);
uint64_t pe_hash_page_keyed(const pe_hash_key *key, const void *page);
/* n pages anywhere in memory; the next page is fetched while one is hashed. */
void pe_hash_pages_keyed(const pe_hash_key *key, const uint8_t *const *pages, size_t n,
                         uint64_t *out);
/* n pages at pages, pages + stride, ... */
void pe_hash_pages(const pe_hash_key *key, const void *pages, size_t stride, size_t n,
                   uint64_t *out);

#endif
