/* sources: csrc/pe_guest.c csrc/pe_guest_*.c csrc/pe_status.c csrc/pe_os.c csrc/pe_file.c
            csrc/pe_state.c csrc/pe_hash.c csrc/pe_cpu.c */
/* A guest of any size under any operations: ids of every value, aligned or not, flags of every
   value, room for the operations exactly as the contract asks. After each operation the guest must
   be whole, its numbers add up to its pages, and what it tells the host are pages that it has. */
#include "fuzz.h"

#include "pe_base.h"
#include "pe_guest.h"

#define MOST 64u /* touches or ids of one operation */

typedef struct run {
    pe_guest *guest;
    uint32_t pages;
    pe_guest_ops ops;
} run;

static void begin_ops(run *self, size_t room)
{
    self->ops.ppn = fuzz_room(room * sizeof *self->ops.ppn);
    self->ops.flags = fuzz_room(room);
    self->ops.n = 0;
    self->ops.room = room;
}

static void end_ops(run *self)
{
    MUST(self->ops.n <= self->ops.room);
    for (size_t i = 0; i < self->ops.n; ++i) {
        MUST(self->ops.ppn[i] >= 0 && self->ops.ppn[i] < self->pages);
        MUST(self->ops.flags[i] < 8);
    }
    free(self->ops.ppn);
    free(self->ops.flags);
}

/* Ids at an address of any alignment: a few low ones again and again, or any number. */
static uint8_t *ids_of(fuzz_bytes *from, size_t n, size_t stride, bool wide)
{
    uint8_t *ids = fuzz_room(n * stride);
    for (size_t i = 0; i < n; ++i) {
        int64_t const id = (int64_t)fuzz_take(from, wide ? 8 : 1);
        memcpy(ids + i * stride, &id, sizeof id);
    }
    return ids;
}

static void touch(run *self, fuzz_bytes *from, uint8_t how)
{
    size_t const n = (size_t)fuzz_take(from, 1) % MOST, stride = how & 1 ? 8 : 13;
    uint8_t *write = NULL, *ids = ids_of(from, n, stride, (how & 2) != 0);
    pe_guest_touches touches = {
        how & 4 ? PE_GUEST_FILE : PE_GUEST_MEMORY, (how & 8) != 0, NULL, ids, (ptrdiff_t)stride, n};
    if (how & 16) {
        write = fuzz_room(n);
        for (size_t i = 0; i < n; ++i)
            write[i] = (uint8_t)fuzz_take(from, 1);
        touches.write = write;
    }
    pe_guest_made made;
    bool const asked = !(how & 32);
    if (asked)
        begin_ops(self, 2 * n + PE_GUEST_BATCH);
    pe_status const status = pe_guest_touch(self->guest, &touches, asked ? &self->ops : NULL,
                                            &made);
    MUST(made.done <= n && made.misses <= n);
    MUST(status == PE_OK || (status == PE_ERR_ARGUMENT && made.done < n));
    if (asked)
        end_ops(self);
    free(write);
    free(ids);
}

static void release(run *self, fuzz_bytes *from, uint8_t how)
{
    size_t const n = (size_t)fuzz_take(from, 1) % MOST;
    uint8_t *ids = ids_of(from, n, 8, (how & 2) != 0);
    pe_guest_release(self->guest, how & 4 ? PE_GUEST_FILE : PE_GUEST_MEMORY, (int64_t *)(void *)ids,
                     n);
    free(ids);
}

static void inflate(run *self, fuzz_bytes *from, uint8_t how)
{
    uint32_t const n = (uint32_t)fuzz_take(from, 1) * (how & 1 ? 8 : 1);
    int64_t *ppns = fuzz_room(n * sizeof *ppns);
    uint32_t got;
    begin_ops(self, n + PE_GUEST_BATCH);
    MUST(pe_guest_inflate(self->guest, n, (how & 2) != 0, ppns, &self->ops, &got) == PE_OK);
    MUST(got <= n);
    for (uint32_t i = 0; i < got; ++i)
        MUST(ppns[i] >= 0 && ppns[i] < self->pages);
    end_ops(self);
    free(ppns);
}

static void deflate(run *self, fuzz_bytes *from)
{
    uint32_t const n = (uint32_t)fuzz_take(from, 2);
    int64_t *ppns = fuzz_room(n * sizeof *ppns);
    MUST(pe_guest_deflate(self->guest, n, ppns) <= n);
    free(ppns);
}

static void report(run *self)
{
    int64_t *blocks = fuzz_room(self->pages / PE_GUEST_BLOCK * sizeof *blocks);
    uint32_t const n = pe_guest_report(self->guest, blocks);
    for (uint32_t i = 0; i < n; ++i)
        MUST(blocks[i] % PE_GUEST_BLOCK == 0 && blocks[i] + PE_GUEST_BLOCK <= self->pages);
    free(blocks);
}

static void is_whole(const run *self)
{
    const char *reason = "";
    uint64_t numbers[PE_GUEST_NUMBERS], sum = 0;
    if (!pe_guest_check(self->guest, &reason)) {
        fprintf(stderr, "check: %s\n", reason);
        abort();
    }
    pe_guest_numbers(self->guest, numbers);
    for (unsigned i = PE_GUEST_FREE; i <= PE_GUEST_BALLOONED; ++i)
        sum += numbers[i];
    MUST(sum == self->pages);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_bytes from = {data, size};
    run self = {NULL, (uint32_t)fuzz_take(&from, 2) % 3000, {NULL, NULL, 0, 0}};
    uint32_t const swap_pages = (uint32_t)fuzz_take(&from, 1);
    uint32_t const kernel = (uint32_t)fuzz_take(&from, 1);
    size_t const how = (size_t)fuzz_take(&from, 1);
    pe_status const made = pe_guest_new(&self.guest, self.pages, swap_pages, kernel, how);
    bool const fits = self.pages > 0 && kernel <= self.pages && pe_guest_replacement_name(how);
    MUST(fits || (made == PE_ERR_ARGUMENT && !self.guest));
    if (made != PE_OK)
        return 0;
    while (from.left > 0) {
        uint8_t const what = (uint8_t)fuzz_take(&from, 1), flags = (uint8_t)fuzz_take(&from, 1);
        switch (what % 8) {
        case 3: release(&self, &from, flags); break;
        case 4: inflate(&self, &from, flags); break;
        case 5: deflate(&self, &from); break;
        case 6: report(&self); break;
        case 7: (void)pe_guest_drop_cache(self.guest, flags); break;
        default: touch(&self, &from, flags); break;
        }
        is_whole(&self);
    }
    pe_guest_delete(self.guest);
    return 0;
}
