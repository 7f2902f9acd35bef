cdef extern from "pe_file.h" nogil:
    ctypedef struct pe_file_calls:
        void *context
