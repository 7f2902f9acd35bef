/* Contents of simulated VMs.

   A token is an identity of 58 bits and a compressed size in units of 64 bytes. The identity is a
   hash chain: what sort of content, which VM where that matters, page, version. The size is
   drawn by the identity's low bits from a table, so equal pages have equal sizes.

       kind of a group of `copies` pages  = which part of [0, 1) its draw falls in
       zero     identity 0, size 0
       same     hash(common, page), size 0: one word repeated
       common   hash(common, page)
       within   hash(own VM, group)
       own      hash(own VM, page, version)

   Groups are neighbours so that what repeats within a VM lies as it does in real ones, in
   runs. Costs: three hashes of a few nanoseconds for a page's first use, one and a half after. */
#include "pe_profile.h"

#include "pe_rng.h"

#include <string.h>

enum sort { COMMON = 1, WITHIN = 2, OWN = 3, KIND = 4 };

static inline uint64_t chain(uint64_t hash, uint64_t part)
{
    return pe_mix64((hash ^ part) + UINT64_C(0x9e3779b97f4a7c15));
}

void pe_profile_init(pe_profile *self, uint64_t salt, uint64_t vm, const double marks[4],
                     uint64_t copies, const uint8_t units[PE_PROFILE_STEPS])
{
    pe_assert(copies > 0);
    memcpy(self->marks, marks, sizeof self->marks);
    memcpy(self->units, units, sizeof self->units);
    self->copies = copies;
    self->common = salt + COMMON;
    self->kind = salt + KIND;
    self->within = chain(salt + WITHIN, vm);
    self->own = chain(salt + OWN, vm);
}

static inline uint64_t sized(const pe_profile *self, uint64_t hash)
{
    uint64_t identity = hash >> 6;
    return (identity << 6) | self->units[identity & (PE_PROFILE_STEPS - 1)];
}

/* How many of the marks are at or below the group's draw. */
static inline uint32_t kind_of(const pe_profile *self, uint64_t group)
{
    double draw = (double)(chain(self->kind, group) >> 11) * 0x1p-53;
    uint32_t kind = 0;
    for (uint32_t i = 0; i < 4; i++) {
        kind += self->marks[i] <= draw;
    }
    return kind;
}

uint64_t pe_profile_token(const pe_profile *self, uint64_t ppn, uint32_t version)
{
    if (version == 0) {
        uint64_t group = ppn / self->copies;
        switch (kind_of(self, group)) {
        case 0: return 0;
        case 1: return chain(self->common, ppn) >> 6 << 6;
        case 2: return sized(self, chain(self->common, ppn));
        case 3: return sized(self, chain(self->within, group));
        default: break;
        }
    }
    return sized(self, chain(chain(self->own, ppn), version));
}

void pe_profile_tokens(const pe_profile *self, size_t n, const int64_t *ppns,
                       const int32_t *versions, uint64_t *out)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = pe_profile_token(self, (uint64_t)ppns[i], (uint32_t)versions[i]);
    }
}

void pe_profile_written(const pe_profile *self, size_t n, const int64_t *ppns, const uint8_t *kinds,
                        uint8_t zeroed, const int32_t *versions, uint64_t *out)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = kinds[i] & zeroed
                   ? 0
                   : pe_profile_token(self, (uint64_t)ppns[i], (uint32_t)versions[ppns[i]]);
    }
}

void pe_profile_next(size_t n, const int64_t *ppns, const uint8_t *kinds, uint8_t zeroed,
                     int32_t *versions)
{
    for (size_t i = 0; i < n; i++) { /* a negative version is one that is to go on */
        if (!(kinds[i] & zeroed) && versions[ppns[i]] >= 0) {
            versions[ppns[i]] = ~versions[ppns[i]];
        }
    }
    for (size_t i = 0; i < n; i++) {
        if (versions[ppns[i]] < 0) {
            versions[ppns[i]] = ~versions[ppns[i]] + 1;
        }
    }
}
