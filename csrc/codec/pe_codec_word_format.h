/* What a blob of the word codec is made of, and the loops around a line that its two ways share
   (pe_codec_word.c: any processor, pe_codec_word_wide.c: 16 bytes at a time). Nobody else needs
   it. */
#ifndef PE_CODEC_WORD_FORMAT_H
#define PE_CODEC_WORD_FORMAT_H

#include "../pe_bits.h"
#include "../pe_bytes.h"
#include "pe_codec.h"

#include <string.h>

#define PE_WORD_LINES 64u
#define PE_WORD_LINE_WORDS 8u
#define PE_WORD_LINE_BYTES 64u
#define PE_WORD_LINE_TAGS 4u /* bytes */
#define PE_WORD_MASK_BYTES 8u
#define PE_WORD_NEAREST 8u /* words that the line above is away at least: it is whole by then */
#define PE_WORD_FARTHEST 256u
#define PE_WORD_SLACK 16u /* loads and stores run over by less */
#define PE_WORD_TABLE_BITS 9u

/* What is stored of a word; the order decides between kinds of one size. */
enum pe_word_kind {
    PE_WORD_ZERO,   /* nothing: it is zero */
    PE_WORD_AGAIN,  /* nothing: as in the line above */
    PE_WORD_REF,    /* as the word referred to */
    PE_WORD_AGAIN1, /* the low byte, the rest as in the line above */
    PE_WORD_AGAIN2,
    PE_WORD_REF1, /* the low byte, the rest as the word referred to */
    PE_WORD_REF2,
    PE_WORD_LOW2, /* the low bytes, the rest is zero */
    PE_WORD_AGAIN4,
    PE_WORD_AGAIN_HIGH, /* the upper half, the lower as in the line above */
    PE_WORD_LOW4,
    PE_WORD_HIGH, /* the upper half, the lower is zero */
    PE_WORD_REF4,
    PE_WORD_REF_HIGH,
    PE_WORD_LOW6,
    PE_WORD_WHOLE
};

/* By kind, so that tables of any shape can be made of them: bytes stored, the first byte of the
   word that they are, whether there is a reference, whether the rest comes from elsewhere. */
#define PE_WORD_SIZE(k) \
    ((k) <= PE_WORD_REF                             ? 0 \
     : (k) == PE_WORD_AGAIN1 || (k) == PE_WORD_REF1 ? 1 \
     : (k) <= PE_WORD_LOW2                          ? 2 \
     : (k) <= PE_WORD_REF_HIGH                      ? 4 \
     : (k) == PE_WORD_LOW6                          ? 6 \
                                                    : 8)
#define PE_WORD_FIRST(k) \
    ((k) == PE_WORD_AGAIN_HIGH || (k) == PE_WORD_HIGH || (k) == PE_WORD_REF_HIGH ? 4 : 0)
#define PE_WORD_REFERS(k) \
    ((k) == PE_WORD_REF || (k) == PE_WORD_REF1 || (k) == PE_WORD_REF2 || (k) == PE_WORD_REF4 \
             || (k) == PE_WORD_REF_HIGH \
         ? 1 \
         : 0)
#define PE_WORD_KEEPS(k) \
    (PE_WORD_REFERS(k) || (k) == PE_WORD_AGAIN || (k) == PE_WORD_AGAIN1 || (k) == PE_WORD_AGAIN2 \
     || (k) == PE_WORD_AGAIN4 || (k) == PE_WORD_AGAIN_HIGH)

/* f(0), f(1), ... as the elements of a table */
#define PE_WORD_4(f, i) f((i)), f((i) + 1), f((i) + 2), f((i) + 3)
#define PE_WORD_16(f, i) \
    PE_WORD_4(f, i), PE_WORD_4(f, (i) + 4), PE_WORD_4(f, (i) + 8), PE_WORD_4(f, (i) + 12)
#define PE_WORD_64(f, i) \
    PE_WORD_16(f, i), PE_WORD_16(f, (i) + 16), PE_WORD_16(f, (i) + 32), PE_WORD_16(f, (i) + 48)
#define PE_WORD_256(f) PE_WORD_64(f, 0), PE_WORD_64(f, 64), PE_WORD_64(f, 128), PE_WORD_64(f, 192)

/* What a word is stored as is chosen by the least key: bytes that it takes, then kind. */
#define PE_WORD_KEY(kind) ((PE_WORD_SIZE(kind) + PE_WORD_REFERS(kind)) << 4 | (kind))
#define PE_WORD_NO_KEY 255

/* While a page is compressed. The literals grow downwards. */
typedef struct pe_word_writer {
    uint16_t seen[1u << PE_WORD_TABLE_BITS]; /* where a word with this hash was seen last */
    uint8_t literals[PE_PAGE_BYTES + PE_WORD_SLACK];
    uint8_t refs[PE_PAGE_BYTES / 8 + 1]; /* one of slack */
    uint8_t tags[PE_PAGE_BYTES / 16];
    uint8_t *literal, *ref, *tag;
    unsigned above; /* words between a line and the line above it */
} pe_word_writer;

/* While a page is restored. */
typedef struct pe_word_reader {
    const uint8_t *literal, *ref, *tag;
    unsigned above;
} pe_word_reader;

static inline unsigned pe_word_slot(uint64_t word)
{
    return (unsigned)((word >> 16) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - PE_WORD_TABLE_BITS));
}

/* Whole lines from the line above: a distance below a line becomes its multiple. */
static inline unsigned pe_word_above(unsigned distance)
{
    static const uint8_t multiple[PE_WORD_NEAREST] = {8, 8, 8, 9, 8, 10, 12, 14};
    return distance < PE_WORD_NEAREST ? multiple[distance] : distance;
}

/* The line above line `n`: zeros where there is none. */
static inline const uint8_t *pe_word_line_above(const uint8_t *page, unsigned n, unsigned above)
{
    static const uint8_t zeros[PE_WORD_LINE_BYTES] = {0};
    unsigned const first = PE_WORD_LINE_WORDS * n;
    return first >= above ? page + 8 * (first - above) : zeros;
}

/* The two ways, which give the same. The wide one only where pe_word_wide_works(). */
size_t pe_word_plain_compress(const uint8_t *page, uint8_t *out, size_t max);
bool pe_word_plain_decompress(const uint8_t *in, size_t length, uint8_t *page);
bool pe_word_wide_works(void);
size_t pe_word_wide_compress(const uint8_t *page, uint8_t *out, size_t max);
bool pe_word_wide_decompress(const uint8_t *in, size_t length, uint8_t *page);

#endif
