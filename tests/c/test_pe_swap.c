/* sources: csrc/pe_swap.c csrc/pe_swap_many.c csrc/pe_frames*.c csrc/pe_hash.c csrc/pe_cpu.c
   csrc/pe_file.c csrc/pe_os.c csrc/pe_status.c */
/* At stake: a page that was swapped out is nowhere else. Files that are short, full or closed stand
   behind the swap space, every rule is broken on purpose, and every allocation is made to fail. */
#include "check.h"
#include "oom.h"
#include "swap_pages.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define PAGES 600u

static bool is_sound(const pe_swap *swap)
{
    const char *reason = NULL;
    return pe_swap_check(swap, &reason);
}

static bool broken_rule_is(const pe_swap *swap, const char *number)
{
    const char *reason = "none";
    return !pe_swap_check(swap, &reason) && strncmp(reason, number, strlen(number)) == 0;
}

static void pages_from_anywhere_go_out_in_one_call(void)
{
    pe_swap swap;
    int file = open_file();
    uint8_t *pages = new_pages(PAGES), page[PE_PAGE_BYTES];
    const uint8_t *scattered[PE_SWAP_CLUSTER_MAX];
    CHECK(pe_swap_init(&swap, PAGES, file) == PE_OK);
    pe_slot first = PE_NONE;
    CHECK(pe_swap_take_run(&swap, PAGES, &first) == PE_SWAP_CLUSTER_MAX && first == 0);
    for (uint32_t i = 0; i < PE_SWAP_CLUSTER_MAX; i++) {
        scattered[i] = pages + (size_t)(i * 7 % PAGES) * PE_PAGE_BYTES;
    }
    CHECK(pe_swap_write(&swap, first, PE_SWAP_CLUSTER_MAX, scattered) == PE_OK);
    CHECK(swap.write_calls == 1 && swap.written == PE_SWAP_CLUSTER_MAX);
    bool right = true;
    for (uint32_t i = 0; i < PE_SWAP_CLUSTER_MAX; i++) {
        right = right && pe_swap_read(&swap, first + i, page) == PE_OK
             && memcmp(page, scattered[i], PE_PAGE_BYTES) == 0;
    }
    CHECK(right && is_sound(&swap));
    pe_swap_fini(&swap);
    pe_swap_fini(&swap);
    CHECK(close(file) == 0); /* fini leaves the caller's open */
    free(pages);
}

static void a_batch_survives_gaps_growth_and_damage(void)
{
    pe_swap swap;
    int file = open_file();
    uint8_t *pages = new_pages(PAGES), *back = new_pages(PAGES);
    pe_slot slots[PAGES];
    uint32_t done = 0;
    CHECK(pe_swap_init(&swap, 400, file) == PE_OK);
    CHECK(pe_swap_write_many(&swap, PAGES, pages, slots, &done) == PE_OK && done == 400);
    CHECK(pe_swap_grow(&swap, PAGES) == PE_OK && is_sound(&swap));
    for (uint32_t i = 0; i < 400; i += 2) {
        pe_swap_give_back(&swap, slots[i]);
    }
    CHECK(is_sound(&swap) && pe_frames_idle(&swap.slots) == 400);
    CHECK(pe_swap_write_many(&swap, 400, pages, slots, &done) == PE_OK && done == 400);
    CHECK(pe_swap_read_many(&swap, 400, slots, back, &done) == PE_OK && done == 400);
    CHECK(memcmp(pages, back, (size_t)400 * PE_PAGE_BYTES) == 0);
    CHECK(pwrite(file, "?", 1, (off_t)slots[77] * PE_PAGE_BYTES + 2000) == 1);
    CHECK(pe_swap_read_many(&swap, 400, slots, back, &done) == PE_ERR_SWAP_CORRUPT && done == 77);
    CHECK(pe_swap_read_many(&swap, 300, slots + 78, back, &done) == PE_OK && done == 300);
    CHECK(is_sound(&swap));
    pe_swap_fini(&swap);
    (void)close(file);
    free(pages);
    free(back);
}

typedef struct scribbler {
    uint8_t *pages;
    size_t bytes;
    atomic_bool stop;
} scribbler;

static void *scribble(void *argument)
{
    scribbler *self = argument;
    for (uint8_t value = 0; !atomic_load(&self->stop); value++) {
        for (size_t at = 100; at < self->bytes; at += PE_PAGE_BYTES) {
            ((volatile uint8_t *)self->pages)[at] = value;
        }
    }
    return NULL;
}

static void pages_that_change_while_they_are_written_come_back(void)
{
    pe_swap swap;
    int file = open_file();
    scribbler other = {new_pages(PAGES), (size_t)PAGES * PE_PAGE_BYTES, false};
    uint8_t *back = new_pages(PAGES);
    pe_slot slots[PAGES];
    uint32_t done = 0;
    pthread_t thread;
    CHECK(pe_swap_init(&swap, PAGES, file) == PE_OK);
    CHECK(pthread_create(&thread, NULL, scribble, &other) == 0);
    pe_status status = PE_OK;
    for (int i = 0; i < 40 && status == PE_OK; i++) {
        CHECK(pe_swap_write_many(&swap, PAGES, other.pages, slots, &done) == PE_OK);
        status = pe_swap_read_many(&swap, PAGES, slots, back, &done);
        CHECK(pe_swap_give_back_checked(&swap, PAGES, slots) == PAGES);
    }
    CHECK(status == PE_OK);
    atomic_store(&other.stop, true);
    CHECK(pthread_join(thread, NULL) == 0);
    pe_swap_fini(&swap);
    (void)close(file);
    free(other.pages);
    free(back);
}

static void a_slot_that_was_never_written_does_not_verify(void)
{
    pe_swap swap;
    int file = open_file();
    uint8_t *pages = new_pages(2);
    pe_slot first = PE_NONE;
    CHECK(pe_swap_init(&swap, 10, file) == PE_OK);
    CHECK(pe_swap_take_run(&swap, 2, &first) == 2);
    CHECK(pe_swap_read(&swap, first, pages) == PE_ERR_BACKING && swap.error == 0);
    CHECK(ftruncate(file, 8192) == 0);
    CHECK(pe_swap_read(&swap, first, pages) == PE_ERR_SWAP_CORRUPT);
    CHECK(is_sound(&swap));
    pe_swap_fini(&swap);
    (void)close(file);
    free(pages);
}

static void a_write_that_fails_half_way_gives_every_slot_back(void)
{
    pe_swap swap;
    int file = open_file();
    uint8_t *pages = new_pages(PAGES), *back = new_pages(PAGES);
    pe_slot held[100], slots[PAGES];
    uint32_t done = 0;
    struct rlimit before, small;
    CHECK(pe_swap_init(&swap, 1000, file) == PE_OK);
    CHECK(pe_swap_write_many(&swap, 100, pages, held, &done) == PE_OK && done == 100);
    (void)signal(SIGXFSZ, SIG_IGN);
    CHECK(getrlimit(RLIMIT_FSIZE, &before) == 0);
    small = before;
    small.rlim_cur = 500 * PE_PAGE_BYTES + 123; /* the second cluster ends in a short write */
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
    CHECK(pe_swap_write_many(&swap, PAGES, pages, slots, &done) == PE_ERR_BACKING && done == 0);
    CHECK(setrlimit(RLIMIT_FSIZE, &before) == 0);
    CHECK(swap.error == EFBIG && pe_frames_idle(&swap.slots) == 900 && is_sound(&swap));
    CHECK(pe_swap_read_many(&swap, 100, held, back, &done) == PE_OK);
    CHECK(memcmp(pages, back, (size_t)100 * PE_PAGE_BYTES) == 0);
    CHECK(pe_swap_write_many(&swap, PAGES, pages, slots, &done) == PE_OK && done == PAGES);
    CHECK(pe_swap_read_many(&swap, PAGES, slots, back, &done) == PE_OK && done == PAGES);
    CHECK(memcmp(pages, back, (size_t)PAGES * PE_PAGE_BYTES) == 0);
    pe_swap_fini(&swap);
    (void)close(file);
    free(pages);
    free(back);
}

static void the_cause_is_the_one_of_the_failing_call(void)
{
    uint8_t *pages = new_pages(3);
    const uint8_t *list[] = {pages, pages + PE_PAGE_BYTES, pages + 2 * PE_PAGE_BYTES};
    int full = open("/dev/full", O_RDWR);
    if (full >= 0) {
        pe_swap swap;
        pe_slot first = PE_NONE;
        CHECK(pe_swap_init(&swap, 10, full) == PE_OK);
        CHECK(pe_swap_take_run(&swap, 3, &first) == 3);
        CHECK(pe_swap_write(&swap, first, 3, list) == PE_ERR_BACKING && swap.error == ENOSPC);
        CHECK(pe_frames_idle(&swap.slots) == 7 && is_sound(&swap));
        pe_swap_fini(&swap);
        (void)close(full);
    }
    int error = 0;
    CHECK(pe_file_write_pages(NULL, 9999, 0, 3, list, &error) == PE_ERR_BACKING && error == EBADF);
    uint8_t *places[3] = {pages, pages, pages};
    CHECK(pe_file_read_pages(NULL, 9999, 0, 3, places, &error) == PE_ERR_BACKING && error == EBADF);
    free(pages);
}

static void more_pieces_than_one_call_takes_are_written_in_several(void)
{
    uint32_t n = 3000;
    int file = open_file(), error = 0;
    uint8_t *pages = new_pages(n), *back = new_pages(n);
    const uint8_t **list = malloc(n * sizeof *list);
    CHECK(list != NULL);
    for (uint32_t i = 0; i < n; i++) {
        list[i] = pages + (size_t)(n - 1 - i) * PE_PAGE_BYTES; /* no two are neighbours */
    }
    CHECK(pe_file_write_pages(NULL, file, 5, n, list, &error) == PE_OK);
    uint8_t **places = malloc(n * sizeof *places);
    for (uint32_t i = 0; i < n; i++) {
        places[i] = back + (size_t)(n - 1 - i) * PE_PAGE_BYTES;
    }
    CHECK(pe_file_read_pages(NULL, file, 5, n, places, &error) == PE_OK);
    bool right = true;
    for (uint32_t i = 0; i < n; i++) {
        right = right && memcmp(places[i], list[i], PE_PAGE_BYTES) == 0;
    }
    free(places);
    CHECK(right);
    free(list);
    free(pages);
    free(back);
    (void)close(file);
}

/* Each page is whole; only the slot's number tells that it is not the one that was written here. */
static void pages_in_each_other_s_slots_do_not_verify(void)
{
    pe_swap swap;
    int file = open_file();
    uint8_t *pages = new_pages(3), page[PE_PAGE_BYTES];
    pe_slot slots[3];
    uint32_t done = 0;
    CHECK(pe_swap_init(&swap, 10, file) == PE_OK);
    CHECK(pe_swap_write_many(&swap, 3, pages, slots, &done) == PE_OK && done == 3);
    for (uint32_t i = 0; i < 2; i++) { /* the first two change places */
        off_t at = (off_t)slots[1 - i] * PE_PAGE_BYTES;
        CHECK(pwrite(file, pages + (size_t)i * PE_PAGE_BYTES, PE_PAGE_BYTES, at) == PE_PAGE_BYTES);
    }
    for (uint32_t i = 0; i < 3; i++) {
        CHECK(pe_swap_read(&swap, slots[i], page) == (i < 2 ? PE_ERR_SWAP_CORRUPT : PE_OK));
    }
    CHECK(pe_swap_read_many(&swap, 3, slots, pages, &done) == PE_ERR_SWAP_CORRUPT && done == 0);
    CHECK(pe_swap_read_many(&swap, 1, slots + 2, pages, &done) == PE_OK && done == 1);
    CHECK(swap.read == 2);
    pe_swap_fini(&swap);
    (void)close(file);
    free(pages);
}

static void pages_and_calls_are_counted_as_they_went(void)
{
    pe_swap swap;
    int file = open_file();
    uint8_t *pages = new_pages(40);
    const uint8_t *list[4];
    pe_slot first = PE_NONE, slots[40];
    uint32_t done = 0;
    CHECK(pe_swap_init(&swap, 100, file) == PE_OK && swap.file != file);
    CHECK(pe_swap_take_run(&swap, 4, &first) == 4 && first == 0 && swap.reached == 4);
    for (uint32_t i = 0; i < 4; i++) {
        list[i] = pages + (size_t)i * PE_PAGE_BYTES;
    }
    CHECK(pe_swap_write(&swap, 1, 3, list) == PE_OK);
    CHECK(swap.written == 3 && swap.write_calls == 1 && swap.error == 0);
    CHECK(swap.checksums[0] == 0 && swap.checksums[1] != 0 && swap.checksums[3] != 0);
    int kept = swap.file;
    swap.file = open("/dev/null", O_RDONLY);
    CHECK(pe_swap_write(&swap, 2, 2, list) == PE_ERR_BACKING && swap.error == EBADF);
    CHECK(swap.written == 3 && swap.write_calls == 2);
    CHECK(swap.checksums[1] != 0 && swap.checksums[2] == 0 && swap.checksums[3] == 0);
    (void)close(swap.file);
    swap.file = kept;
    CHECK(pe_swap_read(&swap, 2, pages) == PE_ERR_SWAP_CORRUPT && swap.read == 0);
    CHECK(swap.read_calls == 1);
    CHECK(pe_swap_write_many(&swap, 40, pages, slots, &done) == PE_OK && done == 40);
    CHECK(swap.written == 43 && swap.write_calls == 3 && slots[0] == 4 && swap.reached == 44);
    CHECK(pe_swap_read_many(&swap, 40, slots, pages, &done) == PE_OK);
    CHECK(swap.read == 40 && swap.read_calls == 3); /* 32 at most at a time */
    CHECK(pe_swap_read_many(&swap, 0, slots, pages, &done) == PE_OK && done == 0);
    CHECK(pe_swap_bytes(&swap) >= 100 * sizeof(uint64_t) + PE_SWAP_CLUSTER_MAX * sizeof(void *));
    pe_swap_fini(&swap);
    (void)close(file);
    free(pages);
}

static void slots_that_come_back_in_a_list_forget_what_they_held(void)
{
    pe_swap swap;
    pe_slot first = PE_NONE;
    CHECK(pe_swap_init(&swap, 10, -1) == PE_OK);
    CHECK(pe_swap_take_run(&swap, 4, &first) == 4);
    for (pe_slot slot = 0; slot < 4; slot++) {
        pe_swap_write_token(&swap, slot, 70 + slot);
    }
    pe_slot twice[3] = {1, 2, 1}, good[2] = {1, 2};
    CHECK(pe_swap_give_back_checked(&swap, 3, twice) == 2 && pe_frames_idle(&swap.slots) == 6);
    CHECK(pe_swap_read_token(&swap, 1) == 71 && pe_swap_read_token(&swap, 2) == 72);
    CHECK(pe_swap_give_back_checked(&swap, 2, good) == 2 && pe_frames_idle(&swap.slots) == 8);
    CHECK(is_sound(&swap) && pe_swap_read_token(&swap, 0) == 70);
    CHECK(pe_swap_read_token(&swap, 3) == 73 && swap.written == 4);
    pe_swap_fini(&swap);
}

static void growing_keeps_slots_behind_the_one_that_was_taken_last(void)
{
    pe_swap swap;
    pe_slot first = PE_NONE;
    CHECK(pe_swap_init(&swap, 8, -1) == PE_OK);
    CHECK(pe_swap_take_run(&swap, 8, &first) == 8 && swap.reached == 8);
    for (pe_slot slot = 0; slot < 8; slot++) {
        pe_swap_write_token(&swap, slot, 70 + slot);
    }
    pe_swap_give_back(&swap, 2);
    CHECK(pe_swap_take_run(&swap, 1, &first) == 1 && first == 2 && swap.reached == 8);
    CHECK(pe_swap_read_token(&swap, 2) == 0);
    CHECK(pe_swap_grow(&swap, 8) == PE_OK && pe_swap_grow(&swap, 9) == PE_OK);
    CHECK(pe_swap_read_token(&swap, 7) == 77 && pe_swap_read_token(&swap, 0) == 70);
    CHECK(is_sound(&swap) && pe_frames_idle(&swap.slots) == 1);
    pe_swap_fini(&swap);
}

/* More than are put in order at a time, in an order in which no two are neighbours. */
static void long_lists_of_slots_are_read_to_their_places(void)
{
    enum { MANY = 4100 };
    pe_swap swap;
    int file = open_file();
    uint8_t *pages = new_pages(MANY), *back = new_pages(MANY);
    pe_slot *slots = malloc(MANY * sizeof *slots), *asked = malloc(MANY * sizeof *asked);
    uint32_t done = 0;
    CHECK(pe_swap_init(&swap, MANY, file) == PE_OK && slots != NULL && asked != NULL);
    CHECK(pe_swap_write_many(&swap, MANY, pages, slots, &done) == PE_OK && done == MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        asked[i] = slots[i * 1237ull % MANY];
    }
    CHECK(pe_swap_read_many(&swap, MANY, asked, back, &done) == PE_OK && done == MANY);
    bool same = true;
    for (uint32_t i = 0; i < MANY; i++) {
        same = same
            && memcmp(back + (size_t)i * PE_PAGE_BYTES,
                      pages + (size_t)(i * 1237ull % MANY) * PE_PAGE_BYTES, PE_PAGE_BYTES)
                   == 0;
    }
    CHECK(same && swap.read == MANY);
    CHECK(pwrite(file, "?", 1, (off_t)asked[4098] * PE_PAGE_BYTES + 99) == 1);
    CHECK(pe_swap_read_many(&swap, MANY, asked, back, &done) == PE_ERR_SWAP_CORRUPT);
    CHECK(done == 4098 && swap.read == MANY + 4098u);
    pe_swap_fini(&swap);
    (void)close(file);
    free(slots);
    free(asked);
    free(pages);
    free(back);
}

static void tokens_need_no_file(void)
{
    pe_swap swap;
    pe_slot first = PE_NONE;
    CHECK(pe_swap_init(&swap, 10, -1) == PE_OK);
    CHECK(pe_swap_take_run(&swap, 3, &first) == 3);
    pe_swap_write_token(&swap, first + 1, 77);
    CHECK(pe_swap_read_token(&swap, first + 1) == 77 && is_sound(&swap));
    CHECK(pe_swap_grow(&swap, 500) == PE_OK);
    CHECK(pe_swap_read_token(&swap, first + 1) == 77);
    pe_swap_give_back(&swap, first + 1);
    CHECK(is_sound(&swap) && swap.write_calls == 0);
    swap.write_calls = 1;
    CHECK(broken_rule_is(&swap, "S3:"));
    pe_swap_fini(&swap);
}

static void every_broken_rule_is_named(void)
{
    pe_swap swap;
    pe_slot first = PE_NONE;
    CHECK(pe_swap_init(&swap, 100, 0) == PE_OK);
    CHECK(pe_swap_take_run(&swap, 3, &first) == 3);
    swap.slots.in_bitmap += 1;
    CHECK(broken_rule_is(&swap, "S1:"));
    swap.slots.in_bitmap -= 1;
    swap.checksums[50] = 1;
    CHECK(broken_rule_is(&swap, "S2:"));
    swap.checksums[50] = 0;
    swap.read = 4;
    CHECK(broken_rule_is(&swap, "S3:"));
    swap.read = 0;
    swap.written = 4;
    CHECK(broken_rule_is(&swap, "S3:"));
    swap.write_calls = 1;
    CHECK(is_sound(&swap));
    pe_swap_fini(&swap);
    CHECK(pe_swap_init(&swap, 100, -1) == PE_OK);
    swap.read_calls = 1;
    CHECK(broken_rule_is(&swap, "S3:"));
    pe_swap_fini(&swap);
}

static void failing_allocations_change_nothing(void)
{
    pe_swap swap, zero;
    memset(&zero, 0, sizeof zero);
    unsigned n = 0;
    for (pe_status status = PE_ERR_NO_MEMORY; status != PE_OK && n < 50; n++) {
        oom_fail_after(n);
        status = pe_swap_init(&swap, 100, -1);
        CHECK(status == PE_OK || status == PE_ERR_NO_MEMORY);
        CHECK(status == PE_OK || memcmp(&swap, &zero, sizeof zero) == 0);
    }
    CHECK(n == 4); /* three allocations */
    uint8_t *pages = new_pages(3);
    pe_slot slots[3];
    uint32_t done = 3;
    oom_fail_after(0);
    CHECK(pe_swap_write_many(&swap, 3, pages, slots, &done) == PE_ERR_NO_MEMORY && done == 0);
    CHECK(pe_frames_idle(&swap.slots) == 100 && is_sound(&swap));
    free(pages);
    for (n = 0; n < 2; n++) {
        oom_fail_after(n);
        CHECK(pe_swap_grow(&swap, 1000) == PE_ERR_NO_MEMORY);
        CHECK(swap.slots.count == 100 && is_sound(&swap));
    }
    oom_off();
    pe_swap_fini(&swap);
    CHECK(pe_swap_init(&swap, 0, -1) == PE_OK && is_sound(&swap));
    pe_slot first = PE_NONE;
    CHECK(pe_swap_take_run(&swap, 5, &first) == 0);
    CHECK(pe_swap_grow(&swap, 5) == PE_OK && pe_swap_take_run(&swap, 5, &first) == 5);
    pe_swap_fini(&swap);
}

int main(void)
{
    RUN(pages_from_anywhere_go_out_in_one_call);
    RUN(a_batch_survives_gaps_growth_and_damage);
    RUN(pages_that_change_while_they_are_written_come_back);
    RUN(a_slot_that_was_never_written_does_not_verify);
    RUN(a_write_that_fails_half_way_gives_every_slot_back);
    RUN(the_cause_is_the_one_of_the_failing_call);
    RUN(more_pieces_than_one_call_takes_are_written_in_several);
    RUN(pages_in_each_other_s_slots_do_not_verify);
    RUN(pages_and_calls_are_counted_as_they_went);
    RUN(slots_that_come_back_in_a_list_forget_what_they_held);
    RUN(growing_keeps_slots_behind_the_one_that_was_taken_last);
    RUN(long_lists_of_slots_are_read_to_their_places);
    RUN(tokens_need_no_file);
    RUN(every_broken_rule_is_named);
    RUN(failing_allocations_change_nothing);
    return check_result();
}
