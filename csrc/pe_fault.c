/* The fault path. A page is accessed without a fault while its word has the permission bit;
   otherwise:

     absent, ballooned   read: the zero page of the salt group, or a zeroed private frame without
                         sharing write: a zeroed private frame             fill: a private frame
     shared              write, fill: one mapper -> the frame becomes private as it is; else a
                         private copy
     compressed          a private frame, decompressed; the blob is dropped
     swapped             a private frame, read and verified; the slot is given back
     sampled             any of these, or nothing but the note that the page was accessed

   Order inside each: (1) take the frame, (2) fetch the content, (3) change the page map, (4) let
   the old place go, (5) count. Only 1 and 2 can fail, and they undo themselves: a failed access
   leaves no trace. So an access of a compressed page needs an idle frame even where its blob is the
   last one of a cache frame. */
#include "pe_fault.h"

#include "pe_content.h"
#include "pe_page.h"

static pe_status fault_absent(pe_host *host, pe_vm *vm, uint32_t ppn, pe_access access)
{
    bool const popped = pe_place_of(vm->map[ppn]) == PE_BALLOONED;
    bool const share = access == PE_ACCESS_READ && host->config.sharing
                    && !(vm->map[ppn] & PE_PINNED);
    pe_status status = share ? pe_page_map_zero(host, vm, ppn) : PE_SATURATED;
    if (status == PE_NO_FRAME)
        return status;
    if (status != PE_OK) {
        pe_frame const frame = pe_page_take_frame(host);
        if (frame == PE_NONE)
            return PE_NO_FRAME;
        if (access != PE_ACCESS_FILL)
            pe_content_zero(host, frame);
        pe_vm_put(vm, ppn, PE_PRIVATE, frame);
    }
    vm->event[PE_EV_FAULTS_ABSENT] += 1;
    vm->event[PE_EV_BALLOON_POPS] += popped;
    return PE_OK;
}

static pe_status fault_shared(pe_host *host, pe_vm *vm, uint32_t ppn, pe_access access)
{
    pe_frame const shared = pe_payload_of(vm->map[ppn]);
    if (access == PE_ACCESS_READ)
        return PE_OK; /* it was sampled, and is readable again once that is noted */
    if (host->sharing.mappers[shared] == 1) {
        pe_page_unshare(host, vm, shared);
        pe_vm_put(vm, ppn, PE_PRIVATE, shared);
    } else {
        pe_frame const frame = pe_page_take_frame(host);
        if (frame == PE_NONE)
            return PE_NO_FRAME;
        if (access == PE_ACCESS_WRITE && (vm->map[ppn] & PE_ZERO))
            pe_content_zero(host, frame);
        else if (access == PE_ACCESS_WRITE)
            pe_content_copy(host, frame, shared);
        pe_vm_put(vm, ppn, PE_PRIVATE, frame);
        pe_page_unmap_shared(host, vm, shared);
    }
    vm->event[PE_EV_COW_BREAKS] += 1;
    return PE_OK;
}

/* A compressed or swapped page comes back to a private frame. */
static pe_status fault_far(pe_host *host, pe_vm *vm, uint32_t ppn, pe_access access)
{
    bool const compressed = pe_place_of(vm->map[ppn]) == PE_COMPRESSED;
    uint32_t const where = pe_payload_of(vm->map[ppn]);
    pe_frame const frame = pe_page_take_frame(host);
    if (frame == PE_NONE)
        return PE_NO_FRAME;
    if (access != PE_ACCESS_FILL) {
        pe_status const status = compressed ? pe_content_from_blob(host, frame, where)
                                            : pe_content_from_slot(host, frame, where);
        if (status != PE_OK) {
            pe_page_release_frame(host, frame);
            return status;
        }
    }
    pe_page_drop(host, vm, ppn);
    pe_vm_put(vm, ppn, PE_PRIVATE, frame);
    vm->event[access == PE_ACCESS_FILL ? PE_EV_DISCARDED
              : compressed             ? PE_EV_DECOMPRESSIONS
                                       : PE_EV_SWAP_IN] += 1;
    return PE_OK;
}

pe_status pe_fault(pe_host *host, pe_vm *vm, uint32_t ppn, pe_access access)
{
    pe_status status = PE_OK;
    pe_assert(ppn < vm->pages);
    switch (pe_place_of(vm->map[ppn])) {
    case PE_ABSENT:
    case PE_BALLOONED: status = fault_absent(host, vm, ppn, access); break;
    case PE_PRIVATE: break; /* sampled, or accessible already */
    case PE_SHARED: status = fault_shared(host, vm, ppn, access); break;
    case PE_COMPRESSED:
    case PE_SWAPPED: status = fault_far(host, vm, ppn, access); break;
    }
    if (status == PE_OK) {
        pe_vm_accessed(vm, ppn);
    } else {
        host->error_vm = vm->id;
        host->error_ppn = ppn;
    }
    return status;
}
