/* sources: csrc/pe_frames.c csrc/pe_frames_many.c csrc/pe_os.c csrc/pe_status.c */
/* At stake: a bitmap that contradicts itself hands one frame out twice. Every rule is broken on
   purpose to see that check names it, and every allocation is made to fail. */
#include "check.h"
#include "oom.h"
#include "pe_frames.h"

#include <string.h>

static const uint32_t counts[] = {0, 1, 63, 64, 65, 4095, 4096, 4097, 262144, 262145};

static bool broken_rule_is(const pe_frames *frames, const char *number)
{
    const char *reason = "none";
    return !pe_frames_check(frames, &reason) && strncmp(reason, number, strlen(number)) == 0;
}

static bool is_sound(const pe_frames *frames)
{
    const char *reason = NULL;
    return pe_frames_check(frames, &reason) && reason == NULL;
}

static void all_frames_are_idle_at_first_and_come_in_order(void)
{
    for (size_t i = 0; i < PE_COUNT_OF(counts); i++) {
        pe_frames frames;
        CHECK(pe_frames_init(&frames, counts[i]) == PE_OK);
        CHECK(is_sound(&frames) && pe_frames_idle(&frames) == counts[i]);
        bool in_order = true;
        for (uint32_t f = 0; f < counts[i]; f++) {
            in_order = in_order && pe_frames_take(&frames) == f;
        }
        CHECK(in_order && pe_frames_idle(&frames) == 0);
        CHECK(pe_frames_take(&frames) == PE_NONE);
        CHECK(is_sound(&frames));
        pe_frames_fini(&frames);
    }
}

static void the_last_frame_of_a_word_and_of_a_level_is_found_from_anywhere(void)
{
    pe_frames frames;
    CHECK(pe_frames_init(&frames, 262145) == PE_OK);
    while (pe_frames_take(&frames) != PE_NONE) {
    }
    static const pe_frame places[] = {0, 63, 64, 4095, 4096, 262143, 262144};
    for (size_t from = 0; from < PE_COUNT_OF(places); from++) {
        for (size_t to = 0; to < PE_COUNT_OF(places); to++) {
            frames.cursor = places[from] / 64 * 64;
            pe_frames_give_back(&frames, places[to]);
            CHECK(pe_frames_is_idle(&frames, places[to]) && is_sound(&frames));
            CHECK(pe_frames_take(&frames) == places[to]);
            CHECK(pe_frames_idle(&frames) == 0 && is_sound(&frames));
        }
    }
    pe_frames_fini(&frames);
}

static void growing_adds_idle_frames_and_keeps_the_others(void)
{
    for (size_t i = 0; i < PE_COUNT_OF(counts); i++) {
        pe_frames frames;
        CHECK(pe_frames_init(&frames, counts[i]) == PE_OK);
        for (uint32_t f = 0; f < counts[i] / 2; f++) {
            CHECK(pe_frames_take(&frames) == f);
        }
        uint32_t taken = counts[i] / 2, grown = counts[i] + 100;
        CHECK(pe_frames_grow(&frames, grown) == PE_OK);
        CHECK(pe_frames_grow(&frames, 1) == PE_OK);
        CHECK(is_sound(&frames) && frames.count == grown);
        CHECK(pe_frames_idle(&frames) == grown - taken);
        bool kept = true;
        for (uint32_t f = 0; f < grown; f++) {
            kept = kept && pe_frames_is_idle(&frames, f) == (f >= taken);
        }
        CHECK(kept);
        pe_frames_fini(&frames);
    }
}

static void every_broken_rule_is_named(void)
{
    pe_frames frames;
    CHECK(pe_frames_init(&frames, 5000) == PE_OK);
    CHECK(pe_frames_take(&frames) == 0);

    frames.levels -= 1;
    CHECK(broken_rule_is(&frames, "F1:"));
    frames.levels += 1;
    frames.cursor = 5056;
    CHECK(broken_rule_is(&frames, "F1:"));
    frames.cursor = 7;
    CHECK(broken_rule_is(&frames, "F1:"));
    frames.cursor = 0;

    frames.level[1][0] ^= 2;
    CHECK(broken_rule_is(&frames, "F2:"));
    frames.level[1][0] ^= 2;
    frames.level[2][0] = 0;
    CHECK(broken_rule_is(&frames, "F2:"));
    frames.level[2][0] = 3;

    frames.level[0][5000 / 64] |= UINT64_C(1) << 63;
    CHECK(broken_rule_is(&frames, "F3:"));
    frames.level[0][5000 / 64] &= ~(UINT64_C(1) << 63);
    frames.level[0][5000 / 64 + 1] = 1; /* the zero word behind the level */
    CHECK(broken_rule_is(&frames, "F3:"));
    frames.level[0][5000 / 64 + 1] = 0;

    frames.level[0][0] |= 1; /* taken, but its bit says idle */
    CHECK(broken_rule_is(&frames, "F4:"));
    frames.level[0][0] &= ~UINT64_C(1);
    frames.in_bitmap += 1;
    CHECK(broken_rule_is(&frames, "F4:"));
    frames.in_bitmap -= 1;

    CHECK(is_sound(&frames));
    pe_frames_fini(&frames);
}

static void failing_allocations_change_nothing(void)
{
    pe_frames frames, zero;
    memset(&zero, 0, sizeof zero);
    oom_fail_after(0);
    CHECK(pe_frames_init(&frames, 1000) == PE_ERR_NO_MEMORY);
    CHECK(memcmp(&frames, &zero, sizeof zero) == 0);
    pe_frames_fini(&frames);
    pe_frames_fini(&frames);
    oom_off();
    CHECK(pe_frames_init(&frames, 1000) == PE_OK);
    CHECK(pe_frames_take(&frames) == 0);
    pe_frames before = frames;
    oom_fail_after(0);
    CHECK(pe_frames_grow(&frames, 5000) == PE_ERR_NO_MEMORY);
    oom_off();
    CHECK(memcmp(&frames, &before, sizeof before) == 0 && is_sound(&frames));
    pe_frames_fini(&frames);
    pe_frames_fini(&frames);
}

static void more_frames_than_numbers_are_refused(void)
{
    pe_frames frames;
    CHECK(pe_frames_init(&frames, UINT32_MAX) == PE_ERR_ARGUMENT);
    CHECK(pe_frames_init(&frames, UINT32_MAX - 62) == PE_ERR_ARGUMENT);
    pe_frames_fini(&frames);
}

int main(void)
{
    RUN(all_frames_are_idle_at_first_and_come_in_order);
    RUN(the_last_frame_of_a_word_and_of_a_level_is_found_from_anywhere);
    RUN(growing_adds_idle_frames_and_keeps_the_others);
    RUN(every_broken_rule_is_named);
    RUN(failing_allocations_change_nothing);
    RUN(more_frames_than_numbers_are_refused);
    return check_result();
}
