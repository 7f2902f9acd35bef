/* Swap space: which slots are free, what each one should hold, and the file that holds it.

   Slots are found with the bitmap that finds idle frames (pe_frames), where idle means free. Slot
   s is the page at byte s * 4096 of the file.

       slots      |0010110000111...|   bitmap, 1 = free
       checksums  |h|h|0|h|0|0|h|..|   8 bytes a slot: hash of page and slot number
       file       |P|P|.|P|.|.|P|..|   4096 bytes a slot; a free slot's bytes mean nothing

   Rules:
     S1  the bitmap keeps its own rules
     S2  a free slot has checksum 0
     S3  the counts agree: no pages read or written without calls to the system, and none for tokens

   Clustering. A batch of victims goes out in runs of consecutive slots, up to 256 pages (1 MiB)
   with one call to the system. Next fit makes the runs: while swap space is not full, the free
   slots after the cursor are one long run, and the file is written from front to back. When it is
   nearly full, the longest of the first few runs after the cursor is taken, so that one search
   stays cheap.

   Batches of pages that lie side by side, or of slots in any order, are in pe_swap_many.c.

   Checksums. A page is hashed as it leaves and as it comes back. The slot's number is mixed in,
   so a page that was written to the wrong place, or read from one, does not verify either. A slot
   that was taken but never written has checksum 0, and reading it is an error. The hash costs a
   tenth of the copy into the page cache; it finds what the file system and the disk do not
   report.

   Failure. A write that fails leaves the slots taken with checksum 0: the caller gives them back
   and keeps its pages, which are still in memory. Slots written before are not touched by it. A
   read that fails leaves the slot taken, so that it can be tried again. The cause (an errno
   value) is kept in `error` as it was at the failing call.

   The descriptor is a duplicate, made when everything else is there and closed by fini: whether
   and when the caller closes its own, pages go to this file and no other.

   Tokens. Without a file, the content of a page is one 64-bit token, and `checksums` holds the
   tokens: the same slots, the same counts of pages, no bytes.

   Costs per slot: 8.13 bytes of memory. Per page: one hash, and one copy by the system. */
#include "pe_swap.h"

#include "pe_bits.h"
#include "pe_rng.h"

#include <string.h>

#define SALT UINT64_C(0x5377617053706163)

/* Of a page with this hash, in this slot and no other. */
static uint64_t checksum_of(uint64_t hash, pe_slot slot)
{
    return pe_mix64(hash + slot * UINT64_C(0x9e3779b97f4a7c15));
}

static uint64_t *new_checksums(const pe_swap *self, uint32_t slots)
{
    return pe_memory_zeroed(self->memory, slots == 0 ? 1 : slots, sizeof(uint64_t));
}

pe_status pe_swap_init_in(pe_swap *self, uint32_t slots, int file, const pe_memory *memory,
                          const pe_file_calls *calls)
{
    int error = 0;
    memset(self, 0, sizeof *self);
    self->file = -1;
    self->memory = memory;
    self->calls = calls;
    pe_status status = pe_frames_init_in(&self->slots, slots, memory);
    self->checksums = new_checksums(self, slots);
    self->scratch = pe_memory_zeroed(memory, PE_SWAP_CLUSTER_MAX, sizeof(const uint8_t *));
    if (status == PE_OK && (self->checksums == NULL || self->scratch == NULL)) {
        status = PE_ERR_NO_MEMORY;
    }
    if (status == PE_OK && file >= 0) {
        self->file = pe_os_dup(file, &error);
        status = self->file < 0 ? PE_ERR_NO_DESCRIPTOR : PE_OK;
    }
    if (status != PE_OK) {
        pe_swap_fini(self);
        return status;
    }
    pe_hash_key_init(&self->key, SALT, pe_hash_best());
    return PE_OK;
}

void pe_swap_fini(pe_swap *self)
{
    bool made = self->scratch != NULL; /* else it is zeroed, and 0 is no descriptor of its own */
    if (made && self->file >= 0) {
        pe_os_close(self->file);
    }
    pe_frames_fini(&self->slots);
    pe_memory_freed(self->memory, self->checksums);
    pe_memory_freed(self->memory, self->scratch);
    pe_memory_freed(self->memory, self->copies);
    memset(self, 0, sizeof *self);
}

pe_status pe_swap_make_copies(pe_swap *self)
{
    if (self->copies == NULL) {
        self->copies = pe_memory_zeroed(self->memory, PE_SWAP_CLUSTER_MAX, PE_PAGE_BYTES);
    }
    return self->copies == NULL ? PE_ERR_NO_MEMORY : PE_OK;
}

pe_status pe_swap_grow(pe_swap *self, uint32_t slots)
{
    uint32_t before = self->slots.count;
    if (slots <= before) {
        return PE_OK;
    }
    uint64_t *checksums = new_checksums(self, slots);
    pe_status status = checksums == NULL ? PE_ERR_NO_MEMORY : pe_frames_grow(&self->slots, slots);
    if (status != PE_OK) {
        pe_memory_freed(self->memory, checksums);
        return status;
    }
    /* memory of slots that were never taken is not resident, and copying would make it so */
    memcpy(checksums, self->checksums, self->reached * sizeof(uint64_t));
    pe_memory_freed(self->memory, self->checksums);
    self->checksums = checksums;
    return PE_OK;
}

uint32_t pe_swap_take_run(pe_swap *self, uint32_t want, pe_slot *first)
{
    uint32_t most = want < PE_SWAP_CLUSTER_MAX ? want : PE_SWAP_CLUSTER_MAX;
    uint32_t taken = pe_frames_take_run(&self->slots, most, first);
    if (taken > 0 && *first + taken > self->reached) {
        self->reached = *first + taken;
    }
    return taken;
}

void pe_swap_give_back(pe_swap *self, pe_slot slot)
{
    pe_frames_give_back(&self->slots, slot); /* asserts that it is a taken slot */
    self->checksums[slot] = 0;
}

uint32_t pe_swap_give_back_checked(pe_swap *self, uint32_t n, const pe_slot *slots)
{
    uint32_t given = pe_frames_give_back_checked(&self->slots, n, slots);
    for (uint32_t i = 0; given == n && i < n; i++) {
        self->checksums[slots[i]] = 0;
    }
    return given;
}

static inline bool are_taken(const pe_swap *self, pe_slot first, uint32_t n)
{
    bool taken = first < self->slots.count && n <= self->slots.count - first;
    for (uint32_t i = 0; taken && i < n; i++) {
        taken = !pe_frames_is_idle(&self->slots, first + i);
    }
    return taken;
}

pe_status pe_swap_write(pe_swap *self, pe_slot first, uint32_t n, const uint8_t *const *pages)
{
    pe_assert(self->file >= 0);
    pe_assert(n > 0 && are_taken(self, first, n));
    int error = 0;
    pe_status status = pe_file_write_pages(self->calls, self->file, first, n, pages, &error);
    self->write_calls += 1;
    if (status != PE_OK) {
        self->error = error;
        memset(self->checksums + first, 0, n * sizeof(uint64_t));
        return status;
    }
    pe_hash_pages_keyed(&self->key, pages, n, self->checksums + first);
    for (uint32_t i = 0; i < n; i++) {
        self->checksums[first + i] = checksum_of(self->checksums[first + i], first + i);
    }
    self->written += n;
    return PE_OK;
}

pe_status pe_swap_read_run(pe_swap *self, pe_slot first, uint32_t n, uint8_t *const *pages)
{
    pe_assert(self->file >= 0);
    pe_assert(n <= PE_SWAP_READ_MAX && are_taken(self, first, n));
    uint64_t hashes[PE_SWAP_READ_MAX];
    int error = 0;
    pe_status status = pe_file_read_pages(self->calls, self->file, first, n, pages, &error);
    self->read_calls += 1;
    if (status != PE_OK) {
        self->error = error;
        return status;
    }
    pe_hash_pages_keyed(&self->key, (const uint8_t *const *)pages, n, hashes);
    for (uint32_t i = 0; i < n; i++) {
        if (checksum_of(hashes[i], first + i) != self->checksums[first + i]) {
            return PE_ERR_SWAP_CORRUPT;
        }
    }
    self->read += n;
    return PE_OK;
}

pe_status pe_swap_read(pe_swap *self, pe_slot slot, uint8_t *page)
{
    return pe_swap_read_run(self, slot, 1, &page);
}

void pe_swap_write_token(pe_swap *self, pe_slot slot, uint64_t token)
{
    pe_assert(self->file < 0);
    pe_assert(are_taken(self, slot, 1));
    self->checksums[slot] = token;
    self->written += 1;
}

uint64_t pe_swap_read_token(const pe_swap *self, pe_slot slot)
{
    pe_assert(self->file < 0);
    pe_assert(are_taken(self, slot, 1));
    return self->checksums[slot];
}

size_t pe_swap_bytes(const pe_swap *self)
{
    return pe_frames_bytes(&self->slots) + self->slots.count * sizeof(uint64_t)
         + PE_SWAP_CLUSTER_MAX * sizeof(const uint8_t *)
         + (self->copies == NULL ? 0 : (size_t)PE_SWAP_CLUSTER_MAX << PE_PAGE_SHIFT);
}

bool pe_swap_check(const pe_swap *self, const char **reason)
{
    const char *rule = NULL;
    if (!pe_frames_check(&self->slots, &rule)) {
        *reason = "S1: the bitmap of slots breaks a rule of its own";
        return false;
    }
    const uint64_t *words = pe_frames_words(&self->slots);
    for (pe_slot slot = 0; slot < self->slots.count; slot++) {
        bool is_free = (words[slot / PE_WORD_BITS] & pe_bits_bit(slot)) != 0;
        if (is_free && self->checksums[slot] != 0) {
            *reason = "S2: a free slot has a checksum";
            return false;
        }
    }
    bool tokens = self->file < 0;
    bool calls = self->write_calls != 0 || self->read_calls != 0;
    if (tokens ? calls
               : (self->written > 0 && self->write_calls == 0)
                     || (self->read > 0 && self->read_calls == 0)) {
        *reason = "S3: counts of pages and of calls to the system disagree";
        return false;
    }
    return true;
}
