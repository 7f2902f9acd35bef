from libc.stdint cimport int64_t, uint8_t

from pageengine._c.host cimport pe_host
from pageengine._c.status cimport pe_status
from pageengine._c.vm cimport pe_vm


cdef extern from "pe_turns.h" nogil:
    enum:
        PE_TURNS
    ctypedef struct pe_turns:
        const uint8_t *of
        const uint8_t *writes

    void pe_turns_count(pe_turns self, const pe_vm *vm, size_t n, const int64_t *ppns,
                        const uint8_t *kinds, size_t *count)
    void pe_turns_sort(pe_turns self, const pe_vm *vm, const int64_t *ppns, const uint8_t *kinds,
                       const size_t *count, int64_t *out_ppns, uint8_t *out_kinds)
    pe_status pe_turns_touch(pe_turns self, pe_host *host, pe_vm *vm, const int64_t *ppns,
                             const uint8_t *kinds, size_t n, size_t *done)
