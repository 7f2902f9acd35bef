/* A saved state as a stream.

       "pageengine state" | version u64 | block | block | ... | last block

       block   | length u64, the highest bit set in the last | checksum u64 | bytes |
       packed  | bytes of each, 0 to 8 | the least of them u64 | what each is above it |

   All numbers are little-endian. A block is at most 1 MiB; its checksum is of its bytes, its
   length and its number, so that a block that was lost, repeated or moved is found as well. A block
   is read whole and verified before any of it is given out: what is read is what was written,
   unless somebody made the checksums right on purpose; whoever reads a number has to look at it
   all the same.

   Packed numbers are those of one part, 512 at most, less the least of them: a column of what is
   alike costs nothing but its head, and no part is split between two blocks.

   Costs: a copy and a hash of each byte, which together are faster than the system's own copy. */
#include "pe_state.h"

#include "pe_file.h"
#include "pe_rng.h"

#include <stdlib.h>

#define MAGIC "pageengine state"
#define MAGIC_BYTES 16u
#define HEAD 16u
#define LAST (UINT64_C(1) << 63)
#define SALT UINT64_C(0x5361766564537461)
#define PACKED_HEAD 9u
#define PACKED_MOST (PACKED_HEAD + 8u * PE_STATE_PART + 8u) /* stores may go beyond the end */

static uint64_t checksum_of(const pe_hash_key *key, const uint8_t *bytes, size_t n, uint64_t head,
                            uint64_t number)
{
    uint64_t sum = pe_mix64(head ^ pe_mix64(number + SALT));
    size_t i = 0;
    for (; i + PE_PAGE_BYTES <= n; i += PE_PAGE_BYTES)
        sum = pe_mix64(sum ^ pe_hash_page_keyed(key, bytes + i));
    if (i < n) {
        _Alignas(64) uint8_t rest[PE_PAGE_BYTES] = {0};
        memcpy(rest, bytes + i, n - i);
        sum = pe_mix64(sum ^ pe_hash_page_keyed(key, rest));
    }
    return sum;
}

/* ---- out */

static void fail(pe_state_out *self, pe_status status, int error)
{
    if (self->status == PE_OK) {
        self->status = status;
        self->error = error;
    }
}

void pe_state_fail(pe_state_out *self, pe_status status)
{
    fail(self, status, 0);
}

static void to_file(pe_state_out *self, uint8_t *bytes, size_t n)
{
    int error = 0;
    pe_status const status = pe_file_write_bytes(self->file, &self->at, bytes, n, &error);
    if (status != PE_OK)
        fail(self, status, error);
}

static void to_memory(pe_state_out *self, const uint8_t *bytes, size_t n)
{
    if (self->room - self->length < n) {
        size_t const room = self->room + self->room / 2 + n;
        uint8_t *grown = realloc(self->bytes, room);
        if (!grown) {
            fail(self, PE_ERR_NO_MEMORY, 0);
            return;
        }
        self->bytes = grown;
        self->room = room;
    }
    memcpy(self->bytes + self->length, bytes, n);
    self->length += n;
}

static void emit(pe_state_out *self, uint8_t *bytes, size_t n)
{
    if (self->status != PE_OK)
        return;
    if (self->file >= 0)
        to_file(self, bytes, n);
    else
        to_memory(self, bytes, n);
}

/* The block is written, and the next one begins. */
static void flush(pe_state_out *self, bool last)
{
    if (self->status != PE_OK)
        return;
    uint64_t const head = (uint64_t)self->used | (last ? LAST : 0);
    pe_store64(self->block, head);
    pe_store64(self->block + 8,
               checksum_of(&self->key, self->block + HEAD, self->used, head, self->blocks));
    emit(self, self->block, HEAD + self->used);
    self->used = 0;
    self->blocks += 1;
}

void pe_state_out_begin(pe_state_out *self, int file, uint64_t at)
{
    uint8_t magic[MAGIC_BYTES + 8] = MAGIC;
    memset(self, 0, sizeof *self);
    self->file = file;
    self->at = at;
    pe_hash_key_init(&self->key, SALT, pe_hash_best());
    self->block = malloc(HEAD + PE_STATE_BLOCK);
    if (!self->block) {
        fail(self, PE_ERR_NO_MEMORY, 0);
        return;
    }
    pe_store64(magic + MAGIC_BYTES, PE_STATE_VERSION);
    emit(self, magic, sizeof magic);
}

/* Room for n bytes side by side, which are few; NULL after a failure. */
static uint8_t *room_for(pe_state_out *self, size_t n)
{
    if (self->used + n > PE_STATE_BLOCK)
        flush(self, false);
    return self->status == PE_OK ? self->block + HEAD + self->used : NULL;
}

void pe_state_put(pe_state_out *self, const void *bytes, size_t n)
{
    const uint8_t *from = bytes;
    while (n > 0 && self->status == PE_OK) {
        if (self->used == PE_STATE_BLOCK)
            flush(self, false);
        size_t const left = PE_STATE_BLOCK - self->used, part = n < left ? n : left;
        memcpy(self->block + HEAD + self->used, from, part);
        self->used += part;
        from += part;
        n -= part;
    }
}

void pe_state_put64(pe_state_out *self, uint64_t number)
{
    uint8_t bytes[8];
    pe_store64(bytes, number);
    pe_state_put(self, bytes, sizeof bytes);
}

static void widen(const void *numbers, size_t size, size_t first, size_t n, uint64_t *out)
{
    const uint8_t *from = (const uint8_t *)numbers + first * size;
    for (size_t i = 0; i < n; ++i) {
        uint64_t number = 0;
        uint32_t word;
        uint16_t half;
        switch (size) {
        case 1: number = from[i]; break;
        case 2: memcpy(&half, from + 2 * i, sizeof half), number = half; break;
        case 4: memcpy(&word, from + 4 * i, sizeof word), number = word; break;
        default: memcpy(&number, from + 8 * i, sizeof number); break;
        }
        out[i] = number;
    }
}

static unsigned bytes_of(uint64_t number)
{
    unsigned bytes = 0;
    for (; number; number >>= 8)
        bytes += 1;
    return bytes;
}

static void put_part(pe_state_out *self, const uint64_t *numbers, size_t n)
{
    uint64_t least = numbers[0], most = numbers[0];
    for (size_t i = 1; i < n; ++i) {
        least = numbers[i] < least ? numbers[i] : least;
        most = numbers[i] > most ? numbers[i] : most;
    }
    unsigned const width = bytes_of(most - least);
    uint8_t *to = room_for(self, PACKED_MOST);
    if (!to)
        return;
    to[0] = (uint8_t)width;
    pe_store64(to + 1, least);
    to += PACKED_HEAD;
    if (width == 1)
        for (size_t i = 0; i < n; ++i)
            to[i] = (uint8_t)(numbers[i] - least);
    else if (width > 0)
        for (size_t i = 0; i < n; ++i)
            pe_store64(to + i * width, numbers[i] - least);
    self->used += PACKED_HEAD + n * width;
}

void pe_state_put_many(pe_state_out *self, const void *numbers, size_t size, size_t n)
{
    uint64_t part[PE_STATE_PART];
    for (size_t i = 0; i < n && self->status == PE_OK; i += PE_STATE_PART) {
        size_t const here = n - i < PE_STATE_PART ? n - i : PE_STATE_PART;
        widen(numbers, size, i, here, part);
        put_part(self, part, here);
    }
}

pe_status pe_state_out_end(pe_state_out *self)
{
    flush(self, true);
    return self->status;
}

void pe_state_out_fini(pe_state_out *self)
{
    free(self->block);
    free(self->bytes);
    self->block = self->bytes = NULL;
}

/* ---- in */

bool pe_state_refuse(pe_state_in *self, const char *reason)
{
    if (self->status == PE_OK) {
        self->status = PE_ERR_STATE;
        self->reason = reason;
    }
    return false;
}

static bool fetch(pe_state_in *self, uint8_t *to, size_t n, const char *reason)
{
    if (self->end < self->at || self->end - self->at < n)
        return pe_state_refuse(self, reason);
    if (self->file < 0) {
        memcpy(to, self->bytes + self->at, n);
        self->at += n;
        return true;
    }
    int error = 0;
    pe_status const status = pe_file_read_bytes(self->file, &self->at, to, n, &error);
    if (status == PE_OK)
        return true;
    if (error == 0) /* the file ends */
        return pe_state_refuse(self, reason);
    self->status = status;
    self->error = error;
    return false;
}

/* The next block, verified; false: there is none. */
static bool next_block(pe_state_in *self)
{
    static const char cut[] = "it is cut short";
    uint8_t head[HEAD];
    if (self->status != PE_OK)
        return false;
    if (self->last)
        return pe_state_refuse(self, "something is missing at its end");
    if (!fetch(self, head, HEAD, cut))
        return false;
    uint64_t const said = pe_load64(head), length = said & ~LAST;
    if (length > PE_STATE_BLOCK)
        return pe_state_refuse(self, "it is damaged: a block has an impossible length");
    if (!fetch(self, self->block, (size_t)length, cut))
        return false;
    if (checksum_of(&self->key, self->block, (size_t)length, said, self->blocks)
        != pe_load64(head + 8))
        return pe_state_refuse(self, "it is damaged: a checksum is wrong");
    self->used = 0;
    self->length = (size_t)length;
    self->last = (said & LAST) != 0;
    self->blocks += 1;
    return true;
}

void pe_state_in_begin(pe_state_in *self, int file, const uint8_t *bytes, uint64_t at, uint64_t end)
{
    uint8_t magic[MAGIC_BYTES + 8];
    memset(self, 0, sizeof *self);
    self->file = file;
    self->bytes = bytes;
    self->at = at;
    self->end = end;
    pe_hash_key_init(&self->key, SALT, pe_hash_best());
    self->block = malloc(PE_STATE_BLOCK + 8); /* loads may go beyond the end */
    if (!self->block) {
        self->status = PE_ERR_NO_MEMORY;
        return;
    }
    if (!fetch(self, magic, sizeof magic, "it is no saved state of this package"))
        return;
    if (memcmp(magic, MAGIC, MAGIC_BYTES) != 0)
        (void)pe_state_refuse(self, "it is no saved state of this package");
    else if (pe_load64(magic + MAGIC_BYTES) != PE_STATE_VERSION)
        (void)pe_state_refuse(self, "it is of another version of the format");
}

bool pe_state_get(pe_state_in *self, void *bytes, size_t n)
{
    uint8_t *to = bytes;
    while (n > 0) {
        if (self->used == self->length && !next_block(self))
            break;
        size_t const left = self->length - self->used, part = n < left ? n : left;
        memcpy(to, self->block + self->used, part);
        self->used += part;
        to += part;
        n -= part;
    }
    if (n > 0)
        memset(to, 0, n);
    return n == 0 && self->status == PE_OK;
}

uint64_t pe_state_get64(pe_state_in *self)
{
    uint8_t bytes[8];
    return pe_state_get(self, bytes, sizeof bytes) ? pe_load64(bytes) : 0;
}

uint64_t pe_state_get_most(pe_state_in *self, uint64_t most, const char *reason)
{
    uint64_t const number = pe_state_get64(self);
    if (number <= most)
        return number;
    (void)pe_state_refuse(self, reason);
    return 0;
}

static void narrow(const uint64_t *numbers, size_t n, void *out, size_t size, size_t first)
{
    uint8_t *to = (uint8_t *)out + first * size;
    for (size_t i = 0; i < n; ++i) {
        uint32_t const word = (uint32_t)numbers[i];
        uint16_t const half = (uint16_t)numbers[i];
        switch (size) {
        case 1: to[i] = (uint8_t)numbers[i]; break;
        case 2: memcpy(to + 2 * i, &half, sizeof half); break;
        case 4: memcpy(to + 4 * i, &word, sizeof word); break;
        default: memcpy(to + 8 * i, &numbers[i], sizeof numbers[i]); break;
        }
    }
}

static bool get_part(pe_state_in *self, uint64_t *numbers, size_t n, uint64_t most)
{
    static const char bad[] = "it is damaged: packed numbers are not as they can be";
    if (self->used == self->length && !next_block(self))
        return false;
    if (self->length - self->used < PACKED_HEAD)
        return pe_state_refuse(self, bad);
    const uint8_t *from = self->block + self->used;
    unsigned const width = from[0];
    uint64_t const least = pe_load64(from + 1);
    if (width > 8 || self->length - self->used < PACKED_HEAD + n * width)
        return pe_state_refuse(self, bad);
    uint64_t const mask = width == 0 ? 0
                        : width == 8 ? UINT64_MAX
                                     : (UINT64_C(1) << (8 * width)) - 1;
    from += PACKED_HEAD;
    uint64_t above = 0;
    for (size_t i = 0; i < n; ++i) {
        uint64_t const more = pe_load64(from + i * width) & mask;
        numbers[i] = least + more;
        above |= more > UINT64_MAX - least || numbers[i] > most;
    }
    if (above)
        return pe_state_refuse(self, bad);
    self->used += PACKED_HEAD + n * width;
    return true;
}

bool pe_state_get_many(pe_state_in *self, void *numbers, size_t size, size_t n)
{
    uint64_t part[PE_STATE_PART];
    uint64_t const most = size == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * size)) - 1;
    for (size_t i = 0; i < n; i += PE_STATE_PART) {
        size_t const here = n - i < PE_STATE_PART ? n - i : PE_STATE_PART;
        if (self->status != PE_OK || !get_part(self, part, here, most)) {
            memset((uint8_t *)numbers + i * size, 0, (n - i) * size);
            return false;
        }
        narrow(part, here, numbers, size, i);
    }
    return self->status == PE_OK;
}

bool pe_state_may_hold(pe_state_in *self, uint64_t n)
{
    uint64_t const left = self->end - self->at + (self->length - self->used);
    if (self->status == PE_OK && n / PE_STATE_PART * PACKED_HEAD <= left)
        return true;
    return pe_state_refuse(self, "it is damaged: it says that there is more than it can hold");
}

pe_status pe_state_in_end(pe_state_in *self)
{
    if (self->status == PE_OK && !(self->last && self->used == self->length)) {
        if (self->used == self->length && next_block(self) && self->last && self->length == 0)
            return self->status;
        (void)pe_state_refuse(self, "there is more in it than there should be");
    }
    return self->status;
}

void pe_state_in_fini(pe_state_in *self)
{
    free(self->block);
    self->block = NULL;
}
