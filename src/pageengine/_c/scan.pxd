from libc.stdint cimport uint64_t

from pageengine._c.host cimport pe_host
from pageengine._c.status cimport pe_status
from pageengine._c.vm cimport pe_vm


cdef extern from "pe_scan.h" nogil:
    ctypedef struct pe_scan_result:
        uint64_t visited
        uint64_t scanned
        uint64_t merged
        uint64_t zero_merged
        uint64_t hinted
        uint64_t unstable

    enum:
        PE_SCAN_RANDOM
        PE_SCAN_TWO_SCANS

    pe_status pe_scan(pe_host *host, pe_vm *vm, uint64_t pages, unsigned how,
                      pe_scan_result *result)
    void pe_scan_end_pass(pe_host *host)
