from pageengine._c.inject cimport pe_inject, pe_inject_rule
from pageengine.lock cimport HostLock


cdef class FaultPlan:
    cdef pe_inject inject
    cdef HostLock _lock
    cdef bint _bound
    cdef readonly object seed

    cdef int bind(self, HostLock lock) except -1
    cdef int _add(self, const pe_inject_rule *rule) except -1
