/* Over the lines of a page, and over those of a blob: the same for both ways of the word codec. A
   way hands in what it does to a line, and the compiler puts it into the loop. */
#ifndef PE_CODEC_WORD_LOOPS_H
#define PE_CODEC_WORD_LOOPS_H

#include "pe_codec_word_format.h"

#define PE_WORD_TAKEN(kind) \
    (PE_WORD_SIZE(kind) == 0 \
         ? 0 \
         : (UINT64_MAX >> (8 * ((8 - PE_WORD_SIZE(kind)) & 7))) << (8 * PE_WORD_FIRST(kind)))
#define PE_WORD_KEPT(kind) (PE_WORD_KEEPS(kind) ? ~(PE_WORD_TAKEN(kind)) : 0)

/* By kind: what of a word was stored, and what comes from the other word. */
static const uint64_t pe_word_taken[16] = {PE_WORD_16(PE_WORD_TAKEN, 0)};
static const uint64_t pe_word_kept[16] = {PE_WORD_16(PE_WORD_KEPT, 0)};

/* Writes line `n`; false, and nothing written, when it is all zero. */
typedef bool pe_word_put(pe_word_writer *to, const uint8_t *page, unsigned n);
/* Restores line `n`. */
typedef void pe_word_get(pe_word_reader *from, uint8_t *page, unsigned n);
/* Bytes of literals and references that n bytes of tags stand for. */
typedef size_t pe_word_sum(const uint8_t *tags, size_t n);

/* Puts right the words of line `n` that refer, a set of bits; the others are there already. */
PE_INLINE void pe_word_get_references(pe_word_reader *from, uint8_t *page, unsigned n,
                                      unsigned refs)
{
    const uint8_t *ref = from->ref;
    unsigned above = from->above;
    for (; refs; refs &= refs - 1) {
        unsigned const i = pe_bits_lowest(refs), at = PE_WORD_LINE_WORDS * n + i;
        unsigned const kind = from->tag[i / 2] >> 4 * (i % 2) & 15, distance = *ref++ + 1u;
        uint64_t const word = pe_load64(page + 8 * at) & pe_word_taken[kind];
        uint64_t const other = distance <= at ? pe_load64(page + 8 * (at - distance)) : 0;
        pe_store64(page + 8 * at, word | (other & pe_word_kept[kind]));
        above = kind == PE_WORD_REF ? distance : above;
    }
    from->ref = ref;
    from->above = pe_word_above(above);
}

PE_INLINE size_t pe_word_compress_by(pe_word_put *put, const uint8_t *page, uint8_t *out,
                                     size_t max)
{
    pe_word_writer to;
    uint8_t *const end = to.literals + sizeof to.literals;
    uint64_t mask = 0;
    size_t length = PE_WORD_MASK_BYTES;
    memset(to.seen, 0, sizeof to.seen);
    to.literal = end;
    to.ref = to.refs;
    to.tag = to.tags;
    to.above = PE_WORD_NEAREST;
    for (unsigned n = 0; n < PE_WORD_LINES; ++n) {
        if (!put(&to, page, n))
            continue;
        mask |= UINT64_C(1) << n;
        length = PE_WORD_MASK_BYTES + (size_t)(to.tag - to.tags) + (size_t)(to.ref - to.refs)
               + (size_t)(end - to.literal);
        if (length > max)
            return 0; /* what is written only grows */
    }
    if (length > max)
        return 0;
    size_t const tags = (size_t)(to.tag - to.tags), refs = (size_t)(to.ref - to.refs);
    pe_store64(out, mask);
    memcpy(out + PE_WORD_MASK_BYTES, to.tags, tags);
    memcpy(out + PE_WORD_MASK_BYTES + tags, to.refs, refs);
    memcpy(out + PE_WORD_MASK_BYTES + tags + refs, to.literal, (size_t)(end - to.literal));
    return length;
}

PE_INLINE bool pe_word_decompress_by(pe_word_get *get, pe_word_sum *sum, const uint8_t *in,
                                     size_t length, uint8_t *page)
{
    if (length < PE_WORD_MASK_BYTES)
        return false;
    uint64_t const mask = pe_load64(in);
    size_t const tags = PE_WORD_LINE_TAGS * (size_t)pe_bits_count(mask);
    const uint8_t *const tag = in + PE_WORD_MASK_BYTES;
    if (length < PE_WORD_MASK_BYTES + tags || length != PE_WORD_MASK_BYTES + tags + sum(tag, tags))
        return false;
    pe_word_reader from = {in + length, tag + tags, tag, PE_WORD_NEAREST};
    for (unsigned n = 0; n < PE_WORD_LINES; ++n) {
        if (mask >> n & 1)
            get(&from, page, n);
        else
            memset(page + PE_WORD_LINE_BYTES * n, 0, PE_WORD_LINE_BYTES);
    }
    return true;
}

#endif
