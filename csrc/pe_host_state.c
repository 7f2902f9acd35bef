/* A host in a saved state, and back.

     configuration, mark
     swap space                                  pe_swap_state.c
     salt groups; VMs: numbers of each           pe_vm_state.c
     shared frames: contents, group, trace
     pages of each VM                            pe_host_state_pages.c
     compression cache                           pe_zcache_state.c
     the rest of the sharing table               pe_sharing_state.c

   What can be computed again is not saved: counts, mappers, permissions, idle frames, hashes, which
   page a blob is of. So little is left that could contradict itself, and a page takes 9 to 12 bytes
   beside 4096 or as tokens: a mark, the token, and where it was scanned a trace of its hint.

   Numbers of frames and blobs are new ones, in the order of pages: nothing that a host does goes by
   them. Numbers of slots, chunks and VMs are as they were.

   A private page is written where its VM's turn comes; a shared frame once, and its pages name it
   by its place in that list. */
#include "pe_host_state.h"

#include "pe_bits.h"
#include "pe_check.h"
#include "pe_content_state.h"
#include "pe_host_state_pages.h"
#include "pe_page.h"
#include "pe_sharing_state.h"
#include "pe_swap_state.h"
#include "pe_vm_state.h"
#include "pe_zcache_state.h"

#define PART PE_STATE_PART
#define GROUPS_MOST (UINT32_C(1) << 24)

static const char bad_vm[] = "it has a VM that cannot be";
static const char bad_shared[] = "it has a shared page that cannot be";

/* ---- out */

/* Frames that pages share, in the order of their numbers, which is that of their names. */
static pe_status save_shared(pe_host_state_work *self)
{
    pe_host *host = self->host;
    pe_frame frame[PART];
    uint32_t group[PART], n = 0;
    uint8_t trace[PART];
    for (pe_frame f = 0; f < host->config.frames && self->shared < host->sharing.shared; ++f) {
        if (host->sharing.mappers[f] == 0)
            continue;
        uint64_t const hash = pe_content_hash(host, f, &host->groups[host->group_of[f]]);
        trace[n] = pe_sharing_trace_of(&host->sharing, hash, PE_ENTRY_SHARED, f, self->traced);
        if (trace[n] == 0)
            return PE_ERR_CORRUPT;
        self->names[f] = self->shared++;
        group[n] = host->group_of[f];
        frame[n++] = f;
        if (n == PART || self->shared == host->sharing.shared) {
            pe_state_put_many(self->out, group, sizeof group[0], n);
            pe_state_put_many(self->out, trace, 1, n);
            pe_content_save(host, n, frame, self->out);
            n = 0;
        }
    }
    return n == 0 ? PE_OK : PE_ERR_CORRUPT;
}

static void save_numbers(const pe_host_state_work *self)
{
    const pe_host *host = self->host;
    uint64_t const numbers[] = {host->config.frames, host->config.seed, pe_content_kind(host),
                                host->config.cache_limit_bytes, host->mark};
    for (size_t i = 0; i < PE_COUNT_OF(numbers); ++i)
        pe_state_put64(self->out, numbers[i]);
}

static void save_vms(const pe_host_state_work *self)
{
    const pe_host *host = self->host;
    pe_state_out *out = self->out;
    pe_state_put64(out, host->group_count);
    for (uint32_t g = 0; g < host->group_count; ++g)
        pe_state_put64(out, host->groups[g].salt);
    pe_state_put64(out, host->chunk_count);
    pe_state_put64(out, host->vm_count);
    pe_state_put_many(out, host->lives, sizeof host->lives[0], host->vm_count);
    for (uint32_t i = 0; i < host->vm_count; ++i) {
        const pe_vm *vm = host->vms[i];
        pe_state_put64(out, vm ? vm->pages : 0);
        if (!vm)
            continue;
        pe_state_put64(out, vm->group);
        pe_state_put64(out, vm->base >> PE_CHUNK_SHIFT);
        pe_vm_save(vm, out);
    }
}

static void save_zero_pages(const pe_host_state_work *self)
{
    const pe_host *host = self->host;
    for (uint32_t g = 0; g < host->group_count; ++g) {
        pe_frame const zero = host->groups[g].vms > 0 ? host->groups[g].zero_frame : PE_NONE;
        pe_state_put64(self->out, zero == PE_NONE ? PE_NONE : self->names[zero]);
    }
}

static pe_status save(pe_host_state_work *self, pe_slot *slot)
{
    pe_host *host = self->host;
    save_numbers(self);
    pe_status status = pe_swap_save(&host->swap, self->out, slot);
    if (status != PE_OK)
        return status;
    save_vms(self);
    pe_state_put64(self->out, host->sharing.shared);
    self->hints = host->sharing.hints > 0;
    pe_state_put64(self->out, self->hints);
    status = save_shared(self);
    if (status != PE_OK)
        return status;
    save_zero_pages(self);
    pe_host_state_save_pages(self);
    if (host->zcache)
        pe_zcache_save(host->zcache, self->out);
    pe_sharing_save(&host->sharing, self->traced, self->out);
    return PE_OK;
}

/* Zeroed room for the traces and names. */
static bool prepare(pe_host_state_work *self)
{
    pe_host *host = self->host;
    const pe_memory *memory = host->config.memory;
    self->traced = pe_memory_zeroed(memory, pe_sharing_slots(&host->sharing) / PE_WORD_BITS + 1,
                                    sizeof *self->traced);
    self->names = pe_memory_mapped(memory, (size_t)host->config.frames * sizeof *self->names,
                                   false);
    return self->traced && self->names;
}

static void release(pe_host_state_work *self)
{
    pe_host *host = self->host;
    pe_memory_freed(host->config.memory, self->traced);
    pe_memory_unmapped(host->config.memory, self->names,
                       (size_t)host->config.frames * sizeof *self->names);
}

pe_status pe_host_save(pe_host *self, pe_state_out *out, pe_slot *slot)
{
    pe_host_state_work job = {.host = self, .out = out};
    pe_status const status = prepare(&job) ? save(&job, slot) : PE_ERR_NO_MEMORY;
    release(&job);
    return status;
}

/* ---- in */

static bool load_numbers(const pe_host_state_work *self)
{
    pe_host *host = self->host;
    uint64_t const numbers[] = {host->config.frames, host->config.seed, pe_content_kind(host),
                                host->config.cache_limit_bytes};
    for (size_t i = 0; i < PE_COUNT_OF(numbers); ++i)
        if (pe_state_get64(self->in) != numbers[i])
            return pe_state_refuse(self->in, "it is of a host with another configuration");
    host->mark = (uint32_t)pe_state_get_most(self->in, UINT32_MAX, bad_vm);
    return pe_state_is_well(self->in);
}

static pe_status load_groups(const pe_host_state_work *self)
{
    pe_host *host = self->host;
    uint64_t const n = pe_state_get_most(self->in, GROUPS_MOST, bad_vm);
    if (!pe_state_may_hold(self->in, n * PART))
        return self->in->status;
    host->groups = pe_memory_zeroed(host->config.memory, (size_t)n + 1, sizeof *host->groups);
    if (!host->groups)
        return PE_ERR_NO_MEMORY;
    host->group_count = (uint32_t)n;
    for (uint32_t g = 0; g < n; ++g)
        pe_host_group_init(host, &host->groups[g], pe_state_get64(self->in));
    return self->in->status;
}

static pe_status load_vm(const pe_host_state_work *self, uint32_t index, uint64_t pages)
{
    pe_host *host = self->host;
    pe_state_in *in = self->in;
    uint64_t const group = pe_state_get_most(in, host->group_count, bad_vm);
    uint64_t const chunk = pe_state_get_most(in, host->chunk_count, bad_vm);
    uint64_t const chunks = pe_host_chunks_of(pages);
    bool two_scans = false;
    if (pages >= UINT32_MAX || group >= host->group_count || chunk + chunks > host->chunk_count)
        (void)pe_state_refuse(in, bad_vm);
    if (!pe_state_may_hold(in, pages))
        return in->status;
    for (uint64_t c = chunk; c < chunk + chunks; ++c) {
        if (host->vm_of_chunk[c] != PE_NONE) {
            (void)pe_state_refuse(in, bad_vm);
            return in->status;
        }
        host->vm_of_chunk[c] = index;
    }
    pe_vm *vm = pe_memory_zeroed(host->config.memory, 1, sizeof *vm);
    if (!vm)
        return PE_ERR_NO_MEMORY;
    host->vms[index] = vm;
    pe_status status = pe_vm_init_in(vm, (uint32_t)pages, 0, index, host->config.memory);
    if (status != PE_OK)
        return status;
    vm->id = (uint64_t)host->lives[index] << 32 | index;
    vm->group = (uint32_t)group;
    vm->base = chunk << PE_CHUNK_SHIFT;
    host->groups[group].vms += 1;
    if (!pe_vm_load(vm, &two_scans, in))
        return in->status;
    return two_scans ? pe_vm_keep_checksums(vm) : PE_OK;
}

static pe_status load_vms(const pe_host_state_work *self)
{
    pe_host *host = self->host;
    pe_state_in *in = self->in;
    const pe_memory *memory = host->config.memory;
    uint64_t const chunks = pe_state_get_most(in, PE_SHARING_OWNER_MAX >> PE_CHUNK_SHIFT, bad_vm);
    uint64_t const vms = pe_state_get_most(in, chunks, bad_vm);
    if (!pe_state_may_hold(in, vms * PART))
        return in->status;
    host->vm_of_chunk = pe_memory_zeroed(memory, (size_t)chunks + 1, sizeof *host->vm_of_chunk);
    host->lives = pe_memory_zeroed(memory, (size_t)vms + 1, sizeof *host->lives);
    host->vms = pe_memory_zeroed(memory, (size_t)vms + 1, sizeof *host->vms);
    if (!host->vm_of_chunk || !host->lives || !host->vms)
        return PE_ERR_NO_MEMORY;
    host->chunk_count = (uint32_t)chunks;
    host->vm_count = (uint32_t)vms;
    for (uint64_t c = 0; c < chunks; ++c)
        host->vm_of_chunk[c] = PE_NONE;
    pe_status status = PE_OK;
    if (!pe_state_get_many(in, host->lives, sizeof host->lives[0], (size_t)vms))
        return in->status;
    if (host->zcache)
        status = pe_zcache_groups(host->zcache, (uint32_t)vms);
    for (uint32_t i = 0; status == PE_OK && i < vms; ++i) {
        uint64_t const pages = pe_state_get64(in);
        status = pages > 0 ? load_vm(self, i, pages) : in->status;
    }
    return status;
}

static bool load_shared(pe_host_state_work *self)
{
    pe_host *host = self->host;
    pe_state_in *in = self->in;
    pe_frame frame[PART];
    uint32_t group[PART];
    uint8_t trace[PART];
    uint64_t const all = pe_state_get_most(in, host->config.frames, bad_shared);
    self->hints = pe_state_get_most(in, 1, bad_shared) != 0;
    while (self->shared < all) {
        uint32_t const left = (uint32_t)all - self->shared, n = left < PART ? left : PART;
        if (!pe_state_get_many(in, group, sizeof group[0], n)
            || !pe_state_get_many(in, trace, 1, n))
            return false;
        for (uint32_t i = 0; i < n; ++i)
            if ((frame[i] = pe_page_take_frame(host)) == PE_NONE || group[i] >= host->group_count)
                return pe_state_refuse(in, bad_shared);
        if (!pe_content_load(host, n, frame, in))
            return false;
        for (uint32_t i = 0; i < n; ++i) {
            uint64_t const hash = pe_content_hash(host, frame[i], &host->groups[group[i]]);
            if (!pe_sharing_follow(&host->sharing, hash, PE_ENTRY_SHARED, frame[i], trace[i]))
                return pe_state_refuse(in, bad_shared);
            host->group_of[frame[i]] = group[i];
            self->names[self->shared++] = frame[i];
        }
    }
    for (uint32_t g = 0; g < host->group_count; ++g) {
        uint64_t const zero = pe_state_get64(in);
        if (zero != PE_NONE && zero >= self->shared)
            return pe_state_refuse(in, bad_shared);
        host->groups[g].zero_frame = zero == PE_NONE ? PE_NONE : self->names[zero];
    }
    return pe_state_is_well(in);
}

static pe_frame lend(void *context)
{
    pe_host *host = context;
    pe_frame const frame = pe_page_take_frame(host);
    if (frame != PE_NONE)
        pe_content_lend(host, frame);
    return frame;
}

static bool holds(void *context, uint32_t group, uint64_t owner, pe_blob blob)
{
    pe_host *host = context;
    pe_vm *vm;
    uint32_t ppn;
    if (!pe_host_page(host, owner, &vm, &ppn) || vm->index != group
        || pe_place_of(vm->map[ppn]) != PE_COMPRESSED || pe_payload_of(vm->map[ppn]) != PE_NONE)
        return false;
    pe_vm_put(vm, ppn, PE_COMPRESSED, blob);
    return true;
}

static pe_status load(pe_host_state_work *self)
{
    pe_host *host = self->host;
    pe_state_in *in = self->in;
    if (!load_numbers(self))
        return in->status;
    uint32_t const mark = host->mark;
    host->mark = 0; /* here every frame may be taken */
    pe_status status = pe_swap_load(&host->swap, in);
    if (status == PE_OK)
        status = load_groups(self);
    if (status == PE_OK)
        status = load_vms(self);
    if (status != PE_OK)
        return status;
    if (!load_shared(self) || !pe_host_state_load_pages(self))
        return in->status;
    if (host->zcache) {
        pe_zcache_keeper const keeper = {host, lend, holds};
        status = pe_zcache_load(host->zcache, &keeper, in);
    }
    host->mark = mark;
    if (status == PE_OK)
        (void)pe_sharing_load(&host->sharing, in);
    return status == PE_OK ? in->status : status;
}

pe_status pe_host_load(pe_host *self, pe_state_in *in, const char **rule)
{
    pe_host_state_work job = {.host = self, .in = in};
    *rule = NULL;
    pe_status status = prepare(&job) ? load(&job) : PE_ERR_NO_MEMORY;
    release(&job);
    if (status != PE_OK)
        return status;
    status = pe_check(self, false, rule);
    if (status == PE_OK)
        *rule = NULL;
    return status == PE_ERR_CORRUPT ? PE_ERR_STATE : status;
}
