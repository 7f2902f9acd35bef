/* A saved state as a stream of bytes: to an open file or to memory, in blocks that each have a
   checksum, and back. It knows what numbers and bytes are, and nothing of what they stand for. */
#ifndef PE_STATE_H
#define PE_STATE_H

#include "pe_bytes.h"
#include "pe_hash.h"
#include "pe_status.h"

#define PE_STATE_VERSION 1u
#define PE_STATE_BLOCK (1u << 20) /* bytes of a block, at most */
#define PE_STATE_PART 512u        /* numbers that are packed together */

/* After a failure nothing more is written, and the first one is what `end` says. */
typedef struct pe_state_out {
    uint8_t *block; /* the one that is being filled */
    size_t used;
    uint64_t blocks; /* that were written */
    int file;        /* or -1: to memory */
    uint64_t at;     /* where in the file */
    uint8_t *bytes;  /* memory: what was written */
    size_t length, room;
    pe_hash_key key;
    pe_status status;
    int error; /* errno of the call that failed */
} pe_state_out;

/* After a failure every number reads as 0. Nothing is given out before the checksum of its block
   was right. */
typedef struct pe_state_in {
    uint8_t *block;
    size_t used, length;
    uint64_t blocks;
    bool last; /* no block comes after this one */
    int file;  /* or -1: from memory */
    const uint8_t *bytes;
    uint64_t at, end;
    pe_hash_key key;
    pe_status status;
    const char *reason; /* PE_ERR_STATE: what is wrong, a fixed string */
    int error;
} pe_state_in;

/* file: a descriptor of the caller's, written from byte `at` on; -1: memory. */
void pe_state_out_begin(pe_state_out *self, int file, uint64_t at);
void pe_state_put(pe_state_out *self, const void *bytes, size_t n);
void pe_state_put64(pe_state_out *self, uint64_t number);
/* n numbers, packed: as many bytes each as the largest difference of PE_STATE_PART of them takes.
   size: bytes of one in memory, 1, 2, 4 or 8. */
void pe_state_put_many(pe_state_out *self, const void *numbers, size_t size, size_t n);
/* Everything is written: PE_OK, PE_ERR_NO_MEMORY or PE_ERR_BACKING with errno in self->error. */
PE_MUST_USE pe_status pe_state_out_end(pe_state_out *self);
/* A failure of who writes. */
void pe_state_fail(pe_state_out *self, pe_status status);
void pe_state_out_fini(pe_state_out *self); /* twice is fine */

/* From bytes [at, end) of a file, or, file -1, from memory, which the caller keeps. */
void pe_state_in_begin(pe_state_in *self, int file, const uint8_t *bytes, uint64_t at,
                       uint64_t end);
/* False, and zeroes, after a failure. */
bool pe_state_get(pe_state_in *self, void *bytes, size_t n);
uint64_t pe_state_get64(pe_state_in *self);
/* A number that must not be above `most`; else `reason` is what is wrong. */
uint64_t pe_state_get_most(pe_state_in *self, uint64_t most, const char *reason);
/* n numbers of so many bytes in memory. One that does not fit is what is wrong. */
bool pe_state_get_many(pe_state_in *self, void *numbers, size_t size, size_t n);
/* Whether n packed numbers can still come: to be asked before memory is taken for them. */
bool pe_state_may_hold(pe_state_in *self, uint64_t n);
/* This is wrong; false. */
bool pe_state_refuse(pe_state_in *self, const char *reason);
static inline bool pe_state_is_well(const pe_state_in *self)
{
    return self->status == PE_OK;
}
/* All was read, and nothing comes after it. */
PE_MUST_USE pe_status pe_state_in_end(pe_state_in *self);
void pe_state_in_fini(pe_state_in *self);

#endif
