/* The guest model's invariants (G1 to G5, pe_guest.c; replacement has its own), proved by a walk
   over everything: the pages, the chains, the free slots, the balloon. Each list is followed for as
   many steps as it may have, so that a circle ends. A node has one link, and which list it belongs
   to can be seen from its page's use or its owner: so what is in the list that it should be in is
   in no other. */
#include "pe_bits.h"
#include "pe_guest_replacement.h"

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

/* Whether the entry names a page that may hold it, or a slot; kinds have pages of their own. */
static bool is_held(const pe_guest *self, uint32_t place)
{
    uint64_t const owner = self->node[place].owner;
    if (place >= self->pages)
        return owner != PE_GUEST_NOBODY;
    pe_guest_use const use = (pe_guest_use)self->use[place];
    return owner & 1 ? pe_guest_is_cache(use) : use == PE_USE_ANONYMOUS;
}

static bool entries_hold(const pe_guest *self, const char **reason)
{
    uint32_t entries = 0, swapped = 0;
    *reason = "G4: the slots do not add up";
    if (self->slots_begun > self->slots || self->slots > self->swap_pages
        || self->slots_used > self->slots_begun)
        return false;
    uint32_t const places = self->pages + self->slots_begun;
    for (uint32_t i = 0; i < self->chains; ++i)
        for (uint32_t place = self->chain[i]; place != PE_NONE; place = self->node[place].next) {
            *reason = "G4: a chain has a circle, or more entries than there are";
            if (++entries > self->entries)
                return false;
            *reason = "G4: an entry names a place beyond pages and slots";
            if (place >= places)
                return false;
            *reason = "G4: an entry stands in another chain than its key's";
            if (pe_guest_home(self->node[place].owner, self->chains) != i)
                return false;
            *reason = "G4: an entry names a page or slot that does not hold it";
            if (!is_held(self, place))
                return false;
            swapped += place >= self->pages;
        }
    *reason = "G4: the entries or the slots in use differ from a recount";
    if (entries != self->entries || swapped != self->slots_used)
        return false;
    *reason = "G3: a page of cache or anonymous memory is not in the table";
    return entries - swapped == pe_guest_cached(self) + self->in_use[PE_USE_ANONYMOUS];
}

static bool slots_are_free(const pe_guest *self, const char **reason)
{
    uint32_t free = 0;
    *reason = "G4: the list of free slots has a circle, or names what is not free";
    for (uint32_t place = self->free_slot; place != PE_NONE; place = self->node[place].next)
        if (++free > self->slots_begun || place < self->pages
            || place - self->pages >= self->slots_begun
            || self->node[place].owner != PE_GUEST_NOBODY)
            return false;
    *reason = "G4: a slot is neither free nor in use";
    return free + self->slots_used == self->slots_begun;
}

static bool balloon_is_whole(const pe_guest *self, const char **reason)
{
    uint32_t held = 0;
    *reason = "G5: the balloon's list names a page that is not in it, or has a circle";
    for (uint32_t ppn = self->balloon; ppn != PE_NONE; ppn = self->node[ppn].next)
        if (++held > self->pages || ppn >= self->pages || self->use[ppn] != PE_USE_BALLOON)
            return false;
    *reason = "G5: a ballooned page is not in the balloon's list";
    return held == self->in_use[PE_USE_BALLOON];
}

bool pe_guest_check(const pe_guest *self, const char **reason)
{
    if (!pages_add_up(self, reason) || !entries_hold(self, reason) || !slots_are_free(self, reason)
        || !balloon_is_whole(self, reason) || (self->how->check && !self->how->check(self, reason)))
        return false;
    *reason = NULL;
    return true;
}
