/* What the compression cache is made of: for pe_zcache*.c and the test that breaks it on purpose. */
#ifndef PE_ZCACHE_LAYOUT_H
#define PE_ZCACHE_LAYOUT_H

#include "pe_zcache.h"

#define PE_ZCACHE_STEP 64u
#define PE_ZCACHE_CLASSES 40u

typedef struct pe_zcache_lent {
    uint64_t used; /* bit c: cell c holds a blob */
    pe_frame frame;
    uint32_t prev, next; /* list of partly filled frames, or of free records (next) */
    uint32_t cls;
} pe_zcache_lent;

typedef struct pe_zcache_record {
    uint64_t owner;
    uint64_t token;
    uint32_t prev, next; /* ring of the group, or of free records (next) */
    uint32_t lent;       /* PE_NONE: a free record */
    uint16_t length;
    uint16_t cell;
    uint64_t stamp;
} pe_zcache_record;

typedef struct pe_zcache_group {
    uint32_t oldest, newest;
    uint64_t limit;
    pe_zcache_stats stats;
} pe_zcache_group;

struct pe_zcache {
    pe_zcache_config config;
    uint32_t classes;
    uint32_t cells[PE_ZCACHE_CLASSES];   /* cells per frame of a class */
    uint32_t size[PE_ZCACHE_CLASSES];    /* bytes per cell */
    uint32_t partial[PE_ZCACHE_CLASSES]; /* head of the list of partly filled frames */
    uint8_t
        class_of[PE_ZCACHE_PAYLOAD_MAX / PE_ZCACHE_STEP + 1]; /* by length in steps, rounded up */
    pe_zcache_lent *frames;
    pe_zcache_record *blobs;
    pe_zcache_group *groups;
    uint32_t frame_records, blob_records, group_count;
    uint32_t free_frame, free_blob; /* heads of the chains of free records */
    uint64_t stamp;
    pe_zcache_stats total;
};

static inline uint32_t pe_zcache_class_for(const pe_zcache *self, size_t length)
{
    pe_assert(length >= 1 && length <= PE_ZCACHE_PAYLOAD_MAX);
    return self->class_of[(length + PE_ZCACHE_STEP - 1) / PE_ZCACHE_STEP];
}

static inline uint64_t pe_zcache_all_cells(const pe_zcache *self, uint32_t cls)
{
    return self->cells[cls] == 64 ? UINT64_MAX : (UINT64_C(1) << self->cells[cls]) - 1;
}

static inline void pe_zcache_count(pe_zcache_stats *stats, uint32_t length, uint32_t room, bool add)
{
    uint64_t const one = add ? 1 : UINT64_MAX; /* minus one, modulo 2^64 */
    stats->blobs += one;
    stats->slot_bytes += add ? room : -(uint64_t)room;
    stats->payload_bytes += add ? length : -(uint64_t)length;
    *(length <= PE_PAGE_BYTES / 4 ? &stats->quarter : &stats->half) += one;
}

/* A partly filled frame goes to the head of its class's list. */
static inline void pe_zcache_list_add(pe_zcache *self, uint32_t f)
{
    pe_zcache_lent *frame = &self->frames[f];
    frame->prev = PE_NONE;
    frame->next = self->partial[frame->cls];
    if (frame->next != PE_NONE)
        self->frames[frame->next].prev = f;
    self->partial[frame->cls] = f;
}

/* A blob becomes the newest of its group. */
static inline void pe_zcache_ring_append(pe_zcache *self, pe_zcache_group *own, pe_blob b)
{
    pe_zcache_record *blob = &self->blobs[b];
    blob->prev = own->newest;
    blob->next = PE_NONE;
    if (own->newest != PE_NONE)
        self->blobs[own->newest].next = b;
    else
        own->oldest = b;
    own->newest = b;
}

static inline uint8_t *pe_zcache_cell_bytes(const pe_zcache *self, const pe_zcache_record *blob)
{
    const pe_zcache_lent *frame = &self->frames[blob->lent];
    return self->config.pool + ((size_t)frame->frame << PE_PAGE_SHIFT)
         + (size_t)blob->cell * self->size[frame->cls];
}

#endif
