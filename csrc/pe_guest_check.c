/* The guest model's invariants (G1 to G5, pe_guest.c), proved by a walk over everything: the pages,
   the table, the swap slots, the balloon. The table is walked as an array, never searched: what a
   search would find is what is in doubt. Two things are looked up in full only for a sample of
   64, since each lookup is a walk of its own: that free slots are in no entry, and that owners
   have an entry; the counts, which are exact, catch what the sample misses in all but pairs. */
#include "pe_bits.h"
#include "pe_guest_layout.h"

static bool pages_add_up(const pe_guest *self, const char **reason)
{
    uint32_t recount[PE_USES] = {0};
    for (uint32_t ppn = 0; ppn < self->pages; ++ppn) {
        *reason = "G1: a page has no known use";
        if (self->use[ppn] >= PE_USES)
            return false;
        recount[self->use[ppn]] += 1;
        bool const bit = (self->free[ppn / 64] & pe_bits_bit(ppn)) != 0;
        *reason = "G2: a page's free bit differs from its use";
        if (bit != (self->use[ppn] == PE_USE_FREE))
            return false;
    }
    *reason = "G1: the pages per use differ from a recount";
    for (unsigned use = 0; use < PE_USES; ++use)
        if (recount[use] != self->in_use[use])
            return false;
    return true;
}

static const pe_guest_entry *entry_of(const pe_guest *self, uint64_t key)
{
    for (size_t i = 0; i <= self->table_mask; ++i)
        if (self->table[i].key == key)
            return &self->table[i];
    return NULL;
}

static bool entries_hold(const pe_guest *self, const char **reason)
{
    size_t entries = 0, held = 0, swapped = 0;
    for (size_t i = 0; i <= self->table_mask; ++i) {
        const pe_guest_entry *entry = &self->table[i];
        if (entry->key == PE_GUEST_NO_KEY)
            continue;
        entries += 1;
        if (entry->place & PE_GUEST_IN_SWAP) {
            *reason = "G4: an entry names a slot beyond the swap space";
            swapped += 1;
            if ((entry->place & ~PE_GUEST_IN_SWAP) >= self->swap_pages)
                return false;
            continue;
        }
        held += 1;
        *reason = "G4: an entry names a page that it does not own";
        if (entry->place >= self->pages || self->owner[entry->place] != entry->key
            || self->use[entry->place] < PE_USE_CLEAN || self->use[entry->place] > PE_USE_ANONYMOUS)
            return false;
    }
    *reason = "G4: the entries or the slots in use differ from a recount";
    if (entries != self->entries || swapped != self->swap_pages - self->n_free_slots)
        return false;
    *reason = "G3: a page of cache or anonymous memory is not in the table";
    return held == (size_t)self->in_use[PE_USE_CLEAN] + self->in_use[PE_USE_DIRTY]
                       + self->in_use[PE_USE_ANONYMOUS];
}

/* Every free slot is one, once, and in no entry. Quadratic, but for a sample of a long list. */
static bool slots_are_free(const pe_guest *self, const char **reason)
{
    uint32_t const step = self->n_free_slots / 64 + 1;
    *reason = "G4: a slot is free and in use, or free twice";
    for (uint32_t i = 0; i < self->n_free_slots; i += step) {
        if (self->free_slots[i] >= self->swap_pages)
            return false;
        for (uint32_t k = 0; k < self->n_free_slots; ++k)
            if (k != i && self->free_slots[k] == self->free_slots[i])
                return false;
        for (size_t k = 0; k <= self->table_mask; ++k)
            if (self->table[k].key != PE_GUEST_NO_KEY
                && self->table[k].place == (PE_GUEST_IN_SWAP | self->free_slots[i]))
                return false;
    }
    return true;
}

bool pe_guest_check(const pe_guest *self, const char **reason)
{
    if (!pages_add_up(self, reason) || !entries_hold(self, reason) || !slots_are_free(self, reason))
        return false;
    *reason = "G5: the balloon's stack names a page that is not in it";
    for (uint32_t i = 0; i < self->in_use[PE_USE_BALLOON]; ++i)
        if (self->balloon[i] >= self->pages || self->use[self->balloon[i]] != PE_USE_BALLOON)
            return false;
    *reason = "G3: a page's owner is not in the table";
    for (uint32_t ppn = 0; ppn < self->pages; ppn += self->pages / 64 + 1)
        if (self->use[ppn] >= PE_USE_CLEAN && self->use[ppn] <= PE_USE_ANONYMOUS
            && !entry_of(self, self->owner[ppn]))
            return false;
    *reason = NULL;
    return true;
}
