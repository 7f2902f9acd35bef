/* One VM in a saved state: its numbers, its generators, and a byte for each page:

     mark   7 EVER, 6 YOUNG, 5 PINNED, 4 SAMPLED, 3 ACCESSED, 2..0 place, 6 being the zero page

   Counts and permissions follow from the marks, so nothing of them is saved: a page is put in its
   place, and they come of it. What pages name is the host's to say (pe_host_state_pages.c).

   Draws of an open sampling period are repeated when it ends, so there are at most as many as one
   can make. */
#include "pe_vm_state.h"

static const struct {
    uint64_t bit;
    unsigned shift;
} seen[] = {{PE_ACCESSED, 3}, {PE_SAMPLED, 4}, {PE_PINNED, 5}, {PE_YOUNG, 6}, {PE_EVER, 7}};

uint8_t pe_vm_mark_of(uint64_t word)
{
    unsigned mark = word & PE_ZERO ? PE_MARK_ZERO : (unsigned)pe_place_of(word);
    for (size_t i = 0; i < PE_COUNT_OF(seen); ++i)
        mark |= (unsigned)((word & seen[i].bit) != 0) << seen[i].shift;
    return (uint8_t)mark;
}

void pe_vm_set(pe_vm *self, uint32_t ppn, uint8_t mark, uint8_t age, uint32_t payload)
{
    bool const zero = (mark & PE_MARK_PLACE) == PE_MARK_ZERO;
    pe_place const place = zero ? PE_SHARED : (pe_place)(mark & PE_MARK_PLACE);
    uint64_t word = (uint64_t)place | (zero ? PE_ZERO : 0) | (uint64_t)age << PE_AGE_SHIFT
                  | (uint64_t)payload << PE_PAYLOAD_SHIFT;
    for (size_t i = 0; i < PE_COUNT_OF(seen); ++i)
        word |= mark >> seen[i].shift & 1 ? seen[i].bit : 0;
    self->in_place[PE_ABSENT] -= 1;
    self->in_place[place] += 1;
    self->zero += zero;
    self->ever += (word & PE_EVER) != 0;
    if (word != 0) /* what was never touched need not become resident */
        self->map[ppn] = pe_with_permissions(word);
}

void pe_vm_save(const pe_vm *self, pe_state_out *out)
{
    uint64_t const numbers[] = {
        self->blocked,         self->checksums != NULL,   self->scan_hand,      self->reclaim_hand,
        self->sampling,        self->sample_size,         self->sample_touched, self->sample_draws,
        self->sample_from.key, self->sample_from.counter, self->rng.key,        self->rng.counter};
    for (size_t i = 0; i < PE_COUNT_OF(numbers); ++i)
        pe_state_put64(out, numbers[i]);
    pe_state_put64(out, PE_EVENTS);
    pe_state_put_many(out, self->event, sizeof self->event[0], PE_EVENTS);
}

bool pe_vm_load(pe_vm *self, bool *two_scans, pe_state_in *in)
{
    static const char bad[] = "a VM in it has a number that cannot be";
    uint32_t const last = self->pages - 1;
    self->blocked = pe_state_get_most(in, 1, bad) != 0;
    *two_scans = pe_state_get_most(in, 1, bad) != 0;
    self->scan_hand = (uint32_t)pe_state_get_most(in, last, bad);
    self->reclaim_hand = (uint32_t)pe_state_get_most(in, last, bad);
    self->sampling = pe_state_get_most(in, 1, bad) != 0;
    self->sample_size = (uint32_t)pe_state_get_most(in, self->pages, bad);
    self->sample_touched = (uint32_t)pe_state_get_most(in, self->sample_size, bad);
    /* the end of a period repeats them all */
    self->sample_draws = pe_state_get_most(in, (uint64_t)self->pages * PE_SAMPLE_TRIES_PER_PAGE,
                                           bad);
    self->sample_from.key = pe_state_get64(in);
    self->sample_from.counter = pe_state_get64(in);
    self->rng.key = pe_state_get64(in);
    self->rng.counter = pe_state_get64(in);
    if (pe_state_get64(in) != PE_EVENTS)
        return pe_state_refuse(in, "it counts other events than this version");
    return pe_state_get_many(in, self->event, sizeof self->event[0], PE_EVENTS);
}
