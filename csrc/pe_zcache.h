/* The compression cache: blobs (one compressed page each) packed into machine frames that the caller lends.
   Two packings: ESX slots (a frame is four quarters; a blob takes one or, aligned, two) and dense size classes (64-byte
   steps, frames of one class). In order of storing, per group (one group per virtual machine) and over all.
   Knows no virtual machine, no page map, no codec: an owner is a number, a payload is bytes (or a token). */
#ifndef PE_ZCACHE_H
#define PE_ZCACHE_H

#include "pe_memory.h"

#define PE_ZCACHE_PAYLOAD_MAX 2048u
#define PE_ZCACHE_NO_LIMIT UINT64_MAX

typedef enum pe_packing { PE_PACKING_ESX, PE_PACKING_DENSE } pe_packing;

typedef struct pe_zcache pe_zcache; /* opaque: its layout is pe_zcache.c's own business */

typedef struct pe_zcache_config {
    pe_packing packing;
    uint8_t *
        pool; /* where frame bytes are: frame f at pool + f * 4096; NULL: payloads are tokens, kept aside */
    uint64_t limit_bytes; /* of slots, over all groups; PE_ZCACHE_NO_LIMIT for none */
    const pe_memory *memory;
} pe_zcache_config;

typedef struct pe_zcache_stats {
    uint64_t blobs, frames; /* blobs held, frames lent to the cache */
    uint64_t slot_bytes;    /* room the blobs take in their slots or classes */
    uint64_t payload_bytes; /* sum of payload lengths */
    uint64_t quarter, half; /* blobs of at most 1024 bytes, and above (4:1 and 2:1 as ESX counts) */
} pe_zcache_stats;

PE_MUST_USE pe_status pe_zcache_new(pe_zcache **out, const pe_zcache_config *config);
void pe_zcache_delete(pe_zcache *self); /* NULL is fine */
/* Groups 0..count-1 exist afterwards; new ones have no limit. */
PE_MUST_USE pe_status pe_zcache_groups(pe_zcache *self, uint32_t count);
void pe_zcache_set_limit(pe_zcache *self, uint64_t limit_bytes);
void pe_zcache_set_group_limit(pe_zcache *self, uint32_t group, uint64_t limit_bytes);

/* Would a payload of this length need a frame to be lent? */
bool pe_zcache_needs_frame(const pe_zcache *self, size_t length);
/* Stores a payload of 1..PE_ZCACHE_PAYLOAD_MAX bytes. `spare` is lent (or PE_NONE); *used_spare says whether it was kept.
   PE_NO_ROOM: a limit would be passed (the group's or the cache's) - the caller lets the oldest go; PE_NO_FRAME: a frame
   was needed and none lent; PE_ERR_NO_MEMORY. Nothing changed on failure. In token mode `payload` points to the
   8-byte token and length is its compressed size. */
PE_MUST_USE pe_status pe_zcache_store(pe_zcache *self, uint32_t group, uint64_t owner,
                                      const void *payload, size_t length, pe_frame spare,
                                      bool *used_spare, pe_blob *out);
/* The payload, borrowed until the next change; its length to *length. Token mode: pointer to the token. */
const void *pe_zcache_payload(const pe_zcache *self, pe_blob blob, size_t *length);
uint64_t pe_zcache_owner(const pe_zcache *self, pe_blob blob);
/* Removes a blob of the group; returns the frame that became empty and goes back to the caller, or PE_NONE. */
pe_frame pe_zcache_erase(pe_zcache *self, uint32_t group, pe_blob blob);
/* Oldest blob by order of storing; PE_NONE when empty. */
pe_blob pe_zcache_oldest(const pe_zcache *self, uint32_t group);
pe_blob pe_zcache_oldest_of_all(const pe_zcache *self, uint32_t *group);

pe_zcache_stats pe_zcache_total(const pe_zcache *self);
pe_zcache_stats pe_zcache_of_group(const pe_zcache *self,
                                   uint32_t group); /* frames: 0, frames are shared by groups */
/* Calls visit(context, frame) for every lent frame, in no particular order. For check. */
void pe_zcache_each_frame(const pe_zcache *self, void (*visit)(void *context, pe_frame frame),
                          void *context);
size_t
pe_zcache_bytes(const pe_zcache *self); /* memory of the bookkeeping, lent frames not counted */
bool pe_zcache_check(const pe_zcache *self, const char **reason);

#endif
