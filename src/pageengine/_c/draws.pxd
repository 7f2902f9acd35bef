from libc.stdint cimport int64_t, uint8_t, uint32_t


cdef extern from "pe_draws.h" nogil:
    ctypedef struct pe_source:
        void *state
    ctypedef struct pe_ranks:
        const double *ends
        const uint32_t *guide
        const uint32_t *names
        uint32_t count

    void pe_draws_window(const pe_source *self, uint32_t first, uint32_t size, uint32_t pages,
                         size_t n, int64_t *out)
    void pe_draws_part(const pe_source *self, double part, size_t n, uint8_t *out)
    void pe_draws_ranks(const pe_source *self, const pe_ranks *of, size_t n, int64_t *out)
