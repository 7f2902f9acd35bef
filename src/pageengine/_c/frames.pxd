from libc.stdint cimport uint32_t, uint64_t

from pageengine._c.status cimport pe_status


cdef extern from "<stdbool.h>" nogil:
    ctypedef bint bool


cdef extern from "pe_frames.h" nogil:
    ctypedef uint32_t pe_frame

    ctypedef struct pe_frames:
        uint32_t count
        uint32_t cursor

    uint32_t pe_frames_idle(const pe_frames *self)
    pe_status pe_frames_init(pe_frames *self, uint32_t count)
    void pe_frames_fini(pe_frames *self)
    pe_frame pe_frames_take(pe_frames *self)
    uint32_t pe_frames_take_many(pe_frames *self, uint32_t want, pe_frame *out)
    void pe_frames_give_back(pe_frames *self, pe_frame frame)
    uint32_t pe_frames_give_back_checked(pe_frames *self, uint32_t n, const pe_frame *frames)
    bool pe_frames_is_idle(const pe_frames *self, pe_frame frame)
    size_t pe_frames_bytes(const pe_frames *self)
    bool pe_frames_check(const pe_frames *self, const char **reason)
