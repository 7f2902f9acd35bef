/* The checker. First the stores prove themselves (rules F, S, Z, W), then each VM (V), and
   then what only the whole host can know:

     I1  every frame is exactly one of idle, private to one page, shared, or lent to the compression
         cache
     I2  a shared frame's count of mappers equals the pages that name it
     I3  the hash of a shared frame's bytes leads to its entry
     I4  no two shared frames of a salt group hold equal bytes
     I5  a shared frame is of the salt group of the pages that map it
     I6  a zero page's frame is its group's zero page, and holds zeroes
     I7  every blob is named by exactly one page, which is its owner
     I8  every taken slot is named by exactly one swapped page
     I9  a page that is absent or ballooned names nothing
     I10 (deep) every blob decodes and every slot holds what was written to it
     H1  the chunks of a VM name its id, and no other chunk does
     H3  a salt group's count of VMs equals a recount

   Two bits per frame and one per slot are all the memory it needs. Whether the pages that name a
   shared frame are as many as its count of mappers says is found out by counting down the count
   itself, a step for each page, and up again: it must come to nothing in between. Nobody sees it,
   since whoever checks has the host for himself. */
#include "pe_check.h"

#include "pe_bits.h"
#include "pe_content.h"

#include <stdlib.h>

typedef struct walk {
    pe_host *host;
    bool deep;
    const char **reason;
    uint64_t *owned;  /* bit per frame: a page's or the compression cache's own */
    uint64_t *shared; /* bit per frame: named by pages that share it */
    uint64_t *slots;  /* bit per slot: named by a page */
    uint64_t swapped, compressed;
    uint64_t counted; /* pages by which mappers were counted down */
    bool cache_overlaps;
} walk;

static bool has(const uint64_t *bits, uint32_t i)
{
    return bits[i / PE_WORD_BITS] & pe_bits_bit(i);
}

static void set(uint64_t *bits, uint32_t i)
{
    bits[i / PE_WORD_BITS] |= pe_bits_bit(i);
}

static bool broken(walk *self, const char *rule)
{
    *self->reason = rule;
    return false;
}

static bool check_private(walk *self, uint32_t frame)
{
    if (frame >= self->host->config.frames || pe_frames_is_idle(&self->host->frames, frame)
        || has(self->owned, frame) || has(self->shared, frame))
        return broken(self, "I1: a private page's frame is idle, or not its own");
    set(self->owned, frame);
    return true;
}

static bool check_shared(walk *self, const pe_vm *vm, uint64_t word)
{
    pe_host *host = self->host;
    uint32_t const frame = pe_payload_of(word);
    if (frame >= host->config.frames || pe_frames_is_idle(&host->frames, frame)
        || has(self->owned, frame))
        return broken(self, "I1: a shared page's frame is idle, or not shared");
    if (host->sharing.mappers[frame] == 0)
        return broken(self, "I2: more pages name a frame than its count of mappers says");
    host->sharing.mappers[frame] -= 1;
    self->counted += 1;
    set(self->shared, frame);
    if (host->group_of[frame] != vm->group)
        return broken(self, "I5: a page maps a shared frame of another salt group");
    if (((word & PE_ZERO) != 0) != (host->groups[vm->group].zero_frame == frame))
        return broken(self, "I6: a page marked zero does not map its group's zero page");
    return true;
}

static bool check_compressed(walk *self, const pe_vm *vm, uint32_t ppn, pe_blob blob)
{
    pe_host *host = self->host;
    if (!host->zcache || pe_zcache_owner(host->zcache, blob) != vm->base + ppn)
        return broken(self, "I7: a compressed page names a blob that is not its own");
    self->compressed += 1;
    if (self->deep && !pe_content_blob_is_sound(host, blob))
        return broken(self, "I10: a blob does not decode");
    return true;
}

static bool check_swapped(walk *self, pe_slot slot)
{
    pe_host *host = self->host;
    if (slot >= host->swap.slots.count || pe_frames_is_idle(&host->swap.slots, slot)
        || has(self->slots, slot))
        return broken(self, "I8: a swapped page's slot is free, or not its own");
    set(self->slots, slot);
    self->swapped += 1;
    if (self->deep && !pe_content_slot_is_sound(host, slot))
        return broken(self, "I10: a swap slot does not hold what was written to it");
    return true;
}

static bool check_page(walk *self, const pe_vm *vm, uint32_t ppn)
{
    uint64_t const word = vm->map[ppn];
    switch (pe_place_of(word)) {
    case PE_ABSENT:
    case PE_BALLOONED:
        return pe_payload_of(word) == 0
            || broken(self, "I9: a page that is absent or ballooned names something");
    case PE_PRIVATE: return check_private(self, pe_payload_of(word));
    case PE_SHARED: return check_shared(self, vm, word);
    case PE_COMPRESSED: return check_compressed(self, vm, ppn, pe_payload_of(word));
    case PE_SWAPPED: return check_swapped(self, pe_payload_of(word));
    }
    return broken(self, "I9: a page is in no place");
}

static bool check_vms(walk *self)
{
    pe_host *host = self->host;
    for (uint32_t i = 0; i < host->vm_count; ++i) {
        const pe_vm *vm = host->vms[i];
        if (!vm)
            continue;
        if (!pe_vm_check(vm, self->reason))
            return false;
        for (uint32_t ppn = 0; ppn < vm->pages; ++ppn)
            if (!check_page(self, vm, ppn))
                return false;
    }
    return true;
}

/* Counts up again what check_shared counted down: the same pages, in the same order. */
static void count_up(walk *self)
{
    pe_host *host = self->host;
    for (uint32_t i = 0; i < host->vm_count && self->counted > 0; ++i) {
        const pe_vm *vm = host->vms[i];
        for (uint32_t ppn = 0; vm && ppn < vm->pages && self->counted > 0; ++ppn)
            if (pe_place_of(vm->map[ppn]) == PE_SHARED) {
                host->sharing.mappers[pe_payload_of(vm->map[ppn])] += 1;
                self->counted -= 1;
            }
    }
}

/* I3 and I4 for one shared frame. */
static bool check_entry(walk *self, pe_frame frame)
{
    const pe_host *host = self->host;
    uint32_t const group = host->group_of[frame];
    bool found = false;
    pe_sharing_cursor cursor = pe_sharing_find(pe_content_hash(host, frame, &host->groups[group]));
    while (pe_sharing_next(&host->sharing, &cursor)) {
        if (cursor.kind != PE_ENTRY_SHARED)
            continue;
        pe_frame const other = (pe_frame)cursor.id;
        if (other == frame)
            found = true;
        else if (host->group_of[other] == group && pe_content_equal(host, frame, other))
            return broken(self, "I4: two shared frames of one salt group hold equal bytes");
    }
    return found || broken(self, "I3: the hash of a shared frame's bytes does not lead to it");
}

static void claim_for_cache(void *context, pe_frame frame)
{
    walk *self = context;
    self->cache_overlaps |= frame >= self->host->config.frames || has(self->owned, frame)
                         || has(self->shared, frame)
                         || pe_frames_is_idle(&self->host->frames, frame);
    if (!self->cache_overlaps)
        set(self->owned, frame);
}

static bool check_frames(walk *self)
{
    pe_host *host = self->host;
    if (host->zcache)
        pe_zcache_each_frame(host->zcache, claim_for_cache, self);
    if (self->cache_overlaps)
        return broken(self, "I1: a frame of the compression cache is idle, or a page's");
    uint32_t taken = 0;
    for (pe_frame frame = 0; frame < host->config.frames; ++frame) {
        bool const shared = has(self->shared, frame);
        taken += shared || has(self->owned, frame);
        if (host->sharing.mappers[frame] != 0)
            return broken(self, "I2: fewer pages name a frame than its count of mappers says");
        if (shared && !check_entry(self, frame))
            return false;
    }
    return taken == host->config.frames - pe_frames_idle(&host->frames)
        || broken(self, "I1: a frame is taken and nothing holds it");
}

static bool check_groups(walk *self)
{
    const pe_host *host = self->host;
    for (uint32_t g = 0; g < host->group_count; ++g) {
        uint32_t vms = 0;
        pe_frame const zero = host->groups[g].zero_frame;
        for (uint32_t i = 0; i < host->vm_count; ++i)
            vms += host->vms[i] && host->vms[i]->group == g;
        if (vms != host->groups[g].vms)
            return broken(self, "H3: a salt group's count of VMs differs from a recount");
        if (vms > 0 && zero != PE_NONE
            && (host->sharing.mappers[zero] == 0 || !pe_content_is_zero(host, zero)))
            return broken(self, "I6: a group's zero page is not shared, or not zero");
    }
    return true;
}

static bool check_chunks(walk *self)
{
    const pe_host *host = self->host;
    uint64_t owned = 0, expected = 0;
    for (uint32_t c = 0; c < host->chunk_count; ++c)
        owned += host->vm_of_chunk[c] != PE_NONE;
    for (uint32_t i = 0; i < host->vm_count; ++i) {
        const pe_vm *vm = host->vms[i];
        uint64_t const chunks = vm ? pe_host_chunks_of(vm->pages) : 0;
        expected += chunks;
        if (vm && (vm->index != i || vm->id != ((uint64_t)host->lives[i] << 32 | i)))
            return broken(self, "H2: a VM's id is not made of its index and the lives before");
        for (uint64_t c = 0; c < chunks; ++c)
            if (host->vm_of_chunk[(vm->base >> PE_CHUNK_SHIFT) + c] != i)
                return broken(self, "H1: a VM's chunk of page numbers names another VM");
    }
    return owned == expected || broken(self, "H1: a chunk of page numbers belongs to no VM");
}

static bool check_stores(walk *self)
{
    pe_host *host = self->host;
    return pe_frames_check(&host->frames, self->reason)
        && pe_sharing_check(&host->sharing, self->reason)
        && (!host->zcache || pe_zcache_check(host->zcache, self->reason))
        && pe_swap_check(&host->swap, self->reason);
}

static bool run(walk *self)
{
    pe_host *host = self->host;
    if (!check_stores(self))
        return false;
    pe_frames_show_hand(&host->frames);
    bool const sound = check_vms(self) && check_frames(self);
    count_up(self);
    pe_frames_hide_hand(&host->frames);
    if (!sound || !check_groups(self) || !check_chunks(self))
        return false;
    if (self->compressed != (host->zcache ? pe_zcache_total(host->zcache).blobs : 0))
        return broken(self, "I7: a blob is named by no page");
    return self->swapped == host->swap.slots.count - pe_frames_idle(&host->swap.slots)
        || broken(self, "I8: a slot is taken and no page names it");
}

pe_status pe_check(pe_host *host, bool deep, const char **reason)
{
    walk self = {.host = host, .deep = deep, .reason = reason};
    size_t const words = host->config.frames / PE_WORD_BITS + 1;
    const pe_memory *memory = host->config.memory;
    self.owned = pe_memory_zeroed(memory, words, sizeof *self.owned);
    self.shared = pe_memory_zeroed(memory, words, sizeof *self.shared);
    self.slots = pe_memory_zeroed(memory, host->swap.slots.count / PE_WORD_BITS + 1,
                                  sizeof *self.slots);
    uint64_t const read = host->swap.read, read_calls = host->swap.read_calls;
    pe_status status = PE_ERR_NO_MEMORY;
    *reason = NULL; /* which is how a store says that it has no memory to check itself with */
    if (self.owned && self.shared && self.slots)
        status = run(&self) ? PE_OK : *reason ? PE_ERR_CORRUPT : PE_ERR_NO_MEMORY;
    host->swap.read = read; /* a check is not an access */
    host->swap.read_calls = read_calls;
    pe_memory_freed(memory, self.owned);
    pe_memory_freed(memory, self.shared);
    pe_memory_freed(memory, self.slots);
    return status;
}
