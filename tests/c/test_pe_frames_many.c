/* sources: csrc/pe_frames.c csrc/pe_frames_many.c csrc/pe_os.c csrc/pe_status.c */
/* At stake: a batch that differs from single calls makes results depend on batch sizes. Two bitmaps
   go the same random way, one in batches and one frame by frame, and are compared word by word. */
#include "check.h"
#include "pe_frames.h"
#include "pe_rng.h"

#include <stdlib.h>
#include <string.h>

static const uint32_t counts[] = {0, 1, 63, 64, 65, 4095, 4096, 4097, 70000, 262145};

static bool are_equal(const pe_frames *a, const pe_frames *b)
{
    const char *reason = NULL;
    return a->in_bitmap == b->in_bitmap && a->in_hand == b->in_hand && a->cursor == b->cursor
        && pe_frames_check(a, &reason) && pe_frames_check(b, &reason)
        && memcmp(a->level[0], b->level[0], a->count / 64 * sizeof(uint64_t)) == 0;
}

/* Gives a random part of the taken frames back, in random order; returns how many. */
static uint32_t choose(pe_rng *rng, const pe_frames *frames, uint32_t percent, pe_frame *out)
{
    uint32_t n = 0;
    for (pe_frame f = 0; f < frames->count; f++) {
        if (!pe_frames_is_idle(frames, f) && pe_rng_below(rng, 100) < percent) {
            uint32_t place = pe_rng_below(rng, n + 1);
            out[n] = out[place];
            out[place] = f;
            n += 1;
        }
    }
    return n;
}

static void batches_give_and_take_what_single_calls_do(void)
{
    for (size_t c = 0; c < PE_COUNT_OF(counts); c++) {
        pe_frames many, single;
        pe_rng rng = pe_rng_make(c, 1);
        CHECK(pe_frames_init(&many, counts[c]) == PE_OK);
        CHECK(pe_frames_init(&single, counts[c]) == PE_OK);
        pe_frame *list = malloc((counts[c] + 1) * sizeof *list);
        bool same = list != NULL;
        for (uint32_t round = 0; same && round < 60; round++) {
            uint32_t most = round % 2 == 0 ? counts[c] + 2 : 150;
            uint32_t want = pe_rng_below(&rng, most), idle = pe_frames_idle(&many);
            uint32_t got = pe_frames_take_many(&many, want, list);
            same = got == (want < idle ? want : idle);
            for (uint32_t i = 0; same && i < got; i++) {
                same = pe_frames_take(&single) == list[i];
            }
            static const uint32_t percents[] = {0, 1, 10, 50, 100};
            uint32_t n = choose(&rng, &many, percents[round % 5], list);
            CHECK(pe_frames_give_back_checked(&many, n, list) == n);
            for (uint32_t i = 0; i < n; i++) {
                pe_frames_give_back(&single, list[i]);
            }
            same = same && are_equal(&many, &single);
        }
        CHECK(same);
        free(list);
        pe_frames_fini(&many);
        pe_frames_fini(&single);
    }
}

/* A batch must not write beyond the frames it returns: the caller may have no room there. */
static void nothing_is_written_behind_the_frames_that_were_wanted(void)
{
    pe_frames frames;
    CHECK(pe_frames_init(&frames, 100000) == PE_OK);
    for (uint32_t want = 0; want < 300; want++) {
        pe_frame *exact = malloc(want * sizeof *exact + 1); /* the sanitizer watches its end */
        CHECK(exact != NULL && pe_frames_take_many(&frames, want, exact) == want);
        if (want > 0) {
            pe_frames_give_back(&frames, exact[want / 2]); /* gaps */
        }
        free(exact);
    }
    pe_frames_fini(&frames);
}

static void a_run_is_the_first_that_is_long_enough_or_the_longest(void)
{
    static const struct {
        pe_frame first;
        uint32_t length;
    } gaps[] = {{10, 3}, {60, 70}, {200, 2}, {300, 300}, {1000, 1}};
    pe_frames frames;
    pe_frame first = PE_NONE, all[2000];
    CHECK(pe_frames_init(&frames, 2000) == PE_OK);
    CHECK(pe_frames_take_many(&frames, 2000, all) == 2000);
    CHECK(pe_frames_take_run(&frames, 5, &first) == 0 && first == PE_NONE);
    frames.cursor = 0;
    for (size_t i = 0; i < PE_COUNT_OF(gaps); i++) {
        for (uint32_t k = 0; k < gaps[i].length; k++) {
            pe_frames_give_back(&frames, gaps[i].first + k);
        }
    }
    const char *reason = NULL;
    CHECK(pe_frames_take_run(&frames, 0, &first) == 0);
    CHECK(pe_frames_take_run(&frames, 2, &first) == 2 && first == 10);
    CHECK(pe_frames_take_run(&frames, 65, &first) == 65 && first == 60);
    CHECK(pe_frames_take_run(&frames, 1000, &first) == 300 && first == 300);
    CHECK(pe_frames_check(&frames, &reason));
    CHECK(pe_frames_idle(&frames) == 1 + 5 + 2 + 1);
    CHECK(pe_frames_take_run(&frames, 1000, &first) == 5 && first == 125); /* wrapped */
    CHECK(pe_frames_take_run(&frames, 1000, &first) == 2 && first == 200);
    CHECK(pe_frames_take_run(&frames, 1000, &first) == 1 && first == 1000);
    CHECK(pe_frames_take_run(&frames, 1000, &first) == 1 && first == 12);
    CHECK(pe_frames_take_run(&frames, 1, &first) == 0);
    CHECK(pe_frames_idle(&frames) == 0 && pe_frames_check(&frames, &reason));
    pe_frames_fini(&frames);
}

static void runs_end_at_the_last_frame(void)
{
    for (uint32_t count = 1; count < 300; count++) {
        pe_frames frames;
        pe_frame first = PE_NONE;
        const char *reason = NULL;
        CHECK(pe_frames_init(&frames, count) == PE_OK);
        CHECK(pe_frames_take_run(&frames, 1000, &first) == count && first == 0);
        CHECK(pe_frames_idle(&frames) == 0 && pe_frames_check(&frames, &reason));
        pe_frames_fini(&frames);
    }
}

static void a_list_with_a_wrong_number_is_refused_whole(void)
{
    pe_frames frames, before;
    pe_frame taken[200], list[] = {3, 64, 199, 5};
    CHECK(pe_frames_init(&frames, 400) == PE_OK);
    CHECK(pe_frames_take_many(&frames, 200, taken) == 200);
    before = frames;
    static const pe_frame wrong[] = {200, 399, 400, PE_NONE, 3, 199};
    for (size_t i = 0; i < PE_COUNT_OF(wrong); i++) {
        const char *reason = NULL;
        list[3] = wrong[i];
        CHECK(pe_frames_give_back_checked(&frames, 4, list) == 3);
        CHECK(memcmp(&frames, &before, sizeof before) == 0);
        CHECK(pe_frames_check(&frames, &reason));
    }
    list[3] = 5;
    CHECK(pe_frames_give_back_checked(&frames, 4, list) == 4 && pe_frames_idle(&frames) == 204);
    pe_frames_fini(&frames);
}

int main(void)
{
    RUN(batches_give_and_take_what_single_calls_do);
    RUN(nothing_is_written_behind_the_frames_that_were_wanted);
    RUN(a_run_is_the_first_that_is_long_enough_or_the_longest);
    RUN(runs_end_at_the_last_frame);
    RUN(a_list_with_a_wrong_number_is_refused_whole);
    return check_result();
}
