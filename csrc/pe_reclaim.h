/* Reclaim: wins machine frames from one VM by a technique. */
#ifndef PE_RECLAIM_H
#define PE_RECLAIM_H

#include "pe_host.h"

/* What may be done to one victim, in this order; every technique is a combination. Sharing is
   always tried first. */
enum { PE_STEP_SHARE = 1, PE_STEP_COMPRESS = 2, PE_STEP_SWAP = 4 };
/* With any of them: give up after so many victims in a row that won nothing. The hand goes on from
   there next time. For techniques that cannot take every page. */
enum { PE_RECLAIM_BRIEF = 8, PE_RECLAIM_VAIN_MAX = 1024 };

typedef struct pe_technique {
    const char *name;
    const char *summary;
    unsigned steps;
} pe_technique;
const pe_technique *pe_technique_at(size_t index); /* NULL after the last */

typedef struct pe_reclaim_result {
    uint64_t frames; /* won: idle frames now, less before */
    uint64_t merged, zero_merged, compressed, swapped, evicted; /* pages */
    uint64_t incompressible;
} pe_reclaim_result;

/* Until `want` frames are won, or the hand has gone round twice. PE_NO_SLOT: swap is full;
   PE_ERR_BACKING: it failed; *result is right in any case, and the pages that could not go are
   where they were. */
PE_MUST_USE pe_status pe_reclaim(pe_host *host, pe_vm *vm, uint64_t want, unsigned steps,
                                 pe_reclaim_result *result);

#endif
