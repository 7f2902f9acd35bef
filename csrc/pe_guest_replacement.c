/* The list of replacements: one line each, in the order in which they are numbered. A guest keeps
   the one it was made with. The contract is in the header; what each does and why is on top of its
   file. Nothing outside those files and this list knows a replacement by name.

   Another one: a file with its table, a line below, a line in csrc/README.md. */
#include "pe_guest_replacement.h"

extern const pe_guest_replacement pe_guest_clock;
extern const pe_guest_replacement pe_guest_lru;
extern const pe_guest_replacement pe_guest_fifo;

static const pe_guest_replacement *const table[] = {&pe_guest_clock, &pe_guest_lru, &pe_guest_fifo};

void pe_guest_look_ahead(const pe_guest *self, pe_guest_kind kind, const uint8_t *at,
                         ptrdiff_t stride, size_t left)
{
    for (size_t i = 0; i < left && i < 2 * PE_GUEST_AHEAD; ++i, at += stride) {
        uint64_t const key = pe_guest_key(kind, pe_guest_id(at));
        const uint32_t *first = &self->chain[pe_guest_home(key, self->chains)];
        if (i >= PE_GUEST_AHEAD)
            PE_PREFETCH(first);
        else if (*first < self->pages)
            PE_PREFETCH_WRITE(&self->node[*first]);
    }
}

const pe_guest_replacement *pe_guest_replacement_at(size_t index)
{
    return index < PE_COUNT_OF(table) ? table[index] : NULL;
}

const char *pe_guest_replacement_name(size_t index)
{
    return index < PE_COUNT_OF(table) ? table[index]->name : NULL;
}
