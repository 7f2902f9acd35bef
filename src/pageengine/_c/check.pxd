from pageengine._c.host cimport pe_host
from pageengine._c.status cimport pe_status
from pageengine._c.vm cimport bool


cdef extern from "pe_check.h" nogil:
    pe_status pe_check(pe_host *host, bool deep, const char **reason)
