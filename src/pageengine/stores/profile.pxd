from pageengine._c.profile cimport pe_profile


cdef class VMContents:
    cdef pe_profile _profile
