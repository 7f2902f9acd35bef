/* What the pages of a simulated VM hold, as tokens: zero, one word repeated, common to all
   VMs of a profile, repeated within a VM, or its own. A function of profile, VM,
   page and version; nothing is kept. */
#ifndef PE_PROFILE_H
#define PE_PROFILE_H

#include "pe_base.h"

#define PE_PROFILE_STEPS 4096u /* in which compressed sizes are dealt out */

typedef struct pe_profile {
    double marks[4]; /* ends of the parts of zero, same, common, within; the rest is own */
    uint64_t copies; /* pages that share a content within a VM; neighbours are of one kind */
    uint64_t common, within, own, kind; /* the hashes that everything of one sort begins with */
    uint8_t units[PE_PROFILE_STEPS];    /* compressed sizes, each as often as it is to be found */
} pe_profile;

/* salt: of the profile, a multiple of 8; vm: which one's pages. marks rise from 0 to 1, copies
   is at least 1, units are 1 to 63. */
void pe_profile_init(pe_profile *self, uint64_t salt, uint64_t vm, const double marks[4],
                     uint64_t copies, const uint8_t units[PE_PROFILE_STEPS]);
/* Version 0 is what a page holds at its first use; later ones are the VM's own. */
uint64_t pe_profile_token(const pe_profile *self, uint64_t ppn, uint32_t version);
void pe_profile_tokens(const pe_profile *self, size_t n, const int64_t *ppns,
                       const int32_t *versions, uint64_t *out);

/* What pages hold that are written now. versions: of every page of the VM; kinds[i] & zeroed:
   the page becomes zero, whatever its version. */
void pe_profile_written(const pe_profile *self, size_t n, const int64_t *ppns, const uint8_t *kinds,
                        uint8_t zeroed, const int32_t *versions, uint64_t *out);
/* They were written: the version of each that was not zeroed goes on by one, also where a page was
   named twice, for then it was written twice with the same content. */
void pe_profile_next(size_t n, const int64_t *ppns, const uint8_t *kinds, uint8_t zeroed,
                     int32_t *versions);

#endif
