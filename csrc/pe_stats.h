/* All numbers that may be seen from outside, as flat arrays with names. */
#ifndef PE_STATS_H
#define PE_STATS_H

#include "pe_host.h"

/* Of one VM; bytes unless the name says pages. vSphere's names (VM level). */
typedef enum pe_vm_number {
    PE_VM_SIZE,    /* configured, guest-visible */
    PE_VM_GRANTED, /* guest pages backed by machine memory as pages: private + shared */
    /* machine memory charged: private, its part of the shared, its compressed slots */
    PE_VM_CONSUMED,
    PE_VM_MAPPED, /* pages accessed at least once, wherever they are now */
    PE_VM_PRIVATE,
    PE_VM_SHARED,     /* COW-mapped, in full, zero pages included */
    PE_VM_ZERO,       /* of the shared, pages that map the zero page */
    PE_VM_COMPRESSED, /* guest memory in the compression cache */
    PE_VM_ZIPPED,     /* slots it takes there */
    PE_VM_SWAPPED,
    PE_VM_BALLOONED,
    PE_VM_ABSENT,
    PE_VM_HALF_PAGES,    /* pages in the cache that take half a page (2:1) */
    PE_VM_QUARTER_PAGES, /* or a quarter or less (4:1) */
    PE_VM_NUMBERS
} pe_vm_number;

typedef enum pe_host_number {
    PE_HOST_MEMORY,
    PE_HOST_FREE,
    PE_HOST_CONSUMED, /* memory - free */
    PE_HOST_GRANTED,  /* sums over the VMs */
    PE_HOST_SHARED,
    PE_HOST_ZERO,
    PE_HOST_COMPRESSED,
    PE_HOST_SWAPPED,
    PE_HOST_BALLOONED,
    PE_HOST_SHARED_COMMON, /* machine memory that holds shared contents */
    PE_HOST_SAVING,        /* shared - shared common */
    PE_HOST_ZIPPED,        /* slots of the compression cache that are in use */
    PE_HOST_CACHE,         /* machine memory lent to it */
    PE_HOST_ZIP_SAVED,     /* compressed - cache */
    PE_HOST_SWAP_SIZE,
    PE_HOST_SWAP_FREE,
    PE_HOST_SHARING_TABLE, /* bookkeeping of the sharing table */
    PE_HOST_METADATA,      /* all bookkeeping */
    PE_HOST_HINT_PAGES,    /* entries for scanned pages without a partner (COWH) */
    PE_HOST_SWAP_WRITES,   /* write calls */
    PE_HOST_SWAP_READS,    /* read calls */
    PE_HOST_NUMBERS
} pe_host_number;

const char *pe_vm_number_name(size_t number); /* NULL beyond the last */
const char *pe_host_number_name(size_t number);
void pe_stats_vm(const pe_host *host, const pe_vm *vm, uint64_t out[PE_VM_NUMBERS]);
/* Of n VMs side by side: PE_VM_ROWS rows of n values, a column per VM, in the order of
   ids, each of which must be there. Rows: the numbers, the events, whether it is blocked, and of
   the open sampling period the pages touched and the pages marked. */
#define PE_VM_ROWS (PE_VM_NUMBERS + PE_EVENTS + 3)
void pe_stats_vms(const pe_host *host, const uint64_t *ids, size_t n, uint64_t *out);
void pe_stats_host(const pe_host *host, uint64_t out[PE_HOST_NUMBERS]);

#endif
