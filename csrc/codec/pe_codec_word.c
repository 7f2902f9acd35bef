/* The word-pattern codec: a page is 512 words of 64 bits, and words in memory are zero, repeat, or differ from a recent one in
   their low bits only (pointers, small integers). Each word gets a two-bit tag against a dictionary of sixteen recent words,
   placed by a hash of their upper 48 bits:

     0 zero    1 the dictionary's word    2 its upper 48 bits, low 16 stored    3 a new word, stored whole

   Layout: tags (128 bytes, four words each) | entries of tags 1 and 2 (a byte each) | low halves (2 bytes) | new words (8 bytes),
   each stream in order; their lengths follow from the tags. Words are little-endian.

   Compression gives up as soon as what is written cannot fit any more; decompression checks the length against the tags
   before it writes anything, so no input can lead it beyond either buffer. */
#include "pe_codec.h"

#include <string.h>

#define WORDS (PE_PAGE_BYTES / 8)
#define ENTRIES 16u
#define TAG_BYTES (WORDS / 4)

extern const pe_codec pe_codec_word;

enum { TAG_ZERO, TAG_SAME, TAG_UPPER, TAG_NEW };

static uint64_t load64(const uint8_t *in)
{
    uint64_t word = 0;
    for (unsigned i = 0; i < 8; ++i)
        word |= (uint64_t)in[i] << (8 * i);
    return word;
}

static void store64(uint8_t *out, uint64_t word)
{
    for (unsigned i = 0; i < 8; ++i)
        out[i] = (uint8_t)(word >> (8 * i));
}

static unsigned entry_of(uint64_t word)
{
    return (unsigned)((word >> 16) * UINT64_C(0x9e3779b97f4a7c15) >> 60);
}

static size_t compress(const pe_codec *self, const uint8_t *page, uint8_t *out, size_t max, void *work)
{
    uint64_t dictionary[ENTRIES] = {0};
    uint8_t entries[WORDS], low[2 * WORDS], fresh[PE_PAGE_BYTES], tags[TAG_BYTES] = {0};
    size_t n_entries = 0, n_low = 0, n_fresh = 0;
    (void)self, (void)work;
    for (size_t i = 0; i < WORDS; ++i) {
        uint64_t const word = load64(page + 8 * i);
        if (word == 0)
            continue;
        unsigned const entry = entry_of(word);
        unsigned tag = TAG_NEW;
        if (dictionary[entry] == word) {
            tag = TAG_SAME;
            entries[n_entries++] = (uint8_t)entry;
        } else if (dictionary[entry] >> 16 == word >> 16) {
            tag = TAG_UPPER;
            entries[n_entries++] = (uint8_t)entry;
            low[n_low++] = (uint8_t)word;
            low[n_low++] = (uint8_t)(word >> 8);
        } else {
            store64(fresh + n_fresh, word);
            n_fresh += 8;
            if (TAG_BYTES + n_entries + n_low + n_fresh > max)
                return 0;
        }
        dictionary[entry] = word;
        tags[i / 4] |= (uint8_t)(tag << (2 * (i % 4)));
    }
    if (TAG_BYTES + n_entries + n_low + n_fresh > max)
        return 0;
    memcpy(out, tags, TAG_BYTES);
    memcpy(out + TAG_BYTES, entries, n_entries);
    memcpy(out + TAG_BYTES + n_entries, low, n_low);
    memcpy(out + TAG_BYTES + n_entries + n_low, fresh, n_fresh);
    return TAG_BYTES + n_entries + n_low + n_fresh;
}

static bool decompress(const pe_codec *self, const uint8_t *in, size_t length, uint8_t *page, void *work)
{
    uint64_t dictionary[ENTRIES] = {0};
    size_t count[4] = {0};
    (void)self, (void)work;
    if (length < TAG_BYTES)
        return false;
    for (size_t i = 0; i < WORDS; ++i)
        count[in[i / 4] >> (2 * (i % 4)) & 3] += 1;
    const uint8_t *entries = in + TAG_BYTES;
    const uint8_t *low = entries + count[TAG_SAME] + count[TAG_UPPER];
    const uint8_t *fresh = low + 2 * count[TAG_UPPER];
    if (length != (size_t)(fresh - in) + 8 * count[TAG_NEW])
        return false;
    for (size_t i = 0; i < WORDS; ++i) {
        uint64_t word = 0;
        switch (in[i / 4] >> (2 * (i % 4)) & 3) {
        case TAG_SAME: word = dictionary[*entries++ % ENTRIES]; break;
        case TAG_UPPER:
            word = (dictionary[*entries++ % ENTRIES] & ~UINT64_C(0xffff)) | low[0] | (uint64_t)low[1] << 8;
            low += 2;
            break;
        case TAG_NEW:
            word = load64(fresh);
            fresh += 8;
            break;
        default: break;
        }
        if (word)
            dictionary[entry_of(word)] = word;
        store64(page + 8 * i, word);
    }
    return true;
}

const pe_codec pe_codec_word = {
    "word", "64-bit word patterns: zeros, repeats, pointers, small integers", 0, compress, decompress, {NULL}};
