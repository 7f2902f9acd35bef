/* What is asked of the operating system; the only file in the core that differs between systems.

   Memory. pe_os_map reserves address space that costs nothing until it is touched: on POSIX a
   private anonymous mapping without swap reservation, on Windows committed pages, which the
   system fills on first touch. Large pages are asked for (MADV_HUGEPAGE) or declined
   (MADV_NOHUGEPAGE): a mapping that did not ask stays resident only where it was touched, also
   where the system's own setting is "always".

   pe_os_release must leave zeroes, on every system:
     Linux    MADV_DONTNEED drops the pages at once and reads as zero afterwards;
     others   MADV_DONTNEED may keep the old bytes, so the range is mapped afresh over itself;
     Windows  the pages are decommitted and committed again.
   A system whose own pages are larger than 4096 bytes cannot drop a part of one. The parts at
   both ends of the range are then cleared by hand, and only the whole pages between them are
   dropped. The same is done with all of it where the system refuses (locked memory).

   Files. Bytes go out with pwritev and come in with preadv; on Windows a piece at a time. errno is
   read right after the call that failed and handed out; nobody reads it later. What is to be done
   about a short or an interrupted call is said in pe_file.c. A descriptor that is kept is a
   duplicate, closed once by who made it: whatever becomes of the original, its number never comes
   to mean another file here. */
#if !defined(_WIN32)
/* Where offsets have 64 bits anyway this must not be asked for: it makes fcntl a call of glibc 2.28
   by another name, and a wheel is for 2.17 and later. */
#if !defined(__LP64__)
#define _FILE_OFFSET_BITS 64
#endif
#define _DEFAULT_SOURCE
#define _DARWIN_C_SOURCE
#endif

#include "pe_os.h"

#include <errno.h>
#include <string.h>

#define VECTORS 256u

#if defined(_WIN32)

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include <fcntl.h>
#include <io.h>

void *pe_os_map(size_t bytes, bool huge)
{
    (void)huge; /* large pages need a privilege that a process rarely has */
    return VirtualAlloc(NULL, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

void pe_os_unmap(void *memory, size_t bytes)
{
    (void)bytes;
    if (memory != NULL) {
        (void)VirtualFree(memory, 0, MEM_RELEASE);
    }
}

void pe_os_release(void *memory, size_t bytes)
{
    bool dropped = bytes > 0 && VirtualFree(memory, bytes, MEM_DECOMMIT);
    void *again = dropped ? VirtualAlloc(memory, bytes, MEM_COMMIT, PAGE_READWRITE) : memory;
    pe_assert(again == memory);
    if (!dropped) {
        memset(memory, 0, bytes);
    }
}

static int errno_of(DWORD error)
{
    return error == ERROR_DISK_FULL || error == ERROR_HANDLE_DISK_FULL ? ENOSPC : EIO;
}

static OVERLAPPED place_of(uint64_t offset)
{
    OVERLAPPED place;
    memset(&place, 0, sizeof place);
    place.Offset = (DWORD)offset;
    place.OffsetHigh = (DWORD)(offset >> 32);
    return place;
}

int64_t pe_os_write(int file, const pe_piece *pieces, uint32_t n, uint64_t at, int *error)
{
    HANDLE handle = (HANDLE)_get_osfhandle(file);
    int64_t done = 0;
    for (uint32_t i = 0; i < n; i++) {
        OVERLAPPED place = place_of(at + (uint64_t)done);
        DWORD written = 0;
        if (!WriteFile(handle, pieces[i].at, (DWORD)pieces[i].bytes, &written, &place)) {
            *error = errno_of(GetLastError());
            return done > 0 ? done : -1;
        }
        done += written;
        if (written != pieces[i].bytes) {
            break;
        }
    }
    return done;
}

int64_t pe_os_read(int file, const pe_piece *pieces, uint32_t n, uint64_t at, int *error)
{
    HANDLE handle = (HANDLE)_get_osfhandle(file);
    int64_t done = 0;
    for (uint32_t i = 0; i < n; i++) {
        OVERLAPPED place = place_of(at + (uint64_t)done);
        DWORD got = 0;
        if (!ReadFile(handle, pieces[i].at, (DWORD)pieces[i].bytes, &got, &place)) {
            DWORD cause = GetLastError();
            *error = errno_of(cause);
            return done > 0 || cause == ERROR_HANDLE_EOF ? done : -1;
        }
        done += got;
        if (got != pieces[i].bytes) {
            break;
        }
    }
    return done;
}

int pe_os_dup(int file, int *error)
{
    HANDLE own = NULL, process = GetCurrentProcess(); /* which _dup would let children inherit */
    int descriptor = -1;
    if (DuplicateHandle(process, (HANDLE)_get_osfhandle(file), process, &own, 0, FALSE,
                        DUPLICATE_SAME_ACCESS)) {
        descriptor = _open_osfhandle((intptr_t)own, _O_RDWR | _O_BINARY | _O_NOINHERIT);
        if (descriptor < 0) {
            (void)CloseHandle(own);
        }
    }
    *error = descriptor < 0 ? EMFILE : 0;
    return descriptor;
}

void pe_os_close(int file)
{
    (void)_close(file);
}

#else

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#if !defined(MAP_ANONYMOUS)
#define MAP_ANONYMOUS MAP_ANON
#endif
#if !defined(MAP_NORESERVE)
#define MAP_NORESERVE 0
#endif

void *pe_os_map(size_t bytes, bool huge)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
        return NULL;
    }
#if defined(MADV_HUGEPAGE) && defined(MADV_NOHUGEPAGE)
    (void)madvise(memory, bytes, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE); /* a wish: may fail */
#else
    (void)huge;
#endif
    return memory;
}

void pe_os_unmap(void *memory, size_t bytes)
{
    if (memory != NULL) {
        int failed = munmap(memory, bytes);
        pe_assert(failed == 0);
        (void)failed;
    }
}

/* Drops whole pages of the system; false when it will not. */
static bool drop(uint8_t *memory, size_t bytes)
{
#if defined(__linux__)
    return madvise(memory, bytes, MADV_DONTNEED) == 0;
#else
    return mmap(memory, bytes, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0)
        == memory;
#endif
}

void pe_os_release(void *memory, size_t bytes)
{
    uintptr_t unit = (uintptr_t)sysconf(_SC_PAGESIZE), at = (uintptr_t)memory;
    uintptr_t head = (unit - at % unit) % unit;
    if (head > bytes) {
        head = bytes;
    }
    uintptr_t whole = (bytes - head) / unit * unit;
    uint8_t *start = memory;
    memset(start, 0, head);
    memset(start + head + whole, 0, bytes - head - whole);
    if (whole > 0 && !drop(start + head, whole)) {
        memset(start + head, 0, whole);
    }
}

static int as_vectors(struct iovec vectors[VECTORS], const pe_piece *pieces, uint32_t n)
{
    pe_assert(n <= VECTORS);
    for (uint32_t i = 0; i < n; i++) {
        vectors[i].iov_base = pieces[i].at;
        vectors[i].iov_len = pieces[i].bytes;
    }
    return (int)n;
}

int64_t pe_os_write(int file, const pe_piece *pieces, uint32_t n, uint64_t at, int *error)
{
    struct iovec vectors[VECTORS];
    ssize_t done = pwritev(file, vectors, as_vectors(vectors, pieces, n), (off_t)at);
    *error = done < 0 ? errno : 0;
    return done;
}

int64_t pe_os_read(int file, const pe_piece *pieces, uint32_t n, uint64_t at, int *error)
{
    struct iovec vectors[VECTORS];
    ssize_t done = preadv(file, vectors, as_vectors(vectors, pieces, n), (off_t)at);
    *error = done < 0 ? errno : 0;
    return done;
}

int pe_os_dup(int file, int *error)
{
    int own = fcntl(file, F_DUPFD_CLOEXEC, 3); /* never one of the standard streams */
    *error = own < 0 ? errno : 0;
    return own;
}

/* Once, whatever it says: the descriptor is gone even after EINTR, and its number may be another
   file's by the time of a second try. */
void pe_os_close(int file)
{
    (void)close(file);
}

#endif
