/* How an entry of the sharing table is laid out; for pe_sharing.c and its check alone. */
#ifndef PE_SHARING_ENTRY_H
#define PE_SHARING_ENTRY_H

#include "pe_sharing.h"

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

#endif
