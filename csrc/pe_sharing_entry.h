/* How an entry of the sharing table is laid out; for pe_sharing*.c alone. */
#ifndef PE_SHARING_ENTRY_H
#define PE_SHARING_ENTRY_H

#include "pe_sharing.h"

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#define ENTRY_SSE2 1
#else
#define ENTRY_SSE2 0
#endif

enum { BUCKET_SLOTS = 8 };
enum { STATE_SHARED = 1, STATE_HINT = 4 };
enum { ID_BITS = 36, FINGERPRINT_BITS = 25, STATE_SHIFT = 61 };

#define ID_MASK ((UINT64_C(1) << ID_BITS) - 1)
#define FINGERPRINT_MASK ((UINT64_C(1) << FINGERPRINT_BITS) - 1)

/* Sets of states, as bit masks. */
static inline uint32_t hint_set(uint32_t generation)
{
    return 1u << (STATE_HINT + (generation & 3));
}

static inline uint32_t live_set(const pe_sharing *self)
{
    return 1u << STATE_SHARED | hint_set(self->generation) | hint_set(self->generation + 3);
}

static inline uint32_t vacant_set(const pe_sharing *self)
{
    return 1u | hint_set(self->generation + 1) | hint_set(self->generation + 2);
}

static inline uint32_t state_of(uint64_t entry)
{
    return (uint32_t)(entry >> STATE_SHIFT);
}

static inline bool is_hint(uint64_t entry)
{
    return state_of(entry) >= STATE_HINT;
}

static inline uint64_t fingerprint_of(uint64_t entry)
{
    return entry >> ID_BITS & FINGERPRINT_MASK;
}

static inline uint64_t make_entry(uint32_t state, uint64_t hash, uint64_t id)
{
    return (uint64_t)state << STATE_SHIFT | (hash & FINGERPRINT_MASK) << ID_BITS | id;
}

static inline uint64_t first_bucket(const pe_sharing *self, uint64_t hash)
{
    return ((hash >> 32) * self->buckets) >> 32;
}

static inline uint64_t other_bucket(const pe_sharing *self, uint64_t bucket, uint64_t fingerprint)
{
    uint64_t spread = (fingerprint + 1) * UINT64_C(0x9e3779b97f4a7c15);
    uint64_t sum = ((spread >> 32) * self->buckets) >> 32;
    return sum >= bucket ? sum - bucket : sum + self->buckets - bucket;
}

static inline uint64_t *bucket_at(const pe_sharing *self, uint64_t bucket)
{
    return self->slots + bucket * BUCKET_SLOTS;
}

/* Bit i: entry i of the bucket carries the fingerprint (and may be empty or expired). No branch:
   the place of an entry in its bucket is random, a loop that stops there is mispredicted always. */
static inline uint32_t matches_in(const uint64_t *slots, uint64_t fingerprint)
{
#if ENTRY_SSE2
    const __m128i mask = _mm_set1_epi32((int)FINGERPRINT_MASK);
    const __m128i wanted = _mm_set1_epi32((int)fingerprint);
    __m128i found[2];
    for (int i = 0; i < 2; i++) {
        __m128 a = _mm_castsi128_ps(_mm_loadu_si128((const __m128i *)(slots + 4 * i)));
        __m128 b = _mm_castsi128_ps(_mm_loadu_si128((const __m128i *)(slots + 4 * i + 2)));
        __m128i high = _mm_castps_si128(_mm_shuffle_ps(a, b, _MM_SHUFFLE(3, 1, 3, 1)));
        high = _mm_and_si128(_mm_srli_epi32(high, ID_BITS - 32), mask);
        found[i] = _mm_cmpeq_epi32(high, wanted);
    }
    __m128i both = _mm_packs_epi32(found[0], found[1]);
    return (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(both, both)) & 0xff;
#else
    uint32_t found = 0;
    for (uint32_t i = 0; i < BUCKET_SLOTS; i++) {
        found |= (uint32_t)(fingerprint_of(slots[i]) == fingerprint) << i;
    }
    return found;
#endif
}

/* Bit i: the state of entry i of the bucket is in the set. */
static inline uint32_t states_in(const uint64_t *slots, uint32_t set)
{
    uint32_t found = 0;
    for (uint32_t i = 0; i < BUCKET_SLOTS; i++) {
        found |= (set >> state_of(slots[i]) & 1) << i;
    }
    return found;
}

#endif
