/* One VM in a saved state: everything but what its pages hold. */
#ifndef PE_VM_STATE_H
#define PE_VM_STATE_H

#include "pe_state.h"
#include "pe_vm.h"

/* What is not of a page. */
void pe_vm_save(const pe_vm *self, pe_state_out *out);
/* Into a new VM, whose pages are all absent. False: what `in` says; *two_scans: it had checksums.
 */
bool pe_vm_load(pe_vm *self, bool *two_scans, pe_state_in *in);

/* A page without what it names, in one byte: its place (the zero page is one of its own), and what
   was seen of it. */
#define PE_MARK_PLACE 7u
#define PE_MARK_ZERO 6u
uint8_t pe_vm_mark_of(uint64_t word);
/* The word of a page that was in no place before; the counts go with it. */
void pe_vm_set(pe_vm *self, uint32_t ppn, uint8_t mark, uint8_t age, uint32_t payload);

#endif
