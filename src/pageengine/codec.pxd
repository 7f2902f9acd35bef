from pageengine._c.codec cimport pe_codec


cdef class Codec:
    cdef const pe_codec *ops
