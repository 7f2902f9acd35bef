/* The fault path: makes a page accessible, wherever its content is. */
#ifndef PE_FAULT_H
#define PE_FAULT_H

#include "pe_host.h"

typedef enum pe_access {
    PE_ACCESS_READ,
    PE_ACCESS_WRITE,
    PE_ACCESS_FILL /* a write of the whole page: its old content need not be fetched */
} pe_access;

/* Makes the access possible and notes it. PE_NO_FRAME: it needs a frame and none is idle above the
   mark; PE_ERR_BACKING,
   PE_ERR_SWAP_CORRUPT, PE_ERR_CODEC: the content cannot be fetched. On failure nothing has changed.
   */
PE_MUST_USE pe_status pe_fault(pe_host *host, pe_vm *vm, uint32_t ppn, pe_access access);

#endif
