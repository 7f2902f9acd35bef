/* The compression cache in a saved state. */
#ifndef PE_ZCACHE_STATE_H
#define PE_ZCACHE_STATE_H

#include "pe_state.h"
#include "pe_zcache.h"

/* Who loads a cache: lends frames to it, and is told of every blob. */
typedef struct pe_zcache_keeper {
    void *context;
    pe_frame (*lend)(void *context); /* PE_NONE: there is none */
    /* False: the group has no such page, or the page has a blob already. */
    bool (*holds)(void *context, uint32_t group, uint64_t owner, pe_blob blob);
} pe_zcache_keeper;

void pe_zcache_save(const pe_zcache *self, pe_state_out *out);
/* Into an empty cache. PE_ERR_NO_MEMORY, or what `in` says. */
PE_MUST_USE pe_status pe_zcache_load(pe_zcache *self, const pe_zcache_keeper *keeper,
                                     pe_state_in *in);

#endif
