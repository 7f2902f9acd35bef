/* The guest model: enough of a kernel's memory management to see what a balloon does to it.

     table        (kind, id) -> page, or slot of the guest's swap space: pe_guest_table.c
     pages        one use each, and the bitmap of the free ones: pe_guest_pages.c
     replacement  which page goes when one is needed: pe_guest_replacement.h, one file each
     balloon      a list through the nodes of the pages that are in it, the last first

   A touch of something new takes a free page. When none is free, replacement says which page goes:
   one of the page cache while that is more than 1/16 of memory (clean pages are dropped, dirty ones
   written first), after that anonymous memory too, which goes to swap space. Nothing left to take:
   the guest is out of memory, the access is not made.

   Invariants:
     G1  the counts per use equal a recount, and add up to the pages
     G2  a page is free exactly when its bit is set
     G3  a page of the cache or of anonymous memory is what the table says of its owner
     G4  every entry of the table stands in the chain of its key and names a page in use, or a slot
         of its own; every other slot is in the list of free ones, once
     G5  the balloon's list names every ballooned page once
     G6  of replacement: pe_guest_age.c

   Costs, in bytes per page: node 16, chains 5.3, use 1, the bit; 4 more by age. Per thing in the
   guest's swap space 16 and 5.3. A hit is a look-up of 1.4 places, and a mark. */
#include "pe_guest_layout.h"

#include "pe_bits.h"
#include "pe_guest_pages.h"
#include "pe_guest_replacement.h"
#include "pe_guest_table.h"

#include <stdlib.h>
#include <string.h>

#define BLOCK_WORDS (PE_GUEST_BLOCK / 64)
#define PAGES_MAX 0x7fffffffu   /* and swap slots: a place is 32 bits, and the last is PE_NONE */
#define SLICE ((size_t)1 << 30) /* touches between two looks at the time */

static const char *const names[PE_GUEST_NUMBERS] = {
    "free",    "kernel",   "cache_clean", "cache_dirty",  "anonymous",  "ballooned",   "swapped",
    "swap_in", "swap_out", "cache_hits",  "cache_misses", "disk_reads", "disk_writes", "oom"};

const char *pe_guest_number_name(size_t number)
{
    return number < PE_GUEST_NUMBERS ? names[number] : NULL;
}

pe_status pe_guest_touch(pe_guest *self, const pe_guest_touches *touches, pe_guest_ops *ops,
                         pe_guest_made *made)
{
    pe_status status = PE_OK;
    size_t wanted = 0;
    *made = (pe_guest_made){0, 0};
    while (status == PE_OK && made->done == wanted && wanted < touches->n) {
        size_t const left = touches->n - wanted;
        pe_guest_touches slice = *touches;
        slice.n = left < SLICE ? left : SLICE;
        slice.ids = (const uint8_t *)touches->ids + (ptrdiff_t)wanted * touches->stride;
        slice.write = slice.write ? slice.write + wanted : NULL;
        if (self->how->renew && slice.n > PE_GUEST_NOW_MAX - self->now)
            self->how->renew(self);
        status = self->how->touch(self, &slice, ops, made);
        wanted += slice.n;
    }
    return status;
}

void pe_guest_release(pe_guest *self, pe_guest_kind kind, const int64_t *ids, size_t n)
{
    for (size_t i = 0; i < n; ++i) {
        /* read once: another thread may write there */
        int64_t const id = *(const volatile int64_t *)&ids[i];
        uint32_t const place = id < 0 ? PE_NONE : pe_guest_find(self, pe_guest_key(kind, id));
        if (place == PE_NONE)
            continue;
        pe_guest_table_erase(self, place);
        if (place < self->pages)
            pe_guest_free_page(self, place);
        else
            pe_guest_free_slot(self, place);
    }
}

uint32_t pe_guest_drop_cache(pe_guest *self, uint32_t n)
{
    uint32_t dropped = 0;
    for (uint32_t ppn = 0; ppn < self->pages && dropped < n; ++ppn) {
        if (self->use[ppn] != PE_USE_CLEAN)
            continue;
        pe_guest_evict(self, ppn, NULL);
        dropped += 1;
    }
    return dropped;
}

pe_status pe_guest_inflate(pe_guest *self, uint32_t n, bool may_sleep, int64_t *ppns,
                           pe_guest_ops *ops, uint32_t *got)
{
    pe_status status = PE_OK;
    *got = 0;
    while (*got < n) {
        if (self->in_use[PE_USE_FREE] == 0) {
            status = may_sleep ? pe_guest_reserve(self) : PE_OK;
            if (!may_sleep || status != PE_OK || !pe_guest_make_room(self, ops))
                break;
        }
        uint32_t const ppn = pe_guest_take_page(self, PE_USE_BALLOON);
        self->node[ppn].next = self->balloon;
        self->balloon = ppn;
        ppns[(*got)++] = ppn;
    }
    return status;
}

uint32_t pe_guest_deflate(pe_guest *self, uint32_t n, int64_t *ppns)
{
    uint32_t given = 0;
    for (; given < n && self->balloon != PE_NONE; ++given) {
        uint32_t const ppn = self->balloon;
        self->balloon = self->node[ppn].next;
        pe_guest_free_page(self, ppn);
        ppns[given] = ppn;
    }
    return given;
}

uint32_t pe_guest_report(pe_guest *self, int64_t *blocks)
{
    uint32_t found = 0;
    for (uint32_t block = 0; block < self->pages / PE_GUEST_BLOCK; ++block) {
        const uint64_t *words = self->free + (size_t)block * BLOCK_WORDS;
        uint64_t all = UINT64_MAX;
        for (unsigned i = 0; i < BLOCK_WORDS; ++i)
            all &= words[i];
        if (all != UINT64_MAX) {
            self->block[block] = 0;
        } else if (self->block[block] == 0) {
            self->block[block] = 1;
        } else if (self->block[block] == 1) {
            self->block[block] = 2;
            blocks[found++] = (int64_t)block * PE_GUEST_BLOCK;
        }
    }
    return found;
}

void pe_guest_numbers(const pe_guest *self, uint64_t numbers[PE_GUEST_NUMBERS])
{
    memcpy(numbers, self->event, sizeof self->event);
    for (unsigned use = 0; use < PE_USES; ++use)
        numbers[use] = self->in_use[use];
    numbers[PE_GUEST_SWAPPED] = self->slots_used;
}

size_t pe_guest_bytes(const pe_guest *self)
{
    size_t const pages = self->pages;
    return sizeof *self + (pages + self->slots) * sizeof *self->node
         + self->chains * sizeof *self->chain + pages * sizeof *self->use
         + (pages / 64 + 1) * sizeof *self->free
         + (pages / PE_GUEST_BLOCK + 1) * sizeof *self->block
         + (self->how->bytes ? self->how->bytes(self) : 0);
}

/* From nothing to nothing */

static bool allocate(pe_guest *self)
{
    size_t const pages = self->pages;
    self->node = calloc(pages, sizeof *self->node);
    self->use = calloc(pages, sizeof *self->use);
    self->free = calloc(pages / 64 + 1, sizeof *self->free);
    self->block = calloc(pages / PE_GUEST_BLOCK + 1, sizeof *self->block);
    return self->node && self->use && self->free && self->block
        && pe_guest_table_init(self, self->pages + 1) == PE_OK
        && (!self->how->start || self->how->start(self) == PE_OK);
}

pe_status pe_guest_new(pe_guest **out, uint32_t pages, uint32_t swap_pages, uint32_t kernel_pages,
                       size_t replacement)
{
    const pe_guest_replacement *how = pe_guest_replacement_at(replacement);
    *out = NULL;
    if (pages == 0 || kernel_pages > pages || pages > PAGES_MAX || swap_pages > PAGES_MAX || !how)
        return PE_ERR_ARGUMENT;
    pe_guest *self = calloc(1, sizeof *self);
    if (!self)
        return PE_ERR_NO_MEMORY;
    self->pages = pages;
    self->swap_pages = swap_pages;
    self->how = how;
    self->balloon = self->free_slot = PE_NONE;
    if (!allocate(self)) {
        pe_guest_delete(self);
        return PE_ERR_NO_MEMORY;
    }
    self->in_use[PE_USE_FREE] = pages;
    for (uint32_t ppn = 0; ppn < pages; ++ppn)
        self->free[ppn / 64] |= pe_bits_bit(ppn);
    for (uint32_t i = 0; i < kernel_pages; ++i)
        (void)pe_guest_take_page(self, PE_USE_KERNEL);
    *out = self;
    return PE_OK;
}

void pe_guest_delete(pe_guest *self)
{
    if (!self)
        return;
    if (self->how->stop)
        self->how->stop(self);
    free(self->node);
    free(self->chain);
    free(self->use);
    free(self->free);
    free(self->block);
    free(self);
}
