from libc.stdint cimport uint64_t

from pageengine._c.host cimport pe_host
from pageengine._c.status cimport pe_status
from pageengine._c.vm cimport pe_vm


cdef extern from "pe_reclaim.h" nogil:
    ctypedef struct pe_technique:
        const char *name
        const char *summary
        unsigned steps

    ctypedef struct pe_reclaim_result:
        uint64_t frames
        uint64_t merged
        uint64_t zero_merged
        uint64_t compressed
        uint64_t swapped
        uint64_t evicted
        uint64_t incompressible

    enum:
        PE_RECLAIM_BRIEF

    const pe_technique *pe_technique_at(size_t index)
    pe_status pe_reclaim(pe_host *host, pe_vm *vm, uint64_t want, unsigned steps,
                         pe_reclaim_result *result)
