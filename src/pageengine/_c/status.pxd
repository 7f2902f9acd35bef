cdef extern from "pe_status.h" nogil:
    ctypedef enum pe_status:
        PE_OK
        PE_NO_FRAME
        PE_NO_SLOT
        PE_NO_ROOM
        PE_INCOMPRESSIBLE
        PE_BLOCKED
        PE_SATURATED
        PE_ERR_NO_MEMORY
        PE_ERR_ARGUMENT
        PE_ERR_NO_SUCH_VM
        PE_ERR_PAGE_RANGE
        PE_ERR_BACKING
        PE_ERR_SWAP_CORRUPT
        PE_ERR_CODEC
        PE_ERR_NO_DESCRIPTOR
        PE_ERR_CORRUPT
        PE_ERR_STATE
    const char *pe_status_name(pe_status status)
    const char *pe_status_text(pe_status status)
