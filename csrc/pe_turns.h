/* Turns: a batch of accesses put in the order in which they are to be made. */
#ifndef PE_TURNS_H
#define PE_TURNS_H

#include "pe_host.h"

#define PE_TURNS 4u

/* The turn of each kind of access to a page in each place: of[kind * PE_PLACES + place], below
   PE_TURNS; and whether an access of each kind writes. 256 kinds. */
typedef struct pe_turns {
    const uint8_t *of;
    const uint8_t *writes;
} pe_turns;

/* count[t] of the n accesses are of turn t. All ppns are pages of the VM. */
void pe_turns_count(pe_turns self, const pe_vm *vm, size_t n, const int64_t *ppns,
                    const uint8_t *kinds, size_t count[PE_TURNS]);
/* The same accesses turn by turn; those of one turn stay in order. count is what pe_turns_count
   said of them, and nothing has moved since. */
void pe_turns_sort(pe_turns self, const pe_vm *vm, const int64_t *ppns, const uint8_t *kinds,
                   const size_t count[PE_TURNS], int64_t *out_ppns, uint8_t *out_kinds);
/* Makes accesses in the order they are in, as pe_touch does. */
PE_MUST_USE pe_status pe_turns_touch(pe_turns self, pe_host *host, pe_vm *vm, const int64_t *ppns,
                                     const uint8_t *kinds, size_t n, size_t *done);

#endif
