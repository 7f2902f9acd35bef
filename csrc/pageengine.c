/* The public header's functions: the door for programs in C, C++ and Cython, as core/engine.pyx is
   Python's. It looks at what comes in (the version of the caller's header, the VM, every page
   number, whether there is a swap file where one is needed), calls the room that does it, and says
   a status. It keeps nothing and decides nothing.

   Statuses are the core's own, the same numbers; those that the core never lets out (no room,
   incompressible, saturated) have no name here, and the one that the core cannot know, a header of
   another version, is added. Numbers of a VM are the levels first and then the events, as in
   VM.stats; a name stands for its index, so that new ones may come in anywhere. */
#include "pageengine.h"

#include "pe_balloon.h"
#include "pe_check.h"
#include "pe_content.h"
#include "pe_reclaim.h"
#include "pe_scan.h"
#include "pe_stats.h"
#include "pe_touch.h"

#define SAME(theirs, ours) _Static_assert((int)(theirs) == (int)(ours), #theirs)
SAME(PAGEENGINE_OK, PE_OK);
SAME(PAGEENGINE_NO_FRAME, PE_NO_FRAME);
SAME(PAGEENGINE_NO_SLOT, PE_NO_SLOT);
SAME(PAGEENGINE_BLOCKED, PE_BLOCKED);
SAME(PAGEENGINE_ERR_NO_MEMORY, PE_ERR_NO_MEMORY);
SAME(PAGEENGINE_ERR_ARGUMENT, PE_ERR_ARGUMENT);
SAME(PAGEENGINE_ERR_NO_SUCH_VM, PE_ERR_NO_SUCH_VM);
SAME(PAGEENGINE_ERR_PAGE_RANGE, PE_ERR_PAGE_RANGE);
SAME(PAGEENGINE_ERR_BACKING, PE_ERR_BACKING);
SAME(PAGEENGINE_ERR_SWAP_CORRUPT, PE_ERR_SWAP_CORRUPT);
SAME(PAGEENGINE_ERR_CODEC, PE_ERR_CODEC);
SAME(PAGEENGINE_ERR_NO_DESCRIPTOR, PE_ERR_NO_DESCRIPTOR);
SAME(PAGEENGINE_ERR_CORRUPT, PE_ERR_CORRUPT);
SAME(PAGEENGINE_ABSENT, PE_ABSENT);
SAME(PAGEENGINE_PRIVATE, PE_PRIVATE);
SAME(PAGEENGINE_SHARED, PE_SHARED);
SAME(PAGEENGINE_COMPRESSED, PE_COMPRESSED);
SAME(PAGEENGINE_SWAPPED, PE_SWAPPED);
SAME(PAGEENGINE_BALLOONED, PE_BALLOONED);
SAME(PAGEENGINE_SCAN_RANDOM, PE_SCAN_RANDOM);
SAME(PAGEENGINE_SCAN_TWO_SCANS, PE_SCAN_TWO_SCANS);
SAME(PAGEENGINE_PAGE_BYTES, PE_PAGE_BYTES);
_Static_assert(PAGEENGINE_NO_LIMIT == PE_ZCACHE_NO_LIMIT, "no limit");

static pageengine_status out(pe_status status)
{
    return (pageengine_status)status;
}

/* The VM, all of whose pages these are. */
static pageengine_status find(const pageengine_host *host, uint64_t id, const int64_t *ppns,
                              size_t n, pe_vm **vm)
{
    pe_vm *const found = pe_host_vm(host, id);
    if (!found)
        return PAGEENGINE_ERR_NO_SUCH_VM;
    if (pe_first_bad_page(found, ppns, n) < n)
        return PAGEENGINE_ERR_PAGE_RANGE;
    *vm = found;
    return PAGEENGINE_OK;
}

unsigned pageengine_abi_version(void)
{
    return PAGEENGINE_ABI;
}

const char *pageengine_status_name(pageengine_status status)
{
    return status == PAGEENGINE_ERR_ABI ? "PE_ERR_ABI" : pe_status_name((pe_status)status);
}

const char *pageengine_status_text(pageengine_status status)
{
    return status == PAGEENGINE_ERR_ABI ? "pageengine.h and the library are of different versions"
                                        : pe_status_text((pe_status)status);
}

/* ---- a host and its virtual machines */

pageengine_status pageengine_host_new(const pageengine_options *options, pageengine_host **host)
{
    if (options->abi != PAGEENGINE_ABI) /* first: what follows may lie elsewhere */
        return PAGEENGINE_ERR_ABI;
    const pe_codec *codec = options->codec ? pe_codec_find(options->codec) : NULL;
    if ((options->codec && !codec) || (options->tokens && options->swap_file >= 0))
        return PAGEENGINE_ERR_ARGUMENT;
    pe_host_config const config = {.frames = options->frames,
                                   .seed = options->seed,
                                   .tokens = options->tokens,
                                   .sharing = options->sharing,
                                   .codec = codec,
                                   .packing = options->dense ? PE_PACKING_DENSE : PE_PACKING_ESX,
                                   .cache_limit_bytes = options->cache_limit_bytes,
                                   .swap_file = options->swap_file,
                                   .random_victims = options->random_victims};
    pe_host *made;
    pageengine_status status = out(pe_host_new(&made, &config));
    if (status != PAGEENGINE_OK)
        return status;
    status = pageengine_grow_swap(made, options->swap_pages);
    if (status == PAGEENGINE_OK)
        *host = made;
    else
        pe_host_delete(made);
    return status;
}

void pageengine_host_delete(pageengine_host *host)
{
    pe_host_delete(host);
}

pageengine_status pageengine_grow_swap(pageengine_host *host, uint32_t pages)
{
    if (pages > 0 && !pe_content_can_be_swapped(host))
        return PAGEENGINE_ERR_ARGUMENT;
    return out(pe_swap_grow(&host->swap, pages));
}

pageengine_status pageengine_add_vm(pageengine_host *host, uint32_t pages, uint64_t salt,
                                    uint64_t cache_limit_bytes, uint64_t *vm)
{
    return out(pe_host_add_vm(host, pages, salt, cache_limit_bytes, vm));
}

pageengine_status pageengine_draw_from(pageengine_host *host, uint64_t vm, uint64_t stream)
{
    pe_vm *const found = pe_host_vm(host, vm);
    if (!found)
        return PAGEENGINE_ERR_NO_SUCH_VM;
    pe_vm_draw_from(found, host->config.seed, stream);
    return PAGEENGINE_OK;
}

pageengine_status pageengine_remove_vm(pageengine_host *host, uint64_t vm)
{
    return out(pe_host_remove_vm(host, vm));
}

/* ---- accesses */

pageengine_status pageengine_touch(pageengine_host *host, uint64_t vm, const int64_t *ppns,
                                   size_t n, bool write, size_t *done)
{
    *done = 0;
    pe_vm *found;
    pageengine_status const bad = find(host, vm, ppns, n, &found);
    if (bad != PAGEENGINE_OK)
        return bad;
    return out(pe_touch(host, found, ppns, n, NULL, write, done));
}

pageengine_status pageengine_write(pageengine_host *host, uint64_t vm, const int64_t *ppns,
                                   size_t n, const void *contents, size_t *done)
{
    *done = 0;
    pe_vm *found;
    pageengine_status const bad = find(host, vm, ppns, n, &found);
    if (bad != PAGEENGINE_OK)
        return bad;
    return out(pe_write(host, found, ppns, n, contents, done));
}

pageengine_status pageengine_read(pageengine_host *host, uint64_t vm, const int64_t *ppns, size_t n,
                                  void *contents, size_t *done)
{
    *done = 0;
    pe_vm *found;
    pageengine_status const bad = find(host, vm, ppns, n, &found);
    if (bad != PAGEENGINE_OK)
        return bad;
    return out(pe_read(host, found, ppns, n, contents, done));
}

pageengine_status pageengine_peek(pageengine_host *host, uint64_t vm, const int64_t *ppns, size_t n,
                                  void *contents, size_t *done)
{
    *done = 0;
    pe_vm *found;
    pageengine_status const bad = find(host, vm, ppns, n, &found);
    if (bad != PAGEENGINE_OK)
        return bad;
    return out(pe_peek(host, found, ppns, n, contents, done));
}

void pageengine_set_mark(pageengine_host *host, uint32_t frames)
{
    host->mark = frames;
}

uint32_t pageengine_idle(const pageengine_host *host)
{
    return pe_frames_idle(&host->frames);
}

pageengine_status pageengine_block(pageengine_host *host, uint64_t vm, bool blocked)
{
    pe_vm *const found = pe_host_vm(host, vm);
    if (!found)
        return PAGEENGINE_ERR_NO_SUCH_VM;
    found->blocked = blocked;
    return PAGEENGINE_OK;
}

/* ---- winning frames */

pageengine_status pageengine_scan(pageengine_host *host, uint64_t vm, uint64_t pages, unsigned how,
                                  pageengine_scanned *result)
{
    pe_scan_result r = {0};
    pe_vm *const found = pe_host_vm(host, vm);
    if (!found)
        return PAGEENGINE_ERR_NO_SUCH_VM;
    if (how & ~(PE_SCAN_RANDOM | PE_SCAN_TWO_SCANS))
        return PAGEENGINE_ERR_ARGUMENT;
    pe_status const status = pe_scan(host, found, pages < found->pages ? pages : found->pages, how,
                                     &r);
    if (status == PE_OK)
        *result = (pageengine_scanned){r.visited,     r.scanned, r.merged,
                                       r.zero_merged, r.hinted,  r.unstable};
    return out(status);
}

void pageengine_end_scan_pass(pageengine_host *host)
{
    pe_scan_end_pass(host);
}

static const pe_technique *technique_named(const char *name)
{
    const pe_technique *technique = NULL;
    for (size_t i = 0; (technique = pe_technique_at(i)); ++i)
        if (strcmp(technique->name, name) == 0)
            break;
    return technique;
}

pageengine_status pageengine_reclaim(pageengine_host *host, uint64_t vm, uint64_t frames,
                                     const char *technique, pageengine_reclaimed *result)
{
    pe_reclaim_result r = {0};
    const pe_technique *found_technique = technique_named(technique);
    pe_vm *const found = pe_host_vm(host, vm);
    if (!found)
        return PAGEENGINE_ERR_NO_SUCH_VM;
    if (!found_technique)
        return PAGEENGINE_ERR_ARGUMENT;
    pe_status const status = pe_reclaim(host, found, frames, found_technique->steps, &r);
    *result = (pageengine_reclaimed){r.frames,  r.merged,  r.zero_merged,   r.compressed,
                                     r.swapped, r.evicted, r.incompressible};
    return out(status);
}

pageengine_status pageengine_balloon(pageengine_host *host, uint64_t vm, const int64_t *ppns,
                                     size_t n, uint64_t *pages)
{
    pe_vm *found;
    pageengine_status const bad = find(host, vm, ppns, n, &found);
    if (bad != PAGEENGINE_OK)
        return bad;
    *pages = pe_balloon_pages(host, found, ppns, n);
    return PAGEENGINE_OK;
}

pageengine_status pageengine_balloon_absent(pageengine_host *host, uint64_t vm, uint64_t n,
                                            uint64_t *pages)
{
    pe_vm *const found = pe_host_vm(host, vm);
    if (!found)
        return PAGEENGINE_ERR_NO_SUCH_VM;
    *pages = pe_balloon_absent(found, n);
    return PAGEENGINE_OK;
}

pageengine_status pageengine_deflate(pageengine_host *host, uint64_t vm, uint64_t n,
                                     uint64_t *pages)
{
    pe_vm *const found = pe_host_vm(host, vm);
    if (!found)
        return PAGEENGINE_ERR_NO_SUCH_VM;
    *pages = pe_balloon_deflate(found, n);
    return PAGEENGINE_OK;
}

pageengine_status pageengine_report_free(pageengine_host *host, uint64_t vm, const int64_t *ppns,
                                         size_t n, uint64_t *pages)
{
    pe_vm *found;
    pageengine_status const bad = find(host, vm, ppns, n, &found);
    if (bad != PAGEENGINE_OK)
        return bad;
    *pages = pe_balloon_report(host, found, ppns, n);
    return PAGEENGINE_OK;
}

pageengine_status pageengine_pin(pageengine_host *host, uint64_t vm, const int64_t *ppns, size_t n,
                                 bool pinned)
{
    pe_vm *found;
    pageengine_status const bad = find(host, vm, ppns, n, &found);
    if (bad != PAGEENGINE_OK)
        return bad;
    for (size_t i = 0; i < n; ++i)
        pe_vm_pin(found, (uint32_t)ppns[i], pinned);
    return PAGEENGINE_OK;
}

uint64_t pageengine_trim(pageengine_host *host)
{
    return pe_content_trim(host);
}

/* ---- working sets */

pageengine_status pageengine_start_sample(pageengine_host *host, uint64_t vm, uint32_t n)
{
    pe_vm *const found = pe_host_vm(host, vm);
    if (!found)
        return PAGEENGINE_ERR_NO_SUCH_VM;
    pe_vm_sample_begin(found, n < found->pages ? n : found->pages);
    return PAGEENGINE_OK;
}

pageengine_status pageengine_end_sample(pageengine_host *host, uint64_t vm, uint32_t *touched,
                                        uint32_t *marked)
{
    pe_vm *const found = pe_host_vm(host, vm);
    if (!found)
        return PAGEENGINE_ERR_NO_SUCH_VM;
    pe_vm_sample_end(found, marked, touched);
    return PAGEENGINE_OK;
}

pageengine_status pageengine_age(pageengine_host *host, uint64_t vm, uint32_t *touched)
{
    pe_vm *const found = pe_host_vm(host, vm);
    if (!found)
        return PAGEENGINE_ERR_NO_SUCH_VM;
    *touched = pe_vm_age(found);
    return PAGEENGINE_OK;
}

pageengine_status pageengine_idle_ages(const pageengine_host *host, uint64_t vm,
                                       uint64_t histogram[256])
{
    pe_vm *const found = pe_host_vm(host, vm);
    if (!found)
        return PAGEENGINE_ERR_NO_SUCH_VM;
    pe_vm_ages(found, histogram);
    return PAGEENGINE_OK;
}

/* ---- what is there */

pageengine_status pageengine_places(const pageengine_host *host, uint64_t vm, const int64_t *ppns,
                                    size_t n, uint8_t *places)
{
    pe_vm *found;
    pageengine_status const bad = find(host, vm, ppns, n, &found);
    if (bad != PAGEENGINE_OK)
        return bad;
    return out(pe_vm_places(found, n, ppns, places));
}

static size_t index_of(const char *(*name_of)(size_t index), const char *name)
{
    const char *each;
    for (size_t i = 0; (each = name_of(i)); ++i)
        if (strcmp(each, name) == 0)
            return i;
    return PAGEENGINE_NONE;
}

size_t pageengine_vm_number_count(void)
{
    return PE_VM_NUMBERS + PE_EVENTS;
}

const char *pageengine_vm_number_name(size_t index)
{
    return index < PE_VM_NUMBERS ? pe_vm_number_name(index) : pe_event_name(index - PE_VM_NUMBERS);
}

size_t pageengine_vm_number_index(const char *name)
{
    return index_of(pageengine_vm_number_name, name);
}

pageengine_status pageengine_vm_numbers(const pageengine_host *host, uint64_t vm, uint64_t *values,
                                        size_t room)
{
    uint64_t levels[PE_VM_NUMBERS];
    pe_vm *const found = pe_host_vm(host, vm);
    if (!found)
        return PAGEENGINE_ERR_NO_SUCH_VM;
    pe_stats_vm(host, found, levels);
    for (size_t i = 0; i < room && i < PE_VM_NUMBERS + PE_EVENTS; ++i)
        values[i] = i < PE_VM_NUMBERS ? levels[i] : found->event[i - PE_VM_NUMBERS];
    return PAGEENGINE_OK;
}

size_t pageengine_host_number_count(void)
{
    return PE_HOST_NUMBERS;
}

const char *pageengine_host_number_name(size_t index)
{
    return pe_host_number_name(index);
}

size_t pageengine_host_number_index(const char *name)
{
    return index_of(pe_host_number_name, name);
}

void pageengine_host_numbers(const pageengine_host *host, uint64_t *values, size_t room)
{
    uint64_t numbers[PE_HOST_NUMBERS];
    pe_stats_host(host, numbers);
    for (size_t i = 0; i < room && i < PE_HOST_NUMBERS; ++i)
        values[i] = numbers[i];
}

pageengine_status pageengine_check(pageengine_host *host, bool deep, const char **reason)
{
    return out(pe_check(host, deep, reason));
}

void pageengine_last_error(const pageengine_host *host, uint64_t *vm, uint32_t *ppn, int *error)
{
    *vm = host->error_vm;
    *ppn = host->error_ppn;
    *error = host->swap.error;
}
