from libc.stdint cimport uint8_t, uint32_t, uint64_t

from pageengine._c.frames cimport bool
from pageengine._c.status cimport pe_status


cdef extern from "pe_os.h" nogil:
    void *pe_os_map(size_t bytes, bool huge)
    void pe_os_unmap(void *memory, size_t bytes)
    void pe_os_release(void *memory, size_t bytes)
    pe_status pe_os_write_pages(int file, uint64_t first, uint32_t n,
                                const uint8_t *const *pages, int *error)
    pe_status pe_os_read_pages(int file, uint64_t first, uint32_t n, uint8_t *const *pages,
                               int *error)
    int pe_os_dup(int file, int *error)
    void pe_os_close(int file)
