/* The sharing table in a saved state, and back, slot by slot: which entries there are, and where
   they stand, decides which ones give way later.

   An entry is its hash, the bucket (one of two), the slot (of eight), its generation and its id. A
   page whose content has not changed since it was hinted has the hash and is the id, so that seven
   bits are left, as they are of a shared frame. Hints that are stale are kept whole: position,
   state, fingerprint, owner. */
#include "pe_sharing_state.h"

#include "pe_bits.h"
#include "pe_sharing_entry.h"

#define PLACES (2u * BUCKET_SLOTS)

uint64_t pe_sharing_slots(const pe_sharing *self)
{
    return self->buckets * BUCKET_SLOTS;
}

static uint64_t slot_of(const pe_sharing *self, uint64_t hash, uint32_t place)
{
    uint64_t bucket = first_bucket(self, hash);
    if (place >= BUCKET_SLOTS)
        bucket = other_bucket(self, bucket, hash & FINGERPRINT_MASK);
    return bucket * BUCKET_SLOTS + place % BUCKET_SLOTS;
}

pe_sharing_trace pe_sharing_trace_of(const pe_sharing *self, uint64_t hash, pe_entry_kind kind,
                                     uint64_t id, uint64_t *traced)
{
    uint64_t const first = first_bucket(self, hash), fingerprint = hash & FINGERPRINT_MASK;
    uint64_t const other = other_bucket(self, first, fingerprint);
    uint32_t left = matches_in(bucket_at(self, first), fingerprint);
    if (other != first)
        left |= matches_in(bucket_at(self, other), fingerprint) << BUCKET_SLOTS;
    for (; left; left &= left - 1) {
        uint32_t const place = pe_bits_lowest(left);
        uint64_t const slot = slot_of(self, hash, place), entry = self->slots[slot];
        uint32_t const state = state_of(entry);
        bool const fits = kind == PE_ENTRY_HINT ? is_hint(entry) : state == STATE_SHARED;
        if (!fits || (entry & ID_MASK) != id || (traced[slot / 64] & pe_bits_bit((uint32_t)slot)))
            continue;
        traced[slot / 64] |= pe_bits_bit((uint32_t)slot);
        uint32_t const generation = kind == PE_ENTRY_HINT ? state - STATE_HINT : 0;
        return (pe_sharing_trace)(1 + (generation << 4 | place));
    }
    return 0;
}

static bool put_at(pe_sharing *self, uint64_t slot, uint64_t entry)
{
    if (self->slots[slot] != 0)
        return false;
    self->slots[slot] = entry;
    if (is_hint(entry)) {
        self->hints += 1;
        self->hints_of[state_of(entry) - STATE_HINT] += 1;
    } else {
        self->shared += 1;
    }
    return true;
}

bool pe_sharing_follow(pe_sharing *self, uint64_t hash, pe_entry_kind kind, uint64_t id,
                       pe_sharing_trace trace)
{
    if (trace == 0 || trace >= PE_SHARING_TRACES)
        return false;
    uint32_t const place = (trace - 1u) % PLACES, generation = (trace - 1u) / PLACES;
    uint32_t const state = kind == PE_ENTRY_HINT ? STATE_HINT + generation : STATE_SHARED;
    return put_at(self, slot_of(self, hash, place), make_entry(state, hash, id));
}

typedef struct part { /* entries that are kept whole, side by side */
    uint64_t slot[PE_STATE_PART], id[PE_STATE_PART];
    uint32_t fingerprint[PE_STATE_PART];
    uint8_t state[PE_STATE_PART];
    size_t n;
} part;

static void put_part(part *self, pe_state_out *out)
{
    pe_state_put64(out, self->n);
    pe_state_put_many(out, self->slot, sizeof self->slot[0], self->n);
    pe_state_put_many(out, self->id, sizeof self->id[0], self->n);
    pe_state_put_many(out, self->fingerprint, sizeof self->fingerprint[0], self->n);
    pe_state_put_many(out, self->state, sizeof self->state[0], self->n);
    self->n = 0;
}

void pe_sharing_save(const pe_sharing *self, const uint64_t *traced, pe_state_out *out)
{
    part whole;
    whole.n = 0;
    pe_state_put64(out, self->generation);
    pe_state_put64(out, self->hints_dropped);
    pe_state_put64(out, self->kicks);
    for (uint64_t slot = 0; slot < pe_sharing_slots(self); ++slot) {
        uint64_t const entry = self->slots[slot];
        if (!is_hint(entry) || (traced[slot / 64] & pe_bits_bit((uint32_t)slot)))
            continue;
        whole.slot[whole.n] = slot;
        whole.id[whole.n] = entry & ID_MASK;
        whole.fingerprint[whole.n] = (uint32_t)fingerprint_of(entry);
        whole.state[whole.n] = (uint8_t)state_of(entry);
        if (++whole.n == PE_STATE_PART)
            put_part(&whole, out);
    }
    if (whole.n > 0)
        put_part(&whole, out);
    pe_state_put64(out, 0);
}

bool pe_sharing_load(pe_sharing *self, pe_state_in *in)
{
    static const char bad[] = "its sharing table has an entry that cannot be";
    part whole;
    self->generation = (uint32_t)pe_state_get_most(in, 3, bad);
    self->hints_dropped = pe_state_get64(in);
    self->kicks = pe_state_get64(in);
    while ((whole.n = (size_t)pe_state_get_most(in, PE_STATE_PART, bad)) > 0) {
        if (!pe_state_get_many(in, whole.slot, sizeof whole.slot[0], whole.n)
            || !pe_state_get_many(in, whole.id, sizeof whole.id[0], whole.n)
            || !pe_state_get_many(in, whole.fingerprint, sizeof whole.fingerprint[0], whole.n)
            || !pe_state_get_many(in, whole.state, sizeof whole.state[0], whole.n))
            return false;
        for (size_t i = 0; i < whole.n; ++i)
            if (whole.slot[i] >= pe_sharing_slots(self) || whole.id[i] > ID_MASK
                || whole.fingerprint[i] > FINGERPRINT_MASK || whole.state[i] < STATE_HINT
                || whole.state[i] > STATE_HINT + 3
                || !put_at(self, whole.slot[i],
                           make_entry(whole.state[i], whole.fingerprint[i], whole.id[i])))
                return pe_state_refuse(in, bad);
    }
    return pe_state_is_well(in);
}
