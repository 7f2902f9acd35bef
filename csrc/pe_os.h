/* The few things asked of the operating system: memory that is resident only where it was touched,
   and page-sized reads and writes at an offset of an open file. One implementation per system, in
   pe_os.c. */
#ifndef PE_OS_H
#define PE_OS_H

#include "pe_status.h"

/* Zeroed memory, resident only where touched; NULL when there is none. `huge` asks for large pages;
   without it the system is told to use small ones. */
void *pe_os_map(size_t bytes, bool huge);
void pe_os_unmap(void *memory, size_t bytes); /* NULL is fine */
/* Gives whole pages back to the system; they read as zero afterwards. */
void pe_os_release(void *memory, size_t bytes);
/* Writes n pages (each PE_PAGE_BYTES, anywhere in memory) to consecutive places from page `first`
   of the file; short writes are continued. PE_ERR_BACKING with an errno value in *error. */
PE_MUST_USE pe_status pe_os_write_pages(int file, uint64_t first, uint32_t n,
                                        const uint8_t *const *pages, int *error);
/* Reads n consecutive pages of the file to pages anywhere in memory; an early end of file is
   PE_ERR_BACKING with *error 0. */
PE_MUST_USE pe_status pe_os_read_pages(int file, uint64_t first, uint32_t n, uint8_t *const *pages,
                                       int *error);
/* A descriptor of one's own for the same open file, which no child process inherits; -1 and an
   errno value in *error when there is none left. */
int pe_os_dup(int file, int *error);
void pe_os_close(int file);

#endif
