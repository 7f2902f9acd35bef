from libc.stdint cimport uint32_t, uint64_t

from pageengine._c.file cimport pe_file_calls
from pageengine._c.frames cimport bool
from pageengine._c.memory cimport pe_memory
from pageengine._c.status cimport pe_status


cdef extern from "pe_inject.h" nogil:
    ctypedef enum pe_operation:
        PE_OPERATIONS

    ctypedef enum pe_harm:
        PE_HARMS

    enum:
        PE_INJECT_RULES_MAX
        PE_INJECT_LOG

    ctypedef struct pe_inject_rule:
        pe_operation operation
        pe_harm harm
        uint64_t number
        bool onwards
        uint64_t below

    ctypedef struct pe_injected:
        pe_operation operation
        pe_harm harm
        uint64_t number
        uint64_t slot
        uint64_t other

    ctypedef struct pe_inject:
        pe_memory memory
        pe_file_calls calls
        uint64_t count[PE_OPERATIONS]
        uint64_t done[PE_HARMS]
        uint64_t held
        pe_injected log[PE_INJECT_LOG]
        uint64_t logged

    void pe_inject_init(pe_inject *self, uint64_t seed)
    void pe_inject_fini(pe_inject *self)
    bool pe_inject_can(pe_operation operation, pe_harm harm)
    pe_status pe_inject_add(pe_inject *self, const pe_inject_rule *rule)
    void pe_inject_clear(pe_inject *self)
    bool pe_inject_is_damaged(const pe_inject *self, uint64_t slot)
    const char *pe_operation_name(size_t operation)
    const char *pe_harm_name(size_t harm)
