/* The guest model: enough of a kernel's memory management to see what a balloon does to it.

     table   (kind, id) -> page, or slot of the guest's swap space; open addressing, linear probing,
             deletion by moving entries back, at most half full
     pages   one use each: free, kernel, page cache (clean, dirty), anonymous, balloon
     free    bitmap, lowest page first: what was used before is used again, and whole blocks stay
             free above it, which free page reporting needs

   A touch of something new takes a free page. When none is free the guest makes room for a batch:
   the hand goes round its pages and gives each that was accessed a second chance. While the cache
   is more than 1/16 of memory only cache is taken (clean pages are dropped, dirty ones written
   first), after that anonymous memory too, which goes to swap space. Nothing left to take: the guest
   is out of memory, the access is not made.

   Invariants:
     G1  the counts per use equal a recount, and add up to the pages
     G2  a page is free exactly when its bit is set
     G3  a page of the cache or of anonymous memory is what the table says of its owner
     G4  every entry of the table names a page that it owns, or a slot of its own
     G5  the balloon's stack names every ballooned page once

   Costs: about 20 bytes per page and 32 per entry; a hit is one probe. */
#include "pe_guest_layout.h"

#include "pe_bits.h"

#include <stdlib.h>
#include <string.h>

#define BATCH 32u       /* pages that making room frees at once */
#define OPS_AHEAD 40u   /* operations that one touch may add, at most */
#define CACHE_PART 16u  /* a cache above 1/16 of memory is taken first */
#define TABLE_MIN 1024u
#define BLOCK_WORDS (PE_GUEST_BLOCK / 64)

static const char *const names[PE_GUEST_NUMBERS] = {
    "free",       "kernel",       "cache_clean", "cache_dirty", "anonymous",
    "ballooned",  "swapped",      "swap_in",     "swap_out",    "cache_hits",
    "cache_misses", "disk_reads", "disk_writes", "oom"};

const char *pe_guest_number_name(size_t number)
{
    return number < PE_GUEST_NUMBERS ? names[number] : NULL;
}

static uint64_t key_of(pe_guest_kind kind, int64_t id)
{
    return (uint64_t)id << 1 | (uint64_t)(kind == PE_GUEST_FILE);
}

/* The table */

static size_t home_of(const pe_guest *self, uint64_t key)
{
    uint64_t const mixed = (key ^ key >> 29) * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(mixed >> 20) & self->table_mask;
}

static pe_guest_entry *find(const pe_guest *self, uint64_t key)
{
    size_t i = home_of(self, key);
    while (self->table[i].key != PE_GUEST_NO_KEY) {
        if (self->table[i].key == key)
            return &self->table[i];
        i = (i + 1) & self->table_mask;
    }
    return NULL;
}

static void put(pe_guest *self, uint64_t key, uint32_t place)
{
    size_t i = home_of(self, key);
    while (self->table[i].key != PE_GUEST_NO_KEY)
        i = (i + 1) & self->table_mask;
    self->table[i].key = key;
    self->table[i].place = place;
    self->entries += 1;
}

static void erase(pe_guest *self, pe_guest_entry *entry)
{
    size_t hole = (size_t)(entry - self->table), i = hole;
    for (;;) {
        i = (i + 1) & self->table_mask;
        if (self->table[i].key == PE_GUEST_NO_KEY)
            break;
        size_t const home = home_of(self, self->table[i].key);
        if (((i - home) & self->table_mask) >= ((i - hole) & self->table_mask)) {
            self->table[hole] = self->table[i];
            hole = i;
        }
    }
    self->table[hole].key = PE_GUEST_NO_KEY;
    self->entries -= 1;
}

static pe_guest_entry *new_table(size_t size)
{
    pe_guest_entry *table = malloc(size * sizeof *table);
    for (size_t i = 0; table && i < size; ++i)
        table[i].key = PE_GUEST_NO_KEY;
    return table;
}

/* Room for one more entry. */
static pe_status grow(pe_guest *self)
{
    size_t const size = self->table_mask + 1;
    if (2 * (self->entries + 1) <= size)
        return PE_OK;
    pe_guest_entry *old = self->table, *table = new_table(2 * size);
    if (!table)
        return PE_ERR_NO_MEMORY;
    self->table = table;
    self->table_mask = 2 * size - 1;
    self->entries = 0;
    for (size_t i = 0; i < size; ++i)
        if (old[i].key != PE_GUEST_NO_KEY)
            put(self, old[i].key, old[i].place);
    free(old);
    return PE_OK;
}

/* Pages and slots */

static void set_use(pe_guest *self, uint32_t ppn, pe_guest_use use)
{
    self->in_use[self->use[ppn]] -= 1;
    self->in_use[use] += 1;
    self->use[ppn] = (uint8_t)use;
}

static void free_page(pe_guest *self, uint32_t ppn)
{
    pe_assert(self->use[ppn] != PE_USE_FREE);
    set_use(self, ppn, PE_USE_FREE);
    self->free[ppn / 64] |= pe_bits_bit(ppn);
    self->free_hint = ppn / 64 < self->free_hint ? ppn / 64 : self->free_hint;
}

/* The lowest free page; there must be one. */
static uint32_t take_page(pe_guest *self, pe_guest_use use)
{
    pe_assert(self->in_use[PE_USE_FREE] > 0);
    while (self->free[self->free_hint] == 0)
        self->free_hint += 1;
    uint64_t const word = self->free[self->free_hint];
    uint32_t const ppn = 64 * self->free_hint + pe_bits_lowest(word);
    self->free[self->free_hint] = word & (word - 1);
    self->block[ppn / PE_GUEST_BLOCK] = 0;
    self->accessed[ppn] = 1;
    set_use(self, ppn, use);
    return ppn;
}

static pe_status more_room(pe_guest_ops *ops)
{
    if (ops->room - ops->n >= OPS_AHEAD)
        return PE_OK;
    size_t const room = 2 * ops->room + 16 * OPS_AHEAD;
    int64_t *ppn = realloc(ops->ppn, room * sizeof *ppn);
    if (!ppn)
        return PE_ERR_NO_MEMORY;
    ops->ppn = ppn;
    uint8_t *flags = realloc(ops->flags, room);
    if (!flags)
        return PE_ERR_NO_MEMORY;
    ops->flags = flags;
    ops->room = room;
    return PE_OK;
}

void pe_guest_ops_fini(pe_guest_ops *ops)
{
    free(ops->ppn);
    free(ops->flags);
    *ops = (pe_guest_ops){NULL, NULL, 0, 0};
}

static void add(pe_guest_ops *ops, uint32_t ppn, unsigned flags)
{
    pe_assert(ops->n < ops->room);
    ops->ppn[ops->n] = ppn;
    ops->flags[ops->n] = (uint8_t)flags;
    ops->n += 1;
}

/* Frees what the page at the hand holds, if it may be taken; whether it was freed. */
static bool evict(pe_guest *self, uint32_t ppn, bool cache_only, pe_guest_ops *ops)
{
    pe_guest_use const use = (pe_guest_use)self->use[ppn];
    bool const cache = use == PE_USE_CLEAN || use == PE_USE_DIRTY;
    if (!cache && (use != PE_USE_ANONYMOUS || cache_only || self->n_free_slots == 0))
        return false;
    if (self->accessed[ppn]) {
        self->accessed[ppn] = 0;
        return false;
    }
    pe_guest_entry *entry = find(self, self->owner[ppn]);
    pe_assert(entry != NULL);
    if (use != PE_USE_CLEAN) {
        add(ops, ppn, PE_OP_PAGE_OUT);
        self->event[PE_GUEST_DISK_WRITES] += 1;
    }
    if (cache) {
        erase(self, entry);
    } else {
        entry->place = PE_GUEST_IN_SWAP | self->free_slots[--self->n_free_slots];
        self->event[PE_GUEST_SWAP_OUT] += 1;
    }
    free_page(self, ppn);
    return true;
}

/* Frees up to `want` pages (at most BATCH); returns how many. */
static uint32_t make_room(pe_guest *self, uint32_t want, pe_guest_ops *ops)
{
    uint32_t freed = 0;
    for (unsigned both = 0; both < 2 && freed == 0; ++both) {
        uint64_t left = 2 * (uint64_t)self->pages; /* twice round: no second chance is left */
        for (; left > 0 && freed < want; --left) {
            uint32_t const cached = self->in_use[PE_USE_CLEAN] + self->in_use[PE_USE_DIRTY];
            bool const cache_only = !both && cached > self->pages / CACHE_PART;
            if (!both && cached == 0)
                break;
            freed += evict(self, self->hand, cache_only, ops);
            self->hand = self->hand + 1 < self->pages ? self->hand + 1 : 0;
        }
    }
    return freed;
}

static bool a_page_is_free(pe_guest *self, pe_guest_ops *ops)
{
    return self->in_use[PE_USE_FREE] > 0 || make_room(self, BATCH, ops) > 0;
}

/* Something that is not in memory comes there. False: the guest is out of memory. */
static bool bring_in(pe_guest *self, pe_guest_kind kind, uint64_t key, bool write,
                     pe_guest_ops *ops)
{
    bool const file = kind == PE_GUEST_FILE;
    if (!a_page_is_free(self, ops)) {
        self->event[PE_GUEST_OOM] += 1;
        return false;
    }
    pe_guest_use const use = !file ? PE_USE_ANONYMOUS : write ? PE_USE_DIRTY : PE_USE_CLEAN;
    uint32_t const ppn = take_page(self, use);
    self->owner[ppn] = key;
    pe_guest_entry *entry = find(self, key); /* only now: making room moves entries */
    if (entry) {
        self->free_slots[self->n_free_slots++] = entry->place & ~PE_GUEST_IN_SWAP;
        entry->place = ppn;
        self->event[PE_GUEST_SWAP_IN] += 1;
    } else {
        put(self, key, ppn);
    }
    self->event[PE_GUEST_CACHE_MISSES] += file;
    self->event[PE_GUEST_DISK_READS] += file || entry;
    add(ops, ppn, PE_OP_WRITE | PE_OP_FILL);
    return true;
}

pe_status pe_guest_access(pe_guest *self, pe_guest_kind kind, const int64_t *ids,
                          const uint8_t *write, size_t n, pe_guest_ops *ops, size_t *done)
{
    pe_status status = PE_OK;
    size_t i = 0;
    for (; i < n; ++i) {
        status = more_room(ops);
        if (status != PE_OK)
            break;
        uint64_t const key = key_of(kind, ids[i]);
        const pe_guest_entry *entry = find(self, key);
        if (entry && !(entry->place & PE_GUEST_IN_SWAP)) {
            uint32_t const ppn = entry->place;
            self->accessed[ppn] = 1;
            if (write[i] && self->use[ppn] == PE_USE_CLEAN)
                set_use(self, ppn, PE_USE_DIRTY);
            self->event[PE_GUEST_CACHE_HITS] += kind == PE_GUEST_FILE;
            add(ops, ppn, write[i] ? PE_OP_WRITE : 0);
            continue;
        }
        status = grow(self);
        if (status != PE_OK || !bring_in(self, kind, key, write[i] != 0, ops))
            break;
    }
    *done = i;
    return status;
}

void pe_guest_release(pe_guest *self, pe_guest_kind kind, const int64_t *ids, size_t n)
{
    for (size_t i = 0; i < n; ++i) {
        pe_guest_entry *entry = find(self, key_of(kind, ids[i]));
        if (!entry)
            continue;
        if (entry->place & PE_GUEST_IN_SWAP)
            self->free_slots[self->n_free_slots++] = entry->place & ~PE_GUEST_IN_SWAP;
        else
            free_page(self, entry->place);
        erase(self, entry);
    }
}

uint32_t pe_guest_drop_cache(pe_guest *self, uint32_t n)
{
    uint32_t dropped = 0;
    for (uint32_t ppn = 0; ppn < self->pages && dropped < n; ++ppn) {
        if (self->use[ppn] != PE_USE_CLEAN)
            continue;
        erase(self, find(self, self->owner[ppn]));
        free_page(self, ppn);
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
            status = may_sleep ? more_room(ops) : PE_OK;
            if (!may_sleep || status != PE_OK || make_room(self, BATCH, ops) == 0)
                break;
        }
        uint32_t const ppn = take_page(self, PE_USE_BALLOON);
        self->balloon[self->in_use[PE_USE_BALLOON] - 1] = ppn;
        ppns[(*got)++] = ppn;
    }
    return status;
}

uint32_t pe_guest_deflate(pe_guest *self, uint32_t n, int64_t *ppns)
{
    uint32_t given = 0;
    for (; given < n && self->in_use[PE_USE_BALLOON] > 0; ++given) {
        uint32_t const ppn = self->balloon[self->in_use[PE_USE_BALLOON] - 1];
        free_page(self, ppn);
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
    numbers[PE_GUEST_SWAPPED] = self->swap_pages - self->n_free_slots;
}

/* From nothing to nothing */

static bool allocate(pe_guest *self)
{
    size_t const pages = self->pages;
    self->use = calloc(pages, 1);
    self->accessed = calloc(pages, 1);
    self->owner = calloc(pages, sizeof *self->owner);
    self->free = calloc(pages / 64 + 1, sizeof *self->free);
    self->balloon = calloc(pages, sizeof *self->balloon);
    self->free_slots = calloc((size_t)self->swap_pages + 1, sizeof *self->free_slots);
    self->block = calloc(pages / PE_GUEST_BLOCK + 1, 1);
    self->table = new_table(TABLE_MIN);
    return self->use && self->accessed && self->owner && self->free && self->balloon
           && self->free_slots && self->block && self->table;
}

pe_status pe_guest_new(pe_guest **out, uint32_t pages, uint32_t swap_pages, uint32_t kernel_pages)
{
    *out = NULL;
    if (pages == 0 || kernel_pages > pages || swap_pages >= PE_GUEST_IN_SWAP
        || pages >= PE_GUEST_IN_SWAP)
        return PE_ERR_ARGUMENT;
    pe_guest *self = calloc(1, sizeof *self);
    if (!self)
        return PE_ERR_NO_MEMORY;
    self->pages = pages;
    self->swap_pages = self->n_free_slots = swap_pages;
    if (!allocate(self)) {
        pe_guest_delete(self);
        return PE_ERR_NO_MEMORY;
    }
    self->table_mask = TABLE_MIN - 1;
    for (uint32_t i = 0; i < swap_pages; ++i)
        self->free_slots[i] = swap_pages - 1 - i;
    self->in_use[PE_USE_FREE] = pages;
    for (uint32_t ppn = 0; ppn < pages; ++ppn)
        self->free[ppn / 64] |= pe_bits_bit(ppn);
    for (uint32_t i = 0; i < kernel_pages; ++i)
        (void)take_page(self, PE_USE_KERNEL);
    *out = self;
    return PE_OK;
}

void pe_guest_delete(pe_guest *self)
{
    if (!self)
        return;
    free(self->use);
    free(self->accessed);
    free(self->owner);
    free(self->free);
    free(self->balloon);
    free(self->free_slots);
    free(self->block);
    free(self->table);
    free(self);
}
