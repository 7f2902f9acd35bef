/* sources: csrc/pe_frames.c csrc/pe_frames_many.c csrc/pe_os.c csrc/pe_status.c */
/* At stake: a frame that is at hand and in the bitmap, or in neither, is given to two pages or to
   none. Frames are taken and given back at random, alone and many at a time, beside an array that
   says who has what; every rule of the hand is broken on purpose. */
#include "check.h"
#include "oom.h"
#include "pe_frames.h"
#include "pe_rng.h"

#include <stdlib.h>
#include <string.h>

static const uint32_t counts[] = {0, 1, 31, 64, 65, 200, 4097, 300000};

static bool is_sound(const pe_frames *frames)
{
    const char *reason = NULL;
    return pe_frames_check(frames, &reason) && reason == NULL;
}

static bool broken_rule_is(const pe_frames *frames, const char *number)
{
    const char *reason = "none";
    return !pe_frames_check(frames, &reason) && strncmp(reason, number, strlen(number)) == 0;
}

static void all_come_once_and_a_new_host_s_in_order(void)
{
    for (size_t i = 0; i < PE_COUNT_OF(counts); i++) {
        pe_frames frames;
        bool in_order = true;
        CHECK(pe_frames_init_with_hand_in(&frames, counts[i], NULL) == PE_OK);
        for (uint32_t f = 0; f < counts[i]; f++) {
            CHECK(pe_frames_idle(&frames) == counts[i] - f);
            in_order = in_order && pe_frames_take(&frames) == f;
        }
        CHECK(in_order && pe_frames_take(&frames) == PE_NONE && is_sound(&frames));
        pe_frames_fini(&frames);
    }
}

/* Gives back `n` frames that are taken, chosen at random; they leave the list. */
static void give_some(pe_frames *frames, pe_rng *rng, bool *taken, pe_frame *list, uint32_t *held,
                      uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) { /* to the end of the list */
        uint32_t at = pe_rng_below(rng, *held - i), last = *held - 1 - i;
        pe_frame frame = list[at];
        list[at] = list[last];
        list[last] = frame;
        taken[frame] = false;
    }
    *held -= n;
    for (uint32_t i = 0; i < n; i++) {
        pe_frames_give_back(frames, list[*held + i]);
    }
}

static void no_frame_is_had_by_two_or_lost(void)
{
    for (size_t c = 2; c < PE_COUNT_OF(counts); c++) {
        uint32_t count = counts[c], held = 0, most = count < 3000 ? count : 3000;
        pe_rng rng = pe_rng_make(5, c);
        pe_frames frames;
        bool *taken = calloc(count, sizeof *taken), twice = false;
        pe_frame *list = malloc(count * sizeof *list);
        CHECK(pe_frames_init_with_hand_in(&frames, count, NULL) == PE_OK);
        for (int turn = 0; turn < 400; turn++) {
            bool together = pe_rng_below(&rng, 2);
            uint32_t n = pe_rng_below(&rng, most + 1), idle = count - held, got = 0;
            if (pe_rng_below(&rng, 2)) {
                n = n < held ? n : held;
                give_some(&frames, &rng, taken, list, &held, n);
            } else {
                got = together ? pe_frames_take_many(&frames, n, list + held) : 0;
                for (; !together && got < n && got < idle; got++) {
                    list[held + got] = pe_frames_take(&frames);
                }
                CHECK(got == (n < idle ? n : idle));
                for (uint32_t i = held; i < held + got; i++) {
                    twice = twice || taken[list[i]];
                    taken[list[i]] = true;
                }
                held += got;
            }
            CHECK(pe_frames_idle(&frames) == count - held && !twice);
            CHECK(turn % 20 != 0 || is_sound(&frames));
        }
        pe_frames_show_hand(&frames);
        bool agree = is_sound(&frames);
        for (pe_frame f = 0; f < count; f++) {
            agree = agree && pe_frames_is_idle(&frames, f) == !taken[f];
        }
        pe_frames_hide_hand(&frames);
        CHECK(agree && is_sound(&frames));
        pe_frames_fini(&frames);
        free(taken);
        free(list);
    }
}

static void many_are_the_frames_of_single_takes(void)
{
    pe_frames many, single;
    pe_frame *list = malloc(9000 * sizeof *list);
    pe_rng rng = pe_rng_make(6, 0);
    bool same = true;
    CHECK(pe_frames_init_with_hand_in(&many, 300000, NULL) == PE_OK);
    CHECK(pe_frames_init_with_hand_in(&single, 300000, NULL) == PE_OK);
    for (int turn = 0; turn < 100; turn++) {
        uint32_t want = pe_rng_below(&rng, 9000), got = pe_frames_take_many(&many, want, list);
        for (uint32_t i = 0; i < got; i++) {
            same = same && pe_frames_take(&single) == list[i];
        }
        uint32_t back = pe_rng_below(&rng, got + 1);
        for (uint32_t i = 0; i < back; i++) {
            pe_frames_give_back(&many, list[i]);
            pe_frames_give_back(&single, list[i]);
        }
        CHECK(same && many.in_hand == single.in_hand && many.in_bitmap == single.in_bitmap);
    }
    pe_frames_fini(&many);
    pe_frames_fini(&single);
    free(list);
}

static void every_broken_rule_is_named(void)
{
    pe_frames frames;
    CHECK(pe_frames_init_with_hand_in(&frames, 5000, NULL) == PE_OK);
    for (pe_frame f = 0; f < 70; f++) {
        CHECK(pe_frames_take(&frames) == f);
    }
    pe_frames_give_back(&frames, 3);
    pe_frames_give_back(&frames, 4);
    CHECK(is_sound(&frames) && frames.in_hand >= 2);

    frames.hand_max -= 1;
    CHECK(broken_rule_is(&frames, "F1:"));
    frames.hand_max += 1;
    pe_frame *top = &frames.hand[frames.in_hand - 1];
    *top = 3; /* twice */
    CHECK(broken_rule_is(&frames, "F5:"));
    *top = 5000;
    CHECK(broken_rule_is(&frames, "F5:"));
    *top = 4000; /* idle in the bitmap */
    CHECK(broken_rule_is(&frames, "F5:"));
    *top = 4;
    CHECK(is_sound(&frames));
    pe_frames_show_hand(&frames);
    CHECK(is_sound(&frames));
    frames.in_bitmap += 1;
    CHECK(broken_rule_is(&frames, "F4:"));
    frames.in_bitmap -= 1;
    pe_frames_hide_hand(&frames);
    pe_frames_fini(&frames);
}

static void failing_allocations_leave_nothing(void)
{
    for (int n = 0; n < 2; n++) {
        pe_frames frames, zero;
        memset(&zero, 0, sizeof zero);
        oom_fail_after(n);
        CHECK(pe_frames_init_with_hand_in(&frames, 1000, NULL) == PE_ERR_NO_MEMORY);
        oom_off();
        CHECK(memcmp(&frames, &zero, sizeof zero) == 0);
        pe_frames_fini(&frames);
    }
}

static void it_takes_a_thirtieth_of_a_stack(void)
{
    pe_frames frames;
    CHECK(pe_frames_init_with_hand_in(&frames, 1u << 22, NULL) == PE_OK);
    CHECK(pe_frames_bytes(&frames) * 30 <= sizeof(pe_frame) << 22);
    pe_frames_fini(&frames);
}

int main(void)
{
    RUN(all_come_once_and_a_new_host_s_in_order);
    RUN(no_frame_is_had_by_two_or_lost);
    RUN(many_are_the_frames_of_single_takes);
    RUN(every_broken_rule_is_named);
    RUN(failing_allocations_leave_nothing);
    RUN(it_takes_a_thirtieth_of_a_stack);
    return check_result();
}
