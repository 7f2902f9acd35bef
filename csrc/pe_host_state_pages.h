/* Pages of VMs in a saved state: for pe_host_state.c alone. */
#ifndef PE_HOST_STATE_PAGES_H
#define PE_HOST_STATE_PAGES_H

#include "pe_host.h"
#include "pe_state.h"

typedef struct pe_host_state_work { /* of one save or load */
    pe_host *host;
    pe_state_out *out;
    pe_state_in *in;
    uint64_t *traced; /* bit per slot of the sharing table: its entry needs not be kept whole */
    uint32_t *names;  /* save: by frame, place in the list of shared frames; load: the frame */
    uint32_t shared;
    bool hints; /* whether the sharing table has any */
} pe_host_state_work;

void pe_host_state_save_pages(const pe_host_state_work *self);
bool pe_host_state_load_pages(const pe_host_state_work *self);

#endif
