from libc.stdint cimport uint32_t, uint64_t

from pageengine._c.host cimport pe_host
from pageengine._c.vm cimport pe_vm


cdef extern from "pe_stats.h" nogil:
    enum:
        PE_VM_NUMBERS
        PE_HOST_NUMBERS
        PE_VM_ROWS

    const char *pe_vm_number_name(size_t number)
    const char *pe_host_number_name(size_t number)
    void pe_stats_vm(const pe_host *host, const pe_vm *vm, uint64_t *out)
    void pe_stats_vms(const pe_host *host, const uint64_t *ids, size_t n, uint64_t *out)
    void pe_stats_host(const pe_host *host, uint64_t *out)
