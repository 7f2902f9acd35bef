/* Pages of VMs in a saved state, and back, 512 of one VM at a time:

     marks, ages
     what they name: shared frames by their place in the list, slots by number
     private pages: traces of their hints, checksums, contents

   Frames are taken in the order of pages. What a compressed page names, the cache says later. */
#include "pe_host_state_pages.h"

#include "pe_content_state.h"
#include "pe_page.h"
#include "pe_scan.h"
#include "pe_sharing_state.h"
#include "pe_vm_state.h"

#define PART PE_STATE_PART
#define AHEAD 16u

/* A checksum of the two-scan rule is mostly that of what the page holds now. */
enum { SUM_NONE, SUM_OF_CONTENT, SUM_OTHER };

static const char bad_page[] = "it has a page that cannot be";
static const char bad_shared[] = "it has a shared page that cannot be";

typedef struct part { /* pages of one VM, side by side */
    uint8_t mark[PART], age[PART];
    uint8_t trace[PART], sum_kind[PART]; /* the trace: of private pages only */
    uint32_t name[PART], slot[PART], sum[PART];
    pe_frame frame[PART]; /* of private pages */
    uint32_t ppn[PART];   /* likewise */
    uint64_t hash[PART];  /* likewise */
    uint32_t n, names, slots, sums, frames;
} part;

/* Hashes of the private pages; their buckets are asked for. */
static void hash_part(const pe_host *host, const pe_vm *vm, part *self)
{
    const pe_group *group = &host->groups[vm->group];
    for (uint32_t i = 0; i < self->frames; i += PE_SCAN_BATCH) {
        uint32_t const left = self->frames - i;
        pe_content_hash_many(host, left < PE_SCAN_BATCH ? left : PE_SCAN_BATCH, self->frame + i,
                             group, self->hash + i);
    }
}

static void gather(const pe_host_state_work *self, const pe_vm *vm, uint32_t first, part *pages)
{
    uint32_t const left = vm->pages - first;
    pages->n = left < PART ? left : PART;
    pages->names = pages->slots = pages->sums = pages->frames = 0;
    for (uint32_t i = 0; i < pages->n; ++i) {
        uint64_t const word = vm->map[first + i];
        uint32_t const payload = pe_payload_of(word);
        pages->mark[i] = pe_vm_mark_of(word);
        pages->age[i] = (uint8_t)pe_age_of(word);
        switch (pages->mark[i] & PE_MARK_PLACE) {
        case PE_SHARED: pages->name[pages->names++] = self->names[payload]; break;
        case PE_SWAPPED: pages->slot[pages->slots++] = payload; break;
        case PE_PRIVATE:
            pages->ppn[pages->frames] = first + i;
            pages->frame[pages->frames++] = payload;
            break;
        default: break;
        }
    }
}

static void trace_hints(const pe_host_state_work *self, const pe_vm *vm, part *pages)
{
    const pe_sharing *sharing = &self->host->sharing;
    for (uint32_t i = 0; i < pages->frames && i < AHEAD; ++i)
        pe_sharing_prefetch(sharing, pages->hash[i]);
    for (uint32_t i = 0; i < pages->frames; ++i) {
        if (i + AHEAD < pages->frames)
            pe_sharing_prefetch(sharing, pages->hash[i + AHEAD]);
        pages->trace[i] = pe_sharing_trace_of(sharing, pages->hash[i], PE_ENTRY_HINT,
                                              vm->base + pages->ppn[i], self->traced);
    }
}

static void gather_sums(const pe_vm *vm, uint32_t first, part *pages)
{
    uint32_t next = 0;
    for (uint32_t i = 0; i < pages->n; ++i) {
        uint32_t const sum = vm->checksums[first + i];
        bool const own = next < pages->frames && pages->ppn[next] == first + i;
        bool const same = own && sum == pe_scan_checksum(pages->hash[next]);
        next += own;
        pages->sum_kind[i] = sum == 0 ? SUM_NONE : same ? SUM_OF_CONTENT : SUM_OTHER;
        if (pages->sum_kind[i] == SUM_OTHER)
            pages->sum[pages->sums++] = sum;
    }
}

static void save_part(const pe_host_state_work *self, const pe_vm *vm, uint32_t first, part *pages)
{
    pe_state_out *out = self->out;
    gather(self, vm, first, pages);
    pe_state_put_many(out, pages->mark, 1, pages->n);
    pe_state_put_many(out, pages->age, 1, pages->n);
    pe_state_put_many(out, pages->name, sizeof pages->name[0], pages->names);
    pe_state_put_many(out, pages->slot, sizeof pages->slot[0], pages->slots);
    if (self->hints || vm->checksums)
        hash_part(self->host, vm, pages);
    if (self->hints) {
        trace_hints(self, vm, pages);
        pe_state_put_many(out, pages->trace, 1, pages->frames);
    }
    if (vm->checksums) {
        gather_sums(vm, first, pages);
        pe_state_put_many(out, pages->sum_kind, 1, pages->n);
        pe_state_put_many(out, pages->sum, sizeof pages->sum[0], pages->sums);
    }
    pe_content_save(self->host, pages->frames, pages->frame, out);
}

void pe_host_state_save_pages(const pe_host_state_work *self)
{
    part pages;
    for (uint32_t i = 0; i < self->host->vm_count; ++i)
        for (uint32_t first = 0; self->host->vms[i] && first < self->host->vms[i]->pages;) {
            save_part(self, self->host->vms[i], first, &pages);
            first += pages.n;
        }
}

/* ---- in */

/* What the pages name: as many of each kind as the marks say. */
static void count_part(part *self, const pe_vm *vm, uint32_t first)
{
    uint32_t const left = vm->pages - first;
    self->n = left < PART ? left : PART;
    self->names = self->slots = self->frames = 0;
}

static bool map_part(const pe_host_state_work *self, pe_vm *vm, uint32_t first, part *pages)
{
    pe_host *host = self->host;
    uint32_t name = 0, slot = 0, frame = 0;
    for (uint32_t i = 0; i < pages->n; ++i) {
        uint32_t payload = 0;
        switch (pages->mark[i] & PE_MARK_PLACE) {
        case PE_ABSENT:
        case PE_BALLOONED: break;
        case PE_PRIVATE: payload = pages->frame[frame++]; break;
        case PE_COMPRESSED: payload = PE_NONE; break; /* the cache says */
        case PE_SWAPPED: payload = pages->slot[slot++]; break;
        case PE_SHARED:
        case PE_MARK_ZERO:
            if ((pages->mark[i] & PE_MARK_PLACE) == PE_MARK_ZERO)
                payload = host->groups[vm->group].zero_frame;
            else if (pages->name[name] < self->shared)
                payload = self->names[pages->name[name++]];
            else
                payload = PE_NONE;
            if (payload == PE_NONE || pe_sharing_attach(&host->sharing, payload) != PE_OK)
                return pe_state_refuse(self->in, bad_shared);
            break;
        default: return pe_state_refuse(self->in, bad_page);
        }
        pe_vm_set(vm, first + i, pages->mark[i], pages->age[i], payload);
    }
    return true;
}

/* The pages' places: how many there are of each, and frames for those that are private. */
static bool place_part(const pe_host_state_work *self, const pe_vm *vm, uint32_t first, part *pages)
{
    count_part(pages, vm, first);
    if (!pe_state_get_many(self->in, pages->mark, 1, pages->n)
        || !pe_state_get_many(self->in, pages->age, 1, pages->n))
        return false;
    for (uint32_t i = 0; i < pages->n; ++i) {
        unsigned const place = pages->mark[i] & PE_MARK_PLACE;
        pages->names += place == PE_SHARED;
        pages->slots += place == PE_SWAPPED;
        if (place != PE_PRIVATE)
            continue;
        pages->ppn[pages->frames] = first + i;
        pages->frame[pages->frames] = pe_page_take_frame(self->host);
        if (pages->frame[pages->frames++] == PE_NONE)
            return pe_state_refuse(self->in, "its pages are more than its memory");
    }
    return pe_state_get_many(self->in, pages->name, sizeof pages->name[0], pages->names)
        && pe_state_get_many(self->in, pages->slot, sizeof pages->slot[0], pages->slots);
}

static bool follow_hints(const pe_host_state_work *self, const pe_vm *vm, const part *pages)
{
    pe_sharing *sharing = &self->host->sharing;
    for (uint32_t i = 0; i < pages->frames && i < AHEAD; ++i)
        pe_sharing_prefetch(sharing, pages->hash[i]);
    for (uint32_t i = 0; i < pages->frames; ++i) {
        if (i + AHEAD < pages->frames)
            pe_sharing_prefetch(sharing, pages->hash[i + AHEAD]);
        if (pages->trace[i] != 0
            && !pe_sharing_follow(sharing, pages->hash[i], PE_ENTRY_HINT, vm->base + pages->ppn[i],
                                  pages->trace[i]))
            return pe_state_refuse(self->in, "its sharing table has an entry that cannot be");
    }
    return true;
}

static bool set_sums(const pe_host_state_work *self, pe_vm *vm, uint32_t first, const part *pages)
{
    uint32_t next = 0, other = 0;
    for (uint32_t i = 0; i < pages->n; ++i) {
        bool const own = next < pages->frames && pages->ppn[next] == first + i;
        if (pages->sum_kind[i] == SUM_OF_CONTENT && own)
            vm->checksums[first + i] = pe_scan_checksum(pages->hash[next]);
        else if (pages->sum_kind[i] == SUM_OTHER)
            vm->checksums[first + i] = pages->sum[other++];
        else if (pages->sum_kind[i] != SUM_NONE)
            return pe_state_refuse(self->in, bad_page);
        next += own;
    }
    return true;
}

static bool load_part(const pe_host_state_work *self, pe_vm *vm, uint32_t first, part *pages)
{
    pe_state_in *in = self->in;
    pages->sums = 0;
    if (!place_part(self, vm, first, pages)
        || (self->hints && !pe_state_get_many(in, pages->trace, 1, pages->frames))
        || (vm->checksums && !pe_state_get_many(in, pages->sum_kind, 1, pages->n)))
        return false;
    for (uint32_t i = 0; vm->checksums && i < pages->n; ++i)
        pages->sums += pages->sum_kind[i] == SUM_OTHER;
    if (!pe_state_get_many(in, pages->sum, sizeof pages->sum[0], pages->sums)
        || !pe_content_load(self->host, pages->frames, pages->frame, in)
        || !map_part(self, vm, first, pages))
        return false;
    if (self->hints || vm->checksums)
        hash_part(self->host, vm, pages);
    return (!self->hints || follow_hints(self, vm, pages))
        && (!vm->checksums || set_sums(self, vm, first, pages));
}

bool pe_host_state_load_pages(const pe_host_state_work *self)
{
    part pages;
    for (uint32_t i = 0; i < self->host->vm_count; ++i) {
        pe_vm *vm = self->host->vms[i];
        for (uint32_t first = 0; vm && first < vm->pages; first += pages.n)
            if (!load_part(self, vm, first, &pages))
                return false;
    }
    return true;
}
