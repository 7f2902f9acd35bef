/* Random pages of simulated programs, from a generator of the caller's. */
#ifndef PE_DRAWS_H
#define PE_DRAWS_H

#include "pe_base.h"

/* A generator: the layout is that of numpy's bitgen_t, whose functions are C. */
typedef struct pe_source {
    void *state;
    uint64_t (*next_uint64)(void *state);
    uint32_t (*next_uint32)(void *state);
    double (*next_double)(void *state); /* from 0 to below 1 */
    uint64_t (*next_raw)(void *state);
} pe_source;

/* Things that are not equally popular: ends[i] is the part of all draws that fall on the first
   i + 1 of them, the last is 1. guide[k] is the first i with ends[i] > k / count. */
typedef struct pe_ranks {
    const double *ends;
    const uint32_t *guide;
    const uint32_t *names; /* what is called by each rank */
    uint32_t count;
} pe_ranks;

/* Uniform in [0, bound), bound at least 1. */
void pe_draws_below(const pe_source *self, uint32_t bound, size_t n, int64_t *out);
/* The same of a window of `size` pages that begins at `first` and goes on at page 0 after the last;
   neither is above `pages`. */
void pe_draws_window(const pe_source *self, uint32_t first, uint32_t size, uint32_t pages, size_t n,
                     int64_t *out);
/* 1 with this probability, else 0. */
void pe_draws_part(const pe_source *self, double part, size_t n, uint8_t *out);
/* Names by their popularity. */
void pe_draws_ranks(const pe_source *self, const pe_ranks *of, size_t n, int64_t *out);

#endif
