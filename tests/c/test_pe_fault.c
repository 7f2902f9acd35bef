/* sources: csrc/*.c csrc/codec/*.c */
/* At stake: an access leads a page from wherever it is to a frame; what it costs, what it keeps and
   what it lets go is told apart by place and by kind of access. And the balloon, which lets go
   without an access. */
#include "check.h"
#include "small_host.h"

static FILE *file;
static pe_host *host;
static uint8_t page[PE_PAGE_BYTES], expected[PE_PAGE_BYTES];

static pe_vm *begin(void)
{
    CHECK(small_host(&host, file, 16) == PE_OK && small_host_fill(host) == PE_OK);
    return pe_host_vm(host, 0);
}

static void end(void)
{
    CHECK(sound(host));
    pe_host_delete(host);
}

/* The one event that this access counts, accesses aside; PE_EVENTS when there is none. */
static size_t counted(uint32_t ppn, pe_access access, pe_status expected_status)
{
    pe_vm *vm = pe_host_vm(host, 0);
    uint64_t before[PE_EVENTS];
    size_t found = PE_EVENTS;
    memcpy(before, vm->event, sizeof before);
    CHECK(pe_fault(host, vm, ppn, access) == expected_status);
    for (size_t event = 0; event < PE_EVENTS; ++event)
        if (vm->event[event] != before[event]) {
            CHECK(vm->event[event] == before[event] + 1 && found == PE_EVENTS);
            found = event;
        }
    return found;
}

static void each_way_of_a_page_is_one_event(void)
{
    static const struct {
        uint32_t ppn;
        pe_access access;
        size_t event;
        pe_place place;
    } ways[] = {
        {ABSENT_PPN, PE_ACCESS_READ, PE_EV_FAULTS_ABSENT, PE_SHARED},
        {ABSENT_PPN, PE_ACCESS_WRITE, PE_EV_FAULTS_ABSENT, PE_PRIVATE},
        {ABSENT_PPN, PE_ACCESS_FILL, PE_EV_FAULTS_ABSENT, PE_PRIVATE},
        {PRIVATE_PPN, PE_ACCESS_READ, PE_EVENTS, PE_PRIVATE},
        {PRIVATE_PPN, PE_ACCESS_WRITE, PE_EVENTS, PE_PRIVATE},
        {SHARED_PPN, PE_ACCESS_READ, PE_EVENTS, PE_SHARED},
        {SHARED_PPN, PE_ACCESS_WRITE, PE_EV_COW_BREAKS, PE_PRIVATE},
        {SHARED_PPN, PE_ACCESS_FILL, PE_EV_COW_BREAKS, PE_PRIVATE},
        {ZERO_PPN, PE_ACCESS_READ, PE_EVENTS, PE_SHARED},
        {ZERO_PPN, PE_ACCESS_WRITE, PE_EV_COW_BREAKS, PE_PRIVATE},
        {SQUEEZED_PPN, PE_ACCESS_READ, PE_EV_DECOMPRESSIONS, PE_PRIVATE},
        {SQUEEZED_PPN, PE_ACCESS_WRITE, PE_EV_DECOMPRESSIONS, PE_PRIVATE},
        {SQUEEZED_PPN, PE_ACCESS_FILL, PE_EV_DISCARDED, PE_PRIVATE},
        {SWAPPED_PPN, PE_ACCESS_READ, PE_EV_SWAP_IN, PE_PRIVATE},
        {SWAPPED_PPN, PE_ACCESS_WRITE, PE_EV_SWAP_IN, PE_PRIVATE},
        {SWAPPED_PPN, PE_ACCESS_FILL, PE_EV_DISCARDED, PE_PRIVATE},
    };
    for (size_t i = 0; i < PE_COUNT_OF(ways); ++i) {
        pe_vm *vm = begin();
        vm->map[ways[i].ppn] &= ~(PE_ACCESSED | PE_YOUNG);
        CHECK(counted(ways[i].ppn, ways[i].access, PE_OK) == ways[i].event);
        CHECK(pe_place_of(vm->map[ways[i].ppn]) == ways[i].place);
        uint64_t const seen = PE_ACCESSED | PE_YOUNG | PE_EVER;
        CHECK((vm->map[ways[i].ppn] & seen) == seen);
        if (ways[i].access != PE_ACCESS_FILL)
            end();
        else
            pe_host_delete(host); /* the frame is the caller's to fill */
    }
}

static void a_page_of_the_balloon_pops_and_is_a_first_touch(void)
{
    pe_vm *vm = begin();
    uint32_t const given = vm->in_place[PE_BALLOONED];
    CHECK(touch_page(host, 0, BALLOON_PPN, true) == PE_OK);
    CHECK(vm->event[PE_EV_BALLOON_POPS] == 1 && vm->in_place[PE_BALLOONED] == given - 1);
    CHECK(vm->event[PE_EV_BALLOON_OUT] == 0);
    uint64_t const touches = vm->event[PE_EV_FAULTS_ABSENT];
    CHECK(touch_page(host, 0, BALLOON_PPN + 1, false) == PE_OK);
    CHECK(vm->event[PE_EV_BALLOON_POPS] == 2 && vm->event[PE_EV_FAULTS_ABSENT] == touches + 1);
    CHECK(touch_page(host, 0, ABSENT_PPN, true) == PE_OK && vm->event[PE_EV_BALLOON_POPS] == 2);
    end();
}

static void a_first_read_has_a_frame_of_its_own_where_nothing_is_shared(void)
{
    pe_vm *vm = begin();
    pe_vm_pin(vm, ABSENT_PPN, true);
    CHECK(touch_page(host, 0, ABSENT_PPN, false) == PE_OK);
    CHECK(pe_place_of(vm->map[ABSENT_PPN]) == PE_PRIVATE);
    host->config.sharing = false;
    CHECK(touch_page(host, 0, ABSENT_PPN + 1, false) == PE_OK);
    CHECK(pe_place_of(vm->map[ABSENT_PPN + 1]) == PE_PRIVATE);
    host->config.sharing = true;
    for (uint32_t ppn = ABSENT_PPN; ppn < ABSENT_PPN + 2; ++ppn)
        CHECK(read_page(host, 0, ppn, page) == PE_OK && pe_page_is_zero(page));
    end();
}

/* Frames are used again: what another page held must not be seen. */
static void a_frame_that_was_used_shows_nothing_of_it(void)
{
    pe_vm *vm = begin();
    int64_t const filled[4] = {24, 25, 26, 27};
    for (uint32_t i = 0; i < 4; ++i)
        CHECK(write_page(host, 0, 24 + i, random_page(page, i)) == PE_OK);
    CHECK(pe_balloon_report(host, vm, filled, 4) == 4);
    CHECK(touch_page(host, 0, ABSENT_PPN, true) == PE_OK); /* a zeroed frame */
    CHECK(touch_page(host, 0, ZERO_PPN, true) == PE_OK);   /* a copy of the zero page */
    CHECK(read_page(host, 0, ABSENT_PPN, page) == PE_OK && pe_page_is_zero(page));
    CHECK(read_page(host, 0, ZERO_PPN, page) == PE_OK && pe_page_is_zero(page));
    end();
}

static void whoever_writes_last_keeps_the_frame(void)
{
    pe_vm *vm = begin(), *other = pe_host_vm(host, 1);
    pe_frame const frame = pe_payload_of(vm->map[SHARED_PPN]);
    CHECK(host->sharing.mappers[frame] == 2);
    uint32_t const idle = pe_frames_idle(&host->frames), shared = host->sharing.shared;
    CHECK(touch_page(host, 0, SHARED_PPN, true) == PE_OK);
    CHECK(pe_payload_of(vm->map[SHARED_PPN]) != frame && host->sharing.mappers[frame] == 1);
    CHECK(pe_frames_idle(&host->frames) == idle - 1 && host->sharing.shared == shared);
    host->mark = SMALL_FRAMES; /* the last one needs no frame */
    CHECK(touch_page(host, 1, SHARED_PPN, true) == PE_OK);
    CHECK(pe_payload_of(other->map[SHARED_PPN]) == frame && host->sharing.mappers[frame] == 0);
    CHECK(pe_frames_idle(&host->frames) == idle - 1 && host->sharing.shared == shared - 1);
    host->mark = 0;
    for (uint32_t m = 0; m < 2; ++m) {
        CHECK(read_page(host, m, SHARED_PPN, page) == PE_OK);
        CHECK(memcmp(page, page_of(expected, 1), PE_PAGE_BYTES) == 0);
    }
    end();
}

static void an_access_without_a_frame_leaves_no_trace(void)
{
    static const uint32_t ppns[] = {ABSENT_PPN, BALLOON_PPN, SHARED_PPN, SQUEEZED_PPN, SWAPPED_PPN};
    pe_vm *vm = begin();
    pe_host before;
    host->mark = SMALL_FRAMES;
    for (size_t i = 0; i < PE_COUNT_OF(ppns); ++i) {
        uint64_t const word = vm->map[ppns[i]];
        memcpy(&before, host, sizeof before);
        host->error_vm = host->error_ppn = 77;
        CHECK(counted(ppns[i], PE_ACCESS_WRITE, PE_NO_FRAME) == PE_EVENTS);
        CHECK(vm->map[ppns[i]] == word && host->error_vm == 0 && host->error_ppn == ppns[i]);
        CHECK(pe_frames_idle(&host->frames) == pe_frames_idle(&before.frames));
        CHECK(pe_frames_idle(&host->swap.slots) == pe_frames_idle(&before.swap.slots));
    }
    host->mark = 0;
    end();
}

static void a_page_given_up_twice_is_given_once(void)
{
    pe_vm *vm = begin();
    int64_t const ppns[5] = {PRIVATE_PPN, PRIVATE_PPN, BALLOON_PPN, ABSENT_PPN, SWAPPED_PPN};
    uint64_t const in = vm->event[PE_EV_BALLOON_IN];
    uint32_t const slots = pe_frames_idle(&host->swap.slots);
    CHECK(pe_balloon_pages(host, vm, ppns, 5) == 3 && vm->event[PE_EV_BALLOON_IN] == in + 3);
    CHECK(pe_frames_idle(&host->swap.slots) == slots + 1);
    CHECK(pe_balloon_pages(host, vm, ppns, 0) == 0);
    end();
}

static void empty_pages_move_lowest_first_and_no_more_than_there_are(void)
{
    pe_vm *vm = begin();
    uint32_t const absent = vm->in_place[PE_ABSENT], given = vm->in_place[PE_BALLOONED];
    uint64_t const in = vm->event[PE_EV_BALLOON_IN];
    CHECK(pe_balloon_absent(vm, 2) == 2 && vm->event[PE_EV_BALLOON_IN] == in + 2);
    CHECK(pe_place_of(vm->map[1]) == PE_BALLOONED && pe_place_of(vm->map[3]) == PE_BALLOONED);
    CHECK(pe_balloon_absent(vm, 1000) == absent - 2 && vm->in_place[PE_ABSENT] == 0);
    CHECK(pe_balloon_absent(vm, 1) == 0);
    CHECK(pe_balloon_deflate(vm, 1) == 1 && pe_place_of(vm->map[1]) == PE_ABSENT);
    CHECK(pe_balloon_deflate(vm, 0) == 0 && vm->in_place[PE_ABSENT] == 1);
    CHECK(pe_balloon_deflate(vm, UINT64_MAX) == absent + given - 1);
    CHECK(vm->event[PE_EV_BALLOON_OUT] == absent + given && vm->in_place[PE_BALLOONED] == 0);
    end();
}

int main(void)
{
    file = tmpfile();
    CHECK(file);
    RUN(each_way_of_a_page_is_one_event);
    RUN(a_page_of_the_balloon_pops_and_is_a_first_touch);
    RUN(a_first_read_has_a_frame_of_its_own_where_nothing_is_shared);
    RUN(a_frame_that_was_used_shows_nothing_of_it);
    RUN(whoever_writes_last_keeps_the_frame);
    RUN(an_access_without_a_frame_leaves_no_trace);
    RUN(a_page_given_up_twice_is_given_once);
    RUN(empty_pages_move_lowest_first_and_no_more_than_there_are);
    fclose(file);
    return check_result();
}
