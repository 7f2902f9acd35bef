/* A small host with a page in every place, for the C tests of floor 2. */
#ifndef SMALL_HOST_H
#define SMALL_HOST_H

#include "pe_balloon.h"
#include "pe_check.h"
#include "pe_content.h"
#include "pe_fault.h"
#include "pe_page.h"
#include "pe_reclaim.h"
#include "pe_scan.h"
#include "pe_stats.h"
#include "pe_swapout.h"
#include "pe_touch.h"

#include <stdio.h>
#include <string.h>

#define SMALL_FRAMES 64u
#define SMALL_PAGES 32u

/* Pages of either VM after small_host_fill. */
enum {
    SHARED_PPN = 0,
    ZERO_PPN = 2,
    SQUEEZED_PPN = 4,
    SWAPPED_PPN = 6,
    PRIVATE_PPN = 8,
    BALLOON_PPN = 10,
    ABSENT_PPN = 20
};

/* A page that compresses well but is not same-filled, different for each key; key 0 is the zero
   page. */
static inline const uint8_t *page_of(uint8_t *page, uint8_t key)
{
    memset(page, 0, PE_PAGE_BYTES);
    for (size_t i = 0; key && i < PE_PAGE_BYTES; i += 64)
        page[i] = (uint8_t)(key + i / 64);
    return page;
}

/* A page that no codec brings to half. */
static inline const uint8_t *random_page(uint8_t *page, uint64_t key)
{
    pe_rng rng = pe_rng_make(key, 99);
    for (size_t i = 0; i < PE_PAGE_BYTES; i += 8) {
        uint64_t const word = pe_rng_next(&rng);
        memcpy(page + i, &word, 8);
    }
    return page;
}

static inline pe_status write_page(pe_host *host, uint64_t vm, uint32_t ppn, const uint8_t *page)
{
    int64_t const ppns[1] = {ppn};
    size_t done;
    return pe_write(host, pe_host_vm(host, vm), ppns, 1, page, &done);
}

static inline pe_status read_page(pe_host *host, uint64_t vm, uint32_t ppn, uint8_t *page)
{
    int64_t const ppns[1] = {ppn};
    size_t done;
    return pe_read(host, pe_host_vm(host, vm), ppns, 1, page, &done);
}

static inline pe_status touch_page(pe_host *host, uint64_t vm, uint32_t ppn, bool write)
{
    int64_t const ppns[1] = {ppn};
    size_t done;
    return pe_touch(host, pe_host_vm(host, vm), ppns, 1, NULL, write, &done);
}

/* Two VMs of one salt group on a host of SMALL_FRAMES frames with `slots` swap slots in
   `file`. */
static inline pe_status small_host(pe_host **out, FILE *file, uint32_t slots)
{
    pe_host_config const config = {.frames = SMALL_FRAMES,
                                   .seed = 7,
                                   .sharing = true,
                                   .codec = pe_codec_find("word"),
                                   .cache_limit_bytes = PE_ZCACHE_NO_LIMIT,
                                   .swap_file = fileno(file)};
    uint64_t id;
    pe_status status = pe_host_new(out, &config);
    if (status != PE_OK)
        return status;
    status = pe_swap_grow(&(*out)->swap, slots);
    for (int i = 0; status == PE_OK && i < 2; ++i)
        status = pe_host_add_vm(*out, SMALL_PAGES, 0, PE_ZCACHE_NO_LIMIT, &id);
    return status;
}

static inline pe_status fill_far_places(pe_host *host, uint64_t vm, uint8_t *page)
{
    pe_reclaim_result won = {0};
    pe_status status = write_page(host, vm, SWAPPED_PPN, random_page(page, 1 + vm));
    if (status == PE_OK)
        status = pe_reclaim(host, pe_host_vm(host, vm), 1, PE_STEP_SWAP, &won);
    for (uint32_t k = 0; k < 2 && status == PE_OK; ++k)
        status = write_page(host, vm, SQUEEZED_PPN + k, page_of(page, (uint8_t)(20 + 2 * vm + k)));
    if (status == PE_OK)
        status = pe_reclaim(host, pe_host_vm(host, vm), 2, PE_STEP_COMPRESS, &won);
    return status;
}

static inline pe_status fill_near_places(pe_host *host, uint64_t vm, uint8_t *page)
{
    int64_t const given[2] = {BALLOON_PPN, BALLOON_PPN + 1};
    pe_status status = write_page(host, vm, SHARED_PPN, page_of(page, 1));
    if (status == PE_OK)
        status = write_page(host, vm, ZERO_PPN, page_of(page, 0));
    if (status == PE_OK)
        status = write_page(host, vm, PRIVATE_PPN, page_of(page, (uint8_t)(40 + vm)));
    if (status == PE_OK)
        status = touch_page(host, vm, BALLOON_PPN, true);
    if (status == PE_OK)
        (void)pe_balloon_pages(host, pe_host_vm(host, vm), given, 2);
    return status;
}

/* Whether every rule of the host holds, deep; the broken one is printed. */
static inline bool sound(pe_host *host)
{
    const char *reason = "";
    pe_status const status = pe_check(host, true, &reason);
    if (status == PE_ERR_CORRUPT)
        printf("broken: %s\n", reason);
    return status == PE_OK;
}

/* A page in every place, in both VMs. */
static inline pe_status small_host_fill(pe_host *host)
{
    uint8_t page[PE_PAGE_BYTES];
    pe_status status = PE_OK;
    pe_scan_result scanned = {0};
    for (uint32_t vm = 0; vm < 2 && status == PE_OK; ++vm) {
        status = fill_far_places(host, vm, page);
        if (status == PE_OK)
            status = fill_near_places(host, vm, page);
    }
    for (uint32_t vm = 0; vm < 2 && status == PE_OK; ++vm)
        status = pe_scan(host, pe_host_vm(host, vm), SMALL_PAGES, 0, &scanned);
    return status;
}

#endif
