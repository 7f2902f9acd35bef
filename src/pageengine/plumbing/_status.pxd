from pageengine._c.status cimport pe_status

cdef int check(pe_status status) except -1
