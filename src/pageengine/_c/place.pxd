from libc.stdint cimport uint64_t


cdef extern from "pe_place.h" nogil:
    enum:
        PE_PLACES
    ctypedef enum pe_place:
        PE_ABSENT
        PE_PRIVATE
        PE_SHARED
        PE_COMPRESSED
        PE_SWAPPED
        PE_BALLOONED

    pe_place pe_place_of(uint64_t word)
