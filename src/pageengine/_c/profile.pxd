from libc.stdint cimport int32_t, int64_t, uint8_t, uint32_t, uint64_t

cdef extern from "pe_profile.h" nogil:
    enum:
        PE_PROFILE_STEPS
    ctypedef struct pe_profile:
        uint64_t copies
    void pe_profile_init(pe_profile *self, uint64_t salt, uint64_t vm, const double *marks,
                         uint64_t copies, const uint8_t *units)
    void pe_profile_tokens(const pe_profile *self, size_t n, const int64_t *ppns,
                           const int32_t *versions, uint64_t *out)
    void pe_profile_written(const pe_profile *self, size_t n, const int64_t *ppns,
                            const uint8_t *kinds, uint8_t zeroed, const int32_t *versions,
                            uint64_t *out)
    void pe_profile_next(size_t n, const int64_t *ppns, const uint8_t *kinds, uint8_t zeroed,
                         int32_t *versions)
