from libc.stdint cimport uint64_t

from pageengine._c.host cimport pe_host


cdef extern from "pe_content.h" nogil:
    uint64_t pe_content_trim(pe_host *host)
