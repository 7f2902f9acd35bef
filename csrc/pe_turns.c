/* A batch of accesses may have to be made in another order than it came in: what is read before
   what is written over it, what gets contents before what does not. The turn of an access follows
   from its kind and from where its page is, by a table of the caller's; what the kinds and turns
   mean is the caller's business.

   A counting sort with two looks at each page's word. The words were brought to the cache by the
   first look, and most batches end there: all of one turn, and nothing to sort.

     T1  the counts of all turns add up to n, and the sorted batch has the accesses of the other */
#include "pe_turns.h"

#include "pe_touch.h"

#include <string.h>

#define PART 256u /* accesses whose kinds become writes at a time */

static inline unsigned turn_of(pe_turns self, const pe_vm *vm, int64_t ppn, uint8_t kind)
{
    pe_assert((uint64_t)ppn < vm->pages);
    unsigned const turn = self.of[kind * PE_PLACES + (unsigned)pe_place_of(vm->map[ppn])];
    pe_assert(turn < PE_TURNS);
    return turn;
}

void pe_turns_count(pe_turns self, const pe_vm *vm, size_t n, const int64_t *ppns,
                    const uint8_t *kinds, size_t count[PE_TURNS])
{
    memset(count, 0, PE_TURNS * sizeof count[0]);
    for (size_t i = 0; i < n; ++i)
        count[turn_of(self, vm, ppns[i], kinds[i])] += 1;
}

void pe_turns_sort(pe_turns self, const pe_vm *vm, const int64_t *ppns, const uint8_t *kinds,
                   const size_t count[PE_TURNS], int64_t *out_ppns, uint8_t *out_kinds)
{
    size_t next[PE_TURNS] = {0}, n = count[0];
    for (unsigned t = 1; t < PE_TURNS; ++t) {
        next[t] = n;
        n += count[t];
    }
    for (size_t i = 0; i < n; ++i) {
        size_t const to = next[turn_of(self, vm, ppns[i], kinds[i])]++;
        pe_assert(to < n);
        out_ppns[to] = ppns[i];
        out_kinds[to] = kinds[i];
    }
}

pe_status pe_turns_touch(pe_turns self, pe_host *host, pe_vm *vm, const int64_t *ppns,
                         const uint8_t *kinds, size_t n, size_t *done)
{
    uint8_t write[PART];
    pe_status status = PE_OK;
    size_t at = 0;
    while (status == PE_OK && at < n) {
        size_t const part = n - at < PART ? n - at : PART;
        size_t made;
        for (size_t i = 0; i < part; ++i)
            write[i] = self.writes[kinds[at + i]];
        status = pe_touch(host, vm, ppns + at, part, write, false, &made);
        at += made;
    }
    *done = at;
    return status;
}
