/* A page as literals and matches, and back: what the dense codec does with pages that are no words.
   Nobody else needs it. */
#ifndef PE_CODEC_DENSE_MATCH_H
#define PE_CODEC_DENSE_MATCH_H

#include "pe_codec_dense_entropy.h"

#define PE_DENSE_MATCHES (PE_PAGE_BYTES / 4)
#define PE_DENSE_TABLE_BITS 11u

/* A page as its parts. A match is a token (literals before it, length, whether its offset is that
   of the match before), the class of its offset otherwise, and bits that say the rest. */
typedef struct pe_dense_parts {
    uint8_t literals[PE_PAGE_BYTES + 2 * PE_DENSE_SLACK];
    uint8_t tokens[PE_DENSE_MATCHES];
    uint8_t offsets[PE_DENSE_MATCHES];
    uint64_t rest[PE_DENSE_MATCHES]; /* how many bits << 56 | the bits */
    size_t literal_count, match_count;
    size_t rest_bits; /* of all */
    int16_t token_counts[PE_DENSE_SYMBOLS], offset_counts[PE_DENSE_SYMBOLS];
    uint16_t places[1u << PE_DENSE_TABLE_BITS]; /* where five bytes with a hash were last */
} pe_dense_parts;

/* Takes the page apart. */
void pe_dense_part(pe_dense_parts *parts, const uint8_t *page);
/* Writes the matches at out; returns the end. Up to 8 bytes beyond are written. */
uint8_t *pe_dense_put_matches(uint8_t *out, const pe_dense_parts *parts, const uint16_t *tokens,
                              const uint16_t *offsets);
/* The page of these literals (with slack behind them) and the matches that lie between in and end,
   around which 16 bytes may be read; false when they do not make one. */
bool pe_dense_join(uint8_t *page, const uint8_t *literals, size_t literal_count, const uint8_t *in,
                   const uint8_t *end, const uint16_t *tokens, const uint16_t *offsets);

#endif
