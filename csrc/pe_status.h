/* What a function that can fail says. A status is a return code; a state is a memory state of a
   host. */
#ifndef PE_STATUS_H
#define PE_STATUS_H

#include "pe_base.h"

typedef enum pe_status {
    PE_OK = 0,
    /* expected outcomes, handled by the caller in C or turned into a short count */
    PE_NO_FRAME = -1,       /* no idle machine frame (or none above the mark) */
    PE_NO_SLOT = -2,        /* swap space is full */
    PE_NO_ROOM = -3,        /* the compression cache is at its limit */
    PE_INCOMPRESSIBLE = -4, /* the page does not fit the size that was asked */
    PE_BLOCKED = -5,        /* the virtual machine is blocked */
    PE_SATURATED = -6,      /* a reference count is at its maximum */
    /* errors that reach the user */
    PE_ERR_NO_MEMORY = -20,
    PE_ERR_ARGUMENT = -21,
    PE_ERR_NO_SUCH_VM = -22,
    PE_ERR_PAGE_RANGE = -23,
    PE_ERR_BACKING = -30,       /* the swap file failed; errno was captured at the failing call */
    PE_ERR_SWAP_CORRUPT = -31,  /* a swap slot's checksum is wrong */
    PE_ERR_CODEC = -32,         /* a compressed page does not decode */
    PE_ERR_NO_DESCRIPTOR = -33, /* the process has none left for the swap file */
    PE_ERR_CORRUPT = -40,       /* a structure breaks one of its rules */
    PE_ERR_STATE = -41          /* a saved state is damaged, or none */
} pe_status;

/* The enumerator as text, for messages and tests; never NULL. */
const char *pe_status_name(pe_status status);
/* One plain sentence without a full stop; never NULL. */
const char *pe_status_text(pe_status status);

#endif
