/* The guest's table: (kind, id) -> place.

     chain  first place of each chain, 4 bytes
     node   of every place: its owner's key, and the next place of the chain

   An entry is a place and nothing else: the key stands at the place that it leads to, where a
   look-up has to go anyway, and where eviction finds it. Chains rather than open addressing because
   an eviction and an arrival come in pairs: both are one link, and no neighbour moves.

   There are four chains for three things, so a look-up that finds looks at 1.4 places. The hash is
   one multiplication: page and block numbers are mostly dense, and the golden ratio puts a run of
   them into chains that are all different.

   The table is made for as many things as the guest has pages, and grows by half when swapped
   things come on top. */
#include "pe_guest_table.h"

#include <stdlib.h>
#include <string.h>

/* Chains for so many things, at most as many as a place has numbers. */
static uint32_t chains_for(uint64_t things)
{
    uint64_t const chains = things + things / 3 + 1;
    return (uint32_t)(chains < PE_NONE ? chains : PE_NONE);
}

static pe_status init(pe_guest *self, uint64_t things)
{
    uint32_t const chains = chains_for(things);
    uint32_t *chain = malloc(chains * sizeof *chain);
    if (!chain)
        return PE_ERR_NO_MEMORY;
    memset(chain, 0xff, chains * sizeof *chain); /* PE_NONE */
    self->chain = chain;
    self->chains = chains;
    self->entries_max = (uint32_t)(things < PE_NONE ? things : PE_NONE);
    return PE_OK;
}

pe_status pe_guest_table_init(pe_guest *self, uint32_t things)
{
    return init(self, things);
}

pe_status pe_guest_table_grow(pe_guest *self)
{
    uint32_t *const old = self->chain, chains = self->chains;
    if (self->entries < self->entries_max)
        return PE_OK;
    if (init(self, (uint64_t)self->entries_max + self->entries_max / 2 + 1) != PE_OK)
        return PE_ERR_NO_MEMORY;
    self->entries = 0;
    for (uint32_t i = 0; i < chains; ++i)
        for (uint32_t place = old[i], next; place != PE_NONE; place = next) {
            next = self->node[place].next;
            pe_guest_table_put(self, self->node[place].owner, place);
        }
    free(old);
    return PE_OK;
}
