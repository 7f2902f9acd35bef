cdef extern from "pe_place.h" nogil:
    enum:
        PE_PLACES
    ctypedef enum pe_place:
        PE_BALLOONED
        PE_SWAPPED
