/* The content-hash sharing table. It maps (salted) 64-bit content hashes to entries of two kinds:
   - shared: names a machine frame that one or more pages map read-only; with a count of mappers;
   - hint:   names a guest page (by a host-wide number, its "owner") that was scanned and had no
             partner; nothing is write-protected for it, and it may be stale.
   It never sees content: the caller confirms every candidate byte by byte. */
#ifndef PE_SHARING_H
#define PE_SHARING_H

#include "pe_memory.h"

typedef enum pe_entry_kind { PE_ENTRY_EMPTY, PE_ENTRY_HINT, PE_ENTRY_SHARED } pe_entry_kind;

typedef struct pe_sharing {
    uint64_t *slots;   /* buckets of eight 8-byte entries, one cache line each */
    uint32_t *mappers; /* per frame: pages that map it; 0 = not a shared frame */
    uint64_t buckets;
    uint32_t frames; /* frames that can be shared: the table never grows, it has room for all */
    uint32_t shared; /* shared entries */
    uint64_t hints;  /* hint entries, stale ones and expired ones not yet overwritten included */
    uint64_t hints_of[4];   /* the same by generation; their sum is hints */
    uint64_t mapped;        /* sum of mappers; saving in pages == mapped - shared */
    uint64_t hints_dropped; /* live hints that gave way to others because both buckets were full */
    uint64_t kicks;         /* entries moved to their other bucket to make room, ever */
    uint32_t generation;    /* 0..3; hints of the current and the previous generation are live */
    const pe_memory *memory;
} pe_sharing;

/* Walks over the entries that may stand for one hash. */
typedef struct pe_sharing_cursor {
    uint64_t hash;
    uint64_t slot; /* position of the entry found; valid until the next insertion */
    pe_entry_kind kind;
    uint64_t id;   /* frame of a shared entry, owner of a hint */
    uint32_t step; /* how far the walk is */
} pe_sharing_cursor;

#define PE_SHARING_OWNER_MAX ((UINT64_C(1) << 36) - 1)
#define PE_SHARING_MAPPERS_MAX UINT32_MAX

PE_MUST_USE pe_status pe_sharing_init_in(pe_sharing *self, uint32_t frames,
                                         const pe_memory *memory);
PE_MUST_USE static inline pe_status pe_sharing_init(pe_sharing *self, uint32_t frames)
{
    return pe_sharing_init_in(self, frames, NULL);
}
void pe_sharing_fini(pe_sharing *self);

void pe_sharing_prefetch(const pe_sharing *self, uint64_t hash);
/* Start a walk, then step it: true and kind/id/slot of the next candidate, false at the end.
   Expired hints are skipped. */
pe_sharing_cursor pe_sharing_find(uint64_t hash);
bool pe_sharing_next(const pe_sharing *self, pe_sharing_cursor *cursor);

/* Adds a hint; may push out an older hint, never a shared entry. False when there was no place. */
bool pe_sharing_hint(pe_sharing *self, uint64_t hash, uint64_t owner);
/* Whether the hint at cursor was left, or seen again, since the last scan pass ended. */
bool pe_sharing_is_of_this_pass(const pe_sharing *self, const pe_sharing_cursor *cursor);
/* The hint at cursor was seen again unchanged: it belongs to the current generation. */
void pe_sharing_refresh(pe_sharing *self, const pe_sharing_cursor *cursor);
/* The hint at cursor is stale: forget it. */
void pe_sharing_forget(pe_sharing *self, const pe_sharing_cursor *cursor);
/* The hint at cursor found its partner: it becomes a shared entry for frame, with no mapper yet. */
void pe_sharing_promote(pe_sharing *self, const pe_sharing_cursor *cursor, pe_frame frame);
/* Adds a shared entry for frame, with no mapper yet; PE_NO_ROOM when no place could be made: a hash
   has 16, and a caller that shares frames of one content as one needs hardly ever a second. */
PE_MUST_USE pe_status pe_sharing_insert(pe_sharing *self, uint64_t hash, pe_frame frame);
/* Removes the shared entry of frame, whose mappers must be 0 or 1 (asserted); the count becomes 0.
   hash is the hash it was inserted under. False when there is no such entry (the caller's content
   changed: corruption). */
bool pe_sharing_remove(pe_sharing *self, uint64_t hash, pe_frame frame);

/* One more page maps the frame; PE_SATURATED and no change at PE_SHARING_MAPPERS_MAX. */
PE_MUST_USE pe_status pe_sharing_attach(pe_sharing *self, pe_frame frame);
/* One page less maps it; returns how many are left. At 0 the caller removes the entry. */
uint32_t pe_sharing_detach(pe_sharing *self, pe_frame frame);

/* A scan pass is over: hints of the pass before the last expire and may be overwritten. */
void pe_sharing_new_generation(pe_sharing *self);

/* Batches; they fetch ahead. Lookup gives each hash's first candidate, PE_ENTRY_EMPTY if none. */
void pe_sharing_lookup_many(const pe_sharing *self, const uint64_t *hashes, size_t n,
                            uint8_t *kinds, uint64_t *ids);
/* Returns how many hints found a place. */
size_t pe_sharing_hint_many(pe_sharing *self, const uint64_t *hashes, const uint64_t *owners,
                            size_t n);
/* Inserts and attaches the first mapper of each; stops at a frame that does not exist or has
   mappers already, or when there is no place. Returns how many are in. */
size_t pe_sharing_insert_many(pe_sharing *self, const uint64_t *hashes, const pe_frame *frames,
                              size_t n);

size_t pe_sharing_bytes(const pe_sharing *self); /* memory of the table */
/* False and the first broken rule in *reason; NULL there: no memory to check with. */
bool pe_sharing_check(const pe_sharing *self, const char **reason);

#endif
