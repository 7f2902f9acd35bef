/* sources: csrc/pe_sharing.c csrc/pe_sharing_check.c csrc/pe_os.c csrc/pe_status.c */
/* At stake: a shared entry that is lost or found under a wrong frame. Tested at full tables,
   through all generations, with memory refused, and by breaking each rule on purpose. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "oom.h"
#include "pe_rng.h"
#include "pe_sharing.h"
#include "pe_sharing_entry.h"

static const char *broken(const pe_sharing *self)
{
    const char *reason;
    return pe_sharing_check(self, &reason) ? "" : reason;
}

static bool breaks(const pe_sharing *self, const char *rule)
{
    return strncmp(broken(self), rule, strlen(rule)) == 0;
}

static uint64_t hash_of(uint64_t i)
{
    return pe_mix64(i + 1);
}

static bool names(const pe_sharing *self, uint64_t hash, pe_entry_kind kind, uint64_t id)
{
    pe_sharing_cursor cursor = pe_sharing_find(hash);
    while (pe_sharing_next(self, &cursor)) {
        if (cursor.kind == kind && cursor.id == id) {
            return true;
        }
    }
    return false;
}

static void a_table_of_no_frames_holds_hints(void)
{
    pe_sharing table;
    CHECK(pe_sharing_init(&table, 0) == PE_OK);
    CHECK(pe_sharing_hint(&table, hash_of(1), 77) && names(&table, hash_of(1), PE_ENTRY_HINT, 77));
    CHECK(!broken(&table)[0]);
    pe_sharing_fini(&table);
}

static void every_frame_finds_a_place_when_all_are_shared(void)
{
    static const uint32_t sizes[] = {1, 100, 117, 118, 127, 128, 1000, 5000, 20000};
    for (size_t i = 0; i < PE_COUNT_OF(sizes); i++) {
        for (uint64_t seed = 0; seed < 8; seed++) {
            pe_sharing table;
            CHECK(pe_sharing_init(&table, sizes[i]) == PE_OK);
            uint32_t refused = 0;
            for (pe_frame f = 0; f < sizes[i]; f++) {
                refused += pe_sharing_insert(&table, hash_of(seed << 32 | f), f) != PE_OK;
                refused += pe_sharing_attach(&table, f) != PE_OK;
            }
            CHECK(refused == 0 && table.shared == sizes[i] && table.mapped == sizes[i]);
            for (pe_frame f = 0; f < sizes[i]; f++) {
                refused += !names(&table, hash_of(seed << 32 | f), PE_ENTRY_SHARED, f);
            }
            CHECK(refused == 0);
            CHECK(!broken(&table)[0]);
            pe_sharing_fini(&table);
        }
    }
}

static void shared_entries_push_hints_out_and_never_the_reverse(void)
{
    enum { FRAMES = 3000 };
    pe_sharing table;
    CHECK(pe_sharing_init(&table, FRAMES) == PE_OK);
    for (uint64_t i = 0; i < 3 * FRAMES; i++) {
        CHECK(pe_sharing_hint(&table, hash_of(i), i)); /* hints of hints: always a place */
    }
    CHECK(table.hints_dropped > 0 && table.hints <= table.buckets * 8);
    uint32_t lost = 0;
    for (pe_frame f = 0; f < FRAMES; f++) {
        lost += pe_sharing_insert(&table, hash_of(f * 7 + 1000000), f) != PE_OK;
        (void)pe_sharing_hint(&table, hash_of(f + 2000000), f);
    }
    for (pe_frame f = 0; f < FRAMES; f++) {
        lost += !names(&table, hash_of(f * 7 + 1000000), PE_ENTRY_SHARED, f);
    }
    CHECK(lost == 0 && table.shared == FRAMES && !broken(&table)[0]);
    pe_sharing_fini(&table);
}

static void a_hint_that_finds_no_place_changes_nothing(void)
{
    pe_sharing table;
    CHECK(pe_sharing_init(&table, 128) == PE_OK); /* eighteen buckets */
    pe_frame frame = 0;
    uint64_t slots = table.buckets * 8;
    table.frames = (uint32_t)slots; /* more than it was made for (counts have a page): fill all */
    for (uint64_t i = 0; frame < slots && i < 100000; i++) {
        frame += pe_sharing_insert(&table, hash_of(i), frame) == PE_OK;
    }
    CHECK(frame == slots && table.shared == slots);
    uint64_t *copy = malloc(slots * sizeof copy[0]);
    memcpy(copy, table.slots, slots * sizeof copy[0]);
    pe_sharing before = table;
    CHECK(!pe_sharing_hint(&table, hash_of(1 << 30), 1));
    CHECK(pe_sharing_insert(&table, hash_of(1 << 30), (pe_frame)slots - 1) == PE_NO_ROOM);
    CHECK(memcmp(copy, table.slots, slots * sizeof copy[0]) == 0);
    CHECK(memcmp(&before, &table, sizeof table) == 0);
    free(copy);
    table.frames = 128;
    pe_sharing_fini(&table);
}

static void hints_live_for_two_generations_and_never_come_back(void)
{
    pe_sharing table;
    CHECK(pe_sharing_init(&table, 1000) == PE_OK);
    CHECK(pe_sharing_hint(&table, hash_of(5), 5));
    for (int passes = 1; passes <= 12; passes++) {
        pe_sharing_new_generation(&table);
        CHECK(names(&table, hash_of(5), PE_ENTRY_HINT, 5) == (passes < 2));
        CHECK(!broken(&table)[0]);
    }
    CHECK(table.hints == 0);
    pe_sharing_fini(&table);
}

static void a_refreshed_hint_lives_on(void)
{
    pe_sharing table;
    CHECK(pe_sharing_init(&table, 1000) == PE_OK);
    CHECK(pe_sharing_hint(&table, hash_of(5), 5));
    for (int passes = 1; passes <= 12; passes++) {
        pe_sharing_new_generation(&table);
        pe_sharing_cursor cursor = pe_sharing_find(hash_of(5));
        CHECK(pe_sharing_next(&table, &cursor));
        pe_sharing_refresh(&table, &cursor);
        CHECK(!broken(&table)[0] && table.hints == 1);
    }
    pe_sharing_fini(&table);
}

static void expired_hints_give_way_without_being_counted_as_dropped(void)
{
    enum { FRAMES = 2000 };
    pe_sharing table;
    CHECK(pe_sharing_init(&table, FRAMES) == PE_OK);
    for (uint64_t i = 0; i < FRAMES; i++) {
        CHECK(pe_sharing_hint(&table, hash_of(i), i));
    }
    pe_sharing_new_generation(&table);
    pe_sharing_new_generation(&table);
    CHECK(table.hints == FRAMES && table.hints_dropped == 0);
    for (uint64_t i = 0; i < FRAMES; i++) {
        CHECK(pe_sharing_hint(&table, hash_of(i + 10000), i));
        CHECK(names(&table, hash_of(i + 10000), PE_ENTRY_HINT, i));
    }
    CHECK(table.hints_dropped == 0 && !broken(&table)[0]);
    pe_sharing_fini(&table);
}

static void a_promoted_hint_is_a_shared_entry_and_the_last_mapper_removes_it(void)
{
    pe_sharing table;
    CHECK(pe_sharing_init(&table, 10) == PE_OK);
    CHECK(pe_sharing_hint(&table, hash_of(1), PE_SHARING_OWNER_MAX));
    pe_sharing_cursor cursor = pe_sharing_find(hash_of(1));
    CHECK(pe_sharing_next(&table, &cursor) && cursor.id == PE_SHARING_OWNER_MAX);
    pe_sharing_promote(&table, &cursor, 9);
    CHECK(pe_sharing_attach(&table, 9) == PE_OK && pe_sharing_attach(&table, 9) == PE_OK);
    CHECK(table.mapped == 2 && table.hints == 0 && table.shared == 1 && !broken(&table)[0]);
    CHECK(pe_sharing_detach(&table, 9) == 1);
    CHECK(!pe_sharing_remove(&table, hash_of(2), 9));
    CHECK(pe_sharing_remove(&table, hash_of(1), 9));
    CHECK(table.mapped == 0 && table.shared == 0 && table.mappers[9] == 0 && !broken(&table)[0]);
    pe_sharing_fini(&table);
}

static void a_full_count_of_mappers_refuses_one_more(void)
{
    pe_sharing table;
    CHECK(pe_sharing_init(&table, 2) == PE_OK);
    CHECK(pe_sharing_insert(&table, hash_of(1), 1) == PE_OK);
    table.mappers[1] = PE_SHARING_MAPPERS_MAX - 1;
    table.mapped = PE_SHARING_MAPPERS_MAX - 1;
    CHECK(pe_sharing_attach(&table, 1) == PE_OK);
    CHECK(pe_sharing_attach(&table, 1) == PE_SATURATED);
    CHECK(table.mapped == PE_SHARING_MAPPERS_MAX && !broken(&table)[0]);
    CHECK(pe_sharing_detach(&table, 1) == PE_SHARING_MAPPERS_MAX - 1);
    pe_sharing_fini(&table);
}

static void a_fingerprint_of_zero_is_found_and_not_taken_for_empty(void)
{
    pe_sharing table;
    CHECK(pe_sharing_init(&table, 1) == PE_OK);
    CHECK(!names(&table, 0, PE_ENTRY_SHARED, 0));
    CHECK(pe_sharing_insert(&table, 0, 0) == PE_OK);
    CHECK(names(&table, 0, PE_ENTRY_SHARED, 0) && pe_sharing_remove(&table, 0, 0));
    CHECK(pe_sharing_hint(&table, 0, 0) && names(&table, 0, PE_ENTRY_HINT, 0));
    pe_sharing_fini(&table);
}

static void refused_memory_leaves_a_zeroed_table(void)
{
    pe_sharing zero = {0};
    for (unsigned n = 0; n < 2; n++) {
        pe_sharing table;
        memset(&table, 0xa5, sizeof table);
        oom_fail_after(n);
        CHECK(pe_sharing_init(&table, 1000) == PE_ERR_NO_MEMORY);
        oom_off();
        CHECK(memcmp(&table, &zero, sizeof table) == 0);
        pe_sharing_fini(&table);
        pe_sharing_fini(&table);
    }
    pe_sharing table;
    CHECK(pe_sharing_init(&table, 1000) == PE_OK);
    const char *reason = "none";
    oom_fail_after(0);
    CHECK(!pe_sharing_check(&table, &reason) && reason == NULL); /* no rule is broken */
    oom_off();
    CHECK(pe_sharing_bytes(&table) > 12000);
    pe_sharing_fini(&table);
    CHECK(pe_sharing_bytes(&table) == 0);
}

static void check_names_the_rule_that_is_broken(void)
{
    pe_sharing table;
    CHECK(pe_sharing_init(&table, 100) == PE_OK);
    CHECK(pe_sharing_insert(&table, hash_of(1), 1) == PE_OK);
    CHECK(pe_sharing_attach(&table, 1) == PE_OK);
    CHECK(pe_sharing_hint(&table, hash_of(2), 2));
    CHECK(!broken(&table)[0]);
    uint64_t free_slot = 0;
    while (table.slots[free_slot]) {
        free_slot++;
    }
    uint64_t *slot = &table.slots[free_slot];
    *slot = UINT64_C(2) << STATE_SHIFT;
    CHECK(breaks(&table, "S1"));
    *slot = 5;
    CHECK(breaks(&table, "S2"));
    *slot = make_entry(STATE_SHARED, 3, 100);
    CHECK(breaks(&table, "S3"));
    *slot = make_entry(STATE_SHARED, 3, 1);
    CHECK(breaks(&table, "S4"));
    *slot = make_entry(STATE_SHARED, 3, 2);
    CHECK(breaks(&table, "S6"));
    *slot = make_entry(STATE_HINT + 1, 3, 2);
    CHECK(breaks(&table, "S7"));
    *slot = 0;
    table.hints = 2;
    CHECK(breaks(&table, "S7"));
    table.hints = 1;
    table.mappers[50] = 1;
    CHECK(breaks(&table, "S5"));
    table.mappers[50] = 0;
    table.mapped = 2;
    CHECK(breaks(&table, "S8"));
    table.mapped = 1;
    table.generation = 4;
    CHECK(breaks(&table, "S9"));
    table.generation = 0;
    CHECK(!broken(&table)[0]);
    pe_sharing_fini(&table);
}

int main(void)
{
    RUN(a_table_of_no_frames_holds_hints);
    RUN(every_frame_finds_a_place_when_all_are_shared);
    RUN(shared_entries_push_hints_out_and_never_the_reverse);
    RUN(a_hint_that_finds_no_place_changes_nothing);
    RUN(hints_live_for_two_generations_and_never_come_back);
    RUN(a_refreshed_hint_lives_on);
    RUN(expired_hints_give_way_without_being_counted_as_dropped);
    RUN(a_promoted_hint_is_a_shared_entry_and_the_last_mapper_removes_it);
    RUN(a_full_count_of_mappers_refuses_one_more);
    RUN(a_fingerprint_of_zero_is_found_and_not_taken_for_empty);
    RUN(refused_memory_leaves_a_zeroed_table);
    RUN(check_names_the_rule_that_is_broken);
    return check_result();
}
