/* One word of a VM's page map: where a page's content is, how it may be accessed without a fault,
   and what was seen of it. Only the makers and testers here know the layout:

   63..28   payload
   23..16   age
   11..3    CLAIMED ZERO EVER YOUNG PINNED SAMPLED ACCESSED W R, one bit each
   2..0     place

   payload: frame (private, shared), blob (compressed), slot (swapped); 0 otherwise. */
#ifndef PE_PLACE_H
#define PE_PLACE_H

#include "pe_base.h"

typedef enum pe_place {
    PE_ABSENT,
    PE_PRIVATE,
    PE_SHARED,
    PE_COMPRESSED,
    PE_SWAPPED,
    PE_BALLOONED
} pe_place;
#define PE_PLACES 6

#define PE_PLACE_MASK UINT64_C(7)
#define PE_READABLE (UINT64_C(1) << 3) /* a read needs no fault */
#define PE_WRITABLE (UINT64_C(1) << 4) /* nor does a write; implies PE_READABLE */
#define PE_ACCESSED (UINT64_C(1) << 5) /* since the reclaim hand came by */
#define PE_SAMPLED (UINT64_C(1) << 6)  /* the first access is to be counted */
#define PE_PINNED (UINT64_C(1) << 7)   /* never scanned nor reclaimed */
#define PE_YOUNG (UINT64_C(1) << 8)    /* accessed since the idle ages were last advanced */
#define PE_EVER (UINT64_C(1) << 9)     /* accessed at least once: the page is "mapped" */
/* shared, and its frame is the zero page of its salt group */
#define PE_ZERO (UINT64_C(1) << 10)
#define PE_CLAIMED (UINT64_C(1) << 11) /* waits in a cluster that is about to be swapped out */
#define PE_AGE_SHIFT 16
#define PE_AGE_MASK (UINT64_C(255) << PE_AGE_SHIFT)
#define PE_PAYLOAD_SHIFT 28

static inline pe_place pe_place_of(uint64_t word)
{
    return (pe_place)(word & PE_PLACE_MASK);
}

static inline uint32_t pe_payload_of(uint64_t word)
{
    return (uint32_t)(word >> PE_PAYLOAD_SHIFT);
}

static inline uint32_t pe_age_of(uint64_t word)
{
    return (uint32_t)((word & PE_AGE_MASK) >> PE_AGE_SHIFT);
}

/* The permissions that a place gives; a sampled page has none, so that its first access is seen. */
static inline uint64_t pe_permissions(uint64_t word)
{
    if (word & PE_SAMPLED)
        return 0;
    switch (pe_place_of(word)) {
    case PE_PRIVATE: return PE_READABLE | PE_WRITABLE;
    case PE_SHARED: return PE_READABLE;
    case PE_ABSENT:
    case PE_COMPRESSED:
    case PE_SWAPPED:
    case PE_BALLOONED: return 0;
    }
    return 0;
}

static inline uint64_t pe_with_permissions(uint64_t word)
{
    return (word & ~(PE_READABLE | PE_WRITABLE)) | pe_permissions(word);
}

/* The same page in another place: what was seen of it stays, place, payload and permissions are
   new. */
static inline uint64_t pe_moved(uint64_t word, pe_place place, uint32_t payload)
{
    uint64_t const seen = PE_ACCESSED | PE_SAMPLED | PE_PINNED | PE_YOUNG | PE_EVER | PE_AGE_MASK;
    return pe_with_permissions((word & seen) | (uint64_t)place
                               | (uint64_t)payload << PE_PAYLOAD_SHIFT);
}

#endif
