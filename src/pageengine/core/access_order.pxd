from libc.stdint cimport int64_t, uint8_t

from pageengine._c.host cimport pe_host
from pageengine._c.status cimport pe_status
from pageengine._c.turns cimport pe_turns
from pageengine._c.vm cimport pe_vm


cdef class AccessOrder:
    cdef pe_turns _turns
    cdef object _kept
    cdef readonly int apart, plain

    cdef bint sorts(self, size_t n, const size_t *count) noexcept nogil
    cdef pe_status look(self, pe_host *host, pe_vm *vm, size_t n, const int64_t *ppns,
                        const uint8_t *kinds, int64_t *out_ppns, uint8_t *out_kinds, size_t *count,
                        size_t *done) noexcept nogil
