from pageengine._c.inject cimport pe_inject, pe_inject_rule
from pageengine.plumbing.lock cimport CallLock


cdef class FaultPlan:
    cdef pe_inject inject
    cdef CallLock _lock
    cdef bint _bound
    cdef readonly object seed

    cdef int bind(self, CallLock lock) except -1
    cdef int _add(self, const pe_inject_rule *rule) except -1
