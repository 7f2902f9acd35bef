from libc.stdint cimport uint8_t

from pageengine._c.frames cimport bool


cdef extern from "pe_codec.h" nogil:
    ctypedef struct pe_codec:
        const char *name
        const char *summary
        size_t work_bytes
        size_t (*compress)(const pe_codec *self, const uint8_t *page, uint8_t *out, size_t max,
                           void *work) noexcept nogil
        bool (*decompress)(const pe_codec *self, const uint8_t *data, size_t length, uint8_t *page,
                           void *work) noexcept nogil

    const pe_codec *pe_codec_at(size_t index)
    const pe_codec *pe_codec_find(const char *name)


cdef extern from "pe_codec_bound.h" nogil:
    enum:
        PE_CODEC_SYMBOLS_MAX

    ctypedef struct pe_codec_library:
        const char *name
        const char *summary
        const char **symbols
        const char *version

    const pe_codec_library *pe_codec_library_at(size_t index)
    bool pe_codec_bind(pe_codec *out, const char *name, void *const functions[])
