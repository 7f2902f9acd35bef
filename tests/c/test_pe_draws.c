/* sources: csrc/pe_draws.c csrc/pe_os.c csrc/pe_status.c */
/* A draw beyond its bound is a page that is not there, and one number too many or too few changes
   every draw after it. The generator here says what it was told to, and counts. */
#include "check.h"

#include "pe_draws.h"

#define N 8

typedef struct said {
    const uint32_t *words;
    const double *doubles;
    size_t taken;
} said;

static uint32_t next_word(void *state)
{
    said *self = state;
    return self->words[self->taken++];
}

static double next_double(void *state)
{
    said *self = state;
    return self->doubles[self->taken++];
}

static pe_source source(said *state)
{
    return (pe_source){.state = state, .next_uint32 = next_word, .next_double = next_double};
}

static void what_falls_in_the_biased_part_is_drawn_again(void)
{
    /* 2^32 mod 3 is 1: a product whose low word is 0 is one too many */
    uint32_t const words[] = {0, 0, 1, UINT32_MAX, UINT32_C(1) << 31, 0x55555556};
    said state = {.words = words};
    pe_source const self = source(&state);
    int64_t out[N];
    pe_draws_below(&self, 3, 4, out);
    CHECK(out[0] == 0 && out[1] == 2 && out[2] == 1 && out[3] == 1 && state.taken == 6);
}

static void of_one_thing_nothing_is_drawn(void)
{
    said state = {0};
    pe_source const self = source(&state);
    int64_t out[N] = {7, 7, 7};
    pe_draws_below(&self, 1, 2, out);
    CHECK(out[0] == 0 && out[1] == 0 && out[2] == 7 && state.taken == 0);
}

static void a_window_goes_on_at_page_nought(void)
{
    uint32_t const words[] = {1, UINT32_C(1) << 30, UINT32_C(1) << 31, UINT32_C(3) << 30};
    said state = {.words = words};
    pe_source const self = source(&state);
    int64_t out[N];
    pe_draws_window(&self, 8, 4, 10, 4, out);
    CHECK(out[0] == 8 && out[1] == 9 && out[2] == 0 && out[3] == 1);
}

static void ranks_are_found_by_their_ends(void)
{
    double const ends[4] = {0.5, 0.5, 0.75, 1}; /* nothing falls on the second */
    uint32_t const guide[4] = {0, 0, 2, 3}, names[4] = {40, 30, 20, 10};
    double const doubles[] = {0, 0.4999, 0.5, 0.7499, 0.75, 0.9999999999999999};
    int64_t const expected[] = {40, 40, 20, 20, 10, 10};
    said state = {.doubles = doubles};
    pe_source const self = source(&state);
    pe_ranks const of = {.ends = ends, .guide = guide, .names = names, .count = 4};
    int64_t out[N];
    pe_draws_ranks(&self, &of, 6, out);
    for (int i = 0; i < 6; ++i)
        CHECK(out[i] == expected[i]);
}

static void a_part_is_what_is_below_it(void)
{
    double const doubles[] = {0, 0.25, 0.3, 0.9, 0};
    said state = {.doubles = doubles};
    pe_source const self = source(&state);
    uint8_t out[N] = {9, 9, 9, 9, 9};
    pe_draws_part(&self, 0.3, 4, out);
    CHECK(out[0] == 1 && out[1] == 1 && out[2] == 0 && out[3] == 0 && out[4] == 9);
    pe_draws_part(&self, 0, 1, out);
    CHECK(out[0] == 0);
}

int main(void)
{
    RUN(what_falls_in_the_biased_part_is_drawn_again);
    RUN(of_one_thing_nothing_is_drawn);
    RUN(a_window_goes_on_at_page_nought);
    RUN(ranks_are_found_by_their_ends);
    RUN(a_part_is_what_is_below_it);
    return check_result();
}
