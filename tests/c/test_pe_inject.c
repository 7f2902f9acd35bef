/* sources: csrc/pe_inject.c csrc/pe_file.c csrc/pe_swap.c csrc/pe_swap_many.c csrc/pe_frames*.c
   csrc/pe_hash.c csrc/pe_cpu.c csrc/pe_os.c csrc/pe_status.c */
/* At stake: what is proved with faults on purpose is worth what the faults are. Each kind must do
   to the file what its name says and no more, the record of damaged slots must be exact, and the
   same seed must make the same faults. */
#include "check.h"
#include "pe_inject.h"
#include "pe_swap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGES 40u

static int open_file(void)
{
    FILE *file = tmpfile();
    int descriptor = file == NULL ? -1 : dup(fileno(file));
    if (file != NULL)
        (void)fclose(file);
    return descriptor;
}

static uint8_t pages[2][PAGES][PE_PAGE_BYTES], back[PAGES][PE_PAGE_BYTES];

static void fill(void)
{
    for (uint32_t set = 0; set < 2; ++set)
        for (uint32_t i = 0; i < PAGES; ++i)
            for (uint32_t b = 0; b < PE_PAGE_BYTES; ++b)
                pages[set][i][b] = (uint8_t)(set * 97 + i * 31 + b * 7 + b / 256);
}

/* Whether the file holds the page in the slot. */
static bool holds(int file, uint64_t slot, const uint8_t *page)
{
    uint8_t found[PE_PAGE_BYTES];
    return pread(file, found, sizeof found, (off_t)(slot * PE_PAGE_BYTES)) == PE_PAGE_BYTES
        && memcmp(found, page, PE_PAGE_BYTES) == 0;
}

static pe_status move_all(pe_inject *plan, int file, bool write, uint32_t set, uint32_t n,
                          int *error)
{
    const uint8_t *list[PAGES];
    uint8_t *places[PAGES];
    for (uint32_t i = 0; i < n; ++i) {
        list[i] = pages[set][i];
        places[i] = back[i];
    }
    return write ? pe_file_write_pages(&plan->calls, file, 0, n, list, error)
                 : pe_file_read_pages(&plan->calls, file, 0, n, places, error);
}

static bool add(pe_inject *plan, pe_operation operation, pe_harm harm, uint64_t number,
                bool onwards)
{
    pe_inject_rule const rule = {operation, harm, number, onwards, 0};
    return pe_inject_add(plan, &rule) == PE_OK;
}

/* Slots of which the file does not hold the page of the set; every one of them is known. */
static uint32_t spoilt(const pe_inject *plan, int file, uint32_t set)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < PAGES; ++i) {
        bool const wrong = !holds(file, i, pages[set][i]);
        CHECK(wrong == pe_inject_is_damaged(plan, i));
        n += wrong;
    }
    return n;
}

static void what_is_not_said_spoils_one_page_or_two_and_is_known(void)
{
    static const struct {
        pe_harm harm;
        uint32_t spoilt;
    } kinds[] = {
        {PE_HARM_TORN, 1}, {PE_HARM_FLIPPED, 1}, {PE_HARM_STALE, 1}, {PE_HARM_EXCHANGED, 2}};
    for (uint32_t k = 0; k < 4; ++k) {
        pe_inject plan;
        int file = open_file(), error = 0;
        pe_inject_init(&plan, 11 + k);
        CHECK(move_all(&plan, file, true, 0, PAGES, &error) == PE_OK);
        CHECK(spoilt(&plan, file, 0) == 0);
        CHECK(add(&plan, PE_OP_WRITE, kinds[k].harm, 2, false));
        CHECK(move_all(&plan, file, true, 1, PAGES, &error) == PE_OK && error == 0);
        CHECK(plan.logged == 1 && plan.done[kinds[k].harm] == 1 && plan.log[0].number == 2);
        CHECK(spoilt(&plan, file, 1) == kinds[k].spoilt);
        uint64_t const slot = plan.log[0].slot;
        CHECK(pe_inject_is_damaged(&plan, slot));
        if (kinds[k].harm == PE_HARM_STALE)
            CHECK(holds(file, slot, pages[0][slot]));
        if (kinds[k].harm == PE_HARM_EXCHANGED)
            CHECK(holds(file, slot, pages[1][plan.log[0].other]));
        CHECK(move_all(&plan, file, true, 0, PAGES, &error) == PE_OK);
        CHECK(spoilt(&plan, file, 0) == 0); /* written again */
        pe_inject_fini(&plan);
        (void)close(file);
    }
}

static void a_torn_page_is_new_in_front_and_old_behind(void)
{
    pe_inject plan;
    int file = open_file(), error = 0;
    uint8_t found[PE_PAGE_BYTES];
    pe_inject_init(&plan, 3);
    CHECK(move_all(&plan, file, true, 0, 1, &error) == PE_OK);
    CHECK(add(&plan, PE_OP_WRITE, PE_HARM_TORN, 2, false));
    CHECK(move_all(&plan, file, true, 1, 1, &error) == PE_OK);
    CHECK(pread(file, found, sizeof found, 0) == PE_PAGE_BYTES);
    size_t front = 0;
    while (front < PE_PAGE_BYTES && found[front] == pages[1][0][front])
        ++front;
    CHECK(front >= 512 && front < PE_PAGE_BYTES && front % 512 == 0);
    CHECK(memcmp(found + front, pages[0][0] + front, PE_PAGE_BYTES - front) == 0);
    pe_inject_fini(&plan);
    (void)close(file);
}

static void one_page_alone_is_exchanged_with_the_one_before(void)
{
    pe_inject plan;
    int file = open_file(), error = 0;
    const uint8_t *page = pages[0][0], *other = pages[0][5];
    pe_inject_init(&plan, 3);
    CHECK(add(&plan, PE_OP_WRITE, PE_HARM_EXCHANGED, 1, true));
    CHECK(pe_file_write_pages(&plan.calls, file, 7, 1, &page, &error) == PE_OK);
    CHECK(plan.logged == 0 && holds(file, 7, page)); /* there was none before */
    CHECK(pe_file_write_pages(&plan.calls, file, 2, 1, &other, &error) == PE_OK);
    CHECK(plan.logged == 1 && holds(file, 7, other) && holds(file, 2, page));
    CHECK(pe_inject_is_damaged(&plan, 2) && pe_inject_is_damaged(&plan, 7));
    CHECK(pe_file_write_pages(&plan.calls, file, 9, 1, &page, &error) == PE_OK);
    CHECK(plan.logged == 1 && holds(file, 9, page)); /* a damaged one might become right */
    pe_inject_fini(&plan);
    (void)close(file);
}

static void what_is_said_is_dealt_with(void)
{
    static const struct {
        pe_operation operation;
        pe_harm harm;
        pe_status status;
        int error;
    } kinds[] = {
        {PE_OP_WRITE, PE_HARM_SHORT, PE_OK, 0},
        {PE_OP_WRITE, PE_HARM_INTERRUPTED, PE_OK, 0},
        {PE_OP_WRITE, PE_HARM_NO_SPACE, PE_ERR_BACKING, ENOSPC},
        {PE_OP_WRITE, PE_HARM_IO_ERROR, PE_ERR_BACKING, EIO},
        {PE_OP_READ, PE_HARM_SHORT, PE_OK, 0},
        {PE_OP_READ, PE_HARM_INTERRUPTED, PE_OK, 0},
        {PE_OP_READ, PE_HARM_IO_ERROR, PE_ERR_BACKING, EIO},
        {PE_OP_READ, PE_HARM_END, PE_ERR_BACKING, 0},
    };
    for (uint32_t k = 0; k < PE_COUNT_OF(kinds); ++k) {
        bool const write = kinds[k].operation == PE_OP_WRITE;
        for (uint64_t seed = 0; seed < 5; ++seed) {
            pe_inject plan;
            int file = open_file(), error = 1;
            pe_inject_init(&plan, seed);
            if (!write)
                CHECK(move_all(&plan, file, true, 0, PAGES, &error) == PE_OK);
            CHECK(add(&plan, kinds[k].operation, kinds[k].harm, 1, false));
            CHECK(move_all(&plan, file, write, 0, PAGES, &error) == kinds[k].status);
            CHECK(error == kinds[k].error && plan.logged == 1);
            if (kinds[k].status == PE_OK) {
                CHECK(plan.count[kinds[k].operation] == 2); /* the rest, or the second try */
                CHECK(spoilt(&plan, file, 0) == 0);
                CHECK(write || memcmp(back, pages[0], sizeof back) == 0);
            }
            CHECK(move_all(&plan, file, write, 0, PAGES, &error) == PE_OK);
            pe_inject_fini(&plan);
            (void)close(file);
        }
    }
}

static void nothing_goes_on_for_ever(void)
{
    pe_inject plan;
    int file = open_file(), error = 0;
    pe_inject_init(&plan, 1);
    CHECK(add(&plan, PE_OP_WRITE, PE_HARM_INTERRUPTED, 1, true));
    CHECK(move_all(&plan, file, true, 0, PAGES, &error) == PE_ERR_BACKING && error == EINTR);
    pe_inject_clear(&plan);
    CHECK(add(&plan, PE_OP_WRITE, PE_HARM_SHORT, 1, true));
    CHECK(move_all(&plan, file, true, 0, PAGES, &error) == PE_OK);
    CHECK(spoilt(&plan, file, 0) == 0 && plan.done[PE_HARM_SHORT] > 2);
    pe_inject_fini(&plan);
    (void)close(file);
}

static void a_read_is_spoilt_in_memory_alone(void)
{
    for (uint64_t seed = 0; seed < 6; ++seed) {
        pe_inject plan;
        int file = open_file(), error = 0;
        pe_harm const harm = seed % 2 ? PE_HARM_FLIPPED : PE_HARM_EXCHANGED;
        uint32_t const n = seed < 2 ? 1 : PAGES;
        pe_inject_init(&plan, seed);
        CHECK(move_all(&plan, file, true, 0, PAGES, &error) == PE_OK);
        CHECK(add(&plan, PE_OP_READ, harm, 1, false));
        CHECK(move_all(&plan, file, false, 0, n, &error) == PE_OK && plan.logged == 1);
        CHECK(memcmp(back, pages[0], n * PE_PAGE_BYTES) != 0);
        CHECK(spoilt(&plan, file, 0) == 0);
        CHECK(move_all(&plan, file, false, 0, n, &error) == PE_OK);
        CHECK(memcmp(back, pages[0], n * PE_PAGE_BYTES) == 0);
        pe_inject_fini(&plan);
        (void)close(file);
    }
}

/* Faults of many operations under a plan of shares. */
static uint64_t run_of(uint64_t seed, pe_injected *log)
{
    pe_inject plan;
    int file = open_file(), error = 0;
    pe_inject_init(&plan, seed);
    for (uint32_t harm = 0; harm < PE_HARMS; ++harm)
        for (uint32_t operation = 0; operation < PE_OP_MEMORY; ++operation) {
            pe_inject_rule const rule = {(pe_operation)operation, (pe_harm)harm, 0, false,
                                         UINT64_MAX / 25};
            CHECK((pe_inject_add(&plan, &rule) == PE_OK)
                  == pe_inject_can((pe_operation)operation, (pe_harm)harm));
        }
    for (uint32_t i = 0; i < 300; ++i)
        (void)move_all(&plan, file, i % 3 != 0, i % 2, 1 + i % PAGES, &error);
    uint64_t const logged = plan.logged;
    CHECK(logged > 50 && logged < PE_INJECT_LOG);
    memcpy(log, plan.log, logged * sizeof *log);
    pe_inject_fini(&plan);
    (void)close(file);
    return logged;
}

static void the_same_seed_makes_the_same_faults(void)
{
    static pe_injected first[PE_INJECT_LOG], second[PE_INJECT_LOG];
    uint64_t const n = run_of(5, first);
    CHECK(run_of(5, second) == n);
    bool same = true;
    for (uint64_t i = 0; i < n; ++i)
        same = same && first[i].operation == second[i].operation && first[i].harm == second[i].harm
            && first[i].number == second[i].number && first[i].slot == second[i].slot
            && first[i].other == second[i].other;
    CHECK(same);
    uint64_t const m = run_of(6, second);
    CHECK(m != n || memcmp(first, second, n * sizeof *first) != 0);
}

static void every_allocation_of_swap_space_fails_by_plan(void)
{
    pe_swap swap, zero;
    memset(&zero, 0, sizeof zero);
    uint64_t n = 1;
    for (pe_status status = PE_ERR_NO_MEMORY; status != PE_OK && n < 50; ++n) {
        pe_inject plan;
        pe_inject_init(&plan, 0);
        CHECK(add(&plan, PE_OP_MEMORY, PE_HARM_NO_MEMORY, n, true));
        status = pe_swap_init_in(&swap, 100, -1, &plan.memory, &plan.calls);
        CHECK(status == PE_OK || memcmp(&swap, &zero, sizeof zero) == 0);
        if (status == PE_OK) {
            CHECK(pe_swap_grow(&swap, 1000) == PE_ERR_NO_MEMORY && swap.slots.count == 100);
            pe_swap_fini(&swap);
        }
        pe_inject_fini(&plan);
    }
    CHECK(n == 5); /* three allocations */
}

static void swap_space_finds_every_spoilt_page(void)
{
    pe_inject plan;
    pe_swap swap;
    int file = open_file();
    pe_slot slots[PAGES];
    uint32_t done = 0, found = 0;
    pe_inject_init(&plan, 9);
    CHECK(pe_swap_init_in(&swap, PAGES, file, &plan.memory, &plan.calls) == PE_OK);
    for (uint32_t harm = PE_HARM_TORN; harm <= PE_HARM_EXCHANGED; ++harm)
        for (uint32_t i = 0; i < 20; ++i) {
            pe_inject_clear(&plan);
            CHECK(add(&plan, PE_OP_WRITE, (pe_harm)harm, plan.count[PE_OP_WRITE] + 1, false));
            CHECK(pe_swap_write_many(&swap, PAGES, pages[i % 2][0], slots, &done) == PE_OK);
            for (uint32_t p = 0; p < PAGES; ++p) {
                pe_status const status = pe_swap_read(&swap, slots[p], back[0]);
                bool const bad = pe_inject_is_damaged(&plan, slots[p]);
                CHECK(status == (bad ? PE_ERR_SWAP_CORRUPT : PE_OK));
                found += bad;
            }
            CHECK(pe_swap_give_back_checked(&swap, PAGES, slots) == PAGES);
        }
    CHECK(found >= 80);
    pe_swap_fini(&swap);
    pe_inject_fini(&plan);
    (void)close(file);
}

static void a_rule_that_makes_no_sense_is_refused(void)
{
    pe_inject plan;
    pe_inject_rule rule = {PE_OP_READ, PE_HARM_NO_SPACE, 1, false, 0};
    pe_inject_init(&plan, 0);
    CHECK(pe_inject_add(&plan, &rule) == PE_ERR_ARGUMENT && plan.rule_count == 0);
    rule.harm = PE_HARM_END;
    for (uint32_t i = 0; i < PE_INJECT_RULES_MAX; ++i)
        CHECK(pe_inject_add(&plan, &rule) == PE_OK);
    CHECK(pe_inject_add(&plan, &rule) == PE_NO_ROOM);
    CHECK(strcmp(pe_harm_name(PE_HARM_END), "end") == 0 && pe_harm_name(PE_HARMS) == NULL);
    CHECK(strcmp(pe_operation_name(0), "write") == 0 && pe_operation_name(PE_OPERATIONS) == NULL);
    pe_inject_fini(&plan);
}

int main(void)
{
    fill();
    RUN(what_is_not_said_spoils_one_page_or_two_and_is_known);
    RUN(a_torn_page_is_new_in_front_and_old_behind);
    RUN(one_page_alone_is_exchanged_with_the_one_before);
    RUN(what_is_said_is_dealt_with);
    RUN(nothing_goes_on_for_ever);
    RUN(a_read_is_spoilt_in_memory_alone);
    RUN(the_same_seed_makes_the_same_faults);
    RUN(every_allocation_of_swap_space_fails_by_plan);
    RUN(swap_space_finds_every_spoilt_page);
    RUN(a_rule_that_makes_no_sense_is_refused);
    return check_result();
}
