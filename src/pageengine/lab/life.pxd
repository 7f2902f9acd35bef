from libc.stdint cimport uint32_t, uint64_t

from pageengine.lab.workloads.pace cimport Pace


cdef class Life:
    cdef public object vm, memory, _device
    cdef public uint32_t client
    cdef public uint64_t number
    cdef public bint held, blocked, _was_blocked
    cdef public double _slowness, _made, _owed, _stalled, _idle, _unpaid, _since
    cdef object _workload
    cdef Pace _pace  # None: its steps are made by the workload

    cdef bint _is_blocked(self) except -1
    cdef bint _waits(self) except -1
    cdef bint _has_ended(self) except -1
    cdef double _do(self, double seconds, double now) except? -1
    cdef double _end(self) except? -1
    cdef double _waited(self) except? -1
    cdef double _hold(self) except? -1
    cdef uint32_t _number(self) except? 4294967295
    cdef int _live(self, double now, double until) except -1
    cdef double _take_made(self, double waits) noexcept
    cdef double _pass_time(self, double seconds) except? -1
