/* sources: csrc/*.c csrc/codec/*.c */
/* At stake: the two-scan rule must be KSM's to the page, as what it merges when is all that differs
   between KSM and ESX; and a page that a guest reports as free must give its frame back from
   wherever it is. Pages of two VMs are brought through scans, writes, reports and the balloon
   one by one, and the host proves itself after each. */
#include "check.h"
#include "oom.h"
#include "small_host.h"

static FILE *file;

static pe_scan_result scan_one(pe_host *host, uint32_t vm, unsigned how)
{
    pe_scan_result result = {0};
    CHECK(pe_scan(host, pe_host_vm(host, vm), SMALL_PAGES, how, &result) == PE_OK);
    return result;
}

static pe_scan_result scan_both(pe_host *host, unsigned how)
{
    pe_scan_result result = {0};
    for (uint32_t vm = 0; vm < 2; ++vm)
        CHECK(pe_scan(host, pe_host_vm(host, vm), SMALL_PAGES, how, &result) == PE_OK);
    return result;
}

static pe_status fill_page(pe_host *host, uint32_t vm, uint32_t ppn, uint8_t byte)
{
    uint8_t page[PE_PAGE_BYTES];
    return write_page(host, vm, ppn, page_of(page, byte));
}

static void two_equal_pages_merge_once_both_were_seen_twice(void)
{
    pe_host *host;
    CHECK(small_host(&host, file, 16) == PE_OK);
    for (uint32_t vm = 0; vm < 2; ++vm)
        CHECK(fill_page(host, vm, 3, 9) == PE_OK);
    pe_scan_result result = scan_both(host, PE_SCAN_TWO_SCANS);
    CHECK(result.visited == 2 * SMALL_PAGES && result.scanned == 2 && result.unstable == 2);
    CHECK(result.hinted == 0 && result.merged == 0 && host->sharing.hints == 0);
    result = scan_both(host, PE_SCAN_TWO_SCANS);
    CHECK(result.unstable == 0 && result.scanned == 2 && result.hinted == 1 && result.merged == 1);
    CHECK(sound(host));
    pe_host_delete(host);
}

static void a_page_that_equals_a_shared_one_merges_at_its_first_scan(void)
{
    pe_host *host;
    CHECK(small_host(&host, file, 16) == PE_OK);
    for (uint32_t vm = 0; vm < 2; ++vm)
        CHECK(fill_page(host, vm, 3, 9) == PE_OK);
    (void)scan_both(host, PE_SCAN_TWO_SCANS);
    CHECK(scan_both(host, PE_SCAN_TWO_SCANS).merged == 1);
    CHECK(fill_page(host, 0, 4, 9) == PE_OK);
    CHECK(touch_page(host, 1, 3, true) == PE_OK); /* sharing is broken, and nothing changed */
    pe_scan_result const result = scan_both(host, PE_SCAN_TWO_SCANS);
    CHECK(result.scanned == 2 && result.merged == 2 && result.unstable == 0);
    CHECK(sound(host));
    pe_host_delete(host);
}

static void what_counts_is_content_and_not_whether_it_was_written(void)
{
    pe_host *host;
    CHECK(small_host(&host, file, 16) == PE_OK);
    for (uint32_t ppn = 0; ppn < 4; ++ppn)
        CHECK(fill_page(host, 0, ppn, (uint8_t)(9 + ppn)) == PE_OK);
    CHECK(scan_both(host, PE_SCAN_TWO_SCANS).unstable == 4);
    CHECK(fill_page(host, 0, 0, 9) == PE_OK); /* the same bytes */
    CHECK(touch_page(host, 0, 1, true) == PE_OK);
    CHECK(touch_page(host, 0, 2, false) == PE_OK);
    CHECK(fill_page(host, 0, 3, 99) == PE_OK);
    pe_scan_result result = scan_both(host, PE_SCAN_TWO_SCANS);
    CHECK(result.unstable == 1 && result.scanned == 4 && result.hinted == 3);
    CHECK(fill_page(host, 0, 3, 12) == PE_OK); /* what it was two scans ago */
    result = scan_both(host, PE_SCAN_TWO_SCANS);
    CHECK(result.unstable == 1 && result.hinted == 0);
    CHECK(sound(host));
    pe_host_delete(host);
}

static void a_page_that_was_not_in_memory_as_the_scan_passed_begins_again(void)
{
    pe_host *host;
    uint8_t page[PE_PAGE_BYTES];
    pe_reclaim_result won = {0};
    CHECK(small_host(&host, file, 16) == PE_OK);
    for (uint32_t passes = 0; passes < 2; ++passes) {
        CHECK(fill_page(host, 0, 3, (uint8_t)(9 + passes)) == PE_OK);
        CHECK(scan_one(host, 0, PE_SCAN_TWO_SCANS).unstable == 1);
        CHECK(pe_reclaim(host, pe_host_vm(host, 0), 1, PE_STEP_SWAP, &won) == PE_OK);
        if (passes) {
            CHECK(scan_one(host, 0, PE_SCAN_TWO_SCANS).scanned == 0);
            CHECK(pe_host_vm(host, 0)->checksums[3] == 0);
        }
        CHECK(read_page(host, 0, 3, page) == PE_OK);
        CHECK(scan_one(host, 0, PE_SCAN_TWO_SCANS).unstable == passes);
    }
    CHECK(won.swapped == 2 && sound(host));
    pe_host_delete(host);
}

static void pages_meet_in_one_pass_or_begin_anew(void)
{
    pe_host *host;
    CHECK(small_host(&host, file, 16) == PE_OK);
    for (uint32_t vm = 0; vm < 2; ++vm)
        CHECK(fill_page(host, vm, 3, 9) == PE_OK);
    (void)scan_both(host, PE_SCAN_TWO_SCANS);
    CHECK(scan_one(host, 0, PE_SCAN_TWO_SCANS).hinted == 1);
    pe_scan_end_pass(host);
    CHECK(scan_one(host, 1, PE_SCAN_TWO_SCANS).merged == 0); /* the hint was of the pass before */
    CHECK(scan_one(host, 0, PE_SCAN_TWO_SCANS).merged == 1); /* and the new one is of this */
    CHECK(sound(host));
    pe_host_delete(host);
}

static void a_page_of_zeroes_joins_the_zero_page_or_becomes_it(void)
{
    pe_host *host;
    CHECK(small_host(&host, file, 16) == PE_OK);
    CHECK(fill_page(host, 0, 3, 0) == PE_OK);
    CHECK(scan_one(host, 0, PE_SCAN_TWO_SCANS).unstable == 1);
    CHECK(scan_one(host, 0, PE_SCAN_TWO_SCANS).zero_merged == 1);
    CHECK(fill_page(host, 1, 3, 0) == PE_OK);
    CHECK(scan_one(host, 1, PE_SCAN_TWO_SCANS).zero_merged == 1);
    CHECK(sound(host));
    pe_host_delete(host);
}

static void the_hint_rule_merges_at_once_and_keeps_no_checksum(void)
{
    pe_host *host;
    CHECK(small_host(&host, file, 16) == PE_OK);
    CHECK(fill_page(host, 0, 3, 9) == PE_OK);
    CHECK(scan_both(host, 0).hinted == 1);
    CHECK(fill_page(host, 1, 3, 9) == PE_OK);
    pe_scan_end_pass(host);
    CHECK(scan_one(host, 1, 0).merged == 1);
    CHECK(!pe_host_vm(host, 0)->checksums && !pe_host_vm(host, 1)->checksums);
    CHECK(sound(host));
    pe_host_delete(host);
}

static void a_pinned_page_is_not_looked_at(void)
{
    pe_host *host;
    CHECK(small_host(&host, file, 16) == PE_OK);
    CHECK(touch_page(host, 0, 3, true) == PE_OK);
    pe_vm_pin(pe_host_vm(host, 0), 3, true);
    CHECK(scan_both(host, PE_SCAN_TWO_SCANS).scanned == 0);
    CHECK(pe_host_vm(host, 0)->checksums[3] == 0);
    CHECK(sound(host));
    pe_host_delete(host);
}

static void a_page_that_was_shared_as_the_scan_passed_is_unchanged(void)
{
    pe_host *host;
    CHECK(small_host(&host, file, 16) == PE_OK);
    for (uint32_t vm = 0; vm < 2; ++vm)
        CHECK(fill_page(host, vm, 3, 9) == PE_OK);
    (void)scan_both(host, PE_SCAN_TWO_SCANS);
    CHECK(scan_both(host, PE_SCAN_TWO_SCANS).merged == 1);
    pe_scan_end_pass(host);
    CHECK(scan_both(host, PE_SCAN_TWO_SCANS).scanned == 0); /* it passes two shared pages */
    for (uint32_t vm = 0; vm < 2; ++vm)
        CHECK(touch_page(host, vm, 3, true) == PE_OK); /* apart again, with the same bytes */
    CHECK(host->sharing.shared == 0);
    pe_scan_result const result = scan_both(host, PE_SCAN_TWO_SCANS);
    CHECK(result.unstable == 0 && result.hinted == 1 && result.merged == 1);
    CHECK(sound(host));
    pe_host_delete(host);
}

static pe_host *many_pages(uint32_t pages, uint32_t different)
{
    pe_host_config const config = {
        .frames = 2 * pages, .tokens = true, .sharing = true, .seed = 3, .swap_file = -1};
    pe_host *host = NULL;
    uint64_t id;
    size_t done;
    CHECK(pe_host_new(&host, &config) == PE_OK);
    CHECK(pe_host_add_vm(host, pages, 0, PE_ZCACHE_NO_LIMIT, &id) == PE_OK);
    for (int64_t ppn = 0; ppn < pages; ++ppn) {
        uint64_t const token = (uint64_t)(ppn % different + 1) << 6;
        CHECK(pe_write(host, pe_host_vm(host, id), &ppn, 1, &token, &done) == PE_OK);
    }
    return host;
}

static void a_long_scan_does_what_scans_of_one_page_do(void)
{
    enum { PAGES = 300, DIFFERENT = 40 };
    uint64_t words[2][PAGES], events[2][PE_EVENTS];
    for (unsigned how = 0; how < 2; ++how) {
        pe_host *host = many_pages(PAGES, DIFFERENT);
        pe_vm *vm = pe_host_vm(host, 0);
        pe_scan_result result = {0};
        for (uint32_t at = 0; at < PAGES; at += how ? PAGES : 1)
            CHECK(pe_scan(host, vm, how ? PAGES : 1, 0, &result) == PE_OK);
        CHECK(result.visited == PAGES && vm->scan_hand == 0);
        CHECK(result.hinted == DIFFERENT && result.merged == PAGES - DIFFERENT);
        CHECK(vm->event[PE_EV_HINTED] == result.hinted && vm->event[PE_EV_MERGED] == result.merged);
        /* a page that became a partner in its own batch is not scanned any more */
        CHECK(vm->event[PE_EV_SCANNED] == result.scanned && result.scanned == PAGES);
        CHECK(host->sharing.shared == DIFFERENT && host->sharing.hints == 0);
        memcpy(words[how], vm->map, sizeof words[how]);
        memcpy(events[how], vm->event, sizeof events[how]);
        CHECK(sound(host));
        pe_host_delete(host);
    }
    CHECK(memcmp(words[0], words[1], sizeof words[0]) == 0);
    CHECK(memcmp(events[0], events[1], sizeof events[0]) == 0);
}

static void a_scan_goes_on_where_the_last_one_ended(void)
{
    pe_host *host = many_pages(100, 100);
    pe_vm *vm = pe_host_vm(host, 0);
    pe_scan_result result = {0};
    CHECK(pe_scan(host, vm, 70, 0, &result) == PE_OK && vm->scan_hand == 70);
    CHECK(result.hinted == 70);
    CHECK(pe_scan(host, vm, 31, 0, &result) == PE_OK && vm->scan_hand == 1);
    CHECK(result.hinted == 100 && result.scanned == 101); /* the first has its own hint */
    pe_scan_result random = {0};
    CHECK(pe_scan(host, vm, 100, PE_SCAN_RANDOM, &random) == PE_OK && vm->scan_hand == 1);
    CHECK(random.visited == 100 && random.scanned == 100 && random.hinted == 0);
    host->config.sharing = false;
    CHECK(pe_scan(host, vm, 9, 0, &random) == PE_OK && random.visited == 100);
    pe_host_delete(host);
}

static void a_random_scan_looks_at_pages_anywhere(void)
{
    pe_host *host = many_pages(200, 200);
    pe_scan_result result = {0};
    CHECK(pe_scan(host, pe_host_vm(host, 0), 200, PE_SCAN_RANDOM, &result) == PE_OK);
    CHECK(result.hinted > 100 && result.hinted < 160); /* 200 (1 - 1/e) = 126 different ones */
    pe_host_delete(host);
}

static void without_room_for_checksums_nothing_is_done(void)
{
    pe_host *host;
    pe_scan_result result = {0};
    CHECK(small_host(&host, file, 16) == PE_OK);
    CHECK(fill_page(host, 0, 3, 9) == PE_OK);
    uint64_t const bytes = pe_host_metadata_bytes(host);
    oom_fail_after(0);
    CHECK(pe_scan(host, pe_host_vm(host, 0), SMALL_PAGES, PE_SCAN_TWO_SCANS, &result)
          == PE_ERR_NO_MEMORY);
    oom_off();
    CHECK(result.visited == 0 && pe_host_vm(host, 0)->scan_hand == 0);
    CHECK(pe_host_metadata_bytes(host) == bytes);
    CHECK(scan_one(host, 0, PE_SCAN_TWO_SCANS).unstable == 1);
    CHECK(pe_host_metadata_bytes(host) == bytes + 4 * SMALL_PAGES);
    oom_fail_after(0); /* once there, nothing more is asked for */
    CHECK(scan_one(host, 0, PE_SCAN_TWO_SCANS).hinted == 1);
    oom_off();
    CHECK(sound(host));
    pe_host_delete(host);
}

static void a_reported_page_is_gone_from_every_place(void)
{
    pe_host *host;
    int64_t ppns[SMALL_PAGES];
    uint8_t page[PE_PAGE_BYTES], zeros[PE_PAGE_BYTES] = {0};
    CHECK(small_host(&host, file, 16) == PE_OK && small_host_fill(host) == PE_OK);
    pe_vm *vm = pe_host_vm(host, 0);
    for (uint32_t place = 0; place < PE_PLACES; ++place)
        CHECK(vm->in_place[place] > 0);
    for (uint32_t i = 0; i < SMALL_PAGES; ++i)
        ppns[i] = i;
    uint32_t const given = vm->in_place[PE_BALLOONED], empty = vm->in_place[PE_ABSENT];
    CHECK(pe_balloon_report(host, vm, ppns, SMALL_PAGES) == SMALL_PAGES - given - empty);
    CHECK(vm->in_place[PE_BALLOONED] == given && vm->in_place[PE_ABSENT] == SMALL_PAGES - given);
    CHECK(pe_balloon_report(host, vm, ppns, SMALL_PAGES) == 0);
    CHECK(vm->event[PE_EV_REPORTED] == SMALL_PAGES - given - empty);
    CHECK(sound(host));
    CHECK(read_page(host, 0, SWAPPED_PPN, page) == PE_OK);
    CHECK(memcmp(page, zeros, PE_PAGE_BYTES) == 0);
    CHECK(read_page(host, 1, SWAPPED_PPN, page) == PE_OK); /* the other VM keeps its own */
    uint8_t expected[PE_PAGE_BYTES];
    CHECK(memcmp(page, random_page(expected, 2), PE_PAGE_BYTES) == 0);
    CHECK(sound(host));
    pe_host_delete(host);
}

static void only_what_is_in_the_balloon_comes_back_from_it(void)
{
    pe_host *host;
    int64_t const asked[4] = {BALLOON_PPN + 1, PRIVATE_PPN, ABSENT_PPN, BALLOON_PPN + 1};
    CHECK(small_host(&host, file, 16) == PE_OK && small_host_fill(host) == PE_OK);
    pe_vm *vm = pe_host_vm(host, 0);
    CHECK(pe_balloon_return(vm, asked, 4) == 1);
    CHECK(pe_place_of(vm->map[BALLOON_PPN]) == PE_BALLOONED);
    CHECK(pe_place_of(vm->map[BALLOON_PPN + 1]) == PE_ABSENT);
    CHECK(pe_place_of(vm->map[PRIVATE_PPN]) == PE_PRIVATE);
    CHECK(vm->event[PE_EV_BALLOON_OUT] == 1);
    CHECK(sound(host));
    pe_host_delete(host);
}

int main(void)
{
    file = tmpfile();
    CHECK(file);
    RUN(two_equal_pages_merge_once_both_were_seen_twice);
    RUN(a_page_that_equals_a_shared_one_merges_at_its_first_scan);
    RUN(what_counts_is_content_and_not_whether_it_was_written);
    RUN(a_page_that_was_not_in_memory_as_the_scan_passed_begins_again);
    RUN(pages_meet_in_one_pass_or_begin_anew);
    RUN(a_page_of_zeroes_joins_the_zero_page_or_becomes_it);
    RUN(the_hint_rule_merges_at_once_and_keeps_no_checksum);
    RUN(a_pinned_page_is_not_looked_at);
    RUN(a_page_that_was_shared_as_the_scan_passed_is_unchanged);
    RUN(a_long_scan_does_what_scans_of_one_page_do);
    RUN(a_scan_goes_on_where_the_last_one_ended);
    RUN(a_random_scan_looks_at_pages_anywhere);
    RUN(without_room_for_checksums_nothing_is_done);
    RUN(a_reported_page_is_gone_from_every_place);
    RUN(only_what_is_in_the_balloon_comes_back_from_it);
    fclose(file);
    return check_result();
}
