/* A host in a saved state. */
#ifndef PE_HOST_STATE_H
#define PE_HOST_STATE_H

#include "pe_host.h"
#include "pe_state.h"

/* Everything that decides how it goes on. Nothing of it changes. PE_ERR_BACKING or
   PE_ERR_SWAP_CORRUPT: a slot of its swap space cannot be read, and *slot says which; what could
   not be written is said by `out`. */
PE_MUST_USE pe_status pe_host_save(pe_host *self, pe_state_out *out, pe_slot *slot);
/* Into a host without VMs, made with the same configuration (its swap file is its own); then
   everything is checked (pe_check). PE_ERR_STATE: what `in` says, or *rule, a rule that is broken;
   PE_ERR_BACKING: its swap file cannot be written; PE_ERR_NO_MEMORY. After an error there is
   nothing to do with the host but to delete it. */
PE_MUST_USE pe_status pe_host_load(pe_host *self, pe_state_in *in, const char **rule);

#endif
