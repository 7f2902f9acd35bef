/* The host's side of ballooning: pages that the guest gives up, and takes back. */
#ifndef PE_BALLOON_H
#define PE_BALLOON_H

#include "pe_host.h"

/* The guest gives up these pages (all pages of the VM): their contents are gone. Returns how many
   were not in the balloon yet. */
uint64_t pe_balloon_pages(pe_host *host, pe_vm *vm, const int64_t *ppns, size_t n);
/* Free page reporting: the guest says that it does not use these pages, and goes on when it does.
   Their contents are gone, and they are absent. Ballooned ones stay. Returns how many held something. */
uint64_t pe_balloon_report(pe_host *host, pe_vm *vm, const int64_t *ppns, size_t n);
/* Takes these pages back from the balloon, those of them that are in it; returns how many. */
uint64_t pe_balloon_return(pe_vm *vm, const int64_t *ppns, size_t n);
/* Gives up to n absent pages, lowest PPN first; returns how many. */
uint64_t pe_balloon_absent(pe_vm *vm, uint64_t n);
/* Takes up to n pages back, lowest PPN first: they are absent then; returns how many. */
uint64_t pe_balloon_deflate(pe_vm *vm, uint64_t n);

#endif
