/* The list of replacements: one line each, in the order in which they are numbered. A guest keeps
   the one it was made with. The contract is in the header; what each does and why is on top of its
   file. Nothing outside those files and this list knows a replacement by name.

   Another one: a file with its table, a line below, a line in csrc/README.md. */
#include "pe_guest_replacement.h"

extern const pe_guest_replacement pe_guest_clock;
extern const pe_guest_replacement pe_guest_lru;
extern const pe_guest_replacement pe_guest_fifo;

static const pe_guest_replacement *const table[] = {&pe_guest_clock, &pe_guest_lru, &pe_guest_fifo};

const pe_guest_replacement *pe_guest_replacement_at(size_t index)
{
    return index < PE_COUNT_OF(table) ? table[index] : NULL;
}

const char *pe_guest_replacement_name(size_t index)
{
    return index < PE_COUNT_OF(table) ? table[index]->name : NULL;
}
