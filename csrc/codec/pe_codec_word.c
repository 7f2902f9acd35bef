/* The word-pattern codec. Memory is words of 64 bits, and most of them are zero, small, or like
   another word nearby: pointers into one region differ in their low bytes, the fields of one record
   are those of the record before. What is the same is not stored.

   A page is 64 lines of 8 words. A blob, little-endian:

     mask (8 bytes): a bit per line, clear where the line is all zero
     tags (4 bytes per line that is not): a kind of four bits for each word, the first lowest
     refs (a byte per word that refers): how far back the word is that it refers to, less one
     literals (0 to 8 bytes a word), from the end of the blob downwards

   A word is stored as the low bytes, or the upper half, in which it differs from one of three:

     zero, what most of a page is
     the line above     the word `above` words before; the distance is that of the last word that
                        was equal to the one it referred to, at the end of the line before, made a
                        multiple that is a line at least. So a line needs nothing of itself, and
                        records of any size are followed at the price of one reference
     a word referred to the last that had the same upper 48 bits, 1 to 256 words back

   and among the kinds that say it (pe_codec_word_format.h) the compressor takes what is shortest.
   With real memory that is a quarter to two thirds of what the zero and reference kinds alone would
   leave; docs/codecs.md has figures.

   Nothing in the compressor branches on what a word is: pages mix kinds at random, and one branch
   mispredicted costs as much as a word. Bytes in which two words differ become a number of eight
   bits, the number looks up a key (bytes taken, then kind) and the least of three keys wins. It
   gives up at the first line with which what is written cannot fit.

   The decompressor adds up what the tags stand for and compares it with the length before it writes
   anything; from then on nothing can leave the blob. Distances beyond the start of the page read
   zero. Words that refer are put right once their line is there, in order.

   A line at a time and a distance that waits for its end are what lets pe_codec_word_wide.c take 16
   bytes at once. Both ways give the same blobs, byte by byte. */
#include "pe_codec_word_loops.h"

extern const pe_codec pe_codec_word;

/* Keys by a bit per byte that differs from zero, the line above, the word referred to. */
#define ZERO_KEY(bytes) \
    PE_WORD_KEY((bytes) == 0          ? PE_WORD_ZERO \
                : (bytes) < 4         ? PE_WORD_LOW2 \
                : (bytes) < 16        ? PE_WORD_LOW4 \
                : ((bytes) & 15) == 0 ? PE_WORD_HIGH \
                : (bytes) < 64        ? PE_WORD_LOW6 \
                                      : PE_WORD_WHOLE)
#define KEY_OF_FIVE(bytes, whole, low1, low2, low4, high) \
    ((bytes) == 0          ? PE_WORD_KEY(whole) \
     : (bytes) < 2         ? PE_WORD_KEY(low1) \
     : (bytes) < 4         ? PE_WORD_KEY(low2) \
     : (bytes) < 16        ? PE_WORD_KEY(low4) \
     : ((bytes) & 15) == 0 ? PE_WORD_KEY(high) \
                           : PE_WORD_NO_KEY)
#define ABOVE_KEY(bytes) \
    KEY_OF_FIVE(bytes, PE_WORD_AGAIN, PE_WORD_AGAIN1, PE_WORD_AGAIN2, PE_WORD_AGAIN4, \
                PE_WORD_AGAIN_HIGH)
#define REF_KEY(bytes) \
    KEY_OF_FIVE(bytes, PE_WORD_REF, PE_WORD_REF1, PE_WORD_REF2, PE_WORD_REF4, PE_WORD_REF_HIGH)

static const uint8_t zero_key[256] = {PE_WORD_256(ZERO_KEY)};
static const uint8_t above_key[256] = {PE_WORD_256(ABOVE_KEY)};
static const uint8_t ref_key[256] = {PE_WORD_256(REF_KEY)};

#define REFERS(kind) PE_WORD_REFERS(kind)
#define SIZE(kind) PE_WORD_SIZE(kind)
#define SHIFT(kind) (8 * PE_WORD_FIRST(kind))
#define UNUSED(kind) ((64 - 8 * SIZE(kind) - SHIFT(kind)) & 63) /* bits above what is stored */
#define SIZE_OF_TWO(tag) \
    (SIZE((tag) & 15) + REFERS((tag) & 15) + SIZE((tag) >> 4) + REFERS((tag) >> 4))

static const uint8_t refers[16] = {PE_WORD_16(REFERS, 0)};
static const uint8_t size[16] = {PE_WORD_16(SIZE, 0)};
static const uint8_t shift[16] = {PE_WORD_16(SHIFT, 0)};
static const uint8_t unused[16] = {PE_WORD_16(UNUSED, 0)};
static const uint8_t size_of_two[256] = {PE_WORD_256(SIZE_OF_TWO)};

/* A bit for every byte of x that is not zero. */
static inline unsigned bytes_of(uint64_t x)
{
    uint64_t const low = UINT64_C(0x7f7f7f7f7f7f7f7f);
    uint64_t const top = (((x & low) + low) | x) & ~low;
    return (unsigned)(top * UINT64_C(0x0002040810204081) >> 56);
}

static inline unsigned less(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

PE_INLINE bool put_line(pe_word_writer *to, const uint8_t *page, unsigned n)
{
    unsigned const first = PE_WORD_LINE_WORDS * n;
    const uint8_t *line = page + 8 * first, *above = pe_word_line_above(page, n, to->above);
    uint8_t *literal = to->literal, *ref = to->ref;
    unsigned next = to->above;
    uint32_t tags = 0;
    uint64_t any = 0;
    for (unsigned i = 0; i < PE_WORD_LINE_WORDS; ++i)
        any |= pe_load64(line + 8 * i);
    if (!any)
        return false;
    for (unsigned i = 0; i < PE_WORD_LINE_WORDS; ++i) {
        uint64_t const word = pe_load64(line + 8 * i);
        unsigned const slot = pe_word_slot(word), seen = to->seen[slot];
        unsigned const back = first + i - seen - 1; /* before itself: huge */
        to->seen[slot] = (uint16_t)(first + i);
        unsigned const referred = ref_key[bytes_of(word ^ pe_load64(page + 8 * seen))]
                                | (0u - (unsigned)(back >= PE_WORD_FARTHEST));
        unsigned key = less(zero_key[bytes_of(word)],
                            above_key[bytes_of(word ^ pe_load64(above + 8 * i))]);
        key = less(key, referred);
        unsigned const kind = key & 15;
        next = kind == PE_WORD_REF ? back + 1 : next;
        pe_store64(literal - 8, word >> shift[kind] << ((64 - 8 * size[kind]) & 63));
        literal -= size[kind]; /* what was written below is written again */
        *ref = (uint8_t)back;
        ref += refers[kind];
        tags |= (uint32_t)kind << (4 * i);
    }
    pe_store32(to->tag, tags);
    to->tag += PE_WORD_LINE_TAGS;
    to->literal = literal;
    to->ref = ref;
    to->above = pe_word_above(next);
    return true;
}

PE_INLINE void get_line(pe_word_reader *from, uint8_t *page, unsigned n)
{
    uint8_t *line = page + PE_WORD_LINE_BYTES * n;
    const uint8_t *above = pe_word_line_above(page, n, from->above), *literal = from->literal;
    uint32_t const tags = pe_load32(from->tag);
    unsigned refs = 0;
    for (unsigned i = 0; i < PE_WORD_LINE_WORDS; ++i) {
        unsigned const kind = tags >> (4 * i) & 15;
        refs |= (unsigned)refers[kind] << i;
        uint64_t const found = pe_load64(literal - 8) >> unused[kind];
        literal -= size[kind];
        uint64_t const other = pe_load64(above + 8 * i) & pe_word_kept[kind];
        pe_store64(line + 8 * i, other | (found & pe_word_taken[kind]));
    }
    from->literal = literal;
    pe_word_get_references(from, page, n, refs);
    from->tag += PE_WORD_LINE_TAGS;
}

PE_INLINE size_t sum_of(const uint8_t *tags, size_t n)
{
    size_t sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += size_of_two[tags[i]];
    return sum;
}

size_t pe_word_plain_compress(const uint8_t *page, uint8_t *out, size_t max)
{
    return pe_word_compress_by(put_line, page, out, max);
}

bool pe_word_plain_decompress(const uint8_t *in, size_t length, uint8_t *page)
{
    return pe_word_decompress_by(get_line, sum_of, in, length, page);
}

/* The first byte of the work memory keeps what the processor answered. */
enum { UNKNOWN, PLAIN, WIDE };

static bool is_wide(uint8_t *answer)
{
    if (PE_UNLIKELY(*answer == UNKNOWN))
        *answer = pe_word_wide_works() ? WIDE : PLAIN;
    return *answer == WIDE;
}

static size_t compress(const pe_codec *self, const uint8_t *page, uint8_t *out, size_t max,
                       void *work)
{
    (void)self;
    return is_wide(work) ? pe_word_wide_compress(page, out, max)
                         : pe_word_plain_compress(page, out, max);
}

static bool decompress(const pe_codec *self, const uint8_t *in, size_t length, uint8_t *page,
                       void *work)
{
    (void)self;
    return is_wide(work) ? pe_word_wide_decompress(in, length, page)
                         : pe_word_plain_decompress(in, length, page);
}

const pe_codec pe_codec_word = {
    "word",     "64-bit word patterns: zeros, repeats, pointers, records, small integers",
    1,          compress,
    decompress, {NULL}};
