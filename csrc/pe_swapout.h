/* Pages on their way out to swap, gathered so that a batch of victims is one large sequential
   write. */
#ifndef PE_SWAPOUT_H
#define PE_SWAPOUT_H

#include "pe_host.h"

typedef struct pe_cluster {
    pe_host *host;
    pe_vm *vm;
    uint32_t n;
    uint32_t ppn[PE_SWAP_CLUSTER_MAX];
} pe_cluster;

/* Claims a private page for the cluster, which must not be full (asserted). */
void pe_cluster_add(pe_cluster *self, uint32_t ppn);
/* Writes the cluster out and empties it; adds the pages that went to *written. PE_NO_SLOT or
   PE_ERR_BACKING: the pages that did not go are where they were. */
PE_MUST_USE pe_status pe_cluster_flush(pe_cluster *self, uint64_t *written);

/* Moves the oldest blob of the compression cache (of the VM, or of all when it has none) to swap.
   PE_NO_SLOT, PE_ERR_BACKING or PE_ERR_CODEC: it stays. */
PE_MUST_USE pe_status pe_evict_oldest(pe_host *host, const pe_vm *vm);

#endif
