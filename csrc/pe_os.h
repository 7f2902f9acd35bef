/* The few things asked of the operating system: memory that is resident only where it was touched,
   and reads and writes at an offset of an open file. One implementation per system, in pe_os.c.
   Threads are in pe_os_threads.h. */
#ifndef PE_OS_H
#define PE_OS_H

#include "pe_status.h"

/* Bytes side by side in memory. */
typedef struct pe_piece {
    uint8_t *at;
    size_t bytes;
} pe_piece;

/* Zeroed memory, resident only where touched; NULL when there is none. `huge` asks for large pages;
   without it the system is told to use small ones. */
void *pe_os_map(size_t bytes, bool huge);
void pe_os_unmap(void *memory, size_t bytes); /* NULL is fine */
/* Gives whole pages back to the system; they read as zero afterwards. */
void pe_os_release(void *memory, size_t bytes);
/* One call to the system: moves up to all bytes of n pieces (at most 256) to or from byte `at` of
   the file. How many; 0 when the file ends there; -1 and an errno value in *error. */
int64_t pe_os_write(int file, const pe_piece *pieces, uint32_t n, uint64_t at, int *error);
int64_t pe_os_read(int file, const pe_piece *pieces, uint32_t n, uint64_t at, int *error);
/* A descriptor of one's own for the same open file, which no child process inherits; -1 and an
   errno value in *error when there is none left. */
int pe_os_dup(int file, int *error);
void pe_os_close(int file);

#endif
