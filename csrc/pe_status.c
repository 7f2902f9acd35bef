/* The one table of status names and texts, complete by -Wswitch-enum, and the only place in the
   core that may stop the process: a failed assertion, which is a programming error by definition.
   */
#include "pe_status.h"

#include <stdio.h>
#include <stdlib.h>

const char *pe_status_name(pe_status status)
{
    switch (status) {
    case PE_OK: return "PE_OK";
    case PE_NO_FRAME: return "PE_NO_FRAME";
    case PE_NO_SLOT: return "PE_NO_SLOT";
    case PE_NO_ROOM: return "PE_NO_ROOM";
    case PE_INCOMPRESSIBLE: return "PE_INCOMPRESSIBLE";
    case PE_BLOCKED: return "PE_BLOCKED";
    case PE_SATURATED: return "PE_SATURATED";
    case PE_ERR_NO_MEMORY: return "PE_ERR_NO_MEMORY";
    case PE_ERR_ARGUMENT: return "PE_ERR_ARGUMENT";
    case PE_ERR_NO_SUCH_VM: return "PE_ERR_NO_SUCH_VM";
    case PE_ERR_PAGE_RANGE: return "PE_ERR_PAGE_RANGE";
    case PE_ERR_BACKING: return "PE_ERR_BACKING";
    case PE_ERR_SWAP_CORRUPT: return "PE_ERR_SWAP_CORRUPT";
    case PE_ERR_CODEC: return "PE_ERR_CODEC";
    case PE_ERR_NO_DESCRIPTOR: return "PE_ERR_NO_DESCRIPTOR";
    case PE_ERR_CORRUPT: return "PE_ERR_CORRUPT";
    case PE_ERR_STATE: return "PE_ERR_STATE";
    }
    return "unknown status";
}

const char *pe_status_text(pe_status status)
{
    switch (status) {
    case PE_OK: return "done";
    case PE_NO_FRAME: return "no machine frame is idle";
    case PE_NO_SLOT: return "swap space is full";
    case PE_NO_ROOM: return "the compression cache is at its limit";
    case PE_INCOMPRESSIBLE: return "the page does not compress to the size that was asked";
    case PE_BLOCKED: return "the virtual machine is blocked";
    case PE_SATURATED: return "a reference count is at its maximum";
    case PE_ERR_NO_MEMORY: return "the process is out of memory";
    case PE_ERR_ARGUMENT: return "an argument is out of its range";
    case PE_ERR_NO_SUCH_VM: return "there is no such virtual machine";
    case PE_ERR_PAGE_RANGE: return "a page number is beyond the end of the virtual machine";
    case PE_ERR_BACKING: return "the swap file could not be read or written";
    case PE_ERR_SWAP_CORRUPT: return "a swap slot does not hold what was written to it";
    case PE_ERR_CODEC: return "a compressed page does not decode";
    case PE_ERR_NO_DESCRIPTOR: return "the process has no file descriptor left for the swap file";
    case PE_ERR_CORRUPT: return "an internal structure breaks one of its rules";
    case PE_ERR_STATE: return "a saved state is damaged, or is none";
    }
    return "unknown status";
}

void pe_assert_failed(const char *text, const char *file, int line)
{
    fprintf(stderr, "pageengine: internal error: %s (%s:%d)\n", text, file, line);
    abort();
}
