/* Swap space in a saved state, and back.

     slots, cursor, where it was never reached, counts
     runs of taken slots: free ones before it, length; ended by a run of none
     what they hold, in order of the slots: pages, or tokens

   Which slots are taken decides how the next clusters lie, so each comes back where it was. Pages
   are verified as they are read, and written to the new file with checksums of their own. */
#include "pe_swap_state.h"

#include "pe_frames_many.h"

static const char bad[] = "its swap space has slots that cannot be";

static bool is_taken(const pe_swap *self, uint32_t slot)
{
    return !pe_frames_is_idle(&self->slots, slot);
}

/* The next run of taken slots from *first on, at most `most` long; 0: there is none. */
static uint32_t next_run(const pe_swap *self, uint32_t *first, uint32_t most)
{
    uint32_t n = 0;
    while (*first < self->reached && !is_taken(self, *first))
        *first += 1;
    while (n < most && n < self->reached - *first && is_taken(self, *first + n))
        n += 1;
    return n;
}

static void save_runs(const pe_swap *self, pe_state_out *out)
{
    uint32_t at = 0, first = 0, n;
    while ((n = next_run(self, &first, UINT32_MAX)) > 0) {
        pe_state_put64(out, (uint64_t)(first - at) << 32 | n);
        at = first += n;
    }
    pe_state_put64(out, 0);
}

static pe_status save_pages(pe_swap *self, pe_state_out *out, pe_slot *slot)
{
    uint32_t first = 0, n;
    uint8_t *page = self->copies, *pages[PE_SWAP_READ_MAX];
    for (uint32_t i = 0; i < PE_SWAP_READ_MAX; ++i)
        pages[i] = page + (size_t)i * PE_PAGE_BYTES;
    while ((n = next_run(self, &first, PE_SWAP_READ_MAX)) > 0) {
        pe_status const status = pe_swap_read_run(self, first, n, pages);
        if (status != PE_OK) {
            *slot = first;
            return status;
        }
        pe_state_put(out, page, (size_t)n * PE_PAGE_BYTES);
        first += n;
    }
    return PE_OK;
}

pe_status pe_swap_save(pe_swap *self, pe_state_out *out, pe_slot *slot)
{
    uint64_t const read = self->read, read_calls = self->read_calls;
    uint64_t const numbers[] = {
        self->slots.count, self->slots.cursor, self->reached, self->written, read,
        self->write_calls, read_calls};
    for (size_t i = 0; i < PE_COUNT_OF(numbers); ++i)
        pe_state_put64(out, numbers[i]);
    save_runs(self, out);
    if (self->file < 0) {
        uint32_t first = 0, n;
        while ((n = next_run(self, &first, UINT32_MAX)) > 0) {
            pe_state_put_many(out, self->checksums + first, sizeof *self->checksums, n);
            first += n;
        }
        return PE_OK;
    }
    pe_status status = pe_swap_make_copies(self);
    if (status == PE_OK)
        status = save_pages(self, out, slot);
    self->read = read; /* what is saved is not accessed */
    self->read_calls = read_calls;
    return status;
}

static void take(pe_swap *self, uint32_t first, uint32_t n)
{
    for (uint32_t slot = first; slot < first + n; ++slot)
        pe_frames_clear_bits(&self->slots, slot / PE_WORD_BITS, pe_bits_bit(slot));
    self->slots.in_bitmap -= n;
}

static bool load_runs(pe_swap *self, pe_state_in *in)
{
    uint64_t at = 0, run;
    while ((run = pe_state_get64(in)) != 0) {
        uint64_t const first = at + (run >> 32), n = run & UINT32_MAX;
        if (n == 0 || first + n > self->reached)
            return pe_state_refuse(in, bad);
        take(self, (uint32_t)first, (uint32_t)n);
        at = first + n;
    }
    return pe_state_is_well(in);
}

static pe_status load_pages(pe_swap *self, pe_state_in *in)
{
    const uint8_t *pages[PE_SWAP_CLUSTER_MAX];
    uint32_t first = 0, n;
    for (uint32_t i = 0; i < PE_SWAP_CLUSTER_MAX; ++i)
        pages[i] = self->copies + (size_t)i * PE_PAGE_BYTES;
    while ((n = next_run(self, &first, PE_SWAP_CLUSTER_MAX)) > 0) {
        if (!pe_state_get(in, self->copies, (size_t)n * PE_PAGE_BYTES))
            return in->status;
        pe_status const status = pe_swap_write(self, first, n, pages);
        if (status != PE_OK)
            return status;
        first += n;
    }
    return PE_OK;
}

static pe_status load_contents(pe_swap *self, pe_state_in *in)
{
    if (self->file >= 0) {
        pe_status const status = pe_swap_make_copies(self);
        return status == PE_OK ? load_pages(self, in) : status;
    }
    uint32_t first = 0, n;
    while ((n = next_run(self, &first, UINT32_MAX)) > 0) {
        if (!pe_state_get_many(in, self->checksums + first, sizeof *self->checksums, n))
            return in->status;
        first += n;
    }
    return PE_OK;
}

pe_status pe_swap_load(pe_swap *self, pe_state_in *in)
{
    uint64_t numbers[7];
    for (size_t i = 0; i < PE_COUNT_OF(numbers); ++i)
        numbers[i] = pe_state_get64(in);
    if (numbers[0] > UINT32_MAX - 64 || numbers[2] > numbers[0] || numbers[1] % PE_WORD_BITS != 0
        || (numbers[1] >= numbers[0] && numbers[1] != 0))
        (void)pe_state_refuse(in, bad);
    if (!pe_state_is_well(in))
        return in->status;
    pe_status status = pe_swap_grow(self, (uint32_t)numbers[0]);
    if (status != PE_OK)
        return status;
    self->reached = (uint32_t)numbers[2];
    self->slots.cursor = (uint32_t)numbers[1];
    if (!load_runs(self, in))
        return in->status;
    status = load_contents(self, in);
    self->written = numbers[3];
    self->read = numbers[4];
    self->write_calls = numbers[5];
    self->read_calls = numbers[6];
    return status;
}
