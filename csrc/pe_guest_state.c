/* A guest in a saved state, and back.

     sizes, replacement, clock hand, time, events
     pages    512 at a time: uses; of those that hold something, whose they are and their marks
     balloon  its pages, the last first
     slots    those begun: taken or free; whose the taken ones are; the free ones, the next first
     blocks   of reporting

   The table is made again, in other chains perhaps, which only its speed could tell. So are queues
   by age: they hold what marks say in any case, and the next eviction fills them. */
#include "pe_guest_state.h"

#include "pe_bits.h"
#include "pe_guest_replacement.h"

#include <stdlib.h>

#define PART PE_STATE_PART

static const char bad[] = "a guest in it holds something that cannot be";

static bool holds_something(uint8_t use)
{
    return use == PE_USE_ANONYMOUS || pe_guest_is_cache((pe_guest_use)use);
}

static uint64_t number_of(const pe_guest_replacement *how)
{
    size_t i = 0;
    while (pe_guest_replacement_at(i) != how)
        i += 1;
    return i;
}

/* ---- out */

static void save_pages(const pe_guest *self, pe_state_out *out)
{
    uint64_t owner[PART];
    uint32_t mark[PART];
    for (uint32_t first = 0; first < self->pages; first += PART) {
        uint32_t const left = self->pages - first, n = left < PART ? left : PART;
        uint32_t held = 0;
        for (uint32_t ppn = first; ppn < first + n; ++ppn)
            if (holds_something(self->use[ppn])) {
                owner[held] = self->node[ppn].owner;
                mark[held++] = self->node[ppn].mark;
            }
        pe_state_put_many(out, self->use + first, 1, n);
        pe_state_put_many(out, owner, sizeof owner[0], held);
        pe_state_put_many(out, mark, sizeof mark[0], held);
    }
}

/* A list through nodes, as so many places. */
static void save_list(const pe_guest *self, uint32_t place, pe_state_out *out)
{
    uint32_t some[PART], n = 0;
    for (; place != PE_NONE; place = self->node[place].next) {
        some[n++] = place;
        if (n == PART) {
            pe_state_put_many(out, some, sizeof some[0], n);
            n = 0;
        }
    }
    pe_state_put_many(out, some, sizeof some[0], n);
}

static void save_slots(const pe_guest *self, pe_state_out *out)
{
    uint64_t owner[PART];
    uint8_t taken[PART];
    pe_state_put64(out, self->slots_begun);
    pe_state_put64(out, self->slots_used);
    for (uint32_t first = 0; first < self->slots_begun; first += PART) {
        uint32_t const left = self->slots_begun - first, n = left < PART ? left : PART;
        uint32_t held = 0;
        for (uint32_t i = 0; i < n; ++i) {
            uint64_t const key = self->node[self->pages + first + i].owner;
            taken[i] = key != PE_GUEST_NOBODY;
            if (taken[i])
                owner[held++] = key;
        }
        pe_state_put_many(out, taken, 1, n);
        pe_state_put_many(out, owner, sizeof owner[0], held);
    }
    save_list(self, self->free_slot, out);
}

void pe_guest_save(const pe_guest *self, pe_state_out *out)
{
    uint64_t const numbers[] = {self->pages, self->swap_pages, number_of(self->how),
                                self->hand,  self->now,        PE_GUEST_NUMBERS};
    for (size_t i = 0; i < PE_COUNT_OF(numbers); ++i)
        pe_state_put64(out, numbers[i]);
    pe_state_put_many(out, self->event, sizeof self->event[0], PE_GUEST_NUMBERS);
    save_pages(self, out);
    pe_state_put64(out, self->in_use[PE_USE_BALLOON]);
    save_list(self, self->balloon, out);
    save_slots(self, out);
    pe_state_put_many(out, self->block, 1, self->pages / PE_GUEST_BLOCK + 1);
}

/* ---- in */

/* The key is at the place, which is neither a slot nor a page of the table yet. */
static pe_status put(pe_guest *self, uint64_t key, uint32_t place, pe_state_in *in)
{
    if (key > (uint64_t)INT64_MAX * 2 + 1 || key == PE_GUEST_NOBODY
        || pe_guest_find(self, key) != PE_NONE) {
        (void)pe_state_refuse(in, bad);
        return in->status;
    }
    pe_status const status = pe_guest_table_grow(self);
    if (status == PE_OK)
        pe_guest_table_put(self, key, place);
    return status;
}

static pe_status load_part(pe_guest *self, uint32_t first, uint32_t n, pe_state_in *in)
{
    uint64_t owner[PART];
    uint32_t mark[PART], held = 0;
    uint8_t use[PART];
    if (!pe_state_get_many(in, use, 1, n))
        return in->status;
    for (uint32_t i = 0; i < n; ++i)
        held += holds_something(use[i]);
    if (!pe_state_get_many(in, owner, sizeof owner[0], held)
        || !pe_state_get_many(in, mark, sizeof mark[0], held))
        return in->status;
    held = 0;
    for (uint32_t i = 0; i < n; ++i) {
        uint32_t const ppn = first + i;
        if (use[i] >= PE_USES) {
            (void)pe_state_refuse(in, bad);
            return in->status;
        }
        pe_guest_set_use(self, ppn, (pe_guest_use)use[i]);
        self->free[ppn / 64] &= ~pe_bits_bit(ppn);
        self->free[ppn / 64] |= use[i] == PE_USE_FREE ? pe_bits_bit(ppn) : 0;
        self->node[ppn].mark = PE_GUEST_MARK_GONE;
        if (!holds_something(use[i]))
            continue;
        self->node[ppn].mark = mark[held];
        pe_status const status = put(self, owner[held++], ppn, in);
        if (status != PE_OK)
            return status;
    }
    return PE_OK;
}

/* A list of n places, each within [low, end), and in no list yet: `kept` says of one that it is of
   this one. */
static bool load_list(pe_guest *self, uint32_t *head, uint64_t n, uint32_t low, uint32_t end,
                      pe_state_in *in)
{
    uint32_t some[PART], *link = head;
    while (n > 0) {
        size_t const here = n < PART ? (size_t)n : PART;
        if (!pe_state_get_many(in, some, sizeof some[0], here))
            return false;
        for (size_t i = 0; i < here; ++i) {
            bool const is_page = low == 0;
            if (some[i] < low || some[i] >= end
                || (is_page ? self->use[some[i]] != PE_USE_BALLOON
                            : self->node[some[i]].owner != PE_GUEST_NOBODY))
                return pe_state_refuse(in, bad);
            *link = some[i];
            link = &self->node[some[i]].next;
            *link = PE_NONE;
        }
        n -= here;
    }
    return true;
}

static pe_status load_slots(pe_guest *self, pe_state_in *in)
{
    uint64_t owner[PART];
    uint8_t taken[PART];
    uint32_t const begun = (uint32_t)pe_state_get_most(in, self->swap_pages, bad);
    uint32_t const used = (uint32_t)pe_state_get_most(in, begun, bad);
    if (!pe_state_may_hold(in, begun))
        return in->status;
    pe_guest_node *node = realloc(self->node, ((size_t)self->pages + begun) * sizeof *node);
    if (!node)
        return PE_ERR_NO_MEMORY;
    self->node = node;
    self->slots = self->slots_begun = begun;
    for (uint32_t i = 0; i < begun; ++i)
        node[self->pages + i] = (pe_guest_node){.owner = PE_GUEST_NOBODY, .next = PE_NONE};
    for (uint32_t first = 0; first < begun; first += PART) {
        uint32_t const n = begun - first < PART ? begun - first : PART;
        uint32_t held = 0;
        if (!pe_state_get_many(in, taken, 1, n))
            return in->status;
        for (uint32_t i = 0; i < n; ++i)
            held += taken[i] != 0;
        if (!pe_state_get_many(in, owner, sizeof owner[0], held))
            return in->status;
        for (uint32_t i = 0, next = 0; i < n; ++i) {
            pe_status status = PE_OK;
            if (taken[i])
                status = put(self, owner[next++], self->pages + first + i, in);
            if (status != PE_OK)
                return status;
            self->slots_used += taken[i] != 0;
        }
    }
    if (self->slots_used != used)
        (void)pe_state_refuse(in, bad);
    (void)load_list(self, &self->free_slot, begun - used, self->pages, self->pages + begun, in);
    return in->status;
}

static bool load_numbers(pe_guest *self, pe_state_in *in)
{
    uint64_t const wanted[] = {self->pages, self->swap_pages, number_of(self->how)};
    for (size_t i = 0; i < PE_COUNT_OF(wanted); ++i)
        if (pe_state_get64(in) != wanted[i])
            return pe_state_refuse(in, "it is of another guest");
    self->hand = (uint32_t)pe_state_get_most(in, self->pages - 1, bad);
    self->now = (uint32_t)pe_state_get_most(in, PE_GUEST_NOW_MAX, bad);
    if (pe_state_get64(in) != PE_GUEST_NUMBERS)
        return pe_state_refuse(in, "it counts other events than this version");
    return pe_state_get_many(in, self->event, sizeof self->event[0], PE_GUEST_NUMBERS);
}

static pe_status load(pe_guest *self, pe_state_in *in)
{
    if (!load_numbers(self, in) || !pe_state_may_hold(in, self->pages))
        return in->status;
    for (uint32_t first = 0; first < self->pages; first += PART) {
        uint32_t const left = self->pages - first;
        pe_status const status = load_part(self, first, left < PART ? left : PART, in);
        if (status != PE_OK)
            return status;
    }
    self->free_hint = 0;
    uint64_t const ballooned = pe_state_get_most(in, self->pages, bad);
    if (!load_list(self, &self->balloon, ballooned, 0, self->pages, in))
        return in->status;
    pe_status const status = load_slots(self, in);
    if (status != PE_OK)
        return status;
    (void)pe_state_get_many(in, self->block, 1, self->pages / PE_GUEST_BLOCK + 1);
    return in->status;
}

pe_status pe_guest_load(pe_guest *self, pe_state_in *in, const char **rule)
{
    *rule = NULL;
    pe_status const status = load(self, in);
    if (status != PE_OK)
        return status;
    return pe_guest_check(self, rule) ? PE_OK : PE_ERR_STATE;
}
