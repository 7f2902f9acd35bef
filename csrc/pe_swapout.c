/* Pages on their way out to swap: from private frames (a cluster of victims) or from the
   compression cache (its oldest blob, decompressed first: age-based eviction as in ESX).

   Nothing moves before its bytes are in the file: (1) take a run of slots, (2) write, (3) change
   the page maps and give back frames or blobs. When 2 fails, the slots are given back and every
   page is where it was. A full swap space gives shorter and shorter runs and then none: the pages
   that did not go out stay.

   A page in a cluster is marked CLAIMED so that the reclaim hand does not take it twice; it may
   still be merged with another victim while it waits, so its place is looked at again before it is
   written. */
#include "pe_swapout.h"

#include "pe_content.h"
#include "pe_page.h"

void pe_cluster_add(pe_cluster *self, uint32_t ppn)
{
    pe_assert(self->n < PE_SWAP_CLUSTER_MAX);
    pe_assert(pe_place_of(self->vm->map[ppn]) == PE_PRIVATE);
    self->vm->map[ppn] |= PE_CLAIMED;
    self->ppn[self->n++] = ppn;
}

/* Drops the marks, and from the list the pages that are no longer private. */
static void unclaim(pe_cluster *self)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < self->n; ++i) {
        uint64_t *word = &self->vm->map[self->ppn[i]];
        *word &= ~PE_CLAIMED;
        if (pe_place_of(*word) == PE_PRIVATE)
            self->ppn[kept++] = self->ppn[i];
    }
    self->n = kept;
}

static void give_back_run(pe_host *host, pe_slot first, uint32_t n)
{
    for (uint32_t i = 0; i < n; ++i)
        pe_swap_give_back(&host->swap, first + i);
}

pe_status pe_cluster_flush(pe_cluster *self, uint64_t *written)
{
    pe_host *host = self->host;
    pe_frame frames[PE_SWAP_CLUSTER_MAX];
    pe_status status = PE_OK;
    unclaim(self);
    for (uint32_t i = 0; i < self->n; ++i)
        frames[i] = pe_payload_of(self->vm->map[self->ppn[i]]);
    uint32_t out = 0;
    while (out < self->n && status == PE_OK) {
        pe_slot first;
        uint32_t const run = pe_swap_take_run(&host->swap, self->n - out, &first);
        pe_assert(run <= self->n - out);
        status = run == 0 ? PE_NO_SLOT : pe_content_to_slots(host, run, &frames[out], first);
        if (status != PE_OK) {
            give_back_run(host, first, run);
            break;
        }
        for (uint32_t i = 0; i < run; ++i) {
            pe_vm_put(self->vm, self->ppn[out + i], PE_SWAPPED, first + i);
            pe_page_release_frame(host, frames[out + i]);
        }
        out += run;
    }
    self->vm->event[PE_EV_SWAP_OUT] += out;
    *written += out;
    self->n = 0;
    return status;
}

/* Whose page a blob is; false for a blob that is no one's, which never is. */
static bool page_of_blob(pe_host *host, pe_blob blob, pe_vm **vm, uint32_t *ppn)
{
    bool const found = pe_host_page(host, pe_zcache_owner(host->zcache, blob), vm, ppn);
    pe_assert(found && pe_payload_of((*vm)->map[*ppn]) == blob);
    return found;
}

/* One blob leaves the cache for a slot that holds its page. */
static void settle_blob(pe_host *host, pe_blob blob, pe_slot slot)
{
    pe_vm *vm;
    uint32_t ppn;
    if (!page_of_blob(host, blob, &vm, &ppn))
        return;
    pe_page_erase_blob(host, vm, blob);
    pe_vm_put(vm, ppn, PE_SWAPPED, slot);
    vm->event[PE_EV_CACHE_EVICTIONS] += 1;
    vm->event[PE_EV_SWAP_OUT] += 1;
}

/* The page that the error is about: it may be another VM's than the one that is reclaimed. */
static void blame(pe_host *host, pe_blob blob)
{
    pe_vm *vm;
    uint32_t ppn;
    if (!page_of_blob(host, blob, &vm, &ppn))
        return;
    host->error_vm = vm->id;
    host->error_ppn = ppn;
}

/* A blob whose going may make room for one of this VM: its own oldest, or anyone's where the
   limit of the whole cache is in the way. When it is the VM's own limit, other VMs' blobs
   would go for nothing. */
static pe_blob oldest_blob(const pe_host *host, const pe_vm *vm)
{
    uint32_t group;
    pe_blob const own = pe_zcache_oldest(host->zcache, vm->index);
    if (own != PE_NONE)
        return own;
    uint64_t const used = pe_zcache_total(host->zcache).slot_bytes;
    if (used + PE_ZCACHE_PAYLOAD_MAX <= host->config.cache_limit_bytes)
        return PE_NONE;
    return pe_zcache_oldest_of_all(host->zcache, &group);
}

pe_status pe_evict_oldest(pe_host *host, const pe_vm *vm)
{
    pe_blob const blob = oldest_blob(host, vm);
    pe_slot slot;
    if (blob == PE_NONE || pe_swap_take_run(&host->swap, 1, &slot) == 0)
        return PE_NO_SLOT;
    pe_status const status = pe_content_blob_to_slot(host, blob, slot);
    if (status == PE_ERR_CODEC)
        blame(host, blob);
    if (status != PE_OK) {
        give_back_run(host, slot, 1);
        return status;
    }
    settle_blob(host, blob, slot);
    return PE_OK;
}
