/* The sharing table: from content hash to shared frame or hint, in 8 bytes per entry.

   Buckets of eight entries, one cache line each. A hash has two buckets; its entry is in one of
   them, so a lookup touches at most two lines, both known beforehand: batches fetch them ahead.

       hash     63 .............. 32 31 .. 25 24 ............. 0
                   first bucket       unused     fingerprint

       entry    63..61  60 ............. 36  35 .............. 0
                state       fingerprint         frame or owner

       state    0 empty (the whole entry is 0)    1 shared    4 + g  hint of generation g

       first bucket   b  = hash[63..32] * buckets / 2^32
       g(fingerprint)     = ((fingerprint + 1) * odd constant)[63..32] * buckets / 2^32
       other bucket   b' = (g(fingerprint) - b) mod buckets, and b follows from b' alike

   The other bucket follows from the entry and the bucket it is in: entries move between their two
   buckets without their hash (partial-key cuckoo hashing). An entry that was found may still stand
   for another hash: 2^-25 per entry compared. The caller compares bytes in any case.

   An insertion takes the first vacant place of its two buckets, then searches breadth-first for the
   shortest chain of moves that ends at a vacant place, over at most PATH_LIMIT buckets (for a hint,
   HINT_PATH_LIMIT). Nothing is written before the whole chain is known: a failed insertion changes
   nothing. What is vacant:

       1. an empty slot, or a hint that has expired;
       2. if there is none: a live hint of the previous generation, then one of the current. A new
          hint displaces only in its own two buckets, a shared entry wherever the search gets.

   Why cuckoo and not linear probing: there are no tombstones, lookups of absent hashes (nearly all
   of a scan) stop after two lines at any load, and 92 % load leaves 12.7 bytes per page, counts of
   mappers included. Why it never grows: shared entries name different frames, and a hint stands for
   a page in a frame of its own; so there is a place for every frame, and stale hints go first.

   Generations are 2 bits and wrap: before a number comes into use again, entries that still carry
   it are swept out, with all expired ones. That is at most one walk over the table in three
   scan passes, and a pass reads 4096 bytes where the walk reads 9.

   The rules of the table, S1 to S9, are in pe_sharing_check.c. */
#include "pe_sharing.h"

#include "pe_bits.h"
#include "pe_os.h"
#include "pe_sharing_entry.h"

enum { BUCKETS_MIN = 16, PATH_LIMIT = 128, HINT_PATH_LIMIT = 32, AHEAD = 16 };

/* From this size on, large pages: lookups hit the table at random. */
#define HUGE_FROM ((size_t)4 << 20)

static size_t slot_bytes(const pe_sharing *self)
{
    return (size_t)self->buckets * BUCKET_SLOTS * sizeof self->slots[0];
}

static size_t mapper_bytes(const pe_sharing *self)
{
    return ((size_t)self->frames + 1) * sizeof self->mappers[0];
}

pe_status pe_sharing_init_in(pe_sharing *self, uint32_t frames, const pe_memory *memory)
{
    *self = (pe_sharing){0};
    pe_sharing made = {0};
    made.frames = frames;
    made.memory = memory;
    made.buckets = ((uint64_t)frames * 25 + 183) / 184; /* 8 slots, 92 % full */
    if (made.buckets < BUCKETS_MIN) {
        made.buckets = BUCKETS_MIN;
    }
    made.slots = pe_memory_mapped(memory, slot_bytes(&made), slot_bytes(&made) >= HUGE_FROM);
    made.mappers = pe_memory_mapped(memory, mapper_bytes(&made), mapper_bytes(&made) >= HUGE_FROM);
    if (!made.slots || !made.mappers) {
        pe_sharing_fini(&made);
        return PE_ERR_NO_MEMORY;
    }
    *self = made;
    return PE_OK;
}

void pe_sharing_fini(pe_sharing *self)
{
    if (self->slots) {
        pe_memory_unmapped(self->memory, self->slots, slot_bytes(self));
    }
    if (self->mappers) {
        pe_memory_unmapped(self->memory, self->mappers, mapper_bytes(self));
    }
    *self = (pe_sharing){0};
}

/* The two buckets of a hash. */
typedef struct pair {
    uint64_t first;
    uint64_t other;
} pair;

static inline pair buckets_of(const pe_sharing *self, uint64_t hash)
{
    uint64_t first = first_bucket(self, hash);
    return (pair){first, other_bucket(self, first, hash & FINGERPRINT_MASK)};
}

static inline void prefetch_pair(const pe_sharing *self, pair buckets)
{
    PE_PREFETCH(bucket_at(self, buckets.first));
    PE_PREFETCH(bucket_at(self, buckets.other));
}

void pe_sharing_prefetch(const pe_sharing *self, uint64_t hash)
{
    prefetch_pair(self, buckets_of(self, hash));
}

pe_sharing_cursor pe_sharing_find(uint64_t hash)
{
    return (pe_sharing_cursor){.hash = hash};
}

/* Steps the cursor. Bits 0..7 of what is left: entries of the first bucket; 8..15: of the other. */
static inline bool next_in(const pe_sharing *self, pair buckets, pe_sharing_cursor *cursor)
{
    uint64_t fingerprint = cursor->hash & FINGERPRINT_MASK;
    uint32_t left = matches_in(bucket_at(self, buckets.first), fingerprint)
                  | matches_in(bucket_at(self, buckets.other), fingerprint) << BUCKET_SLOTS;
    if (buckets.first == buckets.other) {
        left &= 0xff;
    }
    for (left &= UINT32_MAX << cursor->step; left; left &= left - 1) {
        uint32_t step = pe_bits_lowest(left);
        uint64_t bucket = step < BUCKET_SLOTS ? buckets.first : buckets.other;
        uint64_t slot = bucket * BUCKET_SLOTS + step % BUCKET_SLOTS;
        uint64_t entry = self->slots[slot];
        if (live_set(self) >> state_of(entry) & 1) {
            cursor->step = step + 1;
            cursor->slot = slot;
            cursor->kind = is_hint(entry) ? PE_ENTRY_HINT : PE_ENTRY_SHARED;
            cursor->id = entry & ID_MASK;
            return true;
        }
    }
    cursor->step = 2 * BUCKET_SLOTS;
    return false;
}

bool pe_sharing_next(const pe_sharing *self, pe_sharing_cursor *cursor)
{
    return next_in(self, buckets_of(self, cursor->hash), cursor);
}

/* A bucket on the search, and how it was reached: by moving parent's entry `from` into it. */
typedef struct step {
    uint64_t bucket;
    int16_t parent; /* -1 for the two buckets of the new entry */
    int16_t from;
} step;

typedef struct path {
    step steps[PATH_LIMIT];
    int16_t count;
    int16_t slot; /* the vacant place of the last step, or -1 */
} path;

/* Adds a bucket to the search unless it is there already; true when it has a vacant place. */
static bool path_reaches(const pe_sharing *self, path *way, uint64_t bucket, int parent, int from,
                         uint32_t vacant)
{
    for (int i = 0; i < way->count; i++) {
        if (way->steps[i].bucket == bucket) {
            return false;
        }
    }
    way->steps[way->count++] = (step){bucket, (int16_t)parent, (int16_t)from};
    uint32_t places = states_in(bucket_at(self, bucket), vacant);
    if (places == 0) {
        return false;
    }
    way->slot = (int16_t)pe_bits_lowest(places);
    return true;
}

/* The shortest chain of moves that frees a place for hash, over at most `limit` buckets. */
static bool find_path(const pe_sharing *self, uint64_t hash, uint32_t vacant, int limit, path *way)
{
    uint64_t bucket = first_bucket(self, hash);
    way->count = 0;
    way->slot = -1;
    if (path_reaches(self, way, bucket, -1, -1, vacant)) {
        return true;
    }
    uint64_t other = other_bucket(self, bucket, hash & FINGERPRINT_MASK);
    if (path_reaches(self, way, other, -1, -1, vacant)) {
        return true;
    }
    for (int i = 0; i < way->count; i++) {
        uint64_t here = way->steps[i].bucket;
        for (int from = 0; from < BUCKET_SLOTS && way->count < limit; from++) {
            uint64_t fingerprint = fingerprint_of(bucket_at(self, here)[from]);
            if (path_reaches(self, way, other_bucket(self, here, fingerprint), i, from, vacant)) {
                return true;
            }
        }
    }
    return false;
}

static void count_hint_gone(pe_sharing *self, uint64_t entry)
{
    uint32_t generation = state_of(entry) - STATE_HINT;
    pe_assert(self->hints > 0 && self->hints_of[generation] > 0);
    self->hints -= 1;
    self->hints_of[generation] -= 1;
}

static void count_hint_come(pe_sharing *self)
{
    self->hints += 1;
    self->hints_of[self->generation] += 1;
}

/* Makes the moves of a path that was found and puts the entry in the place that is free then. */
static void follow_path(pe_sharing *self, const path *way, uint64_t entry)
{
    int at = way->count - 1;
    uint64_t *place = bucket_at(self, way->steps[at].bucket) + way->slot;
    uint64_t gone = *place;
    pe_assert(state_of(gone) != STATE_SHARED);
    if (is_hint(gone)) {
        self->hints_dropped += live_set(self) >> state_of(gone) & 1;
        count_hint_gone(self, gone);
    }
    while (way->steps[at].parent >= 0) {
        const step *last = &way->steps[at];
        uint64_t *source = bucket_at(self, way->steps[last->parent].bucket) + last->from;
        *place = *source;
        place = source;
        at = last->parent;
        self->kicks += 1;
    }
    *place = entry;
}

bool pe_sharing_hint(pe_sharing *self, uint64_t hash, uint64_t owner)
{
    pe_assert(owner <= PE_SHARING_OWNER_MAX);
    path way;
    uint32_t vacant = vacant_set(self);
    uint32_t older = hint_set(self->generation + 3);
    if (!find_path(self, hash, vacant, HINT_PATH_LIMIT, &way)
        && !find_path(self, hash, vacant | older, 2, &way)
        && !find_path(self, hash, vacant | older | hint_set(self->generation), 2, &way)) {
        return false;
    }
    follow_path(self, &way, make_entry(STATE_HINT + self->generation, hash, owner));
    count_hint_come(self);
    return true;
}

static uint64_t *hint_at(const pe_sharing *self, const pe_sharing_cursor *cursor)
{
    pe_assert(cursor->slot < self->buckets * BUCKET_SLOTS);
    uint64_t *entry = self->slots + cursor->slot;
    pe_assert(is_hint(*entry) && (*entry & ID_MASK) == cursor->id);
    return entry;
}

bool pe_sharing_is_of_this_pass(const pe_sharing *self, const pe_sharing_cursor *cursor)
{
    return state_of(*hint_at(self, cursor)) == STATE_HINT + self->generation;
}

void pe_sharing_refresh(pe_sharing *self, const pe_sharing_cursor *cursor)
{
    uint64_t *entry = hint_at(self, cursor);
    count_hint_gone(self, *entry);
    *entry = make_entry(STATE_HINT + self->generation, cursor->hash, cursor->id);
    count_hint_come(self);
}

void pe_sharing_forget(pe_sharing *self, const pe_sharing_cursor *cursor)
{
    uint64_t *entry = hint_at(self, cursor);
    count_hint_gone(self, *entry);
    *entry = 0;
}

void pe_sharing_promote(pe_sharing *self, const pe_sharing_cursor *cursor, pe_frame frame)
{
    pe_assert(frame < self->frames);
    pe_assert(self->mappers[frame] == 0);
    uint64_t *entry = hint_at(self, cursor);
    count_hint_gone(self, *entry);
    *entry = make_entry(STATE_SHARED, cursor->hash, frame);
    self->shared += 1;
}

pe_status pe_sharing_insert(pe_sharing *self, uint64_t hash, pe_frame frame)
{
    pe_assert(frame < self->frames);
    pe_assert(self->mappers[frame] == 0);
    path way;
    uint32_t vacant = vacant_set(self);
    uint32_t older = hint_set(self->generation + 3);
    if (!find_path(self, hash, vacant, PATH_LIMIT, &way)
        && !find_path(self, hash, vacant | older, PATH_LIMIT, &way)
        && !find_path(self, hash, vacant | older | hint_set(self->generation), PATH_LIMIT, &way)) {
        return PE_NO_ROOM;
    }
    follow_path(self, &way, make_entry(STATE_SHARED, hash, frame));
    self->shared += 1;
    return PE_OK;
}

bool pe_sharing_remove(pe_sharing *self, uint64_t hash, pe_frame frame)
{
    pe_assert(frame < self->frames);
    pe_assert(self->mappers[frame] <= 1);
    pe_sharing_cursor cursor = pe_sharing_find(hash);
    while (pe_sharing_next(self, &cursor)) {
        if (cursor.kind == PE_ENTRY_SHARED && cursor.id == frame) {
            self->slots[cursor.slot] = 0;
            self->shared -= 1;
            self->mapped -= self->mappers[frame];
            self->mappers[frame] = 0;
            return true;
        }
    }
    return false;
}

pe_status pe_sharing_attach(pe_sharing *self, pe_frame frame)
{
    pe_assert(frame < self->frames);
    if (self->mappers[frame] == PE_SHARING_MAPPERS_MAX) {
        return PE_SATURATED;
    }
    self->mappers[frame] += 1;
    self->mapped += 1;
    return PE_OK;
}

uint32_t pe_sharing_detach(pe_sharing *self, pe_frame frame)
{
    pe_assert(frame < self->frames);
    pe_assert(self->mappers[frame] > 0);
    self->mappers[frame] -= 1;
    self->mapped -= 1;
    return self->mappers[frame];
}

void pe_sharing_new_generation(pe_sharing *self)
{
    self->generation = (self->generation + 1) & 3;
    if (self->hints_of[self->generation] == 0) {
        return;
    }
    /* Hints of the last pass stay; every other hint has expired. */
    uint32_t keep = 1u << STATE_SHARED | hint_set(self->generation + 3);
    for (uint64_t i = 0; i < self->buckets * BUCKET_SLOTS; i++) {
        uint64_t entry = self->slots[i];
        if (entry && !(keep >> state_of(entry) & 1)) {
            count_hint_gone(self, entry);
            self->slots[i] = 0;
        }
    }
}

void pe_sharing_lookup_many(const pe_sharing *self, const uint64_t *hashes, size_t n,
                            uint8_t *kinds, uint64_t *ids)
{
    pair ring[AHEAD];
    for (size_t i = 0; i < n && i < AHEAD; i++) {
        ring[i] = buckets_of(self, hashes[i]);
        prefetch_pair(self, ring[i]);
    }
    for (size_t i = 0; i < n; i++) {
        pair here = ring[i % AHEAD];
        if (i + AHEAD < n) {
            ring[i % AHEAD] = buckets_of(self, hashes[i + AHEAD]);
            prefetch_pair(self, ring[i % AHEAD]);
        }
        pe_sharing_cursor cursor = pe_sharing_find(hashes[i]);
        (void)next_in(self, here, &cursor);
        kinds[i] = (uint8_t)cursor.kind;
        ids[i] = cursor.id;
    }
}

size_t pe_sharing_hint_many(pe_sharing *self, const uint64_t *hashes, const uint64_t *owners,
                            size_t n)
{
    size_t placed = 0;
    for (size_t i = 0; i < n; i++) {
        if (i + AHEAD < n) {
            pe_sharing_prefetch(self, hashes[i + AHEAD]);
        }
        placed += pe_sharing_hint(self, hashes[i], owners[i]);
    }
    return placed;
}

size_t pe_sharing_insert_many(pe_sharing *self, const uint64_t *hashes, const pe_frame *frames,
                              size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i + AHEAD < n) {
            pe_sharing_prefetch(self, hashes[i + AHEAD]);
        }
        if (frames[i] >= self->frames || self->mappers[frames[i]] != 0
            || pe_sharing_insert(self, hashes[i], frames[i]) != PE_OK
            || pe_sharing_attach(self, frames[i]) != PE_OK) {
            return i;
        }
    }
    return n;
}

size_t pe_sharing_bytes(const pe_sharing *self)
{
    return self->slots ? slot_bytes(self) + mapper_bytes(self) : 0;
}
