/* sources: csrc/*.c csrc/codec/*.c */
/* Strangers' programs see this door and nothing else: what they hand in wrongly must come back as a
   status with nothing done, and what they ask must be what the core says. */
#include "check.h"

#include "pageengine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGES 16u

static const int64_t all[PAGES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

static pageengine_options small(void)
{
    pageengine_options options = pageengine_defaults();
    options.frames = 64;
    options.tokens = true;
    options.swap_pages = 64;
    return options;
}

/* A host with one VM, whose pages hold tokens 1 to PAGES. */
static pageengine_host *filled(uint64_t *vm)
{
    pageengine_options const options = small();
    pageengine_host *host = NULL;
    uint64_t tokens[PAGES];
    size_t done = 0;
    for (unsigned i = 0; i < PAGES; ++i)
        tokens[i] = pageengine_token(i + 1, i % 2 ? 512 : 4000);
    CHECK(pageengine_host_new(&options, &host) == PAGEENGINE_OK);
    CHECK(pageengine_add_vm(host, PAGES, 0, PAGEENGINE_NO_LIMIT, vm) == PAGEENGINE_OK);
    CHECK(pageengine_write(host, *vm, all, PAGES, tokens, &done) == PAGEENGINE_OK && done == PAGES);
    return host;
}

static uint64_t number(const pageengine_host *host, uint64_t vm, const char *name)
{
    uint64_t values[64] = {0};
    size_t const at = pageengine_vm_number_index(name);
    CHECK(at < pageengine_vm_number_count() && pageengine_vm_number_count() <= 64);
    CHECK(pageengine_vm_numbers(host, vm, values, 64) == PAGEENGINE_OK);
    return at < 64 ? values[at] : UINT64_MAX;
}

static void end(pageengine_host *host)
{
    const char *reason = "";
    CHECK(pageengine_check(host, true, &reason) == PAGEENGINE_OK);
    pageengine_host_delete(host);
}

static void another_version_of_the_header_is_refused(void)
{
    pageengine_options options = small();
    pageengine_host *host = NULL;
    options.abi = PAGEENGINE_ABI + 1;
    CHECK(pageengine_host_new(&options, &host) == PAGEENGINE_ERR_ABI && host == NULL);
    memset(&options, 0, sizeof options); /* nor is one that was never filled in taken */
    CHECK(pageengine_host_new(&options, &host) == PAGEENGINE_ERR_ABI && host == NULL);
    CHECK(pageengine_abi_version() == PAGEENGINE_ABI);
    CHECK(strcmp(pageengine_status_name(PAGEENGINE_ERR_ABI), "PE_ERR_ABI") == 0);
    CHECK(strstr(pageengine_status_text(PAGEENGINE_ERR_ABI), "version"));
    CHECK(strcmp(pageengine_status_name(PAGEENGINE_NO_FRAME), "PE_NO_FRAME") == 0);
    CHECK(strstr(pageengine_status_text(PAGEENGINE_NO_FRAME), "frame"));
}

static void options_that_cannot_be_are_refused(void)
{
    pageengine_host *host = NULL;
    for (unsigned i = 0; i < 4; ++i) {
        pageengine_options options = small();
        if (i == 0)
            options.frames = 0;
        if (i == 1)
            options.codec = "wrod";
        if (i == 2)
            options.swap_file = 0; /* tokens are in no file */
        if (i == 3)
            options.tokens = false; /* and pages cannot do without */
        CHECK(pageengine_host_new(&options, &host) == PAGEENGINE_ERR_ARGUMENT && host == NULL);
    }
    pageengine_options options = small();
    options.tokens = false;
    options.swap_pages = 0;
    options.codec = NULL;
    CHECK(pageengine_host_new(&options, &host) == PAGEENGINE_OK);
    CHECK(pageengine_grow_swap(host, 1) == PAGEENGINE_ERR_ARGUMENT);
    CHECK(pageengine_grow_swap(host, 0) == PAGEENGINE_OK);
    end(host);
    pageengine_host_delete(NULL);
}

static void a_host_that_finds_no_memory_is_none(void)
{
    pageengine_options const options = small();
    pageengine_host *host = NULL;
    oom_off();
    end(filled(&(uint64_t){0}));
    unsigned const allocations = oom_count();
    unsigned failed = 0;
    for (unsigned n = 0; n < allocations; ++n) {
        oom_fail_after(n);
        pageengine_status const status = pageengine_host_new(&options, &host);
        oom_off();
        CHECK(status == PAGEENGINE_OK || (status == PAGEENGINE_ERR_NO_MEMORY && host == NULL));
        failed += status != PAGEENGINE_OK;
        pageengine_host_delete(host);
        host = NULL;
    }
    CHECK(failed > 3);
}

/* Every call that names a VM or pages; with a page that is not there, or a VM that is none. */
static void bad_numbers(pageengine_host *host, uint64_t vm, const int64_t *ppns,
                        pageengine_status expected)
{
    uint64_t tokens[2] = {7, 7}, pages = 77;
    uint8_t places[2] = {9, 9};
    size_t done = 5;
    CHECK(pageengine_touch(host, vm, ppns, 2, true, &done) == expected && done == 0);
    CHECK(pageengine_write(host, vm, ppns, 2, tokens, &done) == expected && done == 0);
    CHECK(pageengine_read(host, vm, ppns, 2, tokens, &done) == expected && done == 0);
    CHECK(pageengine_peek(host, vm, ppns, 2, tokens, &done) == expected && done == 0);
    CHECK(pageengine_balloon(host, vm, ppns, 2, &pages) == expected);
    CHECK(pageengine_report_free(host, vm, ppns, 2, &pages) == expected);
    CHECK(pageengine_pin(host, vm, ppns, 2, true) == expected);
    CHECK(pageengine_places(host, vm, ppns, 2, places) == expected);
    CHECK(pages == 77 && places[0] == 9 && tokens[0] == 7);
}

static void pages_that_are_not_there_change_nothing(void)
{
    uint64_t vm;
    pageengine_host *host = filled(&vm);
    int64_t const beyond[2] = {1, PAGES}, below[2] = {1, -1}, fine[2] = {1, 2};
    uint64_t const before = number(host, vm, "accesses");
    bad_numbers(host, vm, beyond, PAGEENGINE_ERR_PAGE_RANGE);
    bad_numbers(host, vm, below, PAGEENGINE_ERR_PAGE_RANGE);
    bad_numbers(host, vm + 1, fine, PAGEENGINE_ERR_NO_SUCH_VM);
    CHECK(number(host, vm, "accesses") == before && number(host, vm, "ballooned") == 0);
    end(host);
}

static void a_vm_that_is_gone_is_none(void)
{
    uint64_t vm, other, pages = 5, histogram[256], values[1] = {3};
    uint32_t touched = 5, marked = 5;
    pageengine_scanned scanned = {0, 0, 0, 0, 0, 0};
    pageengine_reclaimed won = {0, 0, 0, 0, 0, 0, 0};
    pageengine_status const none = PAGEENGINE_ERR_NO_SUCH_VM;
    pageengine_host *host = filled(&vm);
    CHECK(pageengine_remove_vm(host, vm) == PAGEENGINE_OK && pageengine_idle(host) == 64);
    CHECK(pageengine_remove_vm(host, vm) == none);
    CHECK(pageengine_add_vm(host, 8, 0, 0, &other) == PAGEENGINE_OK && other != vm);
    CHECK(pageengine_draw_from(host, vm, 1) == none && pageengine_block(host, vm, true) == none);
    CHECK(pageengine_scan(host, vm, 1, 0, &scanned) == none);
    CHECK(pageengine_reclaim(host, vm, 1, "swap", &won) == none);
    CHECK(pageengine_balloon_absent(host, vm, 1, &pages) == none && pages == 5);
    CHECK(pageengine_deflate(host, vm, 1, &pages) == none && pages == 5);
    CHECK(pageengine_start_sample(host, vm, 1) == none);
    CHECK(pageengine_end_sample(host, vm, &touched, &marked) == none && touched == 5);
    CHECK(pageengine_age(host, vm, &touched) == none && touched == 5);
    CHECK(pageengine_idle_ages(host, vm, histogram) == none);
    CHECK(pageengine_vm_numbers(host, vm, values, 1) == none && values[0] == 3);
    end(host);
}

static void batches_stop_at_the_mark_and_where_a_vm_is_blocked(void)
{
    uint64_t vm, other;
    size_t done;
    pageengine_host *host = filled(&vm);
    CHECK(pageengine_add_vm(host, PAGES, 0, 0, &other) == PAGEENGINE_OK);
    CHECK(pageengine_idle(host) == 64 - PAGES);
    pageengine_set_mark(host, 64 - PAGES - 3);
    CHECK(pageengine_touch(host, other, all, PAGES, true, &done) == PAGEENGINE_NO_FRAME);
    CHECK(done == 3 && pageengine_idle(host) == 64 - PAGES - 3);
    pageengine_set_mark(host, 0);
    CHECK(pageengine_block(host, other, true) == PAGEENGINE_OK);
    CHECK(pageengine_touch(host, other, all, 1, false, &done) == PAGEENGINE_BLOCKED && done == 0);
    CHECK(pageengine_block(host, other, false) == PAGEENGINE_OK);
    CHECK(pageengine_touch(host, other, all, PAGES, false, &done) == PAGEENGINE_OK);
    CHECK(done == PAGES && number(host, other, "accesses") == 3 + PAGES);
    end(host);
}

static void equal_pages_merge_and_keep_their_contents(void)
{
    uint64_t first, second, tokens[PAGES];
    size_t done;
    pageengine_scanned scanned;
    pageengine_host *host = filled(&first);
    CHECK(pageengine_peek(host, first, all, PAGES, tokens, &done) == PAGEENGINE_OK);
    CHECK(pageengine_add_vm(host, PAGES, 0, 0, &second) == PAGEENGINE_OK);
    CHECK(pageengine_write(host, second, all, PAGES, tokens, &done) == PAGEENGINE_OK);
    CHECK(pageengine_scan(host, first, 1000, 0, &scanned) == PAGEENGINE_OK);
    CHECK(scanned.visited == PAGES && scanned.scanned == PAGES && scanned.hinted == PAGES);
    CHECK(pageengine_scan(host, second, PAGES, 4, &scanned) == PAGEENGINE_ERR_ARGUMENT);
    CHECK(pageengine_scan(host, second, PAGES, 0, &scanned) == PAGEENGINE_OK);
    CHECK(scanned.merged == PAGES && scanned.zero_merged == 0 && scanned.unstable == 0);
    CHECK(pageengine_idle(host) == 64 - PAGES && number(host, second, "shared") == PAGES * 4096);
    pageengine_end_scan_pass(host);
    memset(tokens, 0, sizeof tokens);
    CHECK(pageengine_read(host, second, all, PAGES, tokens, &done) == PAGEENGINE_OK);
    CHECK(tokens[3] == pageengine_token(4, 512) && tokens[3] == (4 << 6 | 8));
    CHECK(pageengine_token(0, 8) == 0 && pageengine_token(1, 65) == (1 << 6 | 2));
    end(host);
}

static void reclaim_wins_frames_by_the_technique_that_is_named(void)
{
    uint64_t vm;
    uint8_t places[PAGES];
    pageengine_reclaimed won;
    pageengine_host *host = filled(&vm);
    CHECK(pageengine_reclaim(host, vm, 1, "swpa", &won) == PAGEENGINE_ERR_ARGUMENT);
    CHECK(pageengine_pin(host, vm, all, 4, true) == PAGEENGINE_OK);
    CHECK(pageengine_reclaim(host, vm, 5, "swap", &won) == PAGEENGINE_OK);
    CHECK(won.frames == 5 && won.swapped == 5 && won.compressed == 0 && won.merged == 0);
    CHECK(pageengine_places(host, vm, all, PAGES, places) == PAGEENGINE_OK);
    CHECK(places[3] == PAGEENGINE_PRIVATE && places[4] == PAGEENGINE_SWAPPED);
    CHECK(pageengine_reclaim(host, vm, 64, "compression", &won) == PAGEENGINE_OK);
    CHECK(won.compressed == 4 && won.incompressible >= 3 && won.swapped == 0 && won.evicted == 0);
    CHECK(number(host, vm, "compressed") == 4 * 4096 && number(host, vm, "swap_out") == 5);
    CHECK(pageengine_pin(host, vm, all, 4, false) == PAGEENGINE_OK);
    CHECK(pageengine_reclaim(host, vm, 64, "ladder", &won) == PAGEENGINE_OK);
    CHECK(number(host, vm, "private") == 0);
    end(host);
}

static void swap_that_is_full_says_so(void)
{
    uint64_t vm;
    pageengine_options options = small();
    pageengine_host *host = NULL;
    pageengine_reclaimed won;
    size_t done;
    options.swap_pages = 3;
    options.sharing = false;
    CHECK(pageengine_host_new(&options, &host) == PAGEENGINE_OK);
    CHECK(pageengine_add_vm(host, PAGES, 0, 0, &vm) == PAGEENGINE_OK);
    CHECK(pageengine_touch(host, vm, all, PAGES, true, &done) == PAGEENGINE_OK);
    CHECK(pageengine_reclaim(host, vm, 8, "swap", &won) == PAGEENGINE_NO_SLOT);
    CHECK(won.swapped == 3 && won.frames == 3);
    CHECK(pageengine_grow_swap(host, 8) == PAGEENGINE_OK);
    CHECK(pageengine_reclaim(host, vm, 5, "swap", &won) == PAGEENGINE_OK && won.swapped == 5);
    end(host);
}

static void balloons_take_pages_and_give_them_back(void)
{
    uint64_t vm, pages;
    size_t done;
    pageengine_host *host = filled(&vm);
    CHECK(pageengine_balloon(host, vm, all, 4, &pages) == PAGEENGINE_OK && pages == 4);
    CHECK(pageengine_balloon(host, vm, all, 5, &pages) == PAGEENGINE_OK && pages == 1);
    CHECK(pageengine_idle(host) == 64 - PAGES + 5);
    CHECK(pageengine_report_free(host, vm, all, 8, &pages) == PAGEENGINE_OK && pages == 3);
    CHECK(pageengine_balloon_absent(host, vm, 2, &pages) == PAGEENGINE_OK && pages == 2);
    CHECK(number(host, vm, "ballooned") == 7 * 4096);
    CHECK(pageengine_deflate(host, vm, 6, &pages) == PAGEENGINE_OK && pages == 6);
    CHECK(pageengine_touch(host, vm, all, 8, false, &done) == PAGEENGINE_OK && done == 8);
    CHECK(number(host, vm, "balloon_pops") == 1 && number(host, vm, "balloon_out") == 6);
    CHECK(pageengine_trim(host) <= 64);
    end(host);
}

static void working_sets_are_told(void)
{
    uint64_t vm, histogram[256];
    uint32_t touched, marked;
    size_t done;
    pageengine_host *host = filled(&vm);
    CHECK(pageengine_draw_from(host, vm, 7) == PAGEENGINE_OK);
    CHECK(pageengine_start_sample(host, vm, UINT32_MAX) == PAGEENGINE_OK);
    CHECK(pageengine_touch(host, vm, all, PAGES, false, &done) == PAGEENGINE_OK);
    CHECK(pageengine_end_sample(host, vm, &touched, &marked) == PAGEENGINE_OK);
    CHECK(touched == marked && marked > 0 && marked <= PAGES);
    CHECK(pageengine_age(host, vm, &touched) == PAGEENGINE_OK && touched == PAGES);
    CHECK(pageengine_touch(host, vm, all, 3, false, &done) == PAGEENGINE_OK);
    CHECK(pageengine_age(host, vm, &touched) == PAGEENGINE_OK && touched == 3);
    CHECK(pageengine_idle_ages(host, vm, histogram) == PAGEENGINE_OK);
    CHECK(histogram[0] == 3 && histogram[1] == PAGES - 3);
    end(host);
}

static void numbers_have_names_and_no_more_is_written_than_there_is_room(void)
{
    uint64_t vm, values[64];
    pageengine_host *host = filled(&vm);
    size_t const vms = pageengine_vm_number_count(), hosts = pageengine_host_number_count();
    for (size_t i = 0; i < vms; ++i)
        CHECK(pageengine_vm_number_index(pageengine_vm_number_name(i)) == i);
    for (size_t i = 0; i < hosts; ++i)
        CHECK(pageengine_host_number_index(pageengine_host_number_name(i)) == i);
    CHECK(!pageengine_vm_number_name(vms) && !pageengine_host_number_name(hosts));
    CHECK(pageengine_vm_number_index("") == PAGEENGINE_NONE);
    CHECK(pageengine_host_number_index("swap_in") == PAGEENGINE_NONE);
    for (size_t room = 0; room <= 64; ++room) {
        memset(values, 0xff, sizeof values);
        CHECK(pageengine_vm_numbers(host, vm, values, room) == PAGEENGINE_OK);
        for (size_t i = room < vms ? room : vms; i < 64; ++i)
            CHECK(values[i] == UINT64_MAX);
        memset(values, 0xff, sizeof values);
        pageengine_host_numbers(host, values, room);
        for (size_t i = room < hosts ? room : hosts; i < 64; ++i)
            CHECK(values[i] == UINT64_MAX);
    }
    CHECK(values[pageengine_host_number_index("memory")] == 64 * 4096);
    CHECK(values[pageengine_host_number_index("free")] == (64 - PAGES) * 4096);
    CHECK(number(host, vm, "private") == PAGES * 4096 && number(host, vm, "accesses") == PAGES);
    end(host);
}

/* Bytes: contents come back whole, and a swap file that was cut short is told. */
static void real_pages_go_to_the_file_and_come_back(void)
{
    uint64_t vm, who = 9;
    uint32_t which = 9;
    int error = 9;
    size_t done;
    pageengine_reclaimed won;
    pageengine_host *host = NULL;
    pageengine_options options = small();
    uint8_t *pages = malloc(PAGES * 4096), *back = malloc(PAGES * 4096);
    FILE *file = tmpfile();
    CHECK(pages && back && file);
    for (size_t i = 0; i < PAGES * 4096; ++i)
        pages[i] = (uint8_t)(i * i >> 7);
    options.tokens = false;
    options.swap_file = fileno(file);
    CHECK(pageengine_host_new(&options, &host) == PAGEENGINE_OK);
    CHECK(pageengine_add_vm(host, PAGES, 0, PAGEENGINE_NO_LIMIT, &vm) == PAGEENGINE_OK);
    CHECK(pageengine_write(host, vm, all, PAGES, pages, &done) == PAGEENGINE_OK);
    CHECK(pageengine_reclaim(host, vm, 4, "swap", &won) == PAGEENGINE_OK && won.swapped == 4);
    CHECK(pageengine_peek(host, vm, all, PAGES, back, &done) == PAGEENGINE_OK);
    CHECK(done == PAGES && memcmp(pages, back, PAGES * 4096) == 0);
    CHECK(ftruncate(fileno(file), 4096) == 0);
    CHECK(pageengine_touch(host, vm, all, PAGES, false, &done) == PAGEENGINE_ERR_BACKING);
    pageengine_last_error(host, &who, &which, &error);
    CHECK(who == vm && which == all[done] && done < 4 && error == 0);
    pageengine_host_delete(host);
    fclose(file);
    free(pages);
    free(back);
}

int main(void)
{
    RUN(another_version_of_the_header_is_refused);
    RUN(options_that_cannot_be_are_refused);
    RUN(a_host_that_finds_no_memory_is_none);
    RUN(pages_that_are_not_there_change_nothing);
    RUN(a_vm_that_is_gone_is_none);
    RUN(batches_stop_at_the_mark_and_where_a_vm_is_blocked);
    RUN(equal_pages_merge_and_keep_their_contents);
    RUN(reclaim_wins_frames_by_the_technique_that_is_named);
    RUN(swap_that_is_full_says_so);
    RUN(balloons_take_pages_and_give_them_back);
    RUN(working_sets_are_told);
    RUN(numbers_have_names_and_no_more_is_written_than_there_is_room);
    RUN(real_pages_go_to_the_file_and_come_back);
    return check_result();
}
