/* A guest operating system's memory management, over the pages (PPN 0 and up) of one VM: free
   list, page cache, anonymous memory, replacement and swap space of its own. It knows no host: what
   it does to pages comes out as a list of operations, which the host may then make. */
#ifndef PE_GUEST_H
#define PE_GUEST_H

#include "pe_status.h"

typedef struct pe_guest pe_guest; /* opaque: its layout is pe_guest_layout.h, for it and its test */

typedef enum pe_guest_kind { PE_GUEST_MEMORY, PE_GUEST_FILE } pe_guest_kind;

/* What is done to a page; or-ed together. */
#define PE_OP_WRITE 1u    /* written */
#define PE_OP_FILL 2u     /* written whole: zeroed, read from a disk */
#define PE_OP_PAGE_OUT 4u /* read, to be written to the guest's disk */

#define PE_GUEST_BATCH 32u /* pages that the guest may free at once, at most */

typedef struct pe_guest_ops { /* the caller's arrays, with room for `room`; n: how many there are */
    int64_t *ppn;
    uint8_t *flags;
    size_t n, room;
} pe_guest_ops;

typedef struct pe_guest_touches { /* of virtual pages or file blocks, ids from 0 on, in order */
    pe_guest_kind kind;
    bool all_write;       /* where `write` is NULL */
    const uint8_t *write; /* whether each writes, or NULL */
    const void *ids;      /* int64_t, `stride` bytes from one to the next, aligned or not */
    ptrdiff_t stride;
    size_t n;
} pe_guest_touches;

typedef struct pe_guest_made { /* done: how many touches; misses: those that were not in memory */
    size_t done, misses;
} pe_guest_made;

typedef enum pe_guest_number { /* pages now, then events since the start */
                               PE_GUEST_FREE,
                               PE_GUEST_KERNEL,
                               PE_GUEST_CLEAN,
                               PE_GUEST_DIRTY,
                               PE_GUEST_ANONYMOUS,
                               PE_GUEST_BALLOONED,
                               PE_GUEST_SWAPPED,
                               PE_GUEST_SWAP_IN,
                               PE_GUEST_SWAP_OUT,
                               PE_GUEST_CACHE_HITS,
                               PE_GUEST_CACHE_MISSES,
                               PE_GUEST_DISK_READS,
                               PE_GUEST_DISK_WRITES,
                               PE_GUEST_OOM,
                               PE_GUEST_NUMBERS
} pe_guest_number;

/* replacement: which page goes when one is needed, by its number in the table of replacements. */
PE_MUST_USE pe_status pe_guest_new(pe_guest **out, uint32_t pages, uint32_t swap_pages,
                                   uint32_t kernel_pages, size_t replacement);
void pe_guest_delete(pe_guest *self);                      /* NULL is fine */
const char *pe_guest_replacement_name(size_t replacement); /* NULL beyond the last */

/* Makes touches in order and adds what they did to *ops, which needs room for 2 n + PE_GUEST_BATCH
   more; NULL: nobody asks. Fewer than n done with PE_OK: the guest is out of memory and swap space,
   which is counted; PE_ERR_ARGUMENT: the next id is negative; PE_ERR_NO_MEMORY: of this process. */
PE_MUST_USE pe_status pe_guest_touch(pe_guest *self, const pe_guest_touches *touches,
                                     pe_guest_ops *ops, pe_guest_made *made);
/* These are not used any more: their pages and slots are free. Unknown ones and negative ones
   are passed over. */
void pe_guest_release(pe_guest *self, pe_guest_kind kind, const int64_t *ids, size_t n);
/* Forgets up to n clean pages of the cache; returns how many. */
uint32_t pe_guest_drop_cache(pe_guest *self, uint32_t n);

/* Up to n pages for the balloon, to *ppns; *got: how many. May sleep: when pages run out, the guest
   makes room as it does for itself. *ops as above, room for n + PE_GUEST_BATCH. */
PE_MUST_USE pe_status pe_guest_inflate(pe_guest *self, uint32_t n, bool may_sleep, int64_t *ppns,
                                       pe_guest_ops *ops, uint32_t *got);
/* Takes up to n pages back from the balloon, the last first, to *ppns; returns how many. */
uint32_t pe_guest_deflate(pe_guest *self, uint32_t n, int64_t *ppns);
/* Free page reporting: first pages of the whole, aligned blocks of 2^9 pages that were free at the
   last call too and are not reported yet; returns how many blocks. *blocks holds pages / 512. */
#define PE_GUEST_BLOCK 512u
uint32_t pe_guest_report(pe_guest *self, int64_t *blocks);

void pe_guest_numbers(const pe_guest *self, uint64_t numbers[PE_GUEST_NUMBERS]);
const char *pe_guest_number_name(size_t number); /* NULL beyond the last */
size_t pe_guest_bytes(const pe_guest *self);     /* memory that the model itself takes */
bool pe_guest_check(const pe_guest *self, const char **reason);

#endif
