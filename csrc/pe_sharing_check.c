/* The rules of the sharing table, and the walk that proves them. Layout: pe_sharing.c.

   S1  The state of an entry is one of the six above.
   S2  An empty entry is 0 in all its bits.
   S3  A shared entry names a frame below `frames`.
   S4  No two shared entries name the same frame.
   S5  A frame with mappers is named by a shared entry. (The reverse need not hold: an entry is
       inserted or promoted first and attached to afterwards, and its last mapper leaves before it
       is removed.)
   S6  `shared` is the number of shared entries.
   S7  hints_of[g] is the number of hints of generation g; `hints` is their sum.
   S8  `mapped` is the sum of mappers.
   S9  The generation is below 4; there are at least as many slots as frames.

   That an entry is in one of the two buckets of its hash can not be proved from the table alone:
   the hash is not kept. The host, which has the bytes, looks every shared frame up again.

   The walk needs one bit per frame to see S4 and S5. Entries first, frames afterwards: both are
   read once, in order. */
#include "pe_sharing.h"

#include <stdlib.h>

#include "pe_sharing_entry.h"

/* One bit per frame: named by a shared entry. Returns the first broken rule, or NULL. */
static const char *check_entries(const pe_sharing *self, uint64_t *named)
{
    uint64_t counts[8] = {0};
    for (uint64_t i = 0; i < self->buckets * BUCKET_SLOTS; i++) {
        uint64_t entry = self->slots[i];
        uint32_t state = state_of(entry);
        counts[state] += 1;
        if (state == 2 || state == 3) {
            return "S1: an entry has no such state";
        }
        if (state == 0 && entry != 0) {
            return "S2: an empty entry is not 0";
        }
        if (state == STATE_SHARED) {
            uint64_t frame = entry & ID_MASK;
            if (frame >= self->frames) {
                return "S3: a shared entry names a frame that is not there";
            }
            uint64_t bit = UINT64_C(1) << (frame & 63);
            if (named[frame >> 6] & bit) {
                return "S4: two shared entries name one frame";
            }
            named[frame >> 6] |= bit;
        }
    }
    if (counts[STATE_SHARED] != self->shared) {
        return "S6: the count of shared entries is wrong";
    }
    uint64_t hints = 0;
    for (uint32_t g = 0; g < 4; g++) {
        hints += counts[STATE_HINT + g];
        if (counts[STATE_HINT + g] != self->hints_of[g]) {
            return "S7: a count of hints is wrong";
        }
    }
    return hints == self->hints ? NULL : "S7: a count of hints is wrong";
}

static const char *check_mappers(const pe_sharing *self, const uint64_t *named)
{
    uint64_t mapped = 0;
    for (uint32_t frame = 0; frame < self->frames; frame++) {
        mapped += self->mappers[frame];
        if (self->mappers[frame] && !(named[frame >> 6] >> (frame & 63) & 1)) {
            return "S5: a frame has mappers and no shared entry";
        }
    }
    return mapped == self->mapped ? NULL : "S8: the sum of mappers is wrong";
}

bool pe_sharing_check(const pe_sharing *self, const char **reason)
{
    *reason = NULL;
    if (self->generation > 3 || self->buckets * BUCKET_SLOTS < self->frames) {
        *reason = "S9: the generation or the size is out of range";
        return false;
    }
    size_t const words = (size_t)(self->frames / 64) + 1;
    uint64_t *named = pe_memory_zeroed(self->memory, words, sizeof named[0]);
    if (!named) {
        return false;
    }
    *reason = check_entries(self, named);
    if (!*reason) {
        *reason = check_mappers(self, named);
    }
    pe_memory_freed(self->memory, named);
    return !*reason;
}
