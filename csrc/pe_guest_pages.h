/* A guest's pages and swap slots: what is in use for what, and the moves between. */
#ifndef PE_GUEST_PAGES_H
#define PE_GUEST_PAGES_H

#include "pe_guest_layout.h"

PE_INLINE void pe_guest_set_use(pe_guest *self, uint32_t ppn, pe_guest_use use)
{
    self->in_use[self->use[ppn]] -= 1;
    self->in_use[use] += 1;
    self->use[ppn] = (uint8_t)use;
}

void pe_guest_free_page(pe_guest *self, uint32_t ppn);
/* The lowest free page; there must be one. */
uint32_t pe_guest_take_page(pe_guest *self, pe_guest_use use);
/* A slot that held something is free; its entry is not of this one's concern. */
void pe_guest_free_slot(pe_guest *self, uint32_t place);
/* Whether something more could be written to swap space. */
static inline bool pe_guest_slot_is_free(const pe_guest *self)
{
    return self->slots_used < self->swap_pages;
}

/* Room for what one touch, or one making of room, may put into the table and swap space. */
PE_MUST_USE pe_status pe_guest_reserve(pe_guest *self);
/* A page of cache is written if it is dirty, and forgotten; one of memory is written to swap space,
   where there must be a free slot. *ops NULL: nobody asks. The page is free. */
void pe_guest_evict(pe_guest *self, uint32_t ppn, pe_guest_ops *ops);
/* Whether a page is free, or could be made so. */
bool pe_guest_make_room(pe_guest *self, pe_guest_ops *ops);
/* Something comes into memory that is at a slot, or nowhere (PE_NONE); *ppn: its page, or PE_NONE:
   the guest is out of memory. */
PE_MUST_USE pe_status pe_guest_bring_in(pe_guest *self, uint64_t key, uint32_t slot, bool write,
                                        pe_guest_ops *ops, uint32_t *ppn);

#endif
