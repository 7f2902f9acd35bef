/* A guest in a saved state. */
#ifndef PE_GUEST_STATE_H
#define PE_GUEST_STATE_H

#include "pe_guest.h"
#include "pe_state.h"

void pe_guest_save(const pe_guest *self, pe_state_out *out);
/* Into a new guest of the same size and replacement; then it is checked (pe_guest_check).
   PE_ERR_STATE: what `in` says, or *rule, a rule that is broken; PE_ERR_NO_MEMORY. After an error
   there is nothing to do with the guest but to delete it. */
PE_MUST_USE pe_status pe_guest_load(pe_guest *self, pe_state_in *in, const char **rule);

#endif
