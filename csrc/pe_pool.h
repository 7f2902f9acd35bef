/* The bytes of the machine frames: one mapping, resident only where frames were used. */
#ifndef PE_POOL_H
#define PE_POOL_H

#include "pe_memory.h"

typedef struct pe_pool {
    uint8_t *bytes;    /* count * PE_PAGE_BYTES; frame f is at bytes + f * PE_PAGE_BYTES */
    uint64_t *touched; /* bit f: the frame's bytes may be resident and not zero */
    uint32_t count;
    const pe_memory *memory;
} pe_pool;

PE_MUST_USE pe_status pe_pool_init_in(pe_pool *self, uint32_t count, const pe_memory *memory);
void pe_pool_fini(pe_pool *self);
/* Returns the bytes of frames that are idle (bit set in idle_words) and touched to the system; how
   many frames. */
uint64_t pe_pool_release(pe_pool *self, const uint64_t *idle_words);

static inline uint8_t *pe_pool_page(const pe_pool *self, pe_frame frame)
{
    return self->bytes + ((size_t)frame << PE_PAGE_SHIFT);
}
/* The frame's bytes, about to be overwritten whole. */
static inline uint8_t *pe_pool_page_to_fill(pe_pool *self, pe_frame frame)
{
    self->touched[frame >> 6] |= UINT64_C(1) << (frame & 63);
    return pe_pool_page(self, frame);
}
/* The frame's bytes, now all zero; costs nothing where the system's own zeroes are still there. */
uint8_t *pe_pool_page_zeroed(pe_pool *self, pe_frame frame);

#endif
