from libc.stdint cimport int64_t, uint64_t

from pageengine._c.host cimport pe_host
from pageengine._c.vm cimport pe_vm


cdef extern from "pe_balloon.h" nogil:
    uint64_t pe_balloon_pages(pe_host *host, pe_vm *vm, const int64_t *ppns, size_t n)
    uint64_t pe_balloon_report(pe_host *host, pe_vm *vm, const int64_t *ppns, size_t n)
    uint64_t pe_balloon_return(pe_vm *vm, const int64_t *ppns, size_t n)
    uint64_t pe_balloon_absent(pe_vm *vm, uint64_t n)
    uint64_t pe_balloon_deflate(pe_vm *vm, uint64_t n)
