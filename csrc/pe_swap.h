/* Swap space: a bitmap of page-sized slots, a checksum per slot, and the file behind it (or, in
   token mode, an array). The file is opened, named and removed by the caller; here it is a
   descriptor, a duplicate of the caller's. */
#ifndef PE_SWAP_H
#define PE_SWAP_H

#include "pe_file.h"
#include "pe_frames.h"
#include "pe_hash.h"

typedef struct pe_swap {
    pe_frames slots;         /* the same bitmap as for frames: idle == free slot */
    uint32_t reached;        /* slots from here on were never taken, nor their checksums touched */
    uint64_t *checksums;     /* per slot: salted hash of what was written; token mode: the token */
    const uint8_t **scratch; /* page pointers of one cluster */
    uint8_t *copies;         /* pages of one cluster; NULL until a batch was written or saved */
    pe_hash_key key;         /* of the checksums */
    int file;                /* descriptor of its own, or -1 in token mode */
    int error;               /* errno of the last failed file operation, captured there */
    uint64_t written, read, write_calls, read_calls; /* pages, calls to the system */
    const pe_file_calls *calls;
    const pe_memory *memory;
} pe_swap;

#define PE_SWAP_CLUSTER_MAX 256u /* pages in one write: 1 MiB */
#define PE_SWAP_READ_MAX 32u     /* pages in one read: what stays in a cache until it is verified */

/* slots may be 0; file -1 means tokens. The caller may close its descriptor at once, or never.
   PE_ERR_NO_DESCRIPTOR. */
PE_MUST_USE pe_status pe_swap_init_in(pe_swap *self, uint32_t slots, int file,
                                      const pe_memory *memory, const pe_file_calls *calls);
PE_MUST_USE static inline pe_status pe_swap_init(pe_swap *self, uint32_t slots, int file)
{
    return pe_swap_init_in(self, slots, file, NULL, NULL);
}
void pe_swap_fini(pe_swap *self); /* closes its descriptor, and the caller's never */
/* Room in `copies` for the pages of one cluster, from now on. */
PE_MUST_USE pe_status pe_swap_make_copies(pe_swap *self);
/* Now at least `slots` slots; contents stay. */
PE_MUST_USE pe_status pe_swap_grow(pe_swap *self, uint32_t slots);

/* A run of up to want (at most PE_SWAP_CLUSTER_MAX) consecutive free slots, the longest of the
   first few found; taken. Returns its length and *first; 0 when swap is full. */
uint32_t pe_swap_take_run(pe_swap *self, uint32_t want, pe_slot *first);
void pe_swap_give_back(pe_swap *self, pe_slot slot);
/* For numbers that cannot be trusted: returns n, or the position of the first slot that is out of
   range, free or named before; nothing is changed then. No other thread may have the numbers. */
uint32_t pe_swap_give_back_checked(pe_swap *self, uint32_t n, const pe_slot *slots);

/* Writes n pages to taken slots first..first+n-1 and notes their checksums. PE_ERR_BACKING:
   self->error says why, and the slots' contents are undefined (the caller gives them back; nothing
   else is lost). */
PE_MUST_USE pe_status pe_swap_write(pe_swap *self, pe_slot first, uint32_t n,
                                    const uint8_t *const *pages);
/* Reads one slot and verifies it: PE_ERR_BACKING or PE_ERR_SWAP_CORRUPT; the slot stays taken
   either way. */
PE_MUST_USE pe_status pe_swap_read(pe_swap *self, pe_slot slot, uint8_t *page);
/* Reads and verifies up to PE_SWAP_READ_MAX neighbours, to pages anywhere in memory; which of them
   failed is not said. */
PE_MUST_USE pe_status pe_swap_read_run(pe_swap *self, pe_slot first, uint32_t n,
                                       uint8_t *const *pages);
/* Swaps out n pages that lie side by side: takes slots, writes clusters, names the slots in out.
   *done of them, short when swap is full. PE_ERR_BACKING, PE_ERR_NO_MEMORY: every slot of this call
   was given back and *done is 0. Others may write to the pages meanwhile: what comes back is what
   was there at some time. */
PE_MUST_USE pe_status pe_swap_write_many(pe_swap *self, uint32_t n, const uint8_t *pages,
                                         pe_slot *out, uint32_t *done);
/* Reads n taken slots, which may come in any order: neighbours with one call. After an error *done
   is the position of the first slot that failed; those before it were read. */
PE_MUST_USE pe_status pe_swap_read_many(pe_swap *self, uint32_t n, const pe_slot *slots,
                                        uint8_t *out, uint32_t *done);

void pe_swap_write_token(pe_swap *self, pe_slot slot, uint64_t token);
uint64_t pe_swap_read_token(const pe_swap *self, pe_slot slot);

size_t pe_swap_bytes(const pe_swap *self); /* memory of the bookkeeping */
/* False and the first broken rule in *reason (a fixed string "S<n>: ..."). Reads no file. */
bool pe_swap_check(const pe_swap *self, const char **reason);

#endif
