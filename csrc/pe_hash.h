/* Content of one page as numbers: a 64-bit hash, and the tests "all zero", "one repeated word",
   "equal". The hash is the same on every machine and compiler (little- and big-endian, any CPU). */
#ifndef PE_HASH_H
#define PE_HASH_H

#include "pe_base.h"

/* 64-bit hash of PE_PAGE_BYTES bytes at `page`. Different salts give independent hashes.
   Not proof of equality: every match is confirmed with pe_page_equal. */
uint64_t pe_hash_page(const void *page, uint64_t salt);
/* Hash of a 64-bit content token under a salt. */
uint64_t pe_hash_token(uint64_t token, uint64_t salt);
bool pe_page_is_zero(const void *page);
/* True when the page is one 64-bit word repeated; the word goes to *word. */
bool pe_page_is_same(const void *page, uint64_t *word);
bool pe_page_equal(const void *a, const void *b);

#endif
