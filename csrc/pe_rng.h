/* Counter-based random numbers: draw i of stream s under a seed is a pure function of the three, so
   adding a virtual machine changes no other VM's draws. Splitmix64's finaliser over a mix. */
#ifndef PE_RNG_H
#define PE_RNG_H

#include "pe_base.h"

static inline uint64_t pe_mix64(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

typedef struct pe_rng {
    uint64_t key;     /* seed and stream, mixed */
    uint64_t counter; /* draws so far */
} pe_rng;

static inline pe_rng pe_rng_make(uint64_t seed, uint64_t stream)
{
    pe_rng rng = {pe_mix64(seed + 0x9e3779b97f4a7c15u) ^ pe_mix64(stream * 2 + 1), 0};
    return rng;
}

static inline uint64_t pe_rng_next(pe_rng *self)
{
    self->counter += 1;
    return pe_mix64(self->key + self->counter * 0x9e3779b97f4a7c15u);
}

/* Uniform in [0, bound), bound at least 1 and at most 2^32; the bias is below 2^-32. */
static inline uint32_t pe_rng_below(pe_rng *self, uint64_t bound)
{
    return (uint32_t)(((pe_rng_next(self) >> 32) * bound) >> 32);
}

#endif
