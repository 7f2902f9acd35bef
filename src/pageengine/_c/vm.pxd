from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from pageengine._c.status cimport pe_status


cdef extern from "<stdbool.h>" nogil:
    ctypedef bint bool


cdef extern from "pe_vm.h" nogil:
    ctypedef enum pe_event:
        PE_EVENTS

    ctypedef struct pe_vm:
        uint32_t pages
        uint64_t id
        uint32_t group
        bool blocked
        uint32_t *in_place
        uint64_t *event
        uint32_t sample_size
        uint32_t sample_touched

    void pe_vm_draw_from(pe_vm *self, uint64_t seed, uint64_t stream)
    const char *pe_event_name(size_t event)
    void pe_vm_slots(const pe_vm *self, uint32_t *out)
    pe_status pe_vm_places(const pe_vm *self, size_t n, const int64_t *ppns, uint8_t *out)
    void pe_vm_pin(pe_vm *self, uint32_t ppn, bool pinned)
    void pe_vm_sample_begin(pe_vm *self, uint32_t n)
    void pe_vm_sample_end(pe_vm *self, uint32_t *size, uint32_t *touched)
    uint32_t pe_vm_age(pe_vm *self)
    void pe_vm_ages(const pe_vm *self, uint64_t *histogram)
