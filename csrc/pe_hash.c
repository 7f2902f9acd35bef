/* Page content as numbers.

   The page is 64 stripes of 64 bytes; a stripe is 8 words of 64 bits, read little-endian. Word i of
   stripe s meets key word k = 2s + i, and each 32-bit half is added to the key's half (no carry
   between halves). Two products per word go to two rows of accumulators:

       word  i   of stripe s      lo | hi          t = word + key, in halves
       word  i^1 of stripe s      lo'| hi'

       near[i] += lo * hi         far[i] += lo * hi'          (64-bit sums over all 64 stripes)

   H1  Every half takes part in exactly two products, with two different partners. If two pages
       differ in a half, both sums must collide: with random keys each does so with chance 2^-32 at
       most, and independently, because the partners' keys are different ones (the NH argument,
       twice). So the 16 sums of two pages are equal with chance 2^-64 at most.
   H2  Two words of one pair of columns never share a key: k moves by a whole pair (2) per stripe.
       A table of 134 words is enough for 512 positions; columns reuse each other's keys, shifted.
   H3  Each sum then goes through a bijection of its own; their total goes through pe_mix64. A
       difference in one sum alone can not vanish.
   H4  All steps are exact integer arithmetic on little-endian words: every variant below gives the
       same number. They are equal by test, too.

   Keys are ((constant word) ^ a) * b, where a and odd b are drawn from the salt: one multiplication
   per key, 80 ns for all of them, and pe_hash_key keeps them. This is no cryptographic hash: who
   knows the salt can build collisions. They cost a comparison, no more, since equality is always
   confirmed.

   Why products of halves and not the 64x64 multiplications that fit scalar code: SSE2, AVX2,
   AVX-512 and NEON all have 32x32->64, so the same function runs near the speed of memory
   everywhere. Chains of multiplications (state = state * word) are bound by latency; sums are not.
   A plain checksum beside one product (instead of the second product) is blind to words that
   change places.

   Reading from memory: the hardware prefetcher stops at page borders, so while one page is hashed,
   the next one's lines are asked for at the same pace. */
#include "pe_hash.h"

#include <string.h>

#include "pe_cpu.h"
#include "pe_hash_words.h"
#include "pe_rng.h"

#if PE_CPU_X86
#include <immintrin.h>
#endif

#if !PE_CPU_X86 && defined(__aarch64__) && defined(__ARM_NEON) && !defined(__AARCH64EB__)
#define HASH_NEON 1
#include <arm_neon.h>
#else
#define HASH_NEON 0
#endif

#if PE_CPU_X86
#define HASH_BASELINE PE_HASH_SSE2
#elif HASH_NEON
#define HASH_BASELINE PE_HASH_NEON
#else
#define HASH_BASELINE PE_HASH_PORTABLE
#endif

enum { STRIPES = 64, STRIPE_BYTES = 64, LANES = 8, SUMS = 16, FINAL_KEYS = 134 };

/* How far a single page is fetched ahead of its reading. */
enum { AHEAD = 1024 };

static inline uint64_t load_word(const uint8_t *p)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    uint64_t word = 0;
    for (int i = 7; i >= 0; i--) {
        word = word << 8 | p[i];
    }
    return word;
#else
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
#endif
}

static inline uint64_t add_halves(uint64_t x, uint64_t y)
{
    uint64_t high = (x & UINT64_C(0xffffffff00000000)) + (y & UINT64_C(0xffffffff00000000));
    return high | (uint32_t)(x + y);
}

/* The kernels: sums of one page into sums[0..7] (near) and sums[8..15] (far). `next` is fetched
   ahead, line by line; it need not be a page that exists as long as it is an address. */
static void sum_portable(const uint8_t *page, const uint8_t *next, const uint64_t *keys,
                         uint64_t *sums)
{
    uint64_t near[LANES] = {0};
    uint64_t far[LANES] = {0};
    for (int s = 0; s < STRIPES; s++) {
        PE_PREFETCH(next + s * STRIPE_BYTES);
        uint64_t t[LANES];
        for (int i = 0; i < LANES; i++) {
            t[i] = add_halves(load_word(page + s * STRIPE_BYTES + i * 8), keys[2 * s + i]);
        }
        for (int i = 0; i < LANES; i++) {
            near[i] += (t[i] & UINT32_MAX) * (t[i] >> 32);
            far[i] += (t[i] & UINT32_MAX) * (t[i ^ 1] >> 32);
        }
    }
    memcpy(sums, near, sizeof near);
    memcpy(sums + LANES, far, sizeof far);
}

#if PE_CPU_X86

/* In each 128-bit pair of words: the high halves brought low, straight and crossed. */
#define HIGH_STRAIGHT _MM_SHUFFLE(3, 3, 1, 1)
#define HIGH_CROSSED _MM_SHUFFLE(1, 1, 3, 3)

static void sum_sse2(const uint8_t *page, const uint8_t *next, const uint64_t *keys, uint64_t *sums)
{
    __m128i near[4];
    __m128i far[4];
    for (int i = 0; i < 4; i++) {
        near[i] = far[i] = _mm_setzero_si128();
    }
    for (int s = 0; s < STRIPES; s++) {
        PE_PREFETCH(next + s * STRIPE_BYTES);
        for (int i = 0; i < 4; i++) {
            __m128i word = _mm_loadu_si128((const __m128i *)(page + s * STRIPE_BYTES + i * 16));
            __m128i key = _mm_loadu_si128((const __m128i *)(keys + 2 * s + 2 * i));
            __m128i t = _mm_add_epi32(word, key);
            near[i] = _mm_add_epi64(near[i], _mm_mul_epu32(t, _mm_shuffle_epi32(t, HIGH_STRAIGHT)));
            far[i] = _mm_add_epi64(far[i], _mm_mul_epu32(t, _mm_shuffle_epi32(t, HIGH_CROSSED)));
        }
    }
    for (int i = 0; i < 4; i++) {
        _mm_storeu_si128((__m128i *)(sums + 2 * i), near[i]);
        _mm_storeu_si128((__m128i *)(sums + LANES + 2 * i), far[i]);
    }
}

PE_CPU_TARGET("avx2")
static void sum_avx2(const uint8_t *page, const uint8_t *next, const uint64_t *keys, uint64_t *sums)
{
    __m256i near[2];
    __m256i far[2];
    for (int i = 0; i < 2; i++) {
        near[i] = far[i] = _mm256_setzero_si256();
    }
    for (int s = 0; s < STRIPES; s++) {
        PE_PREFETCH(next + s * STRIPE_BYTES);
        for (int i = 0; i < 2; i++) {
            const uint8_t *place = page + s * STRIPE_BYTES + i * 32;
            __m256i word = _mm256_loadu_si256((const __m256i *)place);
            __m256i key = _mm256_loadu_si256((const __m256i *)(keys + 2 * s + 4 * i));
            __m256i t = _mm256_add_epi32(word, key);
            __m256i straight = _mm256_shuffle_epi32(t, HIGH_STRAIGHT);
            __m256i crossed = _mm256_shuffle_epi32(t, HIGH_CROSSED);
            near[i] = _mm256_add_epi64(near[i], _mm256_mul_epu32(t, straight));
            far[i] = _mm256_add_epi64(far[i], _mm256_mul_epu32(t, crossed));
        }
    }
    for (int i = 0; i < 2; i++) {
        _mm256_storeu_si256((__m256i *)(sums + 4 * i), near[i]);
        _mm256_storeu_si256((__m256i *)(sums + LANES + 4 * i), far[i]);
    }
}

/* Two stripes at a time, so that four sums are in flight. */
PE_CPU_TARGET("avx512f")
static void sum_avx512(const uint8_t *page, const uint8_t *next, const uint64_t *keys,
                       uint64_t *sums)
{
    __m512i near[2];
    __m512i far[2];
    for (int i = 0; i < 2; i++) {
        near[i] = far[i] = _mm512_setzero_si512();
    }
    for (int s = 0; s < STRIPES; s += 2) {
        PE_PREFETCH(next + s * STRIPE_BYTES);
        PE_PREFETCH(next + (s + 1) * STRIPE_BYTES);
        for (int i = 0; i < 2; i++) {
            __m512i word = _mm512_loadu_si512(page + (s + i) * STRIPE_BYTES);
            __m512i t = _mm512_add_epi32(word, _mm512_loadu_si512(keys + 2 * (s + i)));
            __m512i straight = _mm512_srli_epi64(t, 32);
            __m512i crossed = _mm512_shuffle_epi32(t, (_MM_PERM_ENUM)HIGH_CROSSED);
            near[i] = _mm512_add_epi64(near[i], _mm512_mul_epu32(t, straight));
            far[i] = _mm512_add_epi64(far[i], _mm512_mul_epu32(t, crossed));
        }
    }
    _mm512_storeu_si512(sums, _mm512_add_epi64(near[0], near[1]));
    _mm512_storeu_si512(sums + LANES, _mm512_add_epi64(far[0], far[1]));
}

#elif HASH_NEON

static void sum_neon(const uint8_t *page, const uint8_t *next, const uint64_t *keys, uint64_t *sums)
{
    uint64x2_t near[4];
    uint64x2_t far[4];
    for (int i = 0; i < 4; i++) {
        near[i] = far[i] = vdupq_n_u64(0);
    }
    for (int s = 0; s < STRIPES; s++) {
        PE_PREFETCH(next + s * STRIPE_BYTES);
        for (int i = 0; i < 4; i++) {
            uint32x4_t word = vreinterpretq_u32_u8(vld1q_u8(page + s * STRIPE_BYTES + i * 16));
            uint32x4_t key = vreinterpretq_u32_u64(vld1q_u64(keys + 2 * s + 2 * i));
            uint64x2_t t = vreinterpretq_u64_u32(vaddq_u32(word, key));
            uint32x2_t low = vmovn_u64(t);
            uint32x2_t high = vshrn_n_u64(t, 32);
            near[i] = vmlal_u32(near[i], low, high);
            far[i] = vmlal_u32(far[i], low, vrev64_u32(high));
        }
    }
    for (int i = 0; i < 4; i++) {
        vst1q_u64(sums + 2 * i, near[i]);
        vst1q_u64(sums + LANES + 2 * i, far[i]);
    }
}

#endif

pe_hash_variant pe_hash_best(void)
{
    unsigned const features = pe_cpu_features();
    if (features & PE_CPU_AVX512) {
        return PE_HASH_AVX512;
    }
    return features & PE_CPU_AVX2 ? PE_HASH_AVX2 : HASH_BASELINE;
}

static void sum_page(pe_hash_variant variant, const uint8_t *page, const uint8_t *next,
                     const uint64_t *keys, uint64_t *sums)
{
#if PE_CPU_X86
    if (variant == PE_HASH_AVX512) {
        sum_avx512(page, next, keys, sums);
        return;
    }
    if (variant == PE_HASH_AVX2) {
        sum_avx2(page, next, keys, sums);
        return;
    }
    if (variant == PE_HASH_SSE2) {
        sum_sse2(page, next, keys, sums);
        return;
    }
#elif HASH_NEON
    if (variant == PE_HASH_NEON) {
        sum_neon(page, next, keys, sums);
        return;
    }
#endif
    pe_assert(variant == PE_HASH_PORTABLE);
    sum_portable(page, next, keys, sums);
}

static inline uint64_t join_sums(const uint64_t *sums, const uint64_t *keys)
{
    uint64_t total = 0;
    for (int i = 0; i < SUMS; i++) {
        uint64_t x = (sums[i] ^ keys[FINAL_KEYS + i]) * UINT64_C(0x9fb21c651e98df25);
        x ^= x >> 32;
        total += x * (keys[FINAL_KEYS + i] | 1);
    }
    return pe_mix64(total);
}

static void draw_keys(uint64_t *keys, uint64_t salt)
{
    uint64_t a = pe_mix64(salt + UINT64_C(0x9e3779b97f4a7c15));
    uint64_t b = pe_mix64(a ^ ~salt) | 1;
    for (int j = 0; j < PE_HASH_KEY_WORDS; j++) {
        keys[j] = (key_words[j] ^ a) * b;
    }
}

void pe_hash_key_init(pe_hash_key *self, uint64_t salt, pe_hash_variant variant)
{
    draw_keys(self->words, salt);
    self->variant = variant;
}

static inline void fetch_page(const uint8_t *page)
{
    for (int s = 0; s < STRIPES; s++) {
        PE_PREFETCH(page + s * STRIPE_BYTES);
    }
}

uint64_t pe_hash_page_keyed(const pe_hash_key *key, const void *page)
{
    uint64_t sums[SUMS];
    fetch_page(page);
    sum_page(key->variant, page, page, key->words, sums);
    return join_sums(sums, key->words);
}

void pe_hash_pages_keyed(const pe_hash_key *key, const uint8_t *const *pages, size_t n,
                         uint64_t *out)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t sums[SUMS];
        sum_page(key->variant, pages[i], pages[i + 1 < n ? i + 1 : i], key->words, sums);
        out[i] = join_sums(sums, key->words);
    }
}

void pe_hash_pages(const pe_hash_key *key, const void *pages, size_t stride, size_t n,
                   uint64_t *out)
{
    const uint8_t *page = pages;
    for (size_t i = 0; i < n; i++, page += stride) {
        uint64_t sums[SUMS];
        sum_page(key->variant, page, i + 1 < n ? page + stride : page, key->words, sums);
        out[i] = join_sums(sums, key->words);
    }
}

uint64_t pe_hash_token(uint64_t token, uint64_t salt)
{
    uint64_t a = pe_mix64(salt + UINT64_C(0x9e3779b97f4a7c15));
    uint64_t b = pe_mix64(a ^ ~salt) | 1;
    return pe_mix64((token ^ a) * b);
}

/* Is every word of bytes [0, bytes) equal to `word`? `bytes` is a multiple of 64. A plain loop that
   compilers turn into the widest registers of the baseline; it runs at the speed of memory. */
static inline bool all_words(const uint8_t *place, size_t bytes, uint64_t word)
{
    uint64_t differs = 0;
    for (size_t i = 0; i < bytes; i += 8) {
        uint64_t here;
        memcpy(&here, place + i, sizeof here);
        differs |= here ^ word;
    }
    return differs == 0;
}

static inline bool page_repeats(const uint8_t *page, const uint8_t *next, uint64_t word)
{
    /* Most pages that differ do so in their first line. */
    PE_PREFETCH(next);
    if (!all_words(page, STRIPE_BYTES, word)) {
        return false;
    }
    for (size_t at = 0; at < PE_PAGE_BYTES; at += 512) {
        for (size_t line = 0; line < 512; line += STRIPE_BYTES) {
            PE_PREFETCH(next + at + line);
        }
        if (!all_words(page + at, 512, word)) {
            return false;
        }
    }
    return true;
}

bool pe_page_is_zero(const void *page)
{
    return page_repeats(page, (const uint8_t *)page + AHEAD, 0);
}

void pe_pages_are_zero(const void *pages, size_t stride, size_t n, bool *out)
{
    const uint8_t *page = pages;
    for (size_t i = 0; i < n; i++, page += stride) {
        out[i] = page_repeats(page, i + 1 < n ? page + stride : page, 0);
    }
}

bool pe_page_is_same(const void *page, uint64_t *word)
{
    uint64_t first;
    memcpy(&first, page, sizeof first);
    if (!page_repeats(page, (const uint8_t *)page + AHEAD, first)) {
        return false;
    }
    *word = load_word(page);
    return true;
}

bool pe_page_equal(const void *a, const void *b)
{
    return memcmp(a, b, PE_PAGE_BYTES) == 0;
}
