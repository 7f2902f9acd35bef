/* sources: csrc/*.c csrc/codec/*.c */
/* At stake: a hit that leaves no trace makes a page in use look idle, and an access that is counted
   wrongly is charged wrongly. Every kind of access to a page in every place, on bytes and on
   tokens. */
#include "check.h"
#include "small_host.h"

#include <unistd.h>

static FILE *file;
static pe_host *host;
static uint8_t page[PE_PAGE_BYTES], expected[PE_PAGE_BYTES];
static uint8_t many[SMALL_PAGES * PE_PAGE_BYTES], again[SMALL_PAGES * PE_PAGE_BYTES];

static uint64_t const SEEN = PE_ACCESSED | PE_YOUNG;

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

static void every_hit_notes_that_the_page_was_accessed(void)
{
    pe_vm *vm = begin();
    int64_t const ppns[2] = {PRIVATE_PPN, SHARED_PPN};
    static const uint8_t flags[][2] = {{0, 0}, {1, 0}};
    size_t done;
    for (unsigned how = 0; how < 3; ++how) {
        for (unsigned lost = 0; lost < 3; ++lost) {
            uint64_t const bits = lost == 0 ? SEEN : lost == 1 ? PE_ACCESSED : PE_YOUNG;
            for (unsigned i = 0; i < 2; ++i)
                vm->map[ppns[i]] &= ~bits;
            uint64_t const before[2] = {vm->map[PRIVATE_PPN], vm->map[SHARED_PPN]};
            uint64_t const faults = vm->event[PE_EV_COW_BREAKS] + vm->event[PE_EV_FAULTS_ABSENT];
            CHECK(pe_touch(host, vm, ppns, 2, how < 2 ? flags[how] : NULL, false, &done) == PE_OK);
            CHECK(done == 2);
            CHECK(vm->event[PE_EV_COW_BREAKS] + vm->event[PE_EV_FAULTS_ABSENT] == faults);
            for (unsigned i = 0; i < 2; ++i) /* these two bits, and no other */
                CHECK(vm->map[ppns[i]] == (before[i] | SEEN));
        }
    }
    vm->map[PRIVATE_PPN] &= ~SEEN;
    CHECK(touch_page(host, 0, PRIVATE_PPN, true) == PE_OK && (vm->map[PRIVATE_PPN] & SEEN) == SEEN);
    end();
}

static void each_access_has_the_permission_of_its_own_flag(void)
{
    pe_vm *vm = begin();
    int64_t const ppns[3] = {SHARED_PPN, PRIVATE_PPN, SHARED_PPN};
    uint8_t flags[3] = {0, 1, 0};
    size_t done;
    CHECK(pe_touch(host, vm, ppns, 3, flags, true, &done) == PE_OK && done == 3);
    CHECK(vm->event[PE_EV_COW_BREAKS] == 0 && pe_place_of(vm->map[SHARED_PPN]) == PE_SHARED);
    CHECK(pe_touch(host, vm, ppns, 3, NULL, false, &done) == PE_OK);
    CHECK(vm->event[PE_EV_COW_BREAKS] == 0);
    flags[2] = 200; /* any number but 0 */
    CHECK(pe_touch(host, vm, ppns, 3, flags, false, &done) == PE_OK);
    CHECK(vm->event[PE_EV_COW_BREAKS] == 1 && pe_place_of(vm->map[SHARED_PPN]) == PE_PRIVATE);
    CHECK(pe_touch(host, pe_host_vm(host, 1), ppns, 3, NULL, true, &done) == PE_OK);
    CHECK(pe_host_vm(host, 1)->event[PE_EV_COW_BREAKS] == 1); /* the second of two hits */
    end();
}

static void accesses_are_counted_as_far_as_they_were_made(void)
{
    pe_vm *vm = begin();
    int64_t const ppns[3] = {PRIVATE_PPN, ABSENT_PPN, PRIVATE_PPN};
    static const uint8_t write[3] = {1, 1, 1};
    size_t done;
    host->mark = SMALL_FRAMES;
    for (unsigned how = 0; how < 4; ++how) {
        uint64_t const before = vm->event[PE_EV_ACCESSES];
        pe_status const status = how == 0 ? pe_touch(host, vm, ppns, 3, NULL, true, &done)
                               : how == 1 ? pe_touch(host, vm, ppns, 3, write, false, &done)
                               : how == 2 ? pe_write(host, vm, ppns, 3, many, &done)
                                          : pe_read(host, vm, ppns + 1, 1, many, &done);
        bool const zero_page = how == 3; /* which needs no frame */
        CHECK(status == (zero_page ? PE_OK : PE_NO_FRAME) && done == 1);
        CHECK(vm->event[PE_EV_ACCESSES] == before + 1);
        CHECK(zero_page || host->error_ppn == ABSENT_PPN);
    }
    end();
}

static void a_blocked_vm_is_stopped_once_a_batch(void)
{
    pe_vm *vm = begin();
    int64_t const ppns[2] = {PRIVATE_PPN, ABSENT_PPN};
    uint64_t const accesses = vm->event[PE_EV_ACCESSES];
    size_t done = 9;
    vm->blocked = true;
    CHECK(pe_touch(host, vm, ppns, 0, NULL, true, &done) == PE_OK && done == 0);
    CHECK(vm->event[PE_EV_BLOCK_STOPS] == 0);
    CHECK(pe_touch(host, vm, ppns, 2, NULL, true, &done) == PE_BLOCKED && done == 0);
    CHECK(pe_write(host, vm, ppns, 2, many, &done) == PE_BLOCKED && done == 0);
    CHECK(pe_read(host, vm, ppns, 2, many, &done) == PE_BLOCKED && done == 0);
    CHECK(vm->event[PE_EV_BLOCK_STOPS] == 3 && vm->event[PE_EV_ACCESSES] == accesses);
    CHECK(pe_peek(host, vm, ppns, 2, many, &done) == PE_OK && done == 2); /* no access */
    vm->blocked = false;
    end();
}

static void the_first_number_that_is_no_page_is_found_wherever_it_stands(void)
{
    pe_vm *vm = begin();
    int64_t ppns[40];
    static const int64_t bad[] = {SMALL_PAGES, SMALL_PAGES + 1, -1, INT64_MIN, INT64_MAX};
    for (unsigned i = 0; i < 40; ++i)
        ppns[i] = i % 2 ? SMALL_PAGES - 1 : 0;
    CHECK(pe_first_bad_page(vm, ppns, 40) == 40 && pe_first_bad_page(vm, ppns, 0) == 0);
    for (unsigned k = 0; k < PE_COUNT_OF(bad); ++k)
        CHECK(pe_first_bad_page(vm, &bad[k], 1) == 0);
    for (unsigned k = 0; k < PE_COUNT_OF(bad); ++k)
        for (unsigned i = 0; i < 40; ++i) {
            int64_t const kept = ppns[i];
            ppns[i] = bad[k];
            CHECK(pe_first_bad_page(vm, ppns, 40) == i);
            ppns[i] = kept;
        }
    end();
}

static void a_look_sees_what_a_read_gives_and_changes_nothing(void)
{
    pe_vm *vm = begin();
    int64_t ppns[SMALL_PAGES];
    uint64_t words[SMALL_PAGES], events[PE_EVENTS];
    size_t done;
    for (uint32_t i = 0; i < SMALL_PAGES; ++i)
        ppns[i] = SMALL_PAGES - 1 - i;
    memcpy(words, vm->map, sizeof words);
    memcpy(events, vm->event, sizeof events);
    memset(many, 0xa5, sizeof many);
    CHECK(pe_peek(host, vm, ppns, SMALL_PAGES, many, &done) == PE_OK && done == SMALL_PAGES);
    CHECK(memcmp(words, vm->map, sizeof words) == 0);
    CHECK(memcmp(events, vm->event, sizeof events) == 0);
    CHECK(pe_read(host, vm, ppns, SMALL_PAGES, again, &done) == PE_OK && done == SMALL_PAGES);
    CHECK(memcmp(many, again, sizeof many) == 0);
    size_t const swapped = SMALL_PAGES - 1 - SWAPPED_PPN;
    random_page(expected, 1);
    CHECK(memcmp(many + swapped * PE_PAGE_BYTES, expected, PE_PAGE_BYTES) == 0);
    end();
}

static void a_damaged_page_is_named_by_vm_and_number(void)
{
    pe_vm *vm = pe_host_vm((begin(), host), 1);
    int64_t const ppns[3] = {PRIVATE_PPN, SWAPPED_PPN, PRIVATE_PPN};
    size_t done;
    off_t const at = (off_t)pe_payload_of(vm->map[SWAPPED_PPN]) * PE_PAGE_BYTES + 5;
    uint8_t byte;
    CHECK(pread(fileno(file), &byte, 1, at) == 1);
    uint8_t const wrong = byte ^ 1;
    CHECK(pwrite(fileno(file), &wrong, 1, at) == 1);
    uint32_t const idle = pe_frames_idle(&host->frames);
    for (unsigned look = 0; look < 2; ++look) {
        host->error_vm = host->error_ppn = 0;
        pe_status const status = look ? pe_peek(host, vm, ppns, 3, many, &done)
                                      : pe_read(host, vm, ppns, 3, many, &done);
        CHECK(status == PE_ERR_SWAP_CORRUPT && done == 1);
        CHECK(host->error_vm == 1 && host->error_ppn == SWAPPED_PPN);
        CHECK(pe_frames_idle(&host->frames) == idle);
        CHECK(pe_place_of(vm->map[SWAPPED_PPN]) == PE_SWAPPED);
    }
    CHECK(vm->event[PE_EV_SWAP_IN] == 0);
    CHECK(pwrite(fileno(file), &byte, 1, at) == 1);
    CHECK(pe_read(host, vm, ppns, 3, many, &done) == PE_OK && done == 3);
    CHECK(vm->event[PE_EV_SWAP_IN] == 1);
    end();
}

static void a_blob_that_does_not_decode_is_told_and_stays(void)
{
    pe_vm *vm = begin();
    size_t length, done;
    int64_t const ppns[1] = {SQUEEZED_PPN};
    const void *payload = pe_zcache_payload(host->zcache, pe_payload_of(vm->map[SQUEEZED_PPN]),
                                            &length);
    uint8_t *bytes = host->pool.bytes + ((const uint8_t *)payload - host->pool.bytes);
    uint8_t held[PE_ZCACHE_PAYLOAD_MAX];
    memcpy(held, bytes, length);
    memset(bytes, 0xff, length);
    uint32_t const idle = pe_frames_idle(&host->frames);
    host->error_ppn = 77;
    CHECK(pe_read(host, vm, ppns, 1, page, &done) == PE_ERR_CODEC && done == 0);
    CHECK(host->error_ppn == SQUEEZED_PPN && pe_frames_idle(&host->frames) == idle);
    CHECK(pe_peek(host, vm, ppns, 1, page, &done) == PE_ERR_CODEC && done == 0);
    CHECK(pe_place_of(vm->map[SQUEEZED_PPN]) == PE_COMPRESSED);
    CHECK(vm->event[PE_EV_DECOMPRESSIONS] == 0);
    memcpy(bytes, held, length);
    CHECK(pe_read(host, vm, ppns, 1, page, &done) == PE_OK);
    CHECK(memcmp(page, page_of(expected, 20), PE_PAGE_BYTES) == 0);
    end();
}

static void many_pages_go_each_to_its_own_place(void)
{
    pe_vm *vm = begin();
    int64_t const ppns[4] = {BALLOON_PPN, ABSENT_PPN, SWAPPED_PPN, SQUEEZED_PPN};
    size_t done;
    for (uint8_t i = 0; i < 4; ++i)
        memcpy(many + i * PE_PAGE_BYTES, page_of(page, 100 + i), PE_PAGE_BYTES);
    CHECK(pe_write(host, vm, ppns, 4, many, &done) == PE_OK && done == 4);
    CHECK(vm->event[PE_EV_DISCARDED] == 2 && vm->event[PE_EV_BALLOON_POPS] == 1);
    CHECK(vm->event[PE_EV_SWAP_IN] == 0 && vm->event[PE_EV_DECOMPRESSIONS] == 0);
    for (uint8_t i = 0; i < 4; ++i) {
        CHECK(read_page(host, 0, (uint32_t)ppns[i], page) == PE_OK);
        CHECK(memcmp(page, page_of(expected, 100 + i), PE_PAGE_BYTES) == 0);
    }
    end();
}

static void tokens_go_the_same_ways(void)
{
    pe_host_config const config = {.frames = 8,
                                   .tokens = true,
                                   .sharing = true,
                                   .swap_file = -1,
                                   .codec = pe_codec_find("word"),
                                   .cache_limit_bytes = PE_ZCACHE_NO_LIMIT};
    int64_t const ppns[6] = {0, 1, 2, 3, 4, 5};
    uint64_t const tokens[6] = {64 + 63, 128 + 8, 192 + 63, 256 + 8, 0, 320 + 63};
    uint64_t seen[6], read[6];
    uint64_t id;
    size_t done;
    pe_reclaim_result won = {0};
    CHECK(pe_host_new(&host, &config) == PE_OK && pe_swap_grow(&host->swap, 8) == PE_OK);
    CHECK(pe_host_add_vm(host, 8, 0, PE_ZCACHE_NO_LIMIT, &id) == PE_OK);
    pe_vm *vm = pe_host_vm(host, id);
    CHECK(pe_write(host, vm, ppns, 6, tokens, &done) == PE_OK && done == 6);
    CHECK(pe_reclaim(host, vm, 3, PE_STEP_COMPRESS | PE_STEP_SWAP, &won) == PE_OK);
    CHECK(won.swapped > 0 && won.compressed > 0);
    CHECK(pe_peek(host, vm, ppns, 6, seen, &done) == PE_OK && done == 6);
    CHECK(memcmp(seen, tokens, sizeof tokens) == 0);
    CHECK(pe_read(host, vm, ppns, 6, read, &done) == PE_OK && done == 6);
    CHECK(memcmp(read, tokens, sizeof tokens) == 0);
    CHECK(vm->event[PE_EV_SWAP_IN] == won.swapped);
    CHECK(vm->event[PE_EV_DECOMPRESSIONS] == won.compressed);
    int64_t const ballooned[1] = {5};
    CHECK(pe_balloon_pages(host, vm, ballooned, 1) == 1);
    CHECK(pe_peek(host, vm, ppns, 6, seen, &done) == PE_OK && seen[5] == 0);
    CHECK(pe_read(host, vm, ppns, 6, read, &done) == PE_OK && read[5] == 0);
    end();
}

int main(void)
{
    file = tmpfile();
    CHECK(file);
    RUN(every_hit_notes_that_the_page_was_accessed);
    RUN(each_access_has_the_permission_of_its_own_flag);
    RUN(accesses_are_counted_as_far_as_they_were_made);
    RUN(a_blocked_vm_is_stopped_once_a_batch);
    RUN(the_first_number_that_is_no_page_is_found_wherever_it_stands);
    RUN(a_look_sees_what_a_read_gives_and_changes_nothing);
    RUN(a_damaged_page_is_named_by_vm_and_number);
    RUN(a_blob_that_does_not_decode_is_told_and_stays);
    RUN(many_pages_go_each_to_its_own_place);
    RUN(tokens_go_the_same_ways);
    fclose(file);
    return check_result();
}
