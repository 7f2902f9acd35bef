from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint32_t, uint64_t

from pageengine._c.guest cimport pe_guest
from pageengine._c.host cimport pe_host
from pageengine._c.status cimport pe_status
from pageengine._c.vm cimport bool


cdef extern from "pe_state.h" nogil:
    ctypedef struct pe_state_out:
        uint64_t at
        uint8_t *bytes
        size_t length
        pe_status status
        int error

    ctypedef struct pe_state_in:
        size_t used
        size_t length
        uint64_t at
        uint64_t end
        pe_status status
        const char *reason
        int error

    void pe_state_out_begin(pe_state_out *self, int file, uint64_t at)
    void pe_state_put(pe_state_out *self, const void *bytes, size_t n)
    void pe_state_put64(pe_state_out *self, uint64_t number)
    void pe_state_put_many(pe_state_out *self, const void *numbers, size_t size, size_t n)
    pe_status pe_state_out_end(pe_state_out *self)
    void pe_state_out_fini(pe_state_out *self)
    void pe_state_in_begin(pe_state_in *self, int file, const uint8_t *bytes, uint64_t at,
                           uint64_t end)
    bool pe_state_get(pe_state_in *self, void *bytes, size_t n)
    uint64_t pe_state_get64(pe_state_in *self)
    bool pe_state_get_many(pe_state_in *self, void *numbers, size_t size, size_t n)
    bool pe_state_may_hold(pe_state_in *self, uint64_t n)
    pe_status pe_state_in_end(pe_state_in *self)
    void pe_state_in_fini(pe_state_in *self)


cdef extern from "pe_host_state.h" nogil:
    pe_status pe_host_save(pe_host *self, pe_state_out *out, uint32_t *slot)
    pe_status pe_host_load(pe_host *self, pe_state_in *source, const char **rule)


cdef extern from "pe_guest_state.h" nogil:
    void pe_guest_save(const pe_guest *self, pe_state_out *out)
    pe_status pe_guest_load(pe_guest *self, pe_state_in *source, const char **rule)
