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

#define PE_GUEST_NO_KEY UINT64_MAX
#define PE_GUEST_IN_SWAP 0x80000000u /* of a place: a slot, not a page */

typedef struct pe_guest_entry {
    uint64_t key;   /* id * 2 + kind; PE_GUEST_NO_KEY: empty */
    uint32_t place; /* page, or PE_GUEST_IN_SWAP | slot */
} pe_guest_entry;

struct pe_guest {
    uint32_t pages, swap_pages;
    uint8_t *use;      /* pe_guest_use of every page */
    uint8_t *accessed; /* since the hand came by */
    uint64_t *owner;   /* key of what a page holds */
    uint64_t *free;    /* bit per page */
    uint32_t free_hint;      /* no page is free in words before this one */
    uint32_t *balloon;       /* stack of the pages in it */
    uint32_t *free_slots;    /* stack */
    uint32_t n_free_slots;
    uint8_t *block;          /* of reporting: 0 in use lately, 1 free at the last call, 2 reported */
    uint32_t hand;
    uint32_t in_use[PE_USES]; /* sum == pages */
    pe_guest_entry *table;
    size_t table_mask, entries;
    uint64_t event[PE_GUEST_NUMBERS]; /* from PE_GUEST_SWAP_IN on */
};

#endif
