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

   Files. Pages go out with pwritev and come in with preadv, up to 256 pieces a call, neighbours in
   memory in one piece: 256 pages from anywhere are one call, and so is a contiguous batch of any
   size. A short write goes on where it stopped. An interrupted call is repeated. A write of nothing
   is taken as an I/O error, because repeating it could go on for ever. errno is read right after
   the call that failed and handed out; nobody reads it later. Positions are explicit: no two
   callers race for one file offset. A descriptor that is kept is a duplicate, closed once by who
   made it: whatever becomes of the original, its number never comes to mean another file here. */
#if !defined(_WIN32)
#define _FILE_OFFSET_BITS 64
#define _DEFAULT_SOURCE
#define _DARWIN_C_SOURCE
#endif

#include "pe_os.h"

#include <errno.h>
#include <string.h>

#define VECTORS 256
#define CALL_BYTES_MAX (UINT32_C(1) << 30) /* systems cap one call near 2 GiB */

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

pe_status pe_os_write_pages(int file, uint64_t first, uint32_t n, const uint8_t *const *pages,
                            int *error)
{
    HANDLE handle = (HANDLE)_get_osfhandle(file);
    *error = 0;
    for (uint32_t i = 0; i < n;) {
        uint32_t run = 1;
        while (i + run < n && run < VECTORS && pages[i + run] == pages[i] + run * PE_PAGE_BYTES) {
            run += 1;
        }
        OVERLAPPED place = place_of((first + i) << PE_PAGE_SHIFT);
        DWORD written = 0;
        if (!WriteFile(handle, pages[i], run * PE_PAGE_BYTES, &written, &place)) {
            *error = errno_of(GetLastError());
            return PE_ERR_BACKING;
        }
        if (written != run * PE_PAGE_BYTES) { /* a synchronous handle writes all or fails */
            *error = EIO;
            return PE_ERR_BACKING;
        }
        i += run;
    }
    return PE_OK;
}

pe_status pe_os_read_pages(int file, uint64_t first, uint32_t n, uint8_t *const *pages, int *error)
{
    HANDLE handle = (HANDLE)_get_osfhandle(file);
    *error = 0;
    for (uint32_t i = 0; i < n; i++) {
        for (DWORD done = 0, got = 0; done < PE_PAGE_BYTES; done += got) {
            OVERLAPPED place = place_of(((first + i) << PE_PAGE_SHIFT) + done);
            if (!ReadFile(handle, pages[i] + done, PE_PAGE_BYTES - done, &got, &place)) {
                DWORD cause = GetLastError();
                *error = cause == ERROR_HANDLE_EOF ? 0 : errno_of(cause);
                return PE_ERR_BACKING;
            }
            if (got == 0) {
                return PE_ERR_BACKING;
            }
        }
    }
    return PE_OK;
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
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == memory;
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

/* Fills `vectors` with what is left of the pages, from byte `done` on; returns how many. */
static int gather(struct iovec vectors[VECTORS], uint32_t n, const uint8_t *const *pages,
                  uint64_t done)
{
    uint32_t i = (uint32_t)(done >> PE_PAGE_SHIFT);
    size_t skip = (size_t)(done & (PE_PAGE_BYTES - 1)), bytes = 0;
    const uint8_t *end = NULL;
    int used = 0;
    for (; i < n && bytes < CALL_BYTES_MAX; i++) {
        size_t here = PE_PAGE_BYTES - skip;
        if (end == pages[i]) {
            vectors[used - 1].iov_len += here;
        } else if (used < VECTORS) {
            vectors[used].iov_base = (void *)(uintptr_t)(pages[i] + skip);
            vectors[used].iov_len = here;
            used += 1;
        } else {
            break;
        }
        end = pages[i] + PE_PAGE_BYTES;
        bytes += here;
        skip = 0;
    }
    return used;
}

pe_status pe_os_write_pages(int file, uint64_t first, uint32_t n, const uint8_t *const *pages,
                            int *error)
{
    struct iovec vectors[VECTORS];
    uint64_t done = 0, all = (uint64_t)n << PE_PAGE_SHIFT;
    *error = 0;
    while (done < all) {
        int used = gather(vectors, n, pages, done);
        ssize_t got = pwritev(file, vectors, used, (off_t)((first << PE_PAGE_SHIFT) + done));
        if (got > 0) {
            done += (uint64_t)got;
        } else if (got == 0 || errno != EINTR) {
            *error = got == 0 ? EIO : errno;
            return PE_ERR_BACKING;
        }
    }
    return PE_OK;
}

pe_status pe_os_read_pages(int file, uint64_t first, uint32_t n, uint8_t *const *pages, int *error)
{
    struct iovec vectors[VECTORS];
    uint64_t done = 0, all = (uint64_t)n << PE_PAGE_SHIFT;
    *error = 0;
    while (done < all) {
        int used = gather(vectors, n, (const uint8_t *const *)pages, done);
        ssize_t got = preadv(file, vectors, used, (off_t)((first << PE_PAGE_SHIFT) + done));
        if (got > 0) {
            done += (uint64_t)got;
        } else if (got == 0) {
            return PE_ERR_BACKING; /* the file ends here: no errno */
        } else if (errno != EINTR) {
            *error = errno;
            return PE_ERR_BACKING;
        }
    }
    return PE_OK;
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
