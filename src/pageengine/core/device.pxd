from libc.stdint cimport uint32_t

from pageengine._c.device cimport pe_device


cdef class Device:
    cdef pe_device _device

    cdef uint32_t _client(self, client) except? 4294967295
    cdef int _set(self, uint32_t client, each) except -1
