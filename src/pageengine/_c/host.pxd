from libc.stdint cimport uint32_t, uint64_t

from pageengine._c.codec cimport pe_codec
from pageengine._c.file cimport pe_file_calls
from pageengine._c.frames cimport pe_frames
from pageengine._c.memory cimport pe_memory
from pageengine._c.status cimport pe_status
from pageengine._c.swap cimport pe_swap
from pageengine._c.vm cimport bool, pe_vm
from pageengine._c.zcache cimport pe_packing


cdef extern from "pe_host.h" nogil:
    ctypedef struct pe_host_config:
        uint32_t frames
        uint64_t seed
        bool tokens
        bool sharing
        const pe_codec *codec
        pe_packing packing
        uint64_t cache_limit_bytes
        int swap_file
        bool random_victims
        const pe_memory *memory
        const pe_file_calls *calls
        uint32_t threads

    ctypedef struct pe_host:
        pe_frames frames
        pe_swap swap
        pe_vm **vms
        uint32_t vm_count
        uint32_t mark
        uint64_t error_vm
        uint32_t error_ppn

    pe_status pe_host_new(pe_host **out, const pe_host_config *config)
    void pe_host_delete(pe_host *self)
    pe_status pe_host_add_vm(pe_host *self, uint32_t pages, uint64_t salt,
                             uint64_t cache_limit_bytes, uint64_t *id)
    pe_status pe_host_remove_vm(pe_host *self, uint64_t id)
    pe_vm *pe_host_vm(const pe_host *self, uint64_t id)
