/* The word codec with 16 bytes at a time, for processors with SSE4.1: pe_codec_word.c says what a
   blob is, and this makes the same ones.

   Compressing: comparing bytes gives a bit per equal byte, a line's eight words at once. The keys
   of eight words are then looked up with one shuffle per half of a number of eight bits, and their
   least taken with two instructions. Only the words referred to are fetched one by one. Two words'
   literals are gathered by a shuffle that their byte of tags selects.

   Restoring: the other way round, a byte of tags selects a shuffle that spreads the literals of two
   words, and a mask of what is kept of the line above. The line above is loaded in halves of 16
   bytes: words in it may just have been put right one by one, and a load that spans two stores
   waits for both.

   A load of literals may begin up to 16 bytes before the last of them. The mask and the tags of two
   lines lie there; a blob with one line or none is copied first. */
#include "pe_codec_word_loops.h"

#include "../pe_cpu.h"

#if PE_CPU_X86

#include <smmintrin.h>

#define TARGET PE_CPU_TARGET("sse4.1")
#define NOTHING 0x80 /* of a shuffle: the byte becomes zero */

/* Of a byte of tags: its two kinds, the size of what they store. */
#define A(tag) ((tag) & 15)
#define B(tag) ((tag) >> 4)
#define SIZES(tag) (PE_WORD_SIZE(A(tag)) + PE_WORD_SIZE(B(tag)))
#define REFERRING(tag) (PE_WORD_REFERS(A(tag)) | PE_WORD_REFERS(B(tag)) << 1)

/* Where byte i of a word comes from in literals that end at byte `end` of 16. */
#define SPREAD_WORD(kind, end, i) \
    ((i) >= PE_WORD_FIRST(kind) && (i) < PE_WORD_FIRST(kind) + PE_WORD_SIZE(kind) \
         ? (end) - PE_WORD_SIZE(kind) + (i) - PE_WORD_FIRST(kind) \
         : NOTHING)
#define SPREAD(tag, i) \
    (uint8_t)((i) < 8 ? SPREAD_WORD(A(tag), 16, i) \
                      : SPREAD_WORD(B(tag), 16 - PE_WORD_SIZE(A(tag)), (i) - 8))
/* What is kept of byte i of the line above. */
#define KEEP_WORD(kind, i) (PE_WORD_KEEPS(kind) && SPREAD_WORD(kind, 16, i) == NOTHING ? 0xff : 0)
#define KEEP(tag, i) (uint8_t)((i) < 8 ? KEEP_WORD(A(tag), i) : KEEP_WORD(B(tag), (i) - 8))
/* Where byte i of 16 that end with the literals of two words comes from in the words. */
#define GATHER(tag, i) \
    (uint8_t)((i) >= 16 - PE_WORD_SIZE(A(tag)) \
                  ? PE_WORD_FIRST(A(tag)) + (i) - (16 - PE_WORD_SIZE(A(tag))) \
              : (i) >= 16 - SIZES(tag) ? 8 + PE_WORD_FIRST(B(tag)) + (i) - (16 - SIZES(tag)) \
                                       : NOTHING)
#define ROW(of, tag) \
    {of(tag, 0),  of(tag, 1),  of(tag, 2),  of(tag, 3), of(tag, 4),  of(tag, 5), \
     of(tag, 6),  of(tag, 7),  of(tag, 8),  of(tag, 9), of(tag, 10), of(tag, 11), \
     of(tag, 12), of(tag, 13), of(tag, 14), of(tag, 15)}
#define SPREAD_ROW(tag) ROW(SPREAD, tag)
#define KEEP_ROW(tag) ROW(KEEP, tag)
#define GATHER_ROW(tag) ROW(GATHER, tag)

static const uint8_t spread[256][16] = {PE_WORD_256(SPREAD_ROW)};
static const uint8_t keep[256][16] = {PE_WORD_256(KEEP_ROW)};
static const uint8_t gather[256][16] = {PE_WORD_256(GATHER_ROW)};
static const uint8_t literals_of[256] = {PE_WORD_256(SIZES)};
static const uint8_t referring[256] = {PE_WORD_256(REFERRING)};

/* Keys by the lower half of the bits of a word's differing bytes, where the upper is clear. */
#define LOW_KEY(bytes, none, one, two, four) \
    PE_WORD_KEY((bytes) == 0 ? none : (bytes) < 2 ? one : (bytes) < 4 ? two : four)
#define ZERO_KEY(i) LOW_KEY(i, PE_WORD_ZERO, PE_WORD_LOW2, PE_WORD_LOW2, PE_WORD_LOW4)
#define ABOVE_KEY(i) LOW_KEY(i, PE_WORD_AGAIN, PE_WORD_AGAIN1, PE_WORD_AGAIN2, PE_WORD_AGAIN4)
#define REF_KEY(i) LOW_KEY(i, PE_WORD_REF, PE_WORD_REF1, PE_WORD_REF2, PE_WORD_REF4)
/* And by the upper half, where both have bits. */
#define LONG_KEY(i) PE_WORD_KEY((i) < 4 ? PE_WORD_LOW6 : PE_WORD_WHOLE)
#define NO_KEY(i) PE_WORD_NO_KEY
#define BYTES_STORED(kind) (PE_WORD_SIZE(kind) + PE_WORD_REFERS(kind))

static const uint8_t zero_keys[16] = {PE_WORD_16(ZERO_KEY, 0)};
static const uint8_t above_keys[16] = {PE_WORD_16(ABOVE_KEY, 0)};
static const uint8_t ref_keys[16] = {PE_WORD_16(REF_KEY, 0)};
static const uint8_t long_keys[16] = {PE_WORD_16(LONG_KEY, 0)};
static const uint8_t no_keys[16] = {PE_WORD_16(NO_KEY, 0)};
static const uint8_t stored_by[16] = {PE_WORD_16(BYTES_STORED, 0)};

TARGET static inline __m128i load(const void *at)
{
    return _mm_loadu_si128(at);
}

/* 16 bytes by two loads of eight. */
TARGET static inline __m128i load_halves(const uint8_t *low, const uint8_t *high)
{
    __m128i const half = _mm_loadl_epi64((const __m128i *)(const void *)low);
    return _mm_castps_si128(
        _mm_loadh_pi(_mm_castsi128_ps(half), (const __m64 *)(const void *)high));
}

/* A bit for every byte of the line that differs. */
TARGET static inline uint64_t differing(const __m128i line[4], const __m128i other[4])
{
    uint64_t same = 0;
    for (unsigned i = 0; i < 4; ++i) {
        int const here = _mm_movemask_epi8(_mm_cmpeq_epi8(line[i], other[i]));
        same |= (uint64_t)(unsigned)here << (16 * i);
    }
    return ~same;
}

/* Keys of the eight words of a line: by the lower half where the upper is clear, `high` where only
   the upper has bits, else by the upper. */
TARGET static inline __m128i keys_of(uint64_t bytes, const uint8_t *by_low, int high,
                                     const uint8_t *by_high)
{
    __m128i const all = _mm_cvtsi64_si128((long long)bytes), half = _mm_set1_epi8(15);
    __m128i const low = _mm_and_si128(all, half);
    __m128i const upper = _mm_and_si128(_mm_srli_epi16(all, 4), half);
    __m128i const no_low = _mm_cmpeq_epi8(low, _mm_setzero_si128());
    __m128i const no_upper = _mm_cmpeq_epi8(upper, _mm_setzero_si128());
    __m128i const both = _mm_shuffle_epi8(load(by_high), upper);
    __m128i const only = _mm_blendv_epi8(both, _mm_set1_epi8((char)high), no_low);
    return _mm_blendv_epi8(only, _mm_shuffle_epi8(load(by_low), low), no_upper);
}

/* The words seen last with the hashes of a line's words, and how far back they are: *backs has a
   byte each, those too far away are marked in *far. */
TARGET static inline void look_up(pe_word_writer *to, const uint8_t *page, unsigned n,
                                  __m128i others[4], __m128i *backs, __m128i *far)
{
    unsigned const first = PE_WORD_LINE_WORDS * n;
    const uint8_t *at[PE_WORD_LINE_WORDS];
    uint64_t seen[2] = {0, 0};
    for (unsigned i = 0; i < PE_WORD_LINE_WORDS; ++i) {
        unsigned const slot = pe_word_slot(pe_load64(page + 8 * (first + i)));
        uint64_t const last = to->seen[slot];
        to->seen[slot] = (uint16_t)(first + i);
        seen[i / 4] |= last << 16 * (i % 4);
        at[i] = page + 8 * last;
    }
    for (unsigned i = 0; i < 4; ++i)
        others[i] = load_halves(at[2 * i], at[2 * i + 1]);
    __m128i const zero = _mm_setzero_si128();
    __m128i const both = _mm_unpacklo_epi64(_mm_cvtsi64_si128((long long)seen[0]),
                                            _mm_cvtsi64_si128((long long)seen[1]));
    __m128i const here = _mm_add_epi16(_mm_set1_epi16((short)first),
                                       _mm_setr_epi16(-1, 0, 1, 2, 3, 4, 5, 6));
    __m128i const back = _mm_sub_epi16(here, both);
    __m128i const near = _mm_cmpeq_epi16(_mm_srli_epi16(back, 8), zero);
    *far = _mm_xor_si128(_mm_packs_epi16(near, zero), _mm_set1_epi8(-1));
    *backs = _mm_packus_epi16(_mm_and_si128(back, _mm_set1_epi16(255)), zero);
}

/* References of the words that refer; the last equal one says where the next line looks. */
TARGET static inline void put_references(pe_word_writer *to, uint32_t tags, __m128i kinds,
                                         __m128i backs)
{
    unsigned const refs = referring[tags & 255] | (unsigned)referring[tags >> 8 & 255] << 2
                        | (unsigned)referring[tags >> 16 & 255] << 4
                        | (unsigned)referring[tags >> 24] << 6;
    uint64_t const each = (uint64_t)_mm_cvtsi128_si64(backs);
    uint8_t *ref = to->ref;
    for (unsigned i = 0; i < PE_WORD_LINE_WORDS; ++i) {
        *ref = (uint8_t)(each >> (8 * i));
        ref += refs >> i & 1;
    }
    to->ref = ref;
    unsigned const equal = 255u
                         & (unsigned)_mm_movemask_epi8(
                               _mm_cmpeq_epi8(kinds, _mm_set1_epi8(PE_WORD_REF)));
    if (equal)
        to->above = pe_word_above((each >> (8 * pe_bits_highest(equal)) & 255) + 1u);
}

TARGET PE_INLINE bool put_line(pe_word_writer *to, const uint8_t *page, unsigned n)
{
    const uint8_t *at = page + PE_WORD_LINE_BYTES * n;
    __m128i const zero = _mm_setzero_si128(), zeros[4] = {zero, zero, zero, zero};
    __m128i const line[4] = {load(at), load(at + 16), load(at + 32), load(at + 48)};
    uint64_t const set = differing(line, zeros);
    if (!set)
        return false;
    const uint8_t *up = pe_word_line_above(page, n, to->above);
    __m128i const above[4] = {load(up), load(up + 16), load(up + 32), load(up + 48)};
    __m128i others[4], backs, far;
    look_up(to, page, n, others, &backs, &far);
    __m128i const refs = keys_of(differing(line, others), ref_keys, PE_WORD_KEY(PE_WORD_REF_HIGH),
                                 no_keys);
    __m128i const again = keys_of(differing(line, above), above_keys,
                                  PE_WORD_KEY(PE_WORD_AGAIN_HIGH), no_keys);
    __m128i const from_zero = keys_of(set, zero_keys, PE_WORD_KEY(PE_WORD_HIGH), long_keys);
    __m128i const least = _mm_min_epu8(_mm_min_epu8(from_zero, again), _mm_or_si128(refs, far));
    __m128i const kinds = _mm_and_si128(least, _mm_set1_epi8(15));
    __m128i const pairs = _mm_maddubs_epi16(kinds, _mm_set1_epi16(0x1001)); /* low | high << 4 */
    uint32_t const tags = (uint32_t)_mm_cvtsi128_si32(_mm_packus_epi16(pairs, zero));
    memcpy(to->tag, &tags, sizeof tags);
    to->tag += PE_WORD_LINE_TAGS;
    uint8_t *literal = to->literal;
    for (unsigned i = 0; i < 4; ++i) {
        unsigned const tag = tags >> (8 * i) & 255;
        _mm_storeu_si128((__m128i *)(void *)(literal - 16),
                         _mm_shuffle_epi8(line[i], load(gather[tag])));
        literal -= literals_of[tag];
    }
    to->literal = literal;
    put_references(to, tags, kinds, backs);
    return true;
}

TARGET PE_INLINE void get_line(pe_word_reader *from, uint8_t *page, unsigned n)
{
    uint8_t *line = page + PE_WORD_LINE_BYTES * n;
    const uint8_t *above = pe_word_line_above(page, n, from->above);
    const uint8_t *literal = from->literal;
    unsigned refs = 0;
    for (unsigned i = 0; i < 4; ++i) {
        unsigned const tag = from->tag[i];
        __m128i const stored = _mm_shuffle_epi8(load(literal - 16), load(spread[tag]));
        __m128i const other = load_halves(above + 16 * i, above + 16 * i + 8);
        __m128i const whole = _mm_or_si128(stored, _mm_and_si128(other, load(keep[tag])));
        _mm_storeu_si128((__m128i *)(void *)(line + 16 * i), whole);
        literal -= literals_of[tag];
        refs |= (unsigned)referring[tag] << (2 * i);
    }
    from->literal = literal;
    pe_word_get_references(from, page, n, refs);
    from->tag += PE_WORD_LINE_TAGS;
}

TARGET PE_INLINE size_t sum_of(const uint8_t *tags, size_t n)
{
    __m128i const half = _mm_set1_epi8(15), zero = _mm_setzero_si128(), table = load(stored_by);
    __m128i sums = zero;
    size_t i = 0, rest = 0;
    for (; i + 16 <= n; i += 16) {
        __m128i const here = load(tags + i);
        __m128i const a = _mm_shuffle_epi8(table, _mm_and_si128(here, half));
        __m128i const b = _mm_shuffle_epi8(table, _mm_and_si128(_mm_srli_epi16(here, 4), half));
        sums = _mm_add_epi64(sums, _mm_sad_epu8(_mm_add_epi8(a, b), zero));
    }
    for (; i < n; ++i)
        rest += stored_by[tags[i] & 15] + (size_t)stored_by[tags[i] >> 4];
    return rest + (size_t)_mm_cvtsi128_si64(sums)
         + (size_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(sums, sums));
}

TARGET size_t pe_word_wide_compress(const uint8_t *page, uint8_t *out, size_t max)
{
    return pe_word_compress_by(put_line, page, out, max);
}

TARGET bool pe_word_wide_decompress(const uint8_t *in, size_t length, uint8_t *page)
{
    uint8_t copy[16 + PE_WORD_MASK_BYTES + PE_WORD_LINE_TAGS + 2 * PE_WORD_LINE_BYTES];
    if (length <= sizeof copy - 16) { /* one line, perhaps */
        memcpy(copy + 16, in, length);
        in = copy + 16;
    }
    return pe_word_decompress_by(get_line, sum_of, in, length, page);
}

bool pe_word_wide_works(void)
{
    return (pe_cpu_features() & PE_CPU_SSE41) != 0;
}

#else

size_t pe_word_wide_compress(const uint8_t *page, uint8_t *out, size_t max)
{
    return pe_word_plain_compress(page, out, max);
}

bool pe_word_wide_decompress(const uint8_t *in, size_t length, uint8_t *page)
{
    return pe_word_plain_decompress(in, length, page);
}

bool pe_word_wide_works(void)
{
    return false;
}

#endif
