/* sources: csrc/*.c csrc/codec/*.c */
/* At stake: a host that runs out of memory half-way must stay sound and leak nothing, and every
   page must read back what was written wherever it has been. Every allocation of a whole scenario
   is made to fail in turn. */
#include "check.h"
#include "oom.h"
#include "small_host.h"

static FILE *file;

static bool sound(pe_host *host)
{
    const char *reason = "";
    pe_status const status = pe_check(host, true, &reason);
    if (status == PE_ERR_CORRUPT)
        printf("broken: %s\n", reason);
    return status == PE_OK;
}

static pe_status scenario(pe_host **host)
{
    pe_status const status = small_host(host, file, 16);
    return status == PE_OK ? small_host_fill(*host) : status;
}

static void every_allocation_may_fail_and_nothing_is_lost(void)
{
    pe_status status = PE_ERR_NO_MEMORY;
    unsigned n = 0;
    for (; status != PE_OK && n < 1000; ++n) {
        pe_host *host = NULL;
        oom_fail_after(n);
        status = scenario(&host);
        oom_off();
        CHECK(status == PE_OK || status == PE_ERR_NO_MEMORY);
        CHECK(!host || sound(host));
        pe_host_delete(host);
    }
    CHECK(n > 15 && n < 1000);
}

static void contents_come_back_from_every_place(void)
{
    pe_host *host;
    uint8_t page[PE_PAGE_BYTES], expected[PE_PAGE_BYTES];
    CHECK(scenario(&host) == PE_OK);
    for (uint32_t vm = 0; vm < 2; ++vm) {
        CHECK(read_page(host, vm, SWAPPED_PPN, page) == PE_OK);
        CHECK(memcmp(page, random_page(expected, 1 + vm), PE_PAGE_BYTES) == 0);
        CHECK(read_page(host, vm, SQUEEZED_PPN, page) == PE_OK);
        CHECK(memcmp(page, page_of(expected, (uint8_t)(20 + 2 * vm)), PE_PAGE_BYTES) == 0);
        CHECK(read_page(host, vm, SHARED_PPN, page) == PE_OK);
        CHECK(memcmp(page, page_of(expected, 1), PE_PAGE_BYTES) == 0);
        CHECK(read_page(host, vm, BALLOON_PPN, page) == PE_OK);
        CHECK(memcmp(page, page_of(expected, 0), PE_PAGE_BYTES) == 0);
        CHECK(sound(host));
    }
    pe_host_delete(host);
}

static void a_removed_machine_gives_everything_back(void)
{
    pe_host *host;
    CHECK(scenario(&host) == PE_OK);
    for (uint32_t vm = 0; vm < 2; ++vm) {
        CHECK(pe_host_remove_vm(host, vm) == PE_OK);
        CHECK(sound(host));
    }
    CHECK(pe_frames_idle(&host->frames) == SMALL_FRAMES);
    CHECK(pe_frames_idle(&host->swap.slots) == host->swap.slots.count);
    CHECK(pe_host_remove_vm(host, 0) == PE_ERR_NO_SUCH_VM);
    uint64_t id;
    CHECK(pe_host_add_vm(host, 5, 3, PE_ZCACHE_NO_LIMIT, &id) == PE_OK);
    CHECK(pe_host_vm(host, id) && (uint32_t)id == 0); /* the same place in the list, */
    CHECK(!pe_host_vm(host, 0));                      /* and never the same id */
    CHECK(pe_host_remove_vm(host, 0) == PE_ERR_NO_SUCH_VM);
    CHECK(sound(host));
    pe_host_delete(host);
}

static void equal_pages_of_two_salt_groups_stay_apart(void)
{
    pe_host *host;
    uint64_t id;
    uint8_t page[PE_PAGE_BYTES];
    pe_scan_result result = {0};
    CHECK(small_host(&host, file, 16) == PE_OK);
    CHECK(pe_host_add_vm(host, SMALL_PAGES, 77, PE_ZCACHE_NO_LIMIT, &id) == PE_OK);
    CHECK(write_page(host, 0, 1, page_of(page, 9)) == PE_OK);
    CHECK(write_page(host, id, 1, page_of(page, 9)) == PE_OK);
    CHECK(write_page(host, 0, 2, page_of(page, 0)) == PE_OK);
    CHECK(write_page(host, id, 2, page_of(page, 0)) == PE_OK);
    CHECK(pe_scan(host, pe_host_vm(host, 0), SMALL_PAGES, 0, &result) == PE_OK);
    CHECK(pe_scan(host, pe_host_vm(host, id), SMALL_PAGES, 0, &result) == PE_OK);
    CHECK(result.merged == 0 && result.zero_merged == 2 && host->sharing.shared == 2);
    CHECK(write_page(host, 1, 1, page_of(page, 9)) == PE_OK);
    CHECK(pe_scan(host, pe_host_vm(host, 1), SMALL_PAGES, 0, &result) == PE_OK);
    CHECK(result.merged == 1);
    CHECK(sound(host));
    pe_host_delete(host);
}

static void a_batch_stops_exactly_before_the_access_that_needs_a_frame(void)
{
    pe_host *host;
    int64_t ppns[SMALL_PAGES];
    size_t done;
    CHECK(small_host(&host, file, 0) == PE_OK);
    for (uint32_t i = 0; i < SMALL_PAGES; ++i)
        ppns[i] = i;
    host->mark = SMALL_FRAMES - 10;
    CHECK(pe_touch(host, pe_host_vm(host, 0), ppns, SMALL_PAGES, NULL, true, &done) == PE_NO_FRAME);
    CHECK(done == 10 && pe_frames_idle(&host->frames) == host->mark && host->error_ppn == 10);
    CHECK(sound(host));
    pe_host_vm(host, 0)->blocked = true;
    CHECK(pe_touch(host, pe_host_vm(host, 0), ppns, 1, NULL, false, &done) == PE_BLOCKED);
    CHECK(done == 0);
    pe_host_delete(host);
}

static void a_page_number_beyond_the_machine_is_found(void)
{
    pe_host *host;
    int64_t const ppns[3] = {0, SMALL_PAGES, -1};
    CHECK(small_host(&host, file, 0) == PE_OK);
    CHECK(pe_first_bad_page(pe_host_vm(host, 0), ppns, 3) == 1);
    CHECK(pe_first_bad_page(pe_host_vm(host, 0), ppns, 1) == 1);
    CHECK(pe_first_bad_page(pe_host_vm(host, 0), ppns + 2, 1) == 0);
    pe_host_delete(host);
}

/* The check comes first, but another thread may write to the array after it: every entry stops at
   the number as it is when it is used. */
static void no_entry_goes_by_a_number_that_is_no_page(void)
{
    pe_host *host;
    static uint8_t pages[4][PE_PAGE_BYTES];
    int64_t const bad[3] = {SMALL_PAGES, -1, INT64_MIN};
    uint8_t const flags[4] = {1, 0, 1, 0};
    uint8_t places[4];
    CHECK(small_host(&host, file, 0) == PE_OK);
    pe_vm *vm = pe_host_vm(host, 0);
    for (unsigned k = 0; k < PE_COUNT_OF(bad); ++k) {
        int64_t const ppns[4] = {1, 2, bad[k], 3};
        size_t done = 9;
        CHECK(pe_write(host, vm, ppns, 4, pages, &done) == PE_ERR_PAGE_RANGE && done == 2);
        CHECK(pe_read(host, vm, ppns, 4, pages, &done) == PE_ERR_PAGE_RANGE && done == 2);
        CHECK(pe_peek(host, vm, ppns, 4, pages, &done) == PE_ERR_PAGE_RANGE && done == 2);
        CHECK(pe_touch(host, vm, ppns, 4, NULL, true, &done) == PE_ERR_PAGE_RANGE && done == 2);
        CHECK(pe_touch(host, vm, ppns, 4, flags, false, &done) == PE_ERR_PAGE_RANGE && done == 2);
        CHECK(pe_vm_places(vm, 4, ppns, places) == PE_ERR_PAGE_RANGE);
        CHECK(pe_vm_places(vm, 2, ppns, places) == PE_OK && places[1] == PE_PRIVATE);
    }
    CHECK(sound(host));
    pe_host_delete(host);
}

int main(void)
{
    file = tmpfile();
    CHECK(file);
    RUN(every_allocation_may_fail_and_nothing_is_lost);
    RUN(contents_come_back_from_every_place);
    RUN(a_removed_machine_gives_everything_back);
    RUN(equal_pages_of_two_salt_groups_stay_apart);
    RUN(a_batch_stops_exactly_before_the_access_that_needs_a_frame);
    RUN(a_page_number_beyond_the_machine_is_found);
    RUN(no_entry_goes_by_a_number_that_is_no_page);
    fclose(file);
    return check_result();
}
