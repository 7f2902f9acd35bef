/* The sharing table in a saved state. What an entry says of a page can mostly be computed again
   from the page's hash: then all that is kept of it is a trace of one byte. The rest is kept whole.
 */
#ifndef PE_SHARING_STATE_H
#define PE_SHARING_STATE_H

#include "pe_sharing.h"
#include "pe_state.h"

/* 0: nothing; else 1 + (generation << 4 | place), where place is one of the 16 of a hash. */
typedef uint8_t pe_sharing_trace;
#define PE_SHARING_TRACES 65u

/* The trace of the entry of this hash that names the id, and the bit of its slot in `traced` set; 0
   when there is none. traced: a bit for each slot, pe_sharing_slots of them. */
pe_sharing_trace pe_sharing_trace_of(const pe_sharing *self, uint64_t hash, pe_entry_kind kind,
                                     uint64_t id, uint64_t *traced);
/* Puts an entry where its trace says, into an empty table; false: it is no trace, or something is
   there. A shared entry has no mapper yet. */
bool pe_sharing_follow(pe_sharing *self, uint64_t hash, pe_entry_kind kind, uint64_t id,
                       pe_sharing_trace trace);
uint64_t pe_sharing_slots(const pe_sharing *self);

/* The counts, and all hints that have no bit in `traced`. */
void pe_sharing_save(const pe_sharing *self, const uint64_t *traced, pe_state_out *out);
bool pe_sharing_load(pe_sharing *self, pe_state_in *in);

#endif
