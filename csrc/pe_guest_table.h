/* Where a guest's things are: (kind, id) -> place. */
#ifndef PE_GUEST_TABLE_H
#define PE_GUEST_TABLE_H

#include "pe_guest_layout.h"

static inline uint64_t pe_guest_key(pe_guest_kind kind, int64_t id)
{
    return (uint64_t)id << 1 | (uint64_t)(kind == PE_GUEST_FILE);
}

static inline pe_guest_kind pe_guest_kind_of(uint64_t key)
{
    return key & 1 ? PE_GUEST_FILE : PE_GUEST_MEMORY;
}

/* The chain of a key among so many. Multiplying by the golden ratio spreads neighbours evenly. */
static inline uint32_t pe_guest_home(uint64_t key, uint32_t chains)
{
    uint64_t const spread = key * UINT64_C(0x9e3779b97f4a7c15) >> 32;
    return (uint32_t)(spread * chains >> 32);
}

/* The place of a key; PE_NONE when it has none. */
static inline uint32_t pe_guest_find(const pe_guest *self, uint64_t key)
{
    uint32_t place = self->chain[pe_guest_home(key, self->chains)];
    while (place != PE_NONE && self->node[place].owner != key)
        place = self->node[place].next;
    return place;
}

/* Empty chains for so many things. */
PE_MUST_USE pe_status pe_guest_table_init(pe_guest *self, uint32_t things);
/* Room for one more entry. */
PE_MUST_USE pe_status pe_guest_table_grow(pe_guest *self);

/* What leads to a place that is in the table: the head of its chain, or a link. */
static inline uint32_t *pe_guest_table_link(pe_guest *self, uint32_t place)
{
    uint32_t *link = &self->chain[pe_guest_home(self->node[place].owner, self->chains)];
    while (*link != place) {
        pe_assert(*link != PE_NONE);
        link = &self->node[*link].next;
    }
    return link;
}

/* The key is at the place; it was nowhere, and there is room. */
static inline void pe_guest_table_put(pe_guest *self, uint64_t key, uint32_t place)
{
    uint32_t *first = &self->chain[pe_guest_home(key, self->chains)];
    pe_assert(self->entries < self->entries_max);
    self->node[place].owner = key;
    self->node[place].next = *first;
    *first = place;
    self->entries += 1;
}

static inline void pe_guest_table_erase(pe_guest *self, uint32_t place)
{
    *pe_guest_table_link(self, place) = self->node[place].next;
    self->entries -= 1;
}

/* What is at one place is at another from now on. */
static inline void pe_guest_table_move(pe_guest *self, uint32_t from, uint32_t to)
{
    *pe_guest_table_link(self, from) = to;
    self->node[to].owner = self->node[from].owner;
    self->node[to].next = self->node[from].next;
}

#endif
