/* Faults on purpose, and the same ones for the same seed.

   Operations of each kind (a call that writes, a call that reads, a request for memory) are counted
   from 1. What happens to number n is a function of the seed, the kind and n: the draws of one
   operation start where no other's do. So a run is repeated by its seed, and a fault can be put
   exactly where one was seen.

   Kinds of faults. Those that are said (an error, a short count, an interruption) test what is done
   about them. Those that are not (torn, flipped, stale, exchanged) are what file systems and disks
   do without a word: the whole operation is carried out first, then one page of it is spoiled in
   the file, and success is returned. A fault of this kind needs a page that lies in the operation
   whole; where there is none, as in the rest of a short write, or where the page would not change,
   nothing happens and nothing is counted. An exchange takes two pages of one operation, or the one
   of it and the page that was written last.

   What is damaged. A bit per slot says that the file does not hold what was last written there: set
   when a page is spoiled, cleared when the end of the page is next written as it should be. A read
   that is spoiled changes memory only, and the next one may succeed.

   Rules:
     a damaged slot's bit is set before anything is spoiled, or nothing is: room for it comes first
     memory that is freed goes to the system, which it came from */
#include "pe_inject.h"

#include "pe_bits.h"
#include "pe_rng.h"

#include <errno.h>
#include <string.h>

#define DRAWS 64u /* that one operation may take: rules, and what they decide */
#define NO_SLOT UINT64_MAX
#define SECTOR 512u

static const char *const operation_names[PE_OPERATIONS] = {"write", "read", "memory"};
static const char *const harm_names[PE_HARMS] = {
    "short", "ENOSPC", "EIO", "EINTR", "torn", "flipped", "stale", "exchanged", "end", "ENOMEM",
};

const char *pe_operation_name(size_t operation)
{
    return operation < PE_OPERATIONS ? operation_names[operation] : NULL;
}

const char *pe_harm_name(size_t harm)
{
    return harm < PE_HARMS ? harm_names[harm] : NULL;
}

bool pe_inject_can(pe_operation operation, pe_harm harm)
{
    switch (harm) {
    case PE_HARM_SHORT:
    case PE_HARM_IO_ERROR:
    case PE_HARM_INTERRUPTED:
    case PE_HARM_FLIPPED:
    case PE_HARM_EXCHANGED: return operation == PE_OP_WRITE || operation == PE_OP_READ;
    case PE_HARM_NO_SPACE:
    case PE_HARM_TORN:
    case PE_HARM_STALE: return operation == PE_OP_WRITE;
    case PE_HARM_END: return operation == PE_OP_READ;
    case PE_HARM_NO_MEMORY: return operation == PE_OP_MEMORY;
    case PE_HARMS: break;
    }
    return false;
}

/* What is to happen to the next operation of this kind; its draws go on in *rng. */
static pe_harm next(pe_inject *self, pe_operation operation, pe_rng *rng)
{
    uint64_t const number = ++self->count[operation];
    *rng = pe_rng_make(self->seed, (uint64_t)operation);
    rng->counter = number * DRAWS;
    for (uint32_t i = 0; i < self->rule_count; ++i) {
        const pe_inject_rule *rule = &self->rules[i];
        if (rule->operation != operation)
            continue;
        bool const fails = rule->number == 0 ? pe_rng_next(rng) < rule->below
                         : rule->onwards     ? number >= rule->number
                                             : number == rule->number;
        if (fails)
            return rule->harm;
    }
    return PE_HARMS;
}

static void note(pe_inject *self, pe_operation operation, pe_harm harm, uint64_t slot,
                 uint64_t other)
{
    self->done[harm] += 1;
    self->log[self->logged++ % PE_INJECT_LOG] = (pe_injected){operation, harm,
                                                              self->count[operation], slot, other};
}

/* Memory. */

static bool has_memory(pe_inject *self)
{
    pe_rng rng;
    if (next(self, PE_OP_MEMORY, &rng) == PE_HARMS)
        return true;
    note(self, PE_OP_MEMORY, PE_HARM_NO_MEMORY, NO_SLOT, NO_SLOT);
    return false;
}

static void *held(pe_inject *self, void *memory)
{
    self->held += memory != NULL;
    return memory;
}

static void *zeroed(void *context, size_t n, size_t bytes)
{
    return has_memory(context) ? held(context, pe_memory_zeroed(NULL, n, bytes)) : NULL;
}

static void *resized(void *context, void *memory, size_t bytes)
{
    if (!has_memory(context))
        return NULL;
    void *grown = pe_memory_resized(NULL, memory, bytes);
    return memory ? grown : held(context, grown);
}

static void freed(void *context, void *memory)
{
    ((pe_inject *)context)->held -= memory != NULL;
    pe_memory_freed(NULL, memory);
}

static void *mapped(void *context, size_t bytes, bool huge)
{
    return has_memory(context) ? held(context, pe_memory_mapped(NULL, bytes, huge)) : NULL;
}

static void unmapped(void *context, void *memory, size_t bytes)
{
    ((pe_inject *)context)->held -= memory != NULL;
    pe_memory_unmapped(NULL, memory, bytes);
}

/* Which slots are damaged. */

static bool has_bits(pe_inject *self, uint64_t slots)
{
    if (slots <= self->damaged_slots)
        return true;
    uint64_t const words = slots / PE_WORD_BITS * 2 + 16;
    uint64_t *grown = realloc(self->damaged, (size_t)words * sizeof *grown);
    if (!grown)
        return false;
    uint64_t const before = self->damaged_slots / PE_WORD_BITS;
    memset(grown + before, 0, (size_t)(words - before) * sizeof *grown);
    self->damaged = grown;
    self->damaged_slots = words * PE_WORD_BITS;
    return true;
}

static void set_damaged(pe_inject *self, uint64_t slot, bool damaged)
{
    if (slot >= self->damaged_slots)
        return;
    uint64_t const bit = UINT64_C(1) << slot % PE_WORD_BITS;
    uint64_t *word = &self->damaged[slot / PE_WORD_BITS];
    *word = damaged ? *word | bit : *word & ~bit;
}

bool pe_inject_is_damaged(const pe_inject *self, uint64_t slot)
{
    return slot < self->damaged_slots
        && (self->damaged[slot / PE_WORD_BITS] >> slot % PE_WORD_BITS & 1);
}

/* Bytes of one operation. */

typedef struct move {
    int file;
    const pe_piece *pieces;
    uint32_t n;
    uint64_t at, bytes;
    bool write;
} move;

static move move_of(int file, const pe_piece *pieces, uint32_t n, uint64_t at, bool write)
{
    move self = {file, pieces, n, at, 0, write};
    for (uint32_t i = 0; i < n; ++i)
        self.bytes += pieces[i].bytes;
    return self;
}

static int64_t carry_out(const move *self, int *error)
{
    return self->write ? pe_os_write(self->file, self->pieces, self->n, self->at, error)
                       : pe_os_read(self->file, self->pieces, self->n, self->at, error);
}

/* The first bytes of it; how many were moved, -1 on an error of the system's. */
static int64_t carry_out_part(const move *self, uint64_t bytes, int *error)
{
    int64_t done = 0;
    for (uint32_t i = 0; i < self->n && (uint64_t)done < bytes; ++i) {
        uint64_t const left = bytes - (uint64_t)done;
        pe_piece piece = self->pieces[i];
        piece.bytes = piece.bytes < left ? piece.bytes : (size_t)left;
        uint64_t const at = self->at + (uint64_t)done;
        int64_t const got = self->write ? pe_os_write(self->file, &piece, 1, at, error)
                                        : pe_os_read(self->file, &piece, 1, at, error);
        if (got < 0)
            return done > 0 ? done : -1;
        done += got;
        if ((uint64_t)got < piece.bytes)
            break;
    }
    return done;
}

/* Where in memory a page is that lies in the operation whole. */
static uint8_t *page_in(const move *self, uint64_t slot)
{
    uint64_t offset = (slot << PE_PAGE_SHIFT) - self->at;
    for (uint32_t i = 0; i < self->n; ++i) {
        if (offset + PE_PAGE_BYTES <= self->pieces[i].bytes)
            return self->pieces[i].at + offset;
        if (offset < self->pieces[i].bytes)
            return NULL;
        offset -= self->pieces[i].bytes;
    }
    return NULL;
}

/* The first such page, and how many there are, in the first `done` bytes. */
static uint64_t whole_pages(const move *self, uint64_t done, uint64_t *first)
{
    *first = (self->at + PE_PAGE_BYTES - 1) >> PE_PAGE_SHIFT;
    uint64_t const end = (self->at + done) >> PE_PAGE_SHIFT;
    return end > *first ? end - *first : 0;
}

/* A page of the file; zeroes beyond its end. */
static bool fetch(int file, uint64_t slot, uint8_t *page)
{
    pe_piece const piece = {page, PE_PAGE_BYTES};
    int error;
    int64_t const got = pe_os_read(file, &piece, 1, slot << PE_PAGE_SHIFT, &error);
    if (got >= 0)
        memset(page + got, 0, PE_PAGE_BYTES - (size_t)got);
    return got >= 0;
}

static bool put(int file, uint64_t slot, const uint8_t *page, size_t from)
{
    pe_piece const piece = {(uint8_t *)(uintptr_t)page + from, PE_PAGE_BYTES - from};
    int error;
    return pe_os_write(file, &piece, 1, (slot << PE_PAGE_SHIFT) + from, &error)
        == (int64_t)piece.bytes;
}

/* Pages whose end was written are what they should be. */
static void mark_written(pe_inject *self, const move *whole, int64_t done)
{
    uint64_t const end = (whole->at + (uint64_t)done) >> PE_PAGE_SHIFT;
    for (uint64_t slot = whole->at >> PE_PAGE_SHIFT; slot < end; ++slot)
        set_damaged(self, slot, false);
}

/* Two pages of the file get each other's content. `slot` was just written; nothing happens where
   the other is not what it should be, since it might become so. */
static bool exchange(pe_inject *self, const move *whole, uint64_t slot, uint64_t other)
{
    uint8_t mine[PE_PAGE_BYTES], theirs[PE_PAGE_BYTES];
    if (other == NO_SLOT || other == slot || pe_inject_is_damaged(self, other)
        || !has_bits(self, other + 1) || !fetch(whole->file, slot, mine)
        || !fetch(whole->file, other, theirs) || memcmp(mine, theirs, PE_PAGE_BYTES) == 0)
        return false;
    set_damaged(self, slot, true);
    set_damaged(self, other, true);
    return put(whole->file, slot, theirs, 0) && put(whole->file, other, mine, 0);
}

/* Spoils one page of a write that was carried out. before: what the file held there. */
static void spoil_written(pe_inject *self, const move *whole, pe_harm harm, uint64_t slot,
                          uint64_t other, const uint8_t *before, pe_rng *rng)
{
    const uint8_t *page = page_in(whole, slot);
    size_t from = 0;
    if (!page)
        return;
    if (harm == PE_HARM_EXCHANGED) {
        if (exchange(self, whole, slot, other))
            note(self, PE_OP_WRITE, harm, slot, other);
        return;
    }
    uint8_t spoilt[PE_PAGE_BYTES];
    memcpy(spoilt, harm == PE_HARM_FLIPPED ? page : before, PE_PAGE_BYTES);
    if (harm == PE_HARM_FLIPPED) {
        uint32_t const bit = pe_rng_below(rng, PE_PAGE_BYTES * 8);
        spoilt[bit / 8] ^= (uint8_t)(1u << bit % 8);
    } else if (harm == PE_HARM_TORN) {
        from = SECTOR * (1 + pe_rng_below(rng, PE_PAGE_BYTES / SECTOR - 1));
    }
    if (memcmp(spoilt + from, page + from, PE_PAGE_BYTES - from) == 0)
        return;
    set_damaged(self, slot, true);
    if (put(whole->file, slot, spoilt, from))
        note(self, PE_OP_WRITE, harm, slot, NO_SLOT);
}

static int64_t write_and_spoil(pe_inject *self, const move *whole, pe_harm harm, pe_rng *rng,
                               int *error)
{
    uint64_t first, slot = NO_SLOT, other = self->last;
    uint8_t before[PE_PAGE_BYTES];
    uint64_t const pages = whole_pages(whole, whole->bytes, &first);
    bool ready = harm != PE_HARMS && pages > 0 && has_bits(self, first + pages);
    if (ready) {
        slot = first + pe_rng_below(rng, pages);
        if (pages > 1)
            other = first + (slot - first + 1 + pe_rng_below(rng, pages - 1)) % pages;
        ready = fetch(whole->file, slot, before);
    }
    int64_t const done = carry_out(whole, error);
    if (done <= 0)
        return done;
    mark_written(self, whole, done);
    if (ready && (uint64_t)done == whole->bytes)
        spoil_written(self, whole, harm, slot, other, before, rng);
    if (whole_pages(whole, (uint64_t)done, &first) > 0)
        self->last = first + whole_pages(whole, (uint64_t)done, &first) - 1;
    return done;
}

/* Spoils one page of a read in memory. */
static void spoil_read(pe_inject *self, const move *whole, pe_harm harm, uint64_t done, pe_rng *rng)
{
    uint64_t first;
    uint8_t theirs[PE_PAGE_BYTES];
    uint64_t const pages = whole_pages(whole, done, &first);
    if (pages == 0)
        return;
    uint64_t const slot = first + pe_rng_below(rng, pages);
    uint8_t *page = page_in(whole, slot);
    if (!page)
        return;
    if (harm == PE_HARM_FLIPPED) {
        uint32_t const bit = pe_rng_below(rng, PE_PAGE_BYTES * 8);
        page[bit / 8] ^= (uint8_t)(1u << bit % 8);
        note(self, PE_OP_READ, harm, slot, NO_SLOT);
        return;
    }
    uint64_t const other = pages > 1 ? first + (slot - first + 1) % pages : slot ^ 1;
    uint8_t *place = pages > 1 ? page_in(whole, other) : NULL;
    if (pages > 1 ? !place : !fetch(whole->file, other, theirs))
        return;
    if (place)
        memcpy(theirs, place, PE_PAGE_BYTES);
    if (memcmp(theirs, page, PE_PAGE_BYTES) == 0)
        return;
    if (place)
        memcpy(place, page, PE_PAGE_BYTES);
    memcpy(page, theirs, PE_PAGE_BYTES);
    note(self, PE_OP_READ, harm, slot, other);
}

/* Faults that are said, the same for both ways; false for the others. */
static bool say(pe_inject *self, const move *whole, pe_harm harm, pe_rng *rng, int64_t *done,
                int *error)
{
    pe_operation const operation = whole->write ? PE_OP_WRITE : PE_OP_READ;
    uint64_t const part = whole->bytes > 1 ? 1 + pe_rng_below(rng, whole->bytes - 1) : 1;
    *done = -1;
    switch (harm) {
    case PE_HARM_SHORT:
        *done = carry_out_part(whole, part, error);
        if (whole->write && *done > 0)
            mark_written(self, whole, *done);
        break;
    case PE_HARM_NO_SPACE:
    case PE_HARM_IO_ERROR:
        if (whole->write)
            (void)carry_out_part(whole, part, error);
        *error = harm == PE_HARM_NO_SPACE ? ENOSPC : EIO;
        break;
    case PE_HARM_INTERRUPTED: *error = EINTR; break;
    case PE_HARM_END: *done = 0; break;
    case PE_HARM_TORN:
    case PE_HARM_FLIPPED:
    case PE_HARM_STALE:
    case PE_HARM_EXCHANGED:
    case PE_HARM_NO_MEMORY:
    case PE_HARMS: return false;
    }
    note(self, operation, harm, whole->at >> PE_PAGE_SHIFT, NO_SLOT);
    return true;
}

static int64_t write_pieces(void *context, int file, const pe_piece *pieces, uint32_t n,
                            uint64_t at, int *error)
{
    pe_inject *self = context;
    pe_rng rng;
    move const whole = move_of(file, pieces, n, at, true);
    pe_harm const harm = next(self, PE_OP_WRITE, &rng);
    int64_t done;
    if (say(self, &whole, harm, &rng, &done, error))
        return done;
    return write_and_spoil(self, &whole, harm, &rng, error);
}

static int64_t read_pieces(void *context, int file, const pe_piece *pieces, uint32_t n, uint64_t at,
                           int *error)
{
    pe_inject *self = context;
    pe_rng rng;
    move const whole = move_of(file, pieces, n, at, false);
    pe_harm const harm = next(self, PE_OP_READ, &rng);
    int64_t done;
    if (say(self, &whole, harm, &rng, &done, error))
        return done;
    done = carry_out(&whole, error);
    if (done > 0 && harm != PE_HARMS)
        spoil_read(self, &whole, harm, (uint64_t)done, &rng);
    return done;
}

void pe_inject_init(pe_inject *self, uint64_t seed)
{
    memset(self, 0, sizeof *self);
    self->memory = (pe_memory){self, zeroed, resized, freed, mapped, unmapped};
    self->calls = (pe_file_calls){self, write_pieces, read_pieces};
    self->seed = seed;
    self->last = NO_SLOT;
}

void pe_inject_fini(pe_inject *self)
{
    free(self->damaged);
    memset(self, 0, sizeof *self);
}

pe_status pe_inject_add(pe_inject *self, const pe_inject_rule *rule)
{
    if (!pe_inject_can(rule->operation, rule->harm))
        return PE_ERR_ARGUMENT;
    if (self->rule_count == PE_INJECT_RULES_MAX)
        return PE_NO_ROOM;
    self->rules[self->rule_count++] = *rule;
    return PE_OK;
}

void pe_inject_clear(pe_inject *self)
{
    self->rule_count = 0;
}
