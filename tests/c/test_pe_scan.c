/* sources: csrc/*.c csrc/codec/*.c */
/* At stake: the two-scan rule must never merge a page that was written since the scan last saw it,
   and a page that a guest reports as free must give its frame back from wherever it is. Pages of
   two machines are brought through scans, writes, reports and the balloon one by one, and the host
   proves itself after each. */
#include "check.h"
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

static pe_scan_result scan_both(pe_host *host, unsigned how)
{
    pe_scan_result result = {0};
    for (uint32_t vm = 0; vm < 2; ++vm)
        pe_scan(host, pe_host_vm(host, vm), SMALL_PAGES, how, &result);
    return result;
}

static bool is_dirty(pe_host *host, uint32_t vm, uint32_t ppn)
{
    return (pe_host_vm(host, vm)->map[ppn] & PE_DIRTY) != 0;
}

static void a_page_that_was_written_is_passed_over_once(void)
{
    pe_host *host;
    uint8_t page[PE_PAGE_BYTES];
    CHECK(small_host(&host, file, 16) == PE_OK);
    for (uint32_t vm = 0; vm < 2; ++vm)
        CHECK(write_page(host, vm, 3, page_of(page, 9)) == PE_OK);
    pe_scan_result result = scan_both(host, PE_SCAN_TWO_SCANS);
    CHECK(result.visited == 2 * SMALL_PAGES && result.unstable == 2);
    CHECK(result.scanned == 0 && result.hinted == 0 && result.merged == 0);
    CHECK(!is_dirty(host, 0, 3) && !is_dirty(host, 1, 3) && host->sharing.hints == 0);
    result = scan_both(host, PE_SCAN_TWO_SCANS);
    CHECK(result.unstable == 0 && result.scanned == 2 && result.merged == 1);
    CHECK(sound(host));
    pe_host_delete(host);
}

static void every_kind_of_write_makes_a_page_unstable_again_and_a_read_does_not(void)
{
    pe_host *host;
    uint8_t page[PE_PAGE_BYTES];
    CHECK(small_host(&host, file, 16) == PE_OK);
    for (uint32_t ppn = 0; ppn < 3; ++ppn)
        CHECK(write_page(host, 0, ppn, page_of(page, (uint8_t)(9 + ppn))) == PE_OK);
    CHECK(scan_both(host, PE_SCAN_TWO_SCANS).unstable == 3);
    CHECK(write_page(host, 0, 0, page_of(page, 9)) == PE_OK); /* the same content: still a write */
    CHECK(touch_page(host, 0, 1, true) == PE_OK);
    CHECK(touch_page(host, 0, 2, false) == PE_OK);
    pe_scan_result const result = scan_both(host, PE_SCAN_TWO_SCANS);
    CHECK(result.unstable == 2 && result.scanned == 1 && result.hinted == 1);
    CHECK(sound(host));
    pe_host_delete(host);
}

static void a_page_whose_sharing_was_broken_must_be_stable_again(void)
{
    pe_host *host;
    uint8_t page[PE_PAGE_BYTES];
    CHECK(small_host(&host, file, 16) == PE_OK);
    for (uint32_t vm = 0; vm < 2; ++vm)
        CHECK(write_page(host, vm, 3, page_of(page, 9)) == PE_OK);
    CHECK(scan_both(host, 0).merged == 1);
    CHECK(touch_page(host, 0, 3, true) == PE_OK);
    CHECK(is_dirty(host, 0, 3));
    CHECK(scan_both(host, PE_SCAN_TWO_SCANS).unstable == 1);
    CHECK(scan_both(host, PE_SCAN_TWO_SCANS).merged == 1);
    CHECK(sound(host));
    pe_host_delete(host);
}

static void the_hint_rule_merges_at_once_and_leaves_the_dirty_bit(void)
{
    pe_host *host;
    uint8_t page[PE_PAGE_BYTES];
    CHECK(small_host(&host, file, 16) == PE_OK);
    CHECK(write_page(host, 0, 3, page_of(page, 9)) == PE_OK);
    CHECK(scan_both(host, 0).hinted == 1 && is_dirty(host, 0, 3));
    CHECK(write_page(host, 1, 3, page_of(page, 9)) == PE_OK);
    CHECK(scan_both(host, 0).merged == 1);
    CHECK(sound(host));
    pe_host_delete(host);
}

static void a_pinned_page_is_neither_counted_nor_cleaned(void)
{
    pe_host *host;
    CHECK(small_host(&host, file, 16) == PE_OK);
    CHECK(touch_page(host, 0, 3, true) == PE_OK);
    pe_vm_pin(pe_host_vm(host, 0), 3, true);
    CHECK(scan_both(host, PE_SCAN_TWO_SCANS).unstable == 0 && is_dirty(host, 0, 3));
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
    CHECK(read_page(host, 1, SWAPPED_PPN, page) == PE_OK); /* the other machine keeps its own */
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
    RUN(a_page_that_was_written_is_passed_over_once);
    RUN(every_kind_of_write_makes_a_page_unstable_again_and_a_read_does_not);
    RUN(a_page_whose_sharing_was_broken_must_be_stable_again);
    RUN(the_hint_rule_merges_at_once_and_leaves_the_dirty_bit);
    RUN(a_pinned_page_is_neither_counted_nor_cleaned);
    RUN(a_reported_page_is_gone_from_every_place);
    RUN(only_what_is_in_the_balloon_comes_back_from_it);
    fclose(file);
    return check_result();
}
