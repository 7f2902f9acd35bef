from libc.stdint cimport uint32_t, uint64_t

from pageengine._c.status cimport pe_status


cdef extern from "pe_rng.h" nogil:
    ctypedef struct pe_rng:
        uint64_t key
        uint64_t counter


cdef extern from "pe_device.h" nogil:
    ctypedef struct pe_client:
        double at
        double work
        double gap
        double rest
        double costs
        double latency
        double waited
        uint64_t requests
        pe_rng rng
        bint there
    ctypedef struct pe_device:
        pe_client *clients
        uint32_t n
        double time
        double free_at
        double service
        double read_busy
        double queued

    void pe_device_init(pe_device *self, double service)
    void pe_device_fini(pe_device *self)
    pe_status pe_device_join(pe_device *self, double at, uint64_t seed, uint64_t stream,
                             uint32_t *client)
    void pe_device_leave(pe_device *self, uint32_t client)
    void pe_device_add(pe_device *self, uint32_t client, double run, double costs,
                       uint64_t requests, double latency)
    double pe_device_end(const pe_device *self, uint32_t client)
    void pe_device_serve(pe_device *self, double until, double writes, double piece)
    double pe_device_hold(pe_device *self, uint32_t client)
    bint pe_device_check(const pe_device *self, const char **reason)
