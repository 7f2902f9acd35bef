/* Swap space in a saved state: which slots are taken, and what they hold. */
#ifndef PE_SWAP_STATE_H
#define PE_SWAP_STATE_H

#include "pe_state.h"
#include "pe_swap.h"

/* PE_ERR_BACKING, PE_ERR_SWAP_CORRUPT: a slot cannot be read, *slot says which. */
PE_MUST_USE pe_status pe_swap_save(pe_swap *self, pe_state_out *out, pe_slot *slot);
/* Into an empty swap space, which grows to what there was. PE_ERR_NO_MEMORY; PE_ERR_BACKING: its
   file cannot be written; or what `in` says. */
PE_MUST_USE pe_status pe_swap_load(pe_swap *self, pe_state_in *in);

#endif
