from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from pageengine._c.frames cimport bool


cdef extern from "pe_os.h" nogil:
    ctypedef struct pe_piece:
        uint8_t *at
        size_t bytes

    void *pe_os_map(size_t bytes, bool huge)
    void pe_os_unmap(void *memory, size_t bytes)
    void pe_os_release(void *memory, size_t bytes)
    int64_t pe_os_write(int file, const pe_piece *pieces, uint32_t n, uint64_t at, int *error)
    int64_t pe_os_read(int file, const pe_piece *pieces, uint32_t n, uint64_t at, int *error)
    int pe_os_dup(int file, int *error)
    void pe_os_close(int file)
