/* The word-pattern codec: a page is 512 words of 64 bits, and words in memory are zero, repeat, or
   differ from a recent one in their low bits only (pointers into one region, small integers). Each
   word is one of four kinds:

     zero      nothing is stored
     same      equal to the word `back` words before it (1 to 256): one byte, back - 1
     upper     its upper 48 bits are those of the word `back` words before: back - 1, and its low 16
     new       stored whole

   Two planes of 512 bits, one bit per word, say which: bit set in plane A: same or new; in plane B:
   upper or new. A blob, all little-endian:

     plane A (64 bytes) | plane B (64) | low bits (2 each) | new words (8 each) | backs (1 each)

   each stream in the order of the words; their lengths follow from the planes.

   The compressor finds the recent word by a table over the upper 48 bits that holds the position
   last seen. There is no branch per word but one on zero: pages mix kinds at random, a mispredicted
   branch costs as much as four words, so every stream is written at every word and only its pointer
   moves or does not. The planes of a group of 64 words are made first, and new words and low bits
   are then gathered by walking the bits of a plane. It gives up after the first group with which
   what is written cannot fit any more: the streams only grow.

   The decompressor checks the length against the planes before it writes anything, and a distance
   beyond the start of the page reads word 0, so no input leads it beyond either buffer. New words
   are put in place first; what refers back is then filled in order, and finds its source ready.
   For the sake of speed two low bytes are read for every word that refers back, `same` ones too:
   where the low bits end, new words or backs follow, so that this stays within the blob, but for a
   blob of one `same` word and nothing else, which no page gives, and which is refused. */
#include "../pe_bits.h"
#include "../pe_bytes.h"
#include "pe_codec.h"

#include <string.h>

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#define PE_WORD_SSE2 1
#endif

#define WORDS (PE_PAGE_BYTES / 8)
#define GROUP 64u /* words of one plane word */
#define GROUPS (WORDS / GROUP)
#define PLANE_BYTES (WORDS / 8)
#define LOW_BYTES 2u
#define LOW_MASK UINT64_C(0xffff)
#define TABLE_BITS 9u
#define FARTHEST 256u

extern const pe_codec pe_codec_word;

/* The streams while they are written; eight bytes of slack, since stores are made ahead. */
typedef struct streams {
    uint8_t fresh[PE_PAGE_BYTES + 8], low[LOW_BYTES * WORDS + 8], back[WORDS + 8];
    uint8_t *next_fresh, *next_low, *next_back;
} streams;

static unsigned slot_of(uint64_t word)
{
    return (unsigned)((word >> (8 * LOW_BYTES)) * UINT64_C(0x9e3779b97f4a7c15) >>
                      (64 - TABLE_BITS));
}

/* One bit per word of a group: is it other than zero? */
static uint64_t nonzero_words(const uint8_t *group)
{
#ifdef PE_WORD_SSE2
    uint64_t zero = 0;
    for (unsigned k = 0; k < 4; ++k) {
        __m128i is_zero[4];
        for (unsigned i = 0; i < 4; ++i) {
            const uint8_t *at = group + 128 * k + 32 * i;
            __m128 const a = _mm_castsi128_ps(_mm_loadu_si128((const __m128i *)(const void *)at));
            __m128 const b =
                _mm_castsi128_ps(_mm_loadu_si128((const __m128i *)(const void *)(at + 16)));
            __m128i const halves = _mm_or_si128(_mm_castps_si128(_mm_shuffle_ps(a, b, 0x88)),
                                                _mm_castps_si128(_mm_shuffle_ps(a, b, 0xdd)));
            is_zero[i] = _mm_cmpeq_epi32(halves, _mm_setzero_si128());
        }
        __m128i const bytes = _mm_packs_epi16(_mm_packs_epi32(is_zero[0], is_zero[1]),
                                              _mm_packs_epi32(is_zero[2], is_zero[3]));
        zero |= (uint64_t)(unsigned)_mm_movemask_epi8(bytes) << (16 * k);
    }
    return ~zero;
#else
    uint64_t found = 0;
    for (unsigned i = 0; i < GROUP; i += 8) {
        unsigned eight = 0;
        for (unsigned k = 0; k < 8; ++k)
            eight |= (unsigned)(pe_load64(group + 8 * (i + k)) != 0) << k;
        found |= (uint64_t)eight << i;
    }
    return found;
#endif
}

/* The kinds of the words of one group; the streams grow. */
static void compress_group(const uint8_t *page, unsigned first, uint16_t *table, streams *to,
                           uint64_t *plane_a, uint64_t *plane_b)
{
    const uint8_t *group = page + 8 * first;
    uint64_t const nonzero = nonzero_words(group);
    uint64_t known = 0, equal = 0;
    uint8_t *back = to->next_back;
    for (uint64_t left = nonzero; left; left &= left - 1) {
        unsigned const i = pe_bits_lowest(left);
        uint64_t const word = pe_load64(group + 8 * i);
        unsigned const slot = slot_of(word);
        uint64_t const before = table[slot];
        table[slot] = (uint16_t)(first + i);
        uint64_t const distance = first + i - before - 1; /* before itself: huge, so not known */
        uint64_t const differs = pe_load64(page + 8 * before) ^ word;
        uint64_t const is_known = (distance / FARTHEST | differs >> (8 * LOW_BYTES)) == 0;
        *back = (uint8_t)distance;
        back += is_known;
        known |= is_known << i;
        equal |= (uint64_t)(differs == 0) << i;
    }
    to->next_back = back;
    uint64_t const same = known & equal, upper = known & ~equal;
    for (uint64_t left = upper; left; left &= left - 1, to->next_low += LOW_BYTES)
        memcpy(to->next_low, group + 8 * pe_bits_lowest(left), LOW_BYTES);
    for (uint64_t left = nonzero & ~known; left; left &= left - 1, to->next_fresh += 8)
        memcpy(to->next_fresh, group + 8 * pe_bits_lowest(left), 8);
    *plane_a = nonzero & ~upper;
    *plane_b = nonzero & ~same;
}

static uint8_t *append(uint8_t *out, const uint8_t *stream, const uint8_t *end)
{
    memcpy(out, stream, (size_t)(end - stream));
    return out + (end - stream);
}

static size_t compress(const pe_codec *self, const uint8_t *page, uint8_t *out, size_t max,
                       void *work)
{
    uint16_t table[1u << TABLE_BITS] = {0};
    uint8_t planes[2 * PLANE_BYTES];
    streams to;
    (void)self, (void)work;
    to.next_fresh = to.fresh, to.next_low = to.low, to.next_back = to.back;
    for (unsigned g = 0; g < GROUPS; ++g) {
        uint64_t a, b;
        compress_group(page, GROUP * g, table, &to, &a, &b);
        pe_store64(planes + 8 * g, a);
        pe_store64(planes + PLANE_BYTES + 8 * g, b);
        size_t const length = 2 * PLANE_BYTES + (size_t)(to.next_fresh - to.fresh) +
                              (size_t)(to.next_low - to.low) + (size_t)(to.next_back - to.back);
        if (length > max)
            return 0;
    }
    uint8_t *end = append(out, planes, planes + 2 * PLANE_BYTES);
    end = append(end, to.low, to.next_low);
    end = append(end, to.fresh, to.next_fresh);
    end = append(end, to.back, to.next_back);
    return (size_t)(end - out);
}

/* Bits set in every byte, as a byte each. */
static uint64_t bits_per_byte(uint64_t x)
{
    x -= x >> 1 & UINT64_C(0x5555555555555555);
    x = (x & UINT64_C(0x3333333333333333)) + (x >> 2 & UINT64_C(0x3333333333333333));
    return (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
}

static size_t sum_of_bytes(uint64_t x)
{
    x = (x & UINT64_C(0x00ff00ff00ff00ff)) + (x >> 8 & UINT64_C(0x00ff00ff00ff00ff));
    return (size_t)(x * UINT64_C(0x0001000100010001) >> 48);
}

/* How many words are new, and how many are upper or same and upper, by the planes of a blob. */
static void count_kinds(const uint8_t *in, size_t *fresh, size_t *upper, size_t *known)
{
    uint64_t n_fresh = 0, n_upper = 0, n_known = 0; /* eight sums of at most 64 each */
    for (unsigned g = 0; g < GROUPS; ++g) {
        uint64_t const a = pe_load64(in + 8 * g), b = pe_load64(in + PLANE_BYTES + 8 * g);
        n_fresh += bits_per_byte(a & b);
        n_upper += bits_per_byte(b & ~a);
        n_known += bits_per_byte(a ^ b);
    }
    *fresh = sum_of_bytes(n_fresh);
    *upper = sum_of_bytes(n_upper);
    *known = sum_of_bytes(n_known);
}

static bool decompress(const pe_codec *self, const uint8_t *in, size_t length, uint8_t *page,
                       void *work)
{
    size_t n_fresh, n_upper, n_known;
    (void)self, (void)work;
    if (length < 2 * PLANE_BYTES)
        return false;
    count_kinds(in, &n_fresh, &n_upper, &n_known);
    if (length != 2 * PLANE_BYTES + 8 * n_fresh + LOW_BYTES * n_upper + n_known)
        return false;
    if (n_fresh == 0 && n_upper == 0 && n_known != 0)
        return false;
    const uint8_t *low = in + 2 * PLANE_BYTES, *fresh = low + LOW_BYTES * n_upper;
    const uint8_t *back = fresh + 8 * n_fresh;
    memset(page, 0, PE_PAGE_BYTES);
    for (unsigned g = 0; g < GROUPS; ++g) {
        uint64_t left = pe_load64(in + 8 * g) & pe_load64(in + PLANE_BYTES + 8 * g);
        for (; left; left &= left - 1, fresh += 8)
            memcpy(page + 8 * (GROUP * g + pe_bits_lowest(left)), fresh, 8);
    }
    for (unsigned g = 0; g < GROUPS; ++g) {
        uint64_t const b = pe_load64(in + PLANE_BYTES + 8 * g);
        for (uint64_t left = pe_load64(in + 8 * g) ^ b; left; left &= left - 1) {
            unsigned const i = pe_bits_lowest(left), at = GROUP * g + i, distance = *back + 1u;
            uint64_t const is_upper = b >> i & 1, changed = LOW_MASK & (0 - is_upper);
            uint64_t const base = pe_load64(page + 8 * (distance <= at ? at - distance : 0));
            uint64_t const bits = pe_load16(low);
            pe_store64(page + 8 * at, (base & ~changed) | (bits & changed));
            low += LOW_BYTES * is_upper;
            back += 1;
        }
    }
    return true;
}

const pe_codec pe_codec_word = {
    "word", "64-bit word patterns: zeros, repeats, pointers, small integers", 0, compress,
    decompress, {NULL}};
