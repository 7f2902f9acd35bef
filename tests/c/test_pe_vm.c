/* sources: csrc/pe_vm.c csrc/pe_os.c csrc/pe_status.c */
/* At stake: the working set that a policy goes by is counted here, page by page. A VM alone,
   without a host: places, samples, ages and pins are held against a count of its words. */
#include "check.h"
#include "pe_vm.h"

#include <string.h>

#define PAGES 100u

static pe_vm vm;

static bool sound(void)
{
    const char *reason = "";
    bool const right = pe_vm_check(&vm, &reason);
    if (!right)
        printf("broken: %s\n", reason);
    return right;
}

static void begin(void)
{
    CHECK(pe_vm_init_in(&vm, PAGES, 7, 3, NULL) == PE_OK && vm.in_place[PE_ABSENT] == PAGES);
    CHECK(vm.id == 3 && !vm.blocked && sound());
}

static void end(void)
{
    CHECK(sound());
    pe_vm_fini(&vm);
    pe_vm_fini(&vm);
}

static uint32_t count(uint64_t bit)
{
    uint32_t n = 0;
    for (uint32_t ppn = 0; ppn < vm.pages; ++ppn)
        n += (vm.map[ppn] & bit) != 0;
    return n;
}

static void a_vm_has_pages_and_not_too_many(void)
{
    CHECK(pe_vm_init_in(&vm, 0, 1, 0, NULL) == PE_ERR_ARGUMENT);
    CHECK(pe_vm_init_in(&vm, UINT32_MAX, 1, 0, NULL) == PE_ERR_ARGUMENT && vm.map == NULL);
    begin();
    CHECK(pe_vm_bytes(&vm) == sizeof vm + PAGES * 8);
    CHECK(pe_vm_keep_checksums(&vm) == PE_OK && pe_vm_bytes(&vm) == sizeof vm + PAGES * 12);
    uint32_t *const kept = vm.checksums;
    CHECK(pe_vm_keep_checksums(&vm) == PE_OK && vm.checksums == kept);
    end();
}

static void what_was_seen_of_a_page_goes_only_with_its_content(void)
{
    static const struct {
        pe_place place;
        bool forgets;
    } moves[] = {{PE_SHARED, false},  {PE_COMPRESSED, false}, {PE_SWAPPED, false},
                 {PE_PRIVATE, false}, {PE_BALLOONED, true},   {PE_ABSENT, true}};
    uint64_t const seen = PE_ACCESSED | PE_YOUNG | UINT64_C(9) << PE_AGE_SHIFT;
    begin();
    for (unsigned i = 0; i < PE_COUNT_OF(moves); ++i) {
        pe_vm_put(&vm, 5, PE_PRIVATE, 11);
        pe_vm_accessed(&vm, 5);
        pe_vm_pin(&vm, 5, true);
        vm.map[5] |= seen;
        pe_vm_put(&vm, 5, moves[i].place, 12);
        CHECK((vm.map[5] & seen) == (moves[i].forgets ? 0 : seen));
        CHECK((vm.map[5] & PE_EVER) && (vm.map[5] & PE_PINNED));
        CHECK(pe_payload_of(vm.map[5]) == 12 && pe_place_of(vm.map[5]) == moves[i].place);
        CHECK(vm.ever == 1 && sound());
    }
    pe_vm_pin(&vm, 5, false);
    CHECK(count(PE_PINNED) == 0);
    end();
}

static void zero_pages_are_counted_as_they_come_and_go(void)
{
    begin();
    pe_vm_put_zero(&vm, 1, 40);
    pe_vm_put_zero(&vm, 2, 40);
    pe_vm_put_zero(&vm, 2, 40);
    CHECK(vm.zero == 2 && vm.in_place[PE_SHARED] == 2 && count(PE_WRITABLE) == 0);
    pe_vm_put(&vm, 1, PE_SHARED, 41);
    CHECK(vm.zero == 1 && vm.in_place[PE_SHARED] == 2);
    pe_vm_put(&vm, 2, PE_PRIVATE, 42);
    CHECK(vm.zero == 0 && count(PE_WRITABLE) == 1 && count(PE_READABLE) == 2);
    end();
}

static void a_sample_is_of_different_pages_that_are_not_in_the_balloon(void)
{
    uint32_t size, touched;
    begin();
    for (uint32_t ppn = 0; ppn < 50; ++ppn)
        pe_vm_put(&vm, ppn, PE_BALLOONED, 0);
    for (uint32_t ppn = 50; ppn < PAGES; ++ppn)
        pe_vm_put(&vm, ppn, PE_PRIVATE, ppn);
    pe_vm_sample_begin(&vm, 20);
    CHECK(vm.sample_size == 20 && count(PE_SAMPLED) == 20 && sound());
    CHECK(count(PE_READABLE) == 30);
    for (uint32_t ppn = 0; ppn < 50; ++ppn)
        CHECK(!(vm.map[ppn] & PE_SAMPLED));
    uint32_t accessed = 0;
    for (uint32_t ppn = 50; ppn < 75; ++ppn) {
        accessed += (vm.map[ppn] & PE_SAMPLED) != 0;
        pe_vm_accessed(&vm, ppn);
        pe_vm_accessed(&vm, ppn);
    }
    CHECK(vm.sample_touched == accessed && vm.event[PE_EV_SAMPLE_FAULTS] == accessed);
    CHECK(accessed > 0 && accessed < 20 && vm.ever == 25);
    pe_vm_sample_end(&vm, &size, &touched);
    CHECK(size == 20 && touched == accessed && count(PE_SAMPLED) == 0 && !vm.sampling);
    CHECK(count(PE_READABLE) == 50 && vm.sample_size == 0 && vm.sample_touched == 0);
    end();
}

static void a_period_that_begins_ends_the_one_that_is_open(void)
{
    uint32_t size, touched;
    begin();
    for (uint32_t ppn = 0; ppn < PAGES; ++ppn)
        pe_vm_put(&vm, ppn, PE_PRIVATE, ppn);
    pe_vm_sample_begin(&vm, 30);
    for (uint32_t ppn = 0; ppn < PAGES; ++ppn)
        pe_vm_accessed(&vm, ppn);
    uint64_t first[PAGES];
    memcpy(first, vm.map, sizeof first);
    pe_vm_sample_begin(&vm, 10);
    CHECK(count(PE_SAMPLED) == 10 && vm.sample_size == 10 && vm.sample_touched == 0);
    pe_vm_sample_end(&vm, &size, &touched);
    CHECK(size == 10 && touched == 0);
    pe_vm_sample_begin(&vm, 1000); /* more than there are: tries end */
    CHECK(vm.sample_size == count(PE_SAMPLED) && vm.sample_size == PAGES);
    pe_vm_sample_begin(&vm, 0);
    CHECK(count(PE_SAMPLED) == 0 && vm.sampling);
    pe_vm_sample_end(&vm, &size, &touched);
    CHECK(memcmp(first, vm.map, sizeof first) == 0);
    end();
}

static void draws_are_of_the_stream_that_was_asked_for(void)
{
    uint64_t marked[2][PAGES];
    for (unsigned again = 0; again < 2; ++again) {
        CHECK(pe_vm_init_in(&vm, PAGES, again ? 1 : 7, again, NULL) == PE_OK);
        pe_vm_draw_from(&vm, 7, 21);
        pe_vm_sample_begin(&vm, 10);
        memcpy(marked[again], vm.map, sizeof marked[again]);
        pe_vm_fini(&vm);
    }
    CHECK(memcmp(marked[0], marked[1], sizeof marked[0]) == 0);
    CHECK(pe_vm_init_in(&vm, PAGES, 7, 21, NULL) == PE_OK); /* a VM's own stream is its id */
    pe_vm_sample_begin(&vm, 10);
    CHECK(memcmp(marked[0], vm.map, sizeof marked[0]) == 0);
    pe_vm_fini(&vm);
    begin();
    pe_vm_draw_from(&vm, 21, 7);
    pe_vm_sample_begin(&vm, 10);
    CHECK(memcmp(marked[0], vm.map, sizeof marked[0]) != 0);
    end();
}

static void places_that_are_none_are_named(void)
{
    const char *reason = "";
    for (uint64_t place = PE_PLACES; place < 8; ++place) {
        begin();
        vm.map[4] = place;
        vm.in_place[PE_ABSENT] -= 1; /* the counts agree with the words that have a place */
        CHECK(!pe_vm_check(&vm, &reason) && strncmp(reason, "V1", 2) == 0);
        vm.map[4] = 0;
        vm.in_place[PE_ABSENT] += 1;
        end();
    }
}

static void ages_are_periods_since_the_last_access(void)
{
    uint64_t ages[256];
    begin();
    for (uint32_t ppn = 0; ppn < 4; ++ppn) {
        pe_vm_put(&vm, ppn, PE_PRIVATE, ppn);
        pe_vm_accessed(&vm, ppn);
    }
    memset(ages, 0xff, sizeof ages);
    pe_vm_ages(&vm, ages);
    CHECK(ages[0] == 4 && ages[1] == 0 && ages[255] == 0); /* and not those never accessed */
    CHECK(pe_vm_age(&vm) == 4 && count(PE_YOUNG) == 0 && count(PE_ACCESSED) == 4);
    CHECK(pe_vm_age(&vm) == 0);
    pe_vm_accessed(&vm, 1);
    pe_vm_ages(&vm, ages);
    CHECK(ages[0] == 1 && ages[1] == 3);
    CHECK(pe_vm_age(&vm) == 1);
    pe_vm_ages(&vm, ages);
    CHECK(ages[0] == 1 && ages[2] == 3);
    pe_vm_put(&vm, 3, PE_BALLOONED, 0);
    pe_vm_put(&vm, 2, PE_SWAPPED, 8);
    pe_vm_ages(&vm, ages);
    CHECK(ages[0] == 1 && ages[2] == 2);
    for (unsigned i = 0; i < 252; ++i)
        CHECK(pe_vm_age(&vm) == 0);
    pe_vm_ages(&vm, ages);
    CHECK(ages[254] == 2 && ages[252] == 1);
    CHECK(pe_vm_age(&vm) == 0 && pe_vm_age(&vm) == 0);
    pe_vm_ages(&vm, ages);
    CHECK(ages[255] == 2); /* the most that is told */
    end();
}

static void places_are_told_in_the_order_asked_for(void)
{
    int64_t const ppns[3] = {9, 0, 9};
    uint8_t out[4] = {77, 77, 77, 77};
    begin();
    pe_vm_put(&vm, 9, PE_SWAPPED, 1);
    CHECK(pe_vm_places(&vm, 3, ppns, out) == PE_OK);
    CHECK(out[0] == PE_SWAPPED && out[1] == PE_ABSENT && out[2] == PE_SWAPPED && out[3] == 77);
    CHECK(pe_event_name(PE_EVENTS) == NULL && strcmp(pe_event_name(0), "accesses") == 0);
    end();
}

int main(void)
{
    RUN(a_vm_has_pages_and_not_too_many);
    RUN(what_was_seen_of_a_page_goes_only_with_its_content);
    RUN(zero_pages_are_counted_as_they_come_and_go);
    RUN(a_sample_is_of_different_pages_that_are_not_in_the_balloon);
    RUN(a_period_that_begins_ends_the_one_that_is_open);
    RUN(draws_are_of_the_stream_that_was_asked_for);
    RUN(places_that_are_none_are_named);
    RUN(ages_are_periods_since_the_last_access);
    RUN(places_are_told_in_the_order_asked_for);
    return check_result();
}
