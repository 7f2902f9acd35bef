/* Pages go out and come in as pieces: up to 256 a call, neighbours in memory in one piece. So 256
   pages from anywhere are one call, and so is a contiguous batch of any size.

   What a call leaves undone:
     fewer bytes     goes on where it stopped
     interrupted     again; after many in a row without a byte between them it is an error, since
                     nothing here may go on for ever
     nothing         written: taken as an I/O error, for the same reason; read: the file ends here,
                     which has no errno
     an error        handed out as it was at the call

   Positions are explicit: no two callers race for one file offset. */
#include "pe_file.h"

#include <errno.h>

#define PIECES 256u
#define CALL_BYTES_MAX (UINT32_C(1) << 30) /* systems cap one call near 2 GiB */
#define INTERRUPTIONS_MAX 1000u            /* in a row */

/* Fills `pieces` with what is left of the pages, from byte `done` on; returns how many. */
static uint32_t gather(pe_piece pieces[PIECES], uint32_t n, const uint8_t *const *pages,
                       uint64_t done)
{
    uint32_t i = (uint32_t)(done >> PE_PAGE_SHIFT);
    size_t skip = (size_t)(done & (PE_PAGE_BYTES - 1)), bytes = 0;
    const uint8_t *end = NULL;
    uint32_t used = 0;
    for (; i < n && bytes < CALL_BYTES_MAX; i++) {
        size_t here = PE_PAGE_BYTES - skip;
        if (used > 0 && end == pages[i]) {
            pieces[used - 1].bytes += here;
        } else if (used < PIECES) {
            pieces[used].at = (uint8_t *)(uintptr_t)(pages[i] + skip);
            pieces[used].bytes = here;
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

static int64_t call(const pe_file_calls *calls, int file, bool write, const pe_piece *pieces,
                    uint32_t n, uint64_t at, int *error)
{
    if (calls == NULL) {
        return write ? pe_os_write(file, pieces, n, at, error)
                     : pe_os_read(file, pieces, n, at, error);
    }
    return (write ? calls->write : calls->read)(calls->context, file, pieces, n, at, error);
}

/* Whether it goes on after a call that moved `got` bytes; else *error is what ended it. */
static bool goes_on(int64_t got, bool write, uint64_t *done, uint32_t *interruptions, int *error)
{
    if (got > 0) {
        *done += (uint64_t)got;
        *interruptions = 0;
        return true;
    }
    if (got == 0) {
        *error = write ? EIO : 0;
        return false;
    }
    return *error == EINTR && ++*interruptions < INTERRUPTIONS_MAX;
}

static pe_status move(const pe_file_calls *calls, int file, bool write, uint64_t first, uint32_t n,
                      const uint8_t *const *pages, int *error)
{
    pe_piece pieces[PIECES];
    uint64_t done = 0, all = (uint64_t)n << PE_PAGE_SHIFT;
    uint32_t interruptions = 0;
    while (done < all) {
        *error = 0;
        uint32_t used = gather(pieces, n, pages, done);
        uint64_t at = (first << PE_PAGE_SHIFT) + done;
        int64_t got = call(calls, file, write, pieces, used, at, error);
        if (!goes_on(got, write, &done, &interruptions, error)) {
            return PE_ERR_BACKING;
        }
    }
    *error = 0;
    return PE_OK;
}

static pe_status move_bytes(int file, bool write, uint64_t *at, uint8_t *bytes, size_t n,
                            int *error)
{
    uint64_t const first = *at;
    uint32_t interruptions = 0;
    while (*at - first < n) {
        *error = 0;
        pe_piece const piece = {bytes + (*at - first), n - (size_t)(*at - first)};
        int64_t const got = call(NULL, file, write, &piece, 1, *at, error);
        if (!goes_on(got, write, at, &interruptions, error)) {
            return PE_ERR_BACKING;
        }
    }
    *error = 0;
    return PE_OK;
}

pe_status pe_file_write_bytes(int file, uint64_t *at, uint8_t *bytes, size_t n, int *error)
{
    return move_bytes(file, true, at, bytes, n, error);
}

pe_status pe_file_read_bytes(int file, uint64_t *at, uint8_t *bytes, size_t n, int *error)
{
    return move_bytes(file, false, at, bytes, n, error);
}

pe_status pe_file_write_pages(const pe_file_calls *calls, int file, uint64_t first, uint32_t n,
                              const uint8_t *const *pages, int *error)
{
    return move(calls, file, true, first, n, pages, error);
}

pe_status pe_file_read_pages(const pe_file_calls *calls, int file, uint64_t first, uint32_t n,
                             uint8_t *const *pages, int *error)
{
    return move(calls, file, false, first, n, (const uint8_t *const *)pages, error);
}
