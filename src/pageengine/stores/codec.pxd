cimport cython

from pageengine._c.codec cimport pe_codec


cdef class Codec:
    cdef const pe_codec *ops
    cdef pe_codec _bound  # what ops points at when the codec is a library's
    cdef object _library
    cdef cython.pymutex _lock
    cdef void *_spare  # work memory of the last call

    cdef int _use_library(self, str name, bytes encoded) except -1
    cdef void *_take_work(self) except NULL
    cdef void _give_work(self, void *work) noexcept
