/* The numbers that may be seen from outside; each is computed here and nowhere else.

   consumed of a VM charges what it really costs the host: a private page one frame; its blobs
   the slots they take; a shared page the mean cost of a shared page on this host, shared frames /
   pages that map them, zero pages left out of both (their frame is one per salt group and costs a
   VM nothing). So the consumed of all VMs and the zero frames add up to the machine
   memory in use, but for rounding and the unused slots of the cache. Charging each page by its own
   count of mappers would be fairer between VMs that share with few and with many, and would
   need a walk. */
#include "pe_stats.h"

static const char *const vm_names[PE_VM_NUMBERS] = {
    [PE_VM_SIZE] = "size",
    [PE_VM_GRANTED] = "granted",
    [PE_VM_CONSUMED] = "consumed",
    [PE_VM_MAPPED] = "mapped",
    [PE_VM_PRIVATE] = "private",
    [PE_VM_SHARED] = "shared",
    [PE_VM_ZERO] = "zero",
    [PE_VM_COMPRESSED] = "compressed",
    [PE_VM_ZIPPED] = "zipped",
    [PE_VM_SWAPPED] = "swapped",
    [PE_VM_BALLOONED] = "ballooned",
    [PE_VM_ABSENT] = "absent",
    [PE_VM_HALF_PAGES] = "half_pages",
    [PE_VM_QUARTER_PAGES] = "quarter_pages",
};

static const char *const host_names[PE_HOST_NUMBERS] = {
    [PE_HOST_MEMORY] = "memory",
    [PE_HOST_FREE] = "free",
    [PE_HOST_CONSUMED] = "consumed",
    [PE_HOST_GRANTED] = "granted",
    [PE_HOST_SHARED] = "shared",
    [PE_HOST_ZERO] = "zero",
    [PE_HOST_COMPRESSED] = "compressed",
    [PE_HOST_SWAPPED] = "swapped",
    [PE_HOST_BALLOONED] = "ballooned",
    [PE_HOST_SHARED_COMMON] = "shared_common",
    [PE_HOST_SAVING] = "saving",
    [PE_HOST_ZIPPED] = "zipped",
    [PE_HOST_CACHE] = "cache",
    [PE_HOST_ZIP_SAVED] = "zip_saved",
    [PE_HOST_SWAP_SIZE] = "swap_size",
    [PE_HOST_SWAP_FREE] = "swap_free",
    [PE_HOST_SHARING_TABLE] = "sharing_table",
    [PE_HOST_METADATA] = "metadata",
    [PE_HOST_HINT_PAGES] = "hint_pages",
    [PE_HOST_SWAP_WRITES] = "swap_writes",
    [PE_HOST_SWAP_READS] = "swap_reads",
};

const char *pe_vm_number_name(size_t number)
{
    return number < PE_VM_NUMBERS ? vm_names[number] : NULL;
}

const char *pe_host_number_name(size_t number)
{
    return number < PE_HOST_NUMBERS ? host_names[number] : NULL;
}

static uint64_t in_bytes(uint64_t pages)
{
    return pages << PE_PAGE_SHIFT;
}

static uint64_t zero_frames(const pe_host *host)
{
    uint64_t frames = 0;
    for (uint32_t g = 0; g < host->group_count; ++g)
        frames += host->groups[g].vms > 0 && host->groups[g].zero_frame != PE_NONE;
    return frames;
}

/* The mean cost of a shared page that is not zero, as a fraction. */
typedef struct cost {
    uint64_t frames, pages;
} cost;

static cost cost_of_shared(const pe_host *host)
{
    uint64_t zero_pages = 0;
    for (uint32_t i = 0; i < host->vm_count; ++i)
        zero_pages += host->vms[i] ? host->vms[i]->zero : 0;
    return (cost){.frames = host->sharing.shared - zero_frames(host),
                  .pages = host->sharing.mapped - zero_pages};
}

/* What the shared, non-zero pages of one VM cost the host. */
static uint64_t charge_for_shared(cost each, const pe_vm *vm)
{
    uint64_t const own = vm->in_place[PE_SHARED] - vm->zero;
    return each.pages == 0
             ? 0
             : (uint64_t)((double)in_bytes(own) * (double)each.frames / (double)each.pages);
}

static void numbers_of(const pe_host *host, const pe_vm *vm, cost shared,
                       uint64_t out[PE_VM_NUMBERS])
{
    pe_zcache_stats const cache = host->zcache ? pe_zcache_of_group(host->zcache, vm->index)
                                               : (pe_zcache_stats){0};
    out[PE_VM_SIZE] = in_bytes(vm->pages);
    out[PE_VM_GRANTED] = in_bytes((uint64_t)vm->in_place[PE_PRIVATE] + vm->in_place[PE_SHARED]);
    out[PE_VM_CONSUMED] = in_bytes(vm->in_place[PE_PRIVATE]) + charge_for_shared(shared, vm)
                        + cache.slot_bytes;
    out[PE_VM_MAPPED] = in_bytes(vm->ever);
    out[PE_VM_PRIVATE] = in_bytes(vm->in_place[PE_PRIVATE]);
    out[PE_VM_SHARED] = in_bytes(vm->in_place[PE_SHARED]);
    out[PE_VM_ZERO] = in_bytes(vm->zero);
    out[PE_VM_COMPRESSED] = in_bytes(vm->in_place[PE_COMPRESSED]);
    out[PE_VM_ZIPPED] = cache.slot_bytes;
    out[PE_VM_SWAPPED] = in_bytes(vm->in_place[PE_SWAPPED]);
    out[PE_VM_BALLOONED] = in_bytes(vm->in_place[PE_BALLOONED]);
    out[PE_VM_ABSENT] = in_bytes(vm->in_place[PE_ABSENT]);
    out[PE_VM_HALF_PAGES] = cache.half;
    out[PE_VM_QUARTER_PAGES] = cache.quarter;
}

void pe_stats_vm(const pe_host *host, const pe_vm *vm, uint64_t out[PE_VM_NUMBERS])
{
    numbers_of(host, vm, cost_of_shared(host), out);
}

void pe_stats_vms(const pe_host *host, const uint64_t *ids, size_t n, uint64_t *out)
{
    cost const shared = cost_of_shared(host); /* once: it walks all VMs */
    uint64_t numbers[PE_VM_NUMBERS];
    for (size_t i = 0; i < n; ++i) {
        const pe_vm *vm = pe_host_vm(host, ids[i]);
        uint64_t *row = out + i;
        pe_assert(vm);
        numbers_of(host, vm, shared, numbers);
        for (size_t k = 0; k < PE_VM_NUMBERS; ++k, row += n)
            *row = numbers[k];
        for (size_t k = 0; k < PE_EVENTS; ++k, row += n)
            *row = vm->event[k];
        row[0] = vm->blocked;
        row[n] = vm->sample_touched;
        row[2 * n] = vm->sample_size;
    }
}

static void sum_places(const pe_host *host, uint64_t sum[PE_PLACES], uint64_t *zero)
{
    *zero = 0;
    for (uint32_t i = 0; i < host->vm_count; ++i) {
        const pe_vm *vm = host->vms[i];
        for (uint32_t place = 0; vm && place < PE_PLACES; ++place)
            sum[place] += vm->in_place[place];
        *zero += vm ? vm->zero : 0;
    }
}

void pe_stats_host(const pe_host *host, uint64_t out[PE_HOST_NUMBERS])
{
    uint64_t sum[PE_PLACES] = {0}, zero;
    pe_zcache_stats const cache = host->zcache ? pe_zcache_total(host->zcache)
                                               : (pe_zcache_stats){0};
    uint64_t const cache_bytes = in_bytes(cache.frames);
    sum_places(host, sum, &zero);
    out[PE_HOST_MEMORY] = in_bytes(host->config.frames);
    out[PE_HOST_FREE] = in_bytes(pe_frames_idle(&host->frames));
    out[PE_HOST_CONSUMED] = out[PE_HOST_MEMORY] - out[PE_HOST_FREE];
    out[PE_HOST_GRANTED] = in_bytes(sum[PE_PRIVATE] + sum[PE_SHARED]);
    out[PE_HOST_SHARED] = in_bytes(sum[PE_SHARED]);
    out[PE_HOST_ZERO] = in_bytes(zero);
    out[PE_HOST_COMPRESSED] = in_bytes(sum[PE_COMPRESSED]);
    out[PE_HOST_SWAPPED] = in_bytes(sum[PE_SWAPPED]);
    out[PE_HOST_BALLOONED] = in_bytes(sum[PE_BALLOONED]);
    out[PE_HOST_SHARED_COMMON] = in_bytes(host->sharing.shared);
    out[PE_HOST_SAVING] = out[PE_HOST_SHARED] - out[PE_HOST_SHARED_COMMON];
    out[PE_HOST_ZIPPED] = cache.slot_bytes;
    out[PE_HOST_CACHE] = cache_bytes;
    out[PE_HOST_ZIP_SAVED] = in_bytes(sum[PE_COMPRESSED]) > cache_bytes
                               ? in_bytes(sum[PE_COMPRESSED]) - cache_bytes
                               : 0;
    out[PE_HOST_SWAP_SIZE] = in_bytes(host->swap.slots.count);
    out[PE_HOST_SWAP_FREE] = in_bytes(pe_frames_idle(&host->swap.slots));
    out[PE_HOST_SHARING_TABLE] = pe_sharing_bytes(&host->sharing);
    out[PE_HOST_METADATA] = pe_host_metadata_bytes(host);
    out[PE_HOST_HINT_PAGES] = host->sharing.hints;
    out[PE_HOST_SWAP_WRITES] = host->swap.write_calls;
    out[PE_HOST_SWAP_READS] = host->swap.read_calls;
}
