/* sources: csrc/pe_guest.c csrc/pe_guest_check.c csrc/pe_status.c csrc/pe_os.c */
/* A guest that loses a page is a leak that no host can see. Boundaries, every allocation failing in
   turn, and each structure broken on purpose: the right rule is named. */
#include "check.h"
#include "oom.h"

#include "pe_guest_layout.h"

#include <stdlib.h>
#include <string.h>

static pe_guest_ops ops;

static size_t touch(pe_guest *guest, pe_guest_kind kind, int64_t from, size_t n, bool write)
{
    int64_t ids[512];
    uint8_t flags[512];
    size_t done = 0;
    for (size_t i = 0; i < n; ++i) {
        ids[i] = from + (int64_t)i;
        flags[i] = write;
    }
    ops.n = 0;
    CHECK(pe_guest_access(guest, kind, ids, flags, n, &ops, &done) == PE_OK);
    return done;
}

static bool whole(const pe_guest *guest)
{
    const char *reason = "";
    return pe_guest_check(guest, &reason) && reason == NULL;
}

static void test_bad_sizes_are_refused(void)
{
    pe_guest *guest;
    CHECK(pe_guest_new(&guest, 0, 0, 0) == PE_ERR_ARGUMENT && guest == NULL);
    CHECK(pe_guest_new(&guest, 5, 0, 6) == PE_ERR_ARGUMENT && guest == NULL);
    CHECK(pe_guest_new(&guest, 5, 0x80000000u, 0) == PE_ERR_ARGUMENT && guest == NULL);
    pe_guest_delete(NULL);
}

static void test_the_largest_id_is_an_id(void)
{
    pe_guest *guest;
    CHECK(pe_guest_new(&guest, 8, 0, 0) == PE_OK);
    CHECK(touch(guest, PE_GUEST_MEMORY, INT64_MAX >> 1, 1, true) == 1);
    CHECK(touch(guest, PE_GUEST_FILE, INT64_MAX >> 1, 1, true) == 1);
    CHECK(ops.ppn[0] == 1);
    CHECK(whole(guest));
    pe_guest_delete(guest);
}

static void test_a_guest_of_one_page_swaps_with_itself(void)
{
    pe_guest *guest;
    CHECK(pe_guest_new(&guest, 1, 4, 0) == PE_OK);
    for (int round = 0; round < 3; ++round)
        for (int64_t id = 0; id < 4; ++id)
            CHECK(touch(guest, PE_GUEST_MEMORY, id, 1, true) == 1 && whole(guest));
    CHECK(touch(guest, PE_GUEST_MEMORY, 9, 1, true) == 1); /* the last slot */
    CHECK(touch(guest, PE_GUEST_MEMORY, 10, 1, true) == 0);
    CHECK(guest->event[PE_GUEST_OOM] == 1);
    CHECK(whole(guest));
    pe_guest_delete(guest);
}

static void test_the_table_survives_growth_and_erasure(void)
{
    pe_guest *guest;
    CHECK(pe_guest_new(&guest, 4000, 100, 0) == PE_OK);
    for (int64_t from = 0; from < 3584; from += 512)
        CHECK(touch(guest, PE_GUEST_FILE, from * 7, 512, false) == 512);
    CHECK(whole(guest));
    CHECK(pe_guest_drop_cache(guest, 1000) == 1000 && whole(guest));
    for (int64_t id = 0; id < 512; ++id)
        pe_guest_release(guest, PE_GUEST_FILE, &id, 1);
    CHECK(whole(guest));
    pe_guest_delete(guest);
}

static void test_every_allocation_may_fail(void)
{
    for (unsigned fail = 0; fail < 40; ++fail) {
        pe_guest *guest;
        int64_t ids[600];
        uint8_t write[600];
        size_t done = 0;
        for (size_t i = 0; i < 600; ++i) {
            ids[i] = (int64_t)i;
            write[i] = 1;
        }
        oom_fail_after(fail);
        pe_guest_ops own = {NULL, NULL, 0, 0};
        pe_status status = pe_guest_new(&guest, 1000, 10, 5);
        if (status == PE_OK) {
            status = pe_guest_access(guest, PE_GUEST_MEMORY, ids, write, 600, &own, &done);
            CHECK(status == PE_OK || status == PE_ERR_NO_MEMORY);
            CHECK(done == 600 || status == PE_ERR_NO_MEMORY);
            CHECK(own.n == done && whole(guest));
        } else {
            CHECK(status == PE_ERR_NO_MEMORY && guest == NULL);
        }
        oom_off();
        pe_guest_ops_fini(&own);
        pe_guest_delete(guest);
    }
}

static bool names(const pe_guest *guest, const char *rule)
{
    const char *reason = "";
    return !pe_guest_check(guest, &reason) && strncmp(reason, rule, strlen(rule)) == 0;
}

static void test_what_is_broken_is_named(void)
{
    pe_guest *guest;
    int64_t taken[8];
    uint32_t got;
    CHECK(pe_guest_new(&guest, 64, 8, 2) == PE_OK);
    CHECK(touch(guest, PE_GUEST_MEMORY, 0, 20, true) == 20);
    ops.n = 0;
    CHECK(pe_guest_inflate(guest, 8, false, taken, &ops, &got) == PE_OK && got == 8);
    CHECK(whole(guest));
    guest->in_use[PE_USE_FREE] += 1;
    CHECK(names(guest, "G1"));
    guest->in_use[PE_USE_FREE] -= 1;
    guest->use[0] = 77;
    CHECK(names(guest, "G1"));
    guest->use[0] = PE_USE_KERNEL;
    guest->free[0] ^= 1;
    CHECK(names(guest, "G2"));
    guest->free[0] ^= 1;
    guest->owner[5] ^= 2;
    CHECK(names(guest, "G4"));
    guest->owner[5] ^= 2;
    guest->entries += 1;
    CHECK(names(guest, "G4"));
    guest->entries -= 1;
    uint32_t const slot = guest->free_slots[0];
    guest->free_slots[0] = guest->free_slots[1];
    CHECK(names(guest, "G4"));
    guest->free_slots[0] = slot;
    uint32_t const page = guest->balloon[3];
    guest->balloon[3] = 2;
    CHECK(names(guest, "G5"));
    guest->balloon[3] = page;
    size_t i = 0;
    while (guest->table[i].key == PE_GUEST_NO_KEY)
        ++i;
    pe_guest_entry const entry = guest->table[i];
    guest->table[i].key = PE_GUEST_NO_KEY;
    guest->entries -= 1;
    CHECK(names(guest, "G3"));
    guest->table[i] = entry;
    guest->entries += 1;
    CHECK(whole(guest));
    pe_guest_delete(guest);
}

int main(void)
{
    RUN(test_bad_sizes_are_refused);
    RUN(test_the_largest_id_is_an_id);
    RUN(test_a_guest_of_one_page_swaps_with_itself);
    RUN(test_the_table_survives_growth_and_erasure);
    RUN(test_every_allocation_may_fail);
    RUN(test_what_is_broken_is_named);
    pe_guest_ops_fini(&ops);
    return check_result();
}
