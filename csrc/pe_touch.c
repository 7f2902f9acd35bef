/* Accesses in batches: the hot path. An access whose page has the permission bit is a hit: one
   load and one test, and a store when the page's word does not say yet that it was accessed. Most
   words do say so, since the bits stay until the reclaim hand or an estimator clears them:
   so hits on a few hot pages do not wait for each other's stores. Everything else goes to pe_fault.

   The words of a batch are independent and spread over the map (8 bytes per 4 KiB of guest memory),
   so what limits hits is memory, and the loop asks for the words a few accesses ahead. Bounds are
   checked by the caller in a pass of its own (pe_first_bad_page), which makes a bad batch fail
   before its first access, and again here, where a number is used: the array is not ours, and what
   another thread writes to it meanwhile must not lead out of the map. */
#include "pe_touch.h"

#include "pe_bits.h"
#include "pe_content.h"
#include "pe_crew.h"
#include "pe_fault.h"

#define AHEAD 24u /* accesses between the prefetch of a word and its use */
#define CONTENT_AHEAD 2u
#define READ_CHUNK 64u
#define PARTS_LEAST 4u /* of a window that is written, for each thread */

size_t pe_first_bad_page(const pe_vm *vm, const int64_t *ppns, size_t n)
{
    /* The sign of `fits` stays set while every number is at least 0 and below the pages; without a
       branch or a comparison, so that compilers do several at a time. */
    int64_t const pages = vm->pages;
    int64_t fits = -1;
    for (size_t i = 0; i < n; ++i)
        fits &= ~ppns[i] & (int64_t)((uint64_t)ppns[i] - (uint64_t)pages);
    if (fits < 0)
        return n;
    size_t first = 0;
    while (first < n && ppns[first] >= 0 && ppns[first] < pages)
        ++first;
    return first;
}

static pe_status stop_if_blocked(pe_vm *vm, size_t n)
{
    if (!vm->blocked || n == 0)
        return PE_OK;
    vm->event[PE_EV_BLOCK_STOPS] += 1;
    return PE_BLOCKED;
}

/* The word of an access that is a few ahead. An address that is none costs nothing. */
PE_INLINE void ask_for(const uint64_t *map, int64_t ppn)
{
    PE_PREFETCH_WRITE((const void *)((uintptr_t)map + ((uintptr_t)ppn << 3)));
}

/* Makes accesses from `first` on that are hits; the position of the first that is none, or n. */
static size_t hits(pe_vm *vm, const int64_t *ppns, size_t first, size_t n, bool write)
{
    uint64_t *const map = vm->map;
    uint64_t const permission = write ? PE_WRITABLE : PE_READABLE;
    uint64_t const seen = PE_ACCESSED | PE_YOUNG;
    uint64_t const all = permission | seen;
    size_t const asked = n > AHEAD ? n - AHEAD : 0;
    for (size_t i = first; i < n; ++i) {
        if (i < asked)
            ask_for(map, ppns[i + AHEAD]);
        uint32_t ppn;
        if (PE_UNLIKELY(!pe_vm_page_at(vm, &ppns[i], &ppn)))
            return i;
        uint64_t const word = map[ppn];
        if (PE_LIKELY((word & all) == all))
            continue;
        if (!(word & permission))
            return i;
        map[ppn] = word | seen;
    }
    return n;
}

/* The same with a flag per access. */
static size_t hits_by_flag(pe_vm *vm, const int64_t *ppns, const uint8_t *write, size_t first,
                           size_t n)
{
    uint64_t *const map = vm->map;
    uint64_t const seen = PE_ACCESSED | PE_YOUNG;
    size_t const asked = n > AHEAD ? n - AHEAD : 0;
    for (size_t i = first; i < n; ++i) {
        if (i < asked)
            ask_for(map, ppns[i + AHEAD]);
        uint32_t ppn;
        if (PE_UNLIKELY(!pe_vm_page_at(vm, &ppns[i], &ppn)))
            return i;
        uint64_t const writes = 0 - (uint64_t)(write[i] != 0); /* all bits, or none */
        uint64_t const permission = PE_READABLE ^ (writes & (PE_READABLE ^ PE_WRITABLE));
        uint64_t const word = map[ppn];
        if (!(word & permission))
            return i;
        if ((word & seen) != seen)
            map[ppn] = word | seen;
    }
    return n;
}

pe_status pe_touch(pe_host *host, pe_vm *vm, const int64_t *ppns, size_t n, const uint8_t *write,
                   bool all_write, size_t *done)
{
    pe_status status = stop_if_blocked(vm, n);
    size_t i = 0;
    while (status == PE_OK) {
        uint32_t ppn;
        i = write ? hits_by_flag(vm, ppns, write, i, n) : hits(vm, ppns, i, n, all_write);
        if (i == n)
            break;
        bool const writes = write ? write[i] != 0 : all_write;
        status = pe_vm_page_at(vm, &ppns[i], &ppn)
                   ? pe_fault(host, vm, ppn, writes ? PE_ACCESS_WRITE : PE_ACCESS_READ)
                   : PE_ERR_PAGE_RANGE;
        i += status == PE_OK;
    }
    *done = i;
    vm->event[PE_EV_ACCESSES] += i;
    return status;
}

PE_INLINE pe_status fault_at(pe_host *host, pe_vm *vm, const int64_t *at, pe_access access,
                             uint32_t *ppn)
{
    return pe_vm_page_at(vm, at, ppn) ? pe_fault(host, vm, *ppn, access) : PE_ERR_PAGE_RANGE;
}

/* ---- by several threads: a window of accesses is made, and then what they carry moves */

typedef struct moves {
    pe_host *host;
    void *contents;
    size_t first;   /* the window's first access is the batch's so-manieth */
    uint32_t parts; /* a power of two */
} moves;

/* Frames by 64s, so that all writes to one frame are made by one thread, in order, and so is what
   the pool keeps of its neighbours in the same word. */
static void write_part(void *context, size_t part, size_t n)
{
    const moves *self = context;
    const pe_window *window = &self->host->windows[0];
    for (size_t p = part; p < part + n; ++p)
        for (uint32_t k = 0; k < window->n; ++k)
            if ((window->frame[k] / PE_WORD_BITS & (self->parts - 1)) == p)
                pe_content_write(self->host, window->frame[k], self->contents, self->first + k);
}

static void read_part(void *context, size_t from, size_t n)
{
    const moves *self = context;
    const pe_window *window = &self->host->windows[0];
    for (size_t k = from; k < from + n; ++k)
        pe_content_read(self->host, window->frame[k], self->contents, self->first + k);
}

/* pe_read or pe_write. No access of a window looks at a page that was written in it, nor takes or
   changes a frame that is to be read: so it does not matter that contents move last. */
static pe_status access_together(pe_host *host, pe_vm *vm, const int64_t *ppns, size_t n,
                                 pe_access access, void *contents, uint32_t threads, size_t *done)
{
    pe_window *window = &host->windows[0];
    pe_status status = PE_OK;
    moves move = {host, contents, 0, PARTS_LEAST};
    pe_crew crew;
    size_t i = 0;
    while (move.parts < PARTS_LEAST * threads)
        move.parts *= 2;
    pe_crew_begin(&crew, threads);
    while (status == PE_OK && i < n) {
        move.first = i;
        for (window->n = 0; window->n < PE_WINDOW && i < n; ++i) {
            uint32_t ppn;
            status = fault_at(host, vm, &ppns[i], access, &ppn);
            if (status != PE_OK)
                break;
            window->frame[window->n++] = pe_payload_of(vm->map[ppn]);
        }
        if (access == PE_ACCESS_FILL)
            pe_crew_give(&crew, move.parts, 1, write_part, &move);
        else
            pe_crew_give(&crew, window->n, READ_CHUNK, read_part, &move);
        pe_crew_finish(&crew);
    }
    pe_crew_end(&crew);
    *done = i;
    return status;
}

pe_status pe_write(pe_host *host, pe_vm *vm, const int64_t *ppns, size_t n, const void *contents,
                   size_t *done)
{
    uint32_t const threads = pe_content_threads(host, n);
    pe_status status = stop_if_blocked(vm, n);
    size_t i = 0;
    if (status == PE_OK && threads > 1)
        status = access_together(host, vm, ppns, n, PE_ACCESS_FILL, (void *)(uintptr_t)contents,
                                 threads, &i);
    while (status == PE_OK && i < n) {
        uint32_t ppn;
        status = fault_at(host, vm, &ppns[i], PE_ACCESS_FILL, &ppn);
        if (status == PE_OK) {
            pe_content_write(host, pe_payload_of(vm->map[ppn]), contents, i);
            ++i;
        }
    }
    *done = i;
    vm->event[PE_EV_ACCESSES] += i;
    return status;
}

pe_status pe_read(pe_host *host, pe_vm *vm, const int64_t *ppns, size_t n, void *contents,
                  size_t *done)
{
    uint32_t const threads = pe_content_threads(host, n);
    pe_status status = stop_if_blocked(vm, n);
    size_t i = 0;
    if (status == PE_OK && threads > 1)
        status = access_together(host, vm, ppns, n, PE_ACCESS_READ, contents, threads, &i);
    while (status == PE_OK && i < n) {
        uint32_t ppn;
        if (i + CONTENT_AHEAD < n)
            ask_for(vm->map, ppns[i + CONTENT_AHEAD]);
        status = fault_at(host, vm, &ppns[i], PE_ACCESS_READ, &ppn);
        if (status == PE_OK) {
            pe_content_read(host, pe_payload_of(vm->map[ppn]), contents, i);
            ++i;
        }
    }
    *done = i;
    vm->event[PE_EV_ACCESSES] += i;
    return status;
}

pe_status pe_peek(pe_host *host, const pe_vm *vm, const int64_t *ppns, size_t n, void *contents,
                  size_t *done)
{
    pe_status status = PE_OK;
    size_t i = 0;
    for (; i < n; ++i) {
        uint32_t ppn;
        if (!pe_vm_page_at(vm, &ppns[i], &ppn)) {
            status = PE_ERR_PAGE_RANGE;
            break;
        }
        uint64_t const word = vm->map[ppn];
        switch (pe_place_of(word)) {
        case PE_ABSENT:
        case PE_BALLOONED: pe_content_read_zero(host, contents, i); break;
        case PE_PRIVATE:
        case PE_SHARED: pe_content_read(host, pe_payload_of(word), contents, i); break;
        case PE_COMPRESSED:
            status = pe_content_read_blob(host, pe_payload_of(word), contents, i);
            break;
        case PE_SWAPPED:
            status = pe_content_read_slot(host, pe_payload_of(word), contents, i);
            break;
        }
        if (status != PE_OK) {
            host->error_vm = vm->id;
            host->error_ppn = ppn;
            break;
        }
    }
    *done = i;
    return status;
}
