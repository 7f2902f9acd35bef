cdef extern from "pe_zcache.h" nogil:
    ctypedef enum pe_packing:
        PE_PACKING_ESX
        PE_PACKING_DENSE
