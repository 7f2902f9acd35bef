/* The host's side of ballooning (OSDI 2002 section 3.2): a page that the guest's driver has pinned
   is no longer used by the guest, so its frame, blob or slot is given back and its content is
   forgotten. Taken back, the page is absent and the next access finds zeroes, as on first touch. An
   access to a page in the balloon (a crash, a restart) pops it: that is the fault path's business.
   Which pages, how many and how fast is decided elsewhere.

     B1  a ballooned page holds nothing: no frame, no blob, no slot (check: its payload is 0) */
#include "pe_balloon.h"

#include "pe_page.h"

uint64_t pe_balloon_pages(pe_host *host, pe_vm *vm, const int64_t *ppns, size_t n)
{
    uint64_t given = 0;
    for (size_t i = 0; i < n; ++i) {
        uint32_t const ppn = (uint32_t)ppns[i];
        if (pe_place_of(vm->map[ppn]) == PE_BALLOONED)
            continue;
        pe_page_drop(host, vm, ppn);
        pe_vm_put(vm, ppn, PE_BALLOONED, 0);
        given += 1;
    }
    vm->event[PE_EV_BALLOON_IN] += given;
    return given;
}

uint64_t pe_balloon_report(pe_host *host, pe_vm *vm, const int64_t *ppns, size_t n)
{
    uint64_t freed = 0;
    for (size_t i = 0; i < n; ++i) {
        uint32_t const ppn = (uint32_t)ppns[i];
        pe_place const place = pe_place_of(vm->map[ppn]);
        if (place == PE_BALLOONED || place == PE_ABSENT)
            continue;
        pe_page_drop(host, vm, ppn);
        pe_vm_put(vm, ppn, PE_ABSENT, 0);
        freed += 1;
    }
    vm->event[PE_EV_REPORTED] += freed;
    return freed;
}

uint64_t pe_balloon_return(pe_vm *vm, const int64_t *ppns, size_t n)
{
    uint64_t taken = 0;
    for (size_t i = 0; i < n; ++i) {
        uint32_t const ppn = (uint32_t)ppns[i];
        if (pe_place_of(vm->map[ppn]) != PE_BALLOONED)
            continue;
        pe_vm_put(vm, ppn, PE_ABSENT, 0);
        taken += 1;
    }
    vm->event[PE_EV_BALLOON_OUT] += taken;
    return taken;
}

/* Moves up to n pages from one empty place to another, lowest PPN first. */
static uint64_t move_empty(pe_vm *vm, uint64_t n, pe_place from, pe_place to)
{
    uint64_t moved = 0;
    n = n < vm->in_place[from] ? n : vm->in_place[from];
    for (uint32_t ppn = 0; moved < n; ++ppn)
        if (pe_place_of(vm->map[ppn]) == from) {
            pe_vm_put(vm, ppn, to, 0);
            moved += 1;
        }
    return moved;
}

uint64_t pe_balloon_absent(pe_vm *vm, uint64_t n)
{
    uint64_t const given = move_empty(vm, n, PE_ABSENT, PE_BALLOONED);
    vm->event[PE_EV_BALLOON_IN] += given;
    return given;
}

uint64_t pe_balloon_deflate(pe_vm *vm, uint64_t n)
{
    uint64_t const taken = move_empty(vm, n, PE_BALLOONED, PE_ABSENT);
    vm->event[PE_EV_BALLOON_OUT] += taken;
    return taken;
}
