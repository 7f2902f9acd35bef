from libc.stdint cimport int64_t, uint8_t

from pageengine._c.host cimport pe_host
from pageengine._c.status cimport pe_status
from pageengine._c.vm cimport bool, pe_vm


cdef extern from "pe_touch.h" nogil:
    size_t pe_first_bad_page(const pe_vm *vm, const int64_t *ppns, size_t n)
    pe_status pe_touch(pe_host *host, pe_vm *vm, const int64_t *ppns, size_t n,
                       const uint8_t *write, bool all_write, size_t *done)
    pe_status pe_write(pe_host *host, pe_vm *vm, const int64_t *ppns, size_t n,
                       const void *contents, size_t *done)
    pe_status pe_read(pe_host *host, pe_vm *vm, const int64_t *ppns, size_t n, void *contents,
                      size_t *done)
    pe_status pe_peek(pe_host *host, const pe_vm *vm, const int64_t *ppns, size_t n, void *contents,
                      size_t *done)
