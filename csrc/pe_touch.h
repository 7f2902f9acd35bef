/* Accesses in batches: touch, read, write. Each does its accesses in order and stops exactly before
   the first one that cannot be made: *done says how many were, and the status why it stopped
   (PE_OK: all). The arrays are the caller's, and another thread may change them during the call:
   PE_ERR_PAGE_RANGE is such a number that came after the check. */
#ifndef PE_TOUCH_H
#define PE_TOUCH_H

#include "pe_host.h"

/* The first entry of ppns that is not a page of the VM; n when all are. */
size_t pe_first_bad_page(const pe_vm *vm, const int64_t *ppns, size_t n);

/* write: one flag per access, or NULL and all_write for every one. */
PE_MUST_USE pe_status pe_touch(pe_host *host, pe_vm *vm, const int64_t *ppns, size_t n,
                               const uint8_t *write, bool all_write, size_t *done);
/* Contents: n pages of PE_PAGE_BYTES, or n tokens, one after the other. */
PE_MUST_USE pe_status pe_write(pe_host *host, pe_vm *vm, const int64_t *ppns, size_t n,
                               const void *contents, size_t *done);
PE_MUST_USE pe_status pe_read(pe_host *host, pe_vm *vm, const int64_t *ppns, size_t n,
                              void *contents, size_t *done);
/* Like pe_read, but no access: nothing moves, nothing is counted. */
PE_MUST_USE pe_status pe_peek(pe_host *host, const pe_vm *vm, const int64_t *ppns, size_t n,
                              void *contents, size_t *done);

#endif
