/* One virtual machine: its page map, the counts that go with it, and its event counters. Knows no
   store. */
#ifndef PE_VM_H
#define PE_VM_H

#include "pe_memory.h"
#include "pe_place.h"
#include "pe_rng.h"
#include "pe_status.h"

/* Cumulative events, in pages unless said. One list: the enum here, the names in pe_vm.c. */
typedef enum pe_event {
    PE_EV_ACCESSES,           /* accesses made */
    PE_EV_FAULTS_ABSENT,      /* first touches: pages that got the zero page or a zeroed frame */
    PE_EV_COW_BREAKS,         /* writes to shared pages */
    PE_EV_MERGED,             /* pages merged with an equal page */
    PE_EV_ZERO_MERGED,        /* pages merged into the zero page */
    PE_EV_COMPRESSIONS,       /* pages put into the compression cache */
    PE_EV_DECOMPRESSIONS,     /* pages brought back from it by an access */
    PE_EV_INCOMPRESSIBLE,     /* victims that did not fit half a page */
    PE_EV_COMPRESSED_HALF,    /* of the compressions, those kept 2:1 */
    PE_EV_COMPRESSED_QUARTER, /* and those kept 4:1 */
    PE_EV_CACHE_EVICTIONS,    /* blobs that gave way and went to swap */
    PE_EV_SWAP_OUT,           /* pages written to swap, evictions included */
    PE_EV_SWAP_IN,            /* pages read back by an access */
    PE_EV_BALLOON_IN,         /* pages given up through the balloon */
    PE_EV_BALLOON_OUT,        /* pages taken back from it */
    PE_EV_BALLOON_POPS,       /* accesses to ballooned pages */
    PE_EV_SCANNED,            /* pages hashed by the sharing scan */
    PE_EV_HINTED,             /* of these, pages that were noted as hints */
    PE_EV_DISCARDED,     /* compressed or swapped pages overwritten whole without reading them */
    PE_EV_BLOCK_STOPS,   /* batches stopped because the VM is blocked */
    PE_EV_SAMPLE_FAULTS, /* first accesses to sampled pages */
    PE_EV_REPORTED,      /* free pages that the guest reported and the host took */
    PE_EVENTS
} pe_event;
const char *pe_event_name(size_t event); /* NULL at PE_EVENTS and beyond */

typedef struct pe_vm {
    uint64_t *map;       /* a word of pe_place.h per page */
    uint32_t *checksums; /* of each page when a scan by the two-scan rule last saw it, 0: not since
                            it came to its frame; NULL until the first such scan */
    uint64_t base;       /* host-wide number of page 0 */
    uint32_t pages;
    uint64_t id;    /* of no other VM in the host's life */
    uint32_t index; /* in the host's list */
    uint32_t group; /* salt group */
    bool blocked;   /* no access is made */
    uint32_t scan_hand, reclaim_hand;
    uint32_t in_place[PE_PLACES]; /* sum == pages */
    uint32_t zero;                /* of the shared, those that map the zero page */
    uint32_t ever;                /* pages accessed at least once */
    uint32_t sample_size, sample_touched;
    bool sampling;
    pe_rng sample_from; /* the draws of the open period start here */
    uint64_t sample_draws;
    pe_rng rng; /* draws of this VM alone */
    uint64_t event[PE_EVENTS];
    const pe_memory *memory;
} pe_vm;

/* The number that stands at `at` now, which is the caller's memory: another thread may write there
   while a batch runs, so it is read once, and what was checked is what is used. False: it is not a
   page of the VM. */
PE_INLINE bool pe_vm_page_at(const pe_vm *self, const int64_t *at, uint32_t *ppn)
{
    int64_t const number = *(const volatile int64_t *)at;
    *ppn = (uint32_t)number;
    return (uint64_t)number < self->pages;
}

/* Where each of these pages is, a pe_place each. PE_ERR_PAGE_RANGE: one is none of the VM's.
   */
PE_MUST_USE pe_status pe_vm_places(const pe_vm *self, size_t n, const int64_t *ppns, uint8_t *out);

/* The slot of each of its pages that is in swap, PE_NONE of the others, in order of PPN. */
void pe_vm_slots(const pe_vm *self, uint32_t *out);

PE_MUST_USE pe_status pe_vm_init_in(pe_vm *self, uint32_t pages, uint64_t seed, uint32_t index,
                                    const pe_memory *memory);
void pe_vm_fini(pe_vm *self);
/* Its random draws are of this stream from now on, and not of its id. */
void pe_vm_draw_from(pe_vm *self, uint64_t seed, uint64_t stream);

/* Moves a page to a place and keeps the counts; what was seen of the page stays. */
void pe_vm_put(pe_vm *self, uint32_t ppn, pe_place place, uint32_t payload);
/* Like pe_vm_put to PE_SHARED, for the zero page of its salt group. */
void pe_vm_put_zero(pe_vm *self, uint32_t ppn, pe_frame zero_frame);
/* Notes an access: the bits, the first access ever, the first access since it was sampled. */
void pe_vm_accessed(pe_vm *self, uint32_t ppn);
void pe_vm_pin(pe_vm *self, uint32_t ppn, bool pinned);
/* Room for checksums, once. PE_ERR_NO_MEMORY. */
PE_MUST_USE pe_status pe_vm_keep_checksums(pe_vm *self);
uint64_t pe_vm_bytes(const pe_vm *self); /* memory of its bookkeeping */

#define PE_SAMPLE_TRIES_PER_PAGE 8u /* draws at most, some of which hit a page again */
/* Sampling (OSDI 2002 section 5.3): marks up to n different random pages, not ballooned ones; ends
   a period that is open. */
void pe_vm_sample_begin(pe_vm *self, uint32_t n);
/* Ends the period: how many pages were sampled, how many of them accessed. */
void pe_vm_sample_end(pe_vm *self, uint32_t *size, uint32_t *touched);
/* Advances the idle ages: accessed pages become 0, all others one older (255 at most); returns the
   accessed. */
uint32_t pe_vm_age(pe_vm *self);
/* Pages by idle age, of those ever accessed and not ballooned. */
void pe_vm_ages(const pe_vm *self, uint64_t histogram[256]);

bool pe_vm_check(const pe_vm *self, const char **reason);

#endif
