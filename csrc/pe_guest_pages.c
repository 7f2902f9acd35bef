/* The guest's pages and the slots of its swap space.

     pages  one use each: free, kernel, page cache (clean, dirty), anonymous, balloon
     free   bitmap, lowest page first: what was used before is used again, and whole blocks stay
            free above it, which free page reporting needs
     slots  those that are free again are a list through their nodes, the last first; then come
            those that were never used, in order. Nodes are made for slots as they are needed.

   What comes into memory while nothing is free gets the page of what went for it, which never is
   free in between. What can fail is reserved first: one more entry, nodes for a batch of slots. */
#include "pe_guest_pages.h"

#include "pe_bits.h"
#include "pe_guest_replacement.h"
#include "pe_guest_table.h"

#include <stdlib.h>

void pe_guest_free_page(pe_guest *self, uint32_t ppn)
{
    pe_assert(self->use[ppn] != PE_USE_FREE);
    pe_guest_set_use(self, ppn, PE_USE_FREE);
    self->node[ppn].mark = PE_GUEST_MARK_GONE;
    self->free[ppn / 64] |= pe_bits_bit(ppn);
    self->free_hint = ppn / 64 < self->free_hint ? ppn / 64 : self->free_hint;
}

uint32_t pe_guest_take_page(pe_guest *self, pe_guest_use use)
{
    pe_assert(self->in_use[PE_USE_FREE] > 0);
    while (self->free[self->free_hint] == 0)
        self->free_hint += 1;
    uint64_t const word = self->free[self->free_hint];
    uint32_t const ppn = 64 * self->free_hint + pe_bits_lowest(word);
    self->free[self->free_hint] = word & (word - 1);
    self->block[ppn / PE_GUEST_BLOCK] = 0;
    pe_guest_set_use(self, ppn, use);
    return ppn;
}

void pe_guest_free_slot(pe_guest *self, uint32_t place)
{
    pe_assert(place >= self->pages && self->slots_used > 0);
    self->node[place].owner = PE_GUEST_NOBODY;
    self->node[place].next = self->free_slot;
    self->free_slot = place;
    self->slots_used -= 1;
}

/* Place of a slot; there must be one with a node. */
static uint32_t take_slot(pe_guest *self)
{
    uint32_t place = self->free_slot;
    if (place != PE_NONE) {
        self->free_slot = self->node[place].next;
    } else {
        pe_assert(self->slots_begun < self->slots);
        place = self->pages + self->slots_begun++;
    }
    self->slots_used += 1;
    return place;
}

static bool slots_are_enough(const pe_guest *self)
{
    return self->in_use[PE_USE_ANONYMOUS] == 0 || self->slots - self->slots_used >= PE_GUEST_BATCH
        || self->slots == self->swap_pages;
}

/* Nodes for more slots. */
static pe_status add_slots(pe_guest *self)
{
    uint32_t const more = self->slots / 4 + self->pages / 16 + PE_GUEST_BATCH;
    uint32_t const left = self->swap_pages - self->slots;
    uint32_t const slots = self->slots + (more < left ? more : left);
    pe_guest_node *node = realloc(self->node, ((size_t)self->pages + slots) * sizeof *node);
    if (!node)
        return PE_ERR_NO_MEMORY;
    self->node = node;
    self->slots = slots;
    return PE_OK;
}

pe_status pe_guest_reserve(pe_guest *self)
{
    pe_status const status = pe_guest_table_grow(self);
    return status != PE_OK || slots_are_enough(self) ? status : add_slots(self);
}

PE_INLINE void add(pe_guest_ops *ops, uint32_t ppn, unsigned flags)
{
    if (!ops)
        return;
    pe_assert(ops->n < ops->room);
    ops->ppn[ops->n] = ppn;
    ops->flags[ops->n] = (uint8_t)flags;
    ops->n += 1;
}

/* What the page holds is in memory no more. */
PE_INLINE void let_go(pe_guest *self, uint32_t ppn, pe_guest_ops *ops)
{
    pe_guest_use const use = (pe_guest_use)self->use[ppn];
    pe_assert(pe_guest_is_cache(use) || use == PE_USE_ANONYMOUS);
    if (use != PE_USE_CLEAN) {
        add(ops, ppn, PE_OP_PAGE_OUT);
        self->event[PE_GUEST_DISK_WRITES] += 1;
    }
    if (use == PE_USE_ANONYMOUS) {
        pe_guest_table_move(self, ppn, take_slot(self));
        self->event[PE_GUEST_SWAP_OUT] += 1;
    } else {
        pe_guest_table_erase(self, ppn);
    }
}

void pe_guest_evict(pe_guest *self, uint32_t ppn, pe_guest_ops *ops)
{
    let_go(self, ppn, ops);
    pe_guest_free_page(self, ppn);
}

bool pe_guest_make_room(pe_guest *self, pe_guest_ops *ops)
{
    if (self->in_use[PE_USE_FREE] > 0)
        return true;
    if (self->how->make_room)
        return self->how->make_room(self, ops) > 0;
    pe_assert(self->how->victim); /* a replacement has one of the two */
    uint32_t const ppn = self->how->victim(self);
    if (ppn != PE_NONE)
        pe_guest_evict(self, ppn, ops);
    return ppn != PE_NONE;
}

/* A page for something to come; PE_NONE: there is none. A victim is used at once. */
static uint32_t page_for(pe_guest *self, pe_guest_use use, pe_guest_ops *ops)
{
    if (self->in_use[PE_USE_FREE] > 0 || !self->how->victim)
        return pe_guest_make_room(self, ops) ? pe_guest_take_page(self, use) : PE_NONE;
    uint32_t const ppn = self->how->victim(self);
    if (ppn == PE_NONE)
        return PE_NONE;
    let_go(self, ppn, ops);
    pe_guest_set_use(self, ppn, use);
    return ppn;
}

pe_status pe_guest_bring_in(pe_guest *self, uint64_t key, uint32_t slot, bool write,
                            pe_guest_ops *ops, uint32_t *ppn)
{
    bool const file = pe_guest_kind_of(key) == PE_GUEST_FILE;
    *ppn = PE_NONE;
    if (PE_UNLIKELY(self->entries == self->entries_max || !slots_are_enough(self))) {
        pe_status const status = pe_guest_reserve(self);
        if (status != PE_OK)
            return status;
    }
    uint32_t const page = page_for(self,
                                   !file   ? PE_USE_ANONYMOUS
                                   : write ? PE_USE_DIRTY
                                           : PE_USE_CLEAN,
                                   ops);
    if (PE_UNLIKELY(page == PE_NONE)) {
        self->event[PE_GUEST_OOM] += 1;
        return PE_OK;
    }
    if (slot == PE_NONE) {
        pe_guest_table_put(self, key, page);
    } else {
        pe_guest_table_move(self, slot, page);
        pe_guest_free_slot(self, slot);
        self->event[PE_GUEST_SWAP_IN] += 1;
    }
    self->event[PE_GUEST_CACHE_MISSES] += file;
    self->event[PE_GUEST_DISK_READS] += file || slot != PE_NONE;
    add(ops, page, PE_OP_WRITE | PE_OP_FILL);
    *ppn = page;
    return PE_OK;
}
