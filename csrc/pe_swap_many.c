/* Many pages to and from swap space at once.

   Out: pages that lie side by side go to runs of neighbouring slots, a cluster with one call. The
   cluster is copied first: the pages are the caller's, and a page that another thread changes
   between the checksum and the write would be lost. The copy stays in the processor's cache.

   In: slots are asked for in the order in which pages were touched, which is seldom that of the
   file. 4096 of them at a time are put in order first (by their bytes, lowest first, of which few
   differ), and neighbours are then read with one call, each page to where it is wanted. A call to
   the system for a page costs more than the page. 32 pages are read at most before they are
   verified, so that they still are in the processor's cache.

   When something fails, what was asked for is read once more, one by one in the caller's order: so
   the first slot that fails is named, and those before it are delivered. */
#include "pe_swap.h"

#include <string.h>

#define SORTED_MAX 4096u
#define DIGITS 256u

/* slot << 32 | position */
typedef struct order {
    uint64_t keys[SORTED_MAX], other[SORTED_MAX];
    uint32_t n;
} order;

pe_status pe_swap_write_many(pe_swap *self, uint32_t n, const uint8_t *pages, pe_slot *out,
                             uint32_t *done)
{
    uint32_t taken = 0;
    pe_status status = pe_swap_make_copies(self);
    while (taken < n && status == PE_OK) {
        pe_slot first = PE_NONE;
        uint32_t run = pe_swap_take_run(self, n - taken, &first);
        if (run == 0) {
            break;
        }
        for (uint32_t i = 0; i < run; i++) {
            out[taken + i] = first + i;
            self->scratch[i] = self->copies + ((size_t)i << PE_PAGE_SHIFT);
        }
        size_t const bytes = (size_t)run << PE_PAGE_SHIFT;
        memcpy(self->copies, pages + ((size_t)taken << PE_PAGE_SHIFT), bytes);
        taken += run;
        status = pe_swap_write(self, first, run, self->scratch);
    }
    if (status != PE_OK) {
        for (uint32_t i = 0; i < taken; i++) {
            pe_swap_give_back(self, out[i]);
        }
        taken = 0;
    }
    *done = taken;
    return status;
}

/* Sorts by one byte of the keys. */
static void sort_by(order *self, unsigned shift)
{
    uint32_t starts[DIGITS + 1] = {0};
    for (uint32_t i = 0; i < self->n; i++) {
        starts[(self->keys[i] >> shift & (DIGITS - 1)) + 1] += 1;
    }
    for (uint32_t digit = 0; digit < DIGITS; digit++) {
        starts[digit + 1] += starts[digit];
    }
    for (uint32_t i = 0; i < self->n; i++) {
        self->other[starts[self->keys[i] >> shift & (DIGITS - 1)]++] = self->keys[i];
    }
    for (uint32_t i = 0; i < self->n; i++) {
        self->keys[i] = self->other[i];
    }
}

/* Slots and their positions, in the order of the file. */
static void put_in_order(order *self, const pe_slot *slots, uint32_t n)
{
    uint32_t differ = 0;
    bool sorted = true;
    self->n = n;
    for (uint32_t i = 0; i < n; i++) {
        self->keys[i] = (uint64_t)slots[i] << 32 | i;
        differ |= slots[i] ^ slots[0];
        sorted = sorted && (i == 0 || slots[i - 1] <= slots[i]);
    }
    for (unsigned shift = 0; !sorted && shift < 32; shift += 8) {
        if (differ >> shift & (DIGITS - 1)) {
            sort_by(self, 32 + shift);
        }
    }
}

static pe_status read_sorted(pe_swap *self, const pe_slot *slots, uint32_t n, uint8_t *out)
{
    order sorted;
    pe_status status = PE_OK;
    put_in_order(&sorted, slots, n);
    for (uint32_t i = 0, run; i < n && status == PE_OK; i += run) {
        uint8_t *pages[PE_SWAP_READ_MAX];
        pe_slot first = (pe_slot)(sorted.keys[i] >> 32);
        for (run = 0; run < PE_SWAP_READ_MAX && i + run < n; run++) {
            if (sorted.keys[i + run] >> 32 != (uint64_t)first + run) {
                break;
            }
            pages[run] = out + ((size_t)(uint32_t)sorted.keys[i + run] << PE_PAGE_SHIFT);
        }
        status = pe_swap_read_run(self, first, run, pages);
    }
    return status;
}

pe_status pe_swap_read_many(pe_swap *self, uint32_t n, const pe_slot *slots, uint8_t *out,
                            uint32_t *done)
{
    uint32_t good = 0;
    pe_status status = PE_OK;
    while (good < n && status == PE_OK) {
        uint32_t here = n - good < SORTED_MAX ? n - good : SORTED_MAX;
        uint8_t *pages = out + ((size_t)good << PE_PAGE_SHIFT);
        uint64_t const read = self->read;
        status = read_sorted(self, slots + good, here, pages);
        if (status == PE_OK) {
            good += here;
            continue;
        }
        self->read = read;
        for (uint32_t i = 0; i < here; i++, good++) {
            status = pe_swap_read(self, slots[good], pages + ((size_t)i << PE_PAGE_SHIFT));
            if (status != PE_OK) {
                break;
            }
        }
    }
    *done = good;
    return status;
}
