/* sources: csrc/pe_guest.c csrc/pe_guest_*.c csrc/pe_status.c csrc/pe_os.c csrc/pe_file.c
            csrc/pe_state.c csrc/pe_hash.c csrc/pe_cpu.c */
/* A guest that loses a page is a leak that no host can see. Boundaries, every allocation failing in
   turn, and each structure broken on purpose: the right rule is named. Each with every replacement;
   which page goes is told apart from the outside (tests/test_guest.py), what is here is where times
   end and queues meet. */
#include "check.h"
#include "oom.h"

#include "pe_guest_age.h"

#include <stdlib.h>
#include <string.h>

enum { CLOCK, LRU, FIFO, REPLACEMENTS };

static int64_t op_ppn[2 * 512 + PE_GUEST_BATCH];
static uint8_t op_flags[PE_COUNT_OF(op_ppn)];
static pe_guest_ops ops = {op_ppn, op_flags, 0, PE_COUNT_OF(op_ppn)};

static pe_guest *made(uint32_t pages, uint32_t swap_pages, uint32_t kernel_pages, size_t how)
{
    pe_guest *guest;
    CHECK(pe_guest_new(&guest, pages, swap_pages, kernel_pages, how) == PE_OK);
    return guest;
}

static size_t touch(pe_guest *guest, pe_guest_kind kind, int64_t from, size_t n, bool write)
{
    int64_t ids[512];
    pe_guest_touches const touches = {kind, write, NULL, ids, sizeof *ids, n};
    pe_guest_made done;
    for (size_t i = 0; i < n; ++i)
        ids[i] = from + (int64_t)i;
    ops.n = 0;
    CHECK(pe_guest_touch(guest, &touches, &ops, &done) == PE_OK);
    return done.done;
}

static bool whole(const pe_guest *guest)
{
    const char *reason = "";
    return pe_guest_check(guest, &reason) && reason == NULL;
}

static void test_bad_sizes_are_refused(void)
{
    pe_guest *guest;
    CHECK(pe_guest_new(&guest, 0, 0, 0, CLOCK) == PE_ERR_ARGUMENT && guest == NULL);
    CHECK(pe_guest_new(&guest, 5, 0, 6, CLOCK) == PE_ERR_ARGUMENT && guest == NULL);
    CHECK(pe_guest_new(&guest, 5, 0x80000000u, 0, CLOCK) == PE_ERR_ARGUMENT && guest == NULL);
    CHECK(pe_guest_new(&guest, 5, 0, 0, REPLACEMENTS) == PE_ERR_ARGUMENT && guest == NULL);
    CHECK(pe_guest_replacement_name(REPLACEMENTS) == NULL);
    pe_guest_delete(NULL);
}

static void test_the_largest_id_is_an_id(void)
{
    pe_guest *guest = made(8, 0, 0, LRU);
    CHECK(touch(guest, PE_GUEST_MEMORY, INT64_MAX, 1, true) == 1);
    CHECK(touch(guest, PE_GUEST_FILE, INT64_MAX, 1, true) == 1);
    CHECK(ops.ppn[0] == 1);
    CHECK(whole(guest));
    pe_guest_delete(guest);
}

static void test_a_guest_of_one_page_swaps_with_itself(void)
{
    for (size_t how = 0; how < REPLACEMENTS; ++how) {
        pe_guest *guest = made(1, 4, 0, how);
        for (int round = 0; round < 3; ++round)
            for (int64_t id = 0; id < 4; ++id)
                CHECK(touch(guest, PE_GUEST_MEMORY, id, 1, true) == 1 && whole(guest));
        CHECK(touch(guest, PE_GUEST_MEMORY, 9, 1, true) == 1); /* the last slot */
        CHECK(touch(guest, PE_GUEST_MEMORY, 10, 1, true) == 0);
        CHECK(guest->event[PE_GUEST_OOM] == 1);
        CHECK(whole(guest));
        pe_guest_delete(guest);
    }
}

static void test_the_table_survives_growth_and_erasure(void)
{
    for (size_t how = 0; how < REPLACEMENTS; ++how) {
        pe_guest *guest = made(400, 3000, 0, how);
        uint32_t const chains = guest->chains;
        for (int64_t from = 0; from < 2048; from += 512)
            CHECK(touch(guest, PE_GUEST_MEMORY, from * 7, 512, false) == 512);
        CHECK(guest->chains > 3 * chains && guest->slots >= 2048 - 400 && whole(guest));
        for (int64_t id = 0; id < 2048 * 7; ++id)
            if (id % 3)
                pe_guest_release(guest, PE_GUEST_MEMORY, &id, 1);
        CHECK(whole(guest));
        CHECK(touch(guest, PE_GUEST_FILE, 5, 300, false) == 300 && whole(guest));
        CHECK(pe_guest_drop_cache(guest, 1000) > 0 && whole(guest));
        pe_guest_delete(guest);
    }
}

static void test_memory_is_only_taken_where_it_is_used(void)
{
    pe_guest *clock = made(4096, 4096, 0, CLOCK), *lru = made(4096, 4096, 0, LRU);
    for (int64_t from = 0; from < 3 * 4096; from += 512) {
        CHECK(touch(clock, PE_GUEST_FILE, from, 512, true) == 512);
        CHECK(touch(lru, PE_GUEST_FILE, from, 512, true) == 512);
    }
    CHECK(clock->slots == 0 && lru->slots == 0); /* a cache needs no swap space */
    CHECK(pe_guest_bytes(clock) < 23 * 4096 && pe_guest_bytes(lru) < 27 * 4096);
    size_t const before = pe_guest_bytes(lru);
    for (int64_t from = 0; from < 2 * 4096; from += 512)
        CHECK(touch(lru, PE_GUEST_MEMORY, from, 512, true) == 512);
    CHECK(lru->slots >= 4096 - 4096 / 16 && pe_guest_bytes(lru) <= before + 23 * lru->slots);
    pe_guest_delete(clock);
    pe_guest_delete(lru);
}

/* A large guest asks for what comes: of ids that lie apart, and end anywhere. */
static void test_no_id_is_read_beyond_the_last(void)
{
    pe_guest *guest = made(PE_GUEST_FAR, 0, 0, LRU);
    for (size_t n = 1; n < 4 * PE_GUEST_AHEAD; n += 3) {
        size_t const apart = 11, bytes = (n - 1) * apart + sizeof(int64_t);
        uint8_t *ids = malloc(bytes);
        CHECK(ids != NULL);
        for (size_t i = 0; ids && i < n; ++i)
            memcpy(ids + i * apart, &(int64_t){(int64_t)(1000 * n + i / 2)}, sizeof(int64_t));
        pe_guest_touches const there = {PE_GUEST_FILE, false, NULL, ids, (ptrdiff_t)apart, n};
        pe_guest_touches back = there; /* the same from the last to the first */
        back.ids = ids + (n - 1) * apart;
        back.stride = -(ptrdiff_t)apart;
        pe_guest_made done;
        CHECK(pe_guest_touch(guest, &there, NULL, &done) == PE_OK);
        CHECK(done.done == n && done.misses == (n + 1) / 2);
        CHECK(pe_guest_touch(guest, &back, NULL, &done) == PE_OK);
        CHECK(done.done == n && done.misses == 0);
        free(ids);
    }
    CHECK(whole(guest));
    pe_guest_delete(guest);
}

static void test_a_negative_id_ends_it(void)
{
    int64_t const ids[] = {4, 5, -6, 7};
    pe_guest *guest = made(8, 0, 0, FIFO);
    pe_guest_touches const touches = {PE_GUEST_FILE, false, NULL, ids, sizeof *ids, 4};
    pe_guest_made done;
    CHECK(pe_guest_touch(guest, &touches, NULL, &done) == PE_ERR_ARGUMENT && done.done == 2);
    CHECK(guest->now == 2 && whole(guest));
    pe_guest_delete(guest);
}

static void test_every_allocation_may_fail(void)
{
    int64_t ids[600];
    pe_guest_touches const touches = {PE_GUEST_MEMORY, true, NULL, ids, sizeof *ids, 600};
    for (size_t i = 0; i < 600; ++i)
        ids[i] = (int64_t)i;
    for (size_t how = 0; how < REPLACEMENTS; ++how)
        for (unsigned fail = 0, passed = 0; !passed; ++fail) {
            pe_guest *guest;
            pe_guest_made done = {0, 0};
            oom_fail_after(fail);
            pe_status status = pe_guest_new(&guest, 100, 1000, 5, how);
            passed = status == PE_OK;
            if (passed) {
                status = pe_guest_touch(guest, &touches, NULL, &done);
                passed = status == PE_OK;
                CHECK(passed ? done.done == 600 : status == PE_ERR_NO_MEMORY && whole(guest));
            } else {
                CHECK(status == PE_ERR_NO_MEMORY && guest == NULL);
            }
            oom_off();
            if (guest && !passed) { /* it goes on where it stopped */
                pe_guest_touches rest = touches;
                rest.ids = ids + done.done;
                rest.n -= done.done;
                CHECK(pe_guest_touch(guest, &rest, NULL, &done) == PE_OK && done.done == rest.n);
            }
            CHECK(!guest || whole(guest));
            CHECK(fail < 100);
            pe_guest_delete(guest);
        }
}

static void test_ages_survive_the_end_of_time(void)
{
    for (size_t how = LRU; how <= FIFO; ++how) {
        pe_guest *guest = made(40, 40, 0, how);
        pe_guest_ages *ages = guest->own;
        CHECK(touch(guest, PE_GUEST_MEMORY, 0, 20, true) == 20);
        CHECK(touch(guest, PE_GUEST_FILE, 0, 20, true) == 20);
        CHECK(touch(guest, PE_GUEST_FILE, 0, 5, true) == 5); /* the youngest, but for FIFO */
        CHECK(touch(guest, PE_GUEST_FILE, 20, 1, true) == 1 && whole(guest)); /* for the oldest */
        guest->now = PE_GUEST_NOW_MAX - 3;
        CHECK(touch(guest, PE_GUEST_MEMORY, 0, 1, false) == 1 && ops.n == 1);
        CHECK(guest->now == PE_GUEST_NOW_MAX - 2 && whole(guest));
        CHECK(touch(guest, PE_GUEST_MEMORY, 1, 4, false) == 4 && ops.n == 4);
        CHECK(guest->now <= 24 && ages->queue[PE_CLASS_CACHE].newest == 0 && whole(guest));
        int64_t const gone = how == LRU ? 6 : 1; /* after 5 of 5 to 19 and 0 to 4, or 0 of all */
        CHECK(touch(guest, PE_GUEST_FILE, 21, 1, true) == 1 && ops.n == 2 && whole(guest));
        CHECK(touch(guest, PE_GUEST_FILE, gone, 1, false) == 1 && ops.n == 2);
        CHECK(touch(guest, PE_GUEST_FILE, gone + 2, 1, false) == 1 && ops.n == 1);
        pe_guest_delete(guest);
    }
}

/* Cache and anonymous memory grow and shrink in turn, so that each queue finds the other one in its
   place. */
static void test_two_queues_share_one_array(void)
{
    for (size_t how = LRU; how <= FIFO; ++how) {
        pe_guest *guest = made(256, 2000, 0, how);
        for (int64_t turn = 0; turn < 40; ++turn) {
            CHECK(touch(guest, PE_GUEST_FILE, turn * 31, 20 + (size_t)turn * 5, turn % 3) > 0);
            CHECK(whole(guest));
            CHECK(touch(guest, PE_GUEST_MEMORY, turn * 17 % 500, 250 - (size_t)turn * 5, true) > 0);
            CHECK(whole(guest));
            int64_t ids[60];
            for (int64_t i = 0; i < 60; ++i)
                ids[i] = turn * 23 % 500 + i * 3;
            pe_guest_release(guest, turn % 2 ? PE_GUEST_MEMORY : PE_GUEST_FILE, ids, 60);
            CHECK(whole(guest));
        }
        pe_guest_delete(guest);
    }
}

static bool names(const pe_guest *guest, const char *rule)
{
    const char *reason = "";
    return !pe_guest_check(guest, &reason) && strncmp(reason, rule, strlen(rule)) == 0;
}

/* Breaks something, sees the rule named, mends it, and sees that all is whole again. */
#define BROKEN(break_it, mend_it, rule) \
    do { \
        break_it; \
        CHECK(names(guest, rule)); \
        mend_it; \
        CHECK(whole(guest)); \
    } while (0)

static void test_what_is_broken_is_named(void)
{
    pe_guest *guest = made(64, 80, 2, CLOCK);
    int64_t taken[8];
    uint32_t got;
    CHECK(touch(guest, PE_GUEST_MEMORY, 0, 100, true) == 100);
    for (int64_t id = 0; id < 10; ++id) /* slots that are free again */
        pe_guest_release(guest, PE_GUEST_MEMORY, &id, 1);
    pe_guest_release(guest, PE_GUEST_MEMORY, (int64_t[]){95, 96, 97, 98}, 4);
    ops.n = 0;
    CHECK(pe_guest_inflate(guest, 4, false, taken, &ops, &got) == PE_OK && got == 4);
    CHECK(whole(guest) && guest->slots_used < guest->slots_begun && guest->free_slot != PE_NONE);
    BROKEN(guest->in_use[PE_USE_FREE] += 1, guest->in_use[PE_USE_FREE] -= 1, "G1");
    BROKEN(guest->use[0] = 77, guest->use[0] = PE_USE_KERNEL, "G1");
    BROKEN(guest->free[0] ^= 1, guest->free[0] ^= 1, "G2");
    uint32_t const ppn = 5, slot = guest->free_slot;
    CHECK(guest->use[ppn] == PE_USE_ANONYMOUS);
    BROKEN(guest->node[ppn].owner ^= 2, guest->node[ppn].owner ^= 2, "G4");
    BROKEN(guest->entries += 1, guest->entries -= 1, "G4");
    BROKEN(guest->entries -= 1, guest->entries += 1, "G4");
    BROKEN(guest->slots_used += 1, guest->slots_used -= 1, "G4");
    BROKEN(guest->slots_begun -= 1, guest->slots_begun += 1, "G4");
    BROKEN(guest->node[slot].owner = 3, guest->node[slot].owner = PE_GUEST_NOBODY, "G4");
    uint32_t const after = guest->node[slot].next;
    BROKEN(guest->node[slot].next = slot, guest->node[slot].next = after, "G4");
    BROKEN(guest->node[slot].next = ppn, guest->node[slot].next = after, "G4");
    uint32_t *link = guest->chain;
    while (*link == PE_NONE)
        ++link;
    uint32_t const first = *link, next = guest->node[first].next;
    BROKEN(*link = guest->pages + guest->slots, *link = first, "G4");
    BROKEN(guest->node[first].next = first, guest->node[first].next = next, "G4");
    BROKEN((*link = next, guest->entries -= 1, guest->slots_used -= first >= guest->pages),
           (*link = first, guest->entries += 1, guest->slots_used += first >= guest->pages), "G");
    uint32_t const last = guest->balloon, below = guest->node[last].next;
    BROKEN(guest->node[last].next = 2, guest->node[last].next = below, "G5");
    BROKEN(guest->node[last].next = last, guest->node[last].next = below, "G5");
    BROKEN(guest->balloon = below, guest->balloon = last, "G5");
    pe_guest_delete(guest);
}

static void test_an_entry_that_is_missing_is_named(void)
{
    pe_guest *guest = made(16, 0, 0, CLOCK);
    CHECK(touch(guest, PE_GUEST_FILE, 0, 9, false) == 9 && whole(guest));
    uint32_t *link = pe_guest_table_link(guest, 3);
    uint32_t const next = guest->node[3].next;
    BROKEN((*link = next, guest->entries -= 1), (*link = 3, guest->entries += 1), "G3");
    BROKEN(guest->use[3] = PE_USE_ANONYMOUS, guest->use[3] = PE_USE_CLEAN, "G1");
    pe_guest_delete(guest);
}

static void test_ages_that_are_broken_are_named(void)
{
    pe_guest *guest = made(64, 64, 0, LRU);
    CHECK(touch(guest, PE_GUEST_FILE, 0, 70, false) == 70 && whole(guest));
    pe_guest_ages *ages = guest->own;
    pe_guest_queue *queue = &ages->queue[PE_CLASS_CACHE];
    uint32_t const first = ages->ppn[queue->next], mark = guest->node[first].mark;
    uint32_t const last = ages->ppn[queue->sorted - 1];
    CHECK(queue->sorted - queue->next > 10 && first != last);
    BROKEN(guest->node[first].mark = 0, guest->node[first].mark = mark, "G6");
    BROKEN(guest->node[first].mark = guest->now + 1, guest->node[first].mark = mark, "G6");
    BROKEN(ages->ppn[queue->next] = last, ages->ppn[queue->next] = first, "G6");
    BROKEN(ages->ppn[queue->next] = 64, ages->ppn[queue->next] = first, "G6");
    BROKEN(queue->next += 1, queue->next -= 1, "G6");
    BROKEN(queue->end = 65, queue->end = queue->rest, "G6");
    guest->use[first] = PE_USE_ANONYMOUS; /* as if the page had been given to memory unseen */
    const char *reason = "";
    CHECK(!pe_guest_age_check(guest, &reason) && strncmp(reason, "G6", 2) == 0);
    guest->use[first] = PE_USE_CLEAN;
    CHECK(whole(guest));
    pe_guest_delete(guest);
}

int main(void)
{
    RUN(test_bad_sizes_are_refused);
    RUN(test_the_largest_id_is_an_id);
    RUN(test_a_guest_of_one_page_swaps_with_itself);
    RUN(test_the_table_survives_growth_and_erasure);
    RUN(test_memory_is_only_taken_where_it_is_used);
    RUN(test_no_id_is_read_beyond_the_last);
    RUN(test_a_negative_id_ends_it);
    RUN(test_every_allocation_may_fail);
    RUN(test_ages_survive_the_end_of_time);
    RUN(test_two_queues_share_one_array);
    RUN(test_what_is_broken_is_named);
    RUN(test_an_entry_that_is_missing_is_named);
    RUN(test_ages_that_are_broken_are_named);
    return check_result();
}
