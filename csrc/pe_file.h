/* Page-sized reads and writes at a place of an open file, by way of a small table of two functions,
   so that a failure can be made on purpose where one is wanted. NULL in place of a table is the
   system. */
#ifndef PE_FILE_H
#define PE_FILE_H

#include "pe_os.h"

/* Each moves up to all bytes of n pieces to or from byte `at` of the file: how many (above 0), 0
   when nothing could be written or the file ends there, or -1 and an errno value in *error. */
typedef struct pe_file_calls {
    void *context; /* first argument of each */
    int64_t (*write)(void *context, int file, const pe_piece *pieces, uint32_t n, uint64_t at,
                     int *error);
    int64_t (*read)(void *context, int file, const pe_piece *pieces, uint32_t n, uint64_t at,
                    int *error);
} pe_file_calls;

/* Writes n pages (each PE_PAGE_BYTES, anywhere in memory) to consecutive places from page `first`
   of the file; short writes are continued. PE_ERR_BACKING with an errno value in *error. */
PE_MUST_USE pe_status pe_file_write_pages(const pe_file_calls *calls, int file, uint64_t first,
                                          uint32_t n, const uint8_t *const *pages, int *error);
/* Reads n consecutive pages of the file to pages anywhere in memory; an early end of file is
   PE_ERR_BACKING with *error 0. */
PE_MUST_USE pe_status pe_file_read_pages(const pe_file_calls *calls, int file, uint64_t first,
                                         uint32_t n, uint8_t *const *pages, int *error);

/* n bytes to or from byte *at of the file, which goes on as they come; the system's own calls. Ends
   as pages do. */
PE_MUST_USE pe_status pe_file_write_bytes(int file, uint64_t *at, uint8_t *bytes, size_t n,
                                          int *error);
PE_MUST_USE pe_status pe_file_read_bytes(int file, uint64_t *at, uint8_t *bytes, size_t n,
                                         int *error);

#endif
