/* What a guest is made of: for pe_guest*.c and the test that breaks it on purpose. */
#ifndef PE_GUEST_LAYOUT_H
#define PE_GUEST_LAYOUT_H

#include "pe_guest.h"

typedef enum pe_guest_use { /* of a page; the order of the first six numbers */
                            PE_USE_FREE,
                            PE_USE_KERNEL,
                            PE_USE_CLEAN,
                            PE_USE_DIRTY,
                            PE_USE_ANONYMOUS,
                            PE_USE_BALLOON,
                            PE_USES
} pe_guest_use;

#define PE_GUEST_NOBODY UINT64_MAX    /* owner of a free slot */
#define PE_GUEST_MARK_GONE UINT32_MAX /* mark of a page that was freed */
#define PE_GUEST_NOW_MAX (UINT32_MAX - 1)

/* A place is a page (below `pages`), or `pages` and the number of a slot of swap space. */
typedef struct pe_guest_node {
    uint64_t owner; /* key of what is there: id * 2 + kind */
    uint32_t next;  /* place after this one: in its chain, the balloon, the list of free slots */
    uint32_t mark;  /* of a page: what replacement remembers of it */
} pe_guest_node;

typedef struct pe_guest_replacement pe_guest_replacement; /* pe_guest_replacement.h */

struct pe_guest {
    uint32_t pages, swap_pages;
    pe_guest_node *node; /* of every page, then of `slots` slots */
    uint32_t *chain;     /* the table: first place of each chain, PE_NONE: empty */
    uint32_t chains, entries, entries_max;
    uint8_t *use;               /* pe_guest_use of every page */
    uint64_t *free;             /* bit per page */
    uint32_t free_hint;         /* no page is free in words before this one */
    uint32_t balloon;           /* page that came last into it */
    uint32_t slots, slots_used; /* slots that have a node; those of them that hold something */
    uint32_t slots_begun;       /* slots from here on were never used, and are in no list */
    uint32_t free_slot;         /* place: first of the list of those that are free again */
    uint8_t *block; /* of reporting: 0 in use lately, 1 free at the last call, 2 reported */
    const pe_guest_replacement *how;
    void *own;                        /* memory of the replacement */
    uint32_t now;                     /* touches made, and so the time that marks tell */
    uint32_t hand;                    /* of a clock: the page that it comes to next */
    uint32_t in_use[PE_USES];         /* sum == pages */
    uint64_t event[PE_GUEST_NUMBERS]; /* from PE_GUEST_SWAP_IN on */
};

static inline bool pe_guest_is_cache(pe_guest_use use)
{
    return use == PE_USE_CLEAN || use == PE_USE_DIRTY;
}

static inline uint32_t pe_guest_cached(const pe_guest *self)
{
    return self->in_use[PE_USE_CLEAN] + self->in_use[PE_USE_DIRTY];
}

#define PE_GUEST_CACHE_PART 16u /* a cache above 1/16 of memory is taken first */

static inline bool pe_guest_cache_first(const pe_guest *self)
{
    return pe_guest_cached(self) > self->pages / PE_GUEST_CACHE_PART;
}

#endif
