/* What a simulated program does next is a few hundred random numbers per VM and epoch. Each of
   these draws takes the same numbers from its generator, in the same order, and makes the same of
   them as numpy's Generator does, so that a program in Python that draws for itself and one that
   draws here are the same program:

     below    integers(0, bound, n): the high word of a 32-bit number times bound, a number in the
              biased part being drawn again (Lemire 2019); bound 1 draws nothing
     part     random(n) < part
     ranks    searchsorted(ends, random(n), "right"), by inversion with a guide table that says
              where to begin to look (Chen and Asau 1974): a look or two however many there are

   Nothing is kept here: the state is the generator's. */
#include "pe_draws.h"

enum { AT_ONCE = 64 };

static uint32_t below(const pe_source *self, uint32_t bound)
{
    uint64_t product = (uint64_t)self->next_uint32(self->state) * bound;
    if (PE_UNLIKELY((uint32_t)product < bound)) {
        uint32_t const biased = (uint32_t)(-bound) % bound;
        while ((uint32_t)product < biased)
            product = (uint64_t)self->next_uint32(self->state) * bound;
    }
    return (uint32_t)(product >> 32);
}

void pe_draws_below(const pe_source *self, uint32_t bound, size_t n, int64_t *out)
{
    pe_assert(bound > 0);
    for (size_t i = 0; i < n; ++i)
        out[i] = bound > 1 ? below(self, bound) : 0;
}

void pe_draws_window(const pe_source *self, uint32_t first, uint32_t size, uint32_t pages, size_t n,
                     int64_t *out)
{
    pe_assert(size > 0 && size <= pages && first <= pages);
    pe_draws_below(self, size, n, out);
    for (size_t i = 0; i < n; ++i) {
        out[i] += first;
        out[i] -= out[i] >= pages ? pages : 0;
    }
}

void pe_draws_part(const pe_source *self, double part, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; ++i)
        out[i] = self->next_double(self->state) < part;
}

void pe_draws_ranks(const pe_source *self, const pe_ranks *of, size_t n, int64_t *out)
{
    double const count = of->count;
    double drawn[AT_ONCE]; /* before any is looked up, so that the looks wait for memory together */
    while (n > 0) {
        size_t const some = n < AT_ONCE ? n : AT_ONCE;
        for (size_t i = 0; i < some; ++i) {
            drawn[i] = self->next_double(self->state);
            pe_assert(drawn[i] >= 0 && drawn[i] < 1);
        }
        for (size_t i = 0; i < some; ++i) {
            size_t rank = of->guide[(size_t)(drawn[i] * count)];
            while (of->ends[rank] <= drawn[i]) /* the last end is 1 */
                ++rank;
            out[i] = of->names[rank];
        }
        out += some;
        n -= some;
    }
}
