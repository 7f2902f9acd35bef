/* One virtual machine's page map and counts.

   The map is one 64-bit word per page (pe_place.h). Everything a policy may ask of a VM's
   pages is kept as a count beside the map and changed in one place, pe_vm_put, so that no walk is
   needed to answer:

     V1  sum of in_place[] == pages, and each equals a recount of the map
     V2  zero == words with PE_ZERO, all of them PE_SHARED
     V3  ever == words with PE_EVER
     V4  permissions follow from place and PE_SAMPLED alone: private R+W, shared R, others and
         sampled none
     V5  no word is PE_CLAIMED between two calls
     V6  PE_SAMPLED only while a sampling period is open

   A fault is taken exactly when the permission bit is missing. Sampling uses that: a sampled page
   loses its permissions, the first access goes the slow way, is counted, and restores them, as ESX
   does by invalidating the mappings of the sampled pages. The end of a period repeats the draws of
   its beginning instead of keeping a list. Reclaim's second chance and the idle ages have a bit
   each (ACCESSED and YOUNG): one clears its bit without blinding the other.

   Cost: 8 bytes per page, and 4 more once a scan went by the two-scan rule; both are resident only
   where pages were touched, or seen by such a scan. */
#include "pe_vm.h"

#include "pe_os.h"

#include <string.h>

static const char *const event_names[PE_EVENTS] = {
    [PE_EV_ACCESSES] = "accesses",
    [PE_EV_FAULTS_ABSENT] = "faults_absent",
    [PE_EV_COW_BREAKS] = "cow_breaks",
    [PE_EV_MERGED] = "merged",
    [PE_EV_ZERO_MERGED] = "zero_merged",
    [PE_EV_COMPRESSIONS] = "compressions",
    [PE_EV_DECOMPRESSIONS] = "decompressions",
    [PE_EV_INCOMPRESSIBLE] = "incompressible",
    [PE_EV_COMPRESSED_HALF] = "compressed_half",
    [PE_EV_COMPRESSED_QUARTER] = "compressed_quarter",
    [PE_EV_CACHE_EVICTIONS] = "cache_evictions",
    [PE_EV_SWAP_OUT] = "swap_out",
    [PE_EV_SWAP_IN] = "swap_in",
    [PE_EV_BALLOON_IN] = "balloon_in",
    [PE_EV_BALLOON_OUT] = "balloon_out",
    [PE_EV_BALLOON_POPS] = "balloon_pops",
    [PE_EV_SCANNED] = "scanned",
    [PE_EV_HINTED] = "hinted",
    [PE_EV_DISCARDED] = "discarded",
    [PE_EV_BLOCK_STOPS] = "block_stops",
    [PE_EV_SAMPLE_FAULTS] = "sample_faults",
    [PE_EV_REPORTED] = "reported",
};

const char *pe_event_name(size_t event)
{
    return event < PE_EVENTS ? event_names[event] : NULL;
}

pe_status pe_vm_init_in(pe_vm *self, uint32_t pages, uint64_t seed, uint32_t index,
                        const pe_memory *memory)
{
    memset(self, 0, sizeof *self);
    if (pages == 0 || pages == UINT32_MAX)
        return PE_ERR_ARGUMENT;
    self->map = pe_memory_mapped(memory, (size_t)pages * sizeof *self->map, true);
    if (!self->map)
        return PE_ERR_NO_MEMORY;
    self->memory = memory;
    self->pages = pages;
    self->id = self->index = index;
    self->in_place[PE_ABSENT] = pages;
    self->rng = pe_rng_make(seed, index);
    return PE_OK;
}

void pe_vm_draw_from(pe_vm *self, uint64_t seed, uint64_t stream)
{
    self->rng = pe_rng_make(seed, stream);
}

void pe_vm_fini(pe_vm *self)
{
    pe_memory_unmapped(self->memory, self->map, (size_t)self->pages * sizeof *self->map);
    pe_memory_unmapped(self->memory, self->checksums,
                       (size_t)self->pages * sizeof *self->checksums);
    memset(self, 0, sizeof *self);
}

pe_status pe_vm_keep_checksums(pe_vm *self)
{
    if (!self->checksums)
        self->checksums = pe_memory_mapped(self->memory,
                                           (size_t)self->pages * sizeof *self->checksums, true);
    return self->checksums ? PE_OK : PE_ERR_NO_MEMORY;
}

uint64_t pe_vm_bytes(const pe_vm *self)
{
    size_t const per_page = sizeof *self->map + (self->checksums ? sizeof *self->checksums : 0);
    return sizeof *self + (uint64_t)self->pages * per_page;
}

void pe_vm_slots(const pe_vm *self, uint32_t *out)
{
    for (uint32_t ppn = 0; ppn < self->pages; ++ppn) {
        uint64_t const word = self->map[ppn];
        out[ppn] = pe_place_of(word) == PE_SWAPPED ? pe_payload_of(word) : PE_NONE;
    }
}

static void put_word(pe_vm *self, uint32_t ppn, uint64_t word)
{
    uint64_t const old = self->map[ppn];
    pe_assert(self->in_place[pe_place_of(old)] > 0);
    self->in_place[pe_place_of(old)] -= 1;
    self->in_place[pe_place_of(word)] += 1;
    self->zero -= (old & PE_ZERO) != 0;
    self->zero += (word & PE_ZERO) != 0;
    self->map[ppn] = word;
}

void pe_vm_put(pe_vm *self, uint32_t ppn, pe_place place, uint32_t payload)
{
    pe_assert(ppn < self->pages);
    uint64_t word = pe_moved(self->map[ppn], place, payload);
    /* the content is gone, and what was seen of it */
    if (place == PE_BALLOONED || place == PE_ABSENT)
        word &= ~(PE_ACCESSED | PE_YOUNG | PE_AGE_MASK);
    put_word(self, ppn, word);
}

void pe_vm_put_zero(pe_vm *self, uint32_t ppn, pe_frame zero_frame)
{
    pe_assert(ppn < self->pages);
    put_word(self, ppn, pe_moved(self->map[ppn], PE_SHARED, zero_frame) | PE_ZERO);
}

void pe_vm_accessed(pe_vm *self, uint32_t ppn)
{
    uint64_t word = self->map[ppn];
    if (word & PE_SAMPLED) {
        self->sample_touched += 1;
        self->event[PE_EV_SAMPLE_FAULTS] += 1;
        word = pe_with_permissions(word & ~PE_SAMPLED);
    }
    self->ever += (word & PE_EVER) == 0;
    self->map[ppn] = word | PE_ACCESSED | PE_YOUNG | PE_EVER;
}

void pe_vm_pin(pe_vm *self, uint32_t ppn, bool pinned)
{
    pe_assert(ppn < self->pages);
    if (pinned)
        self->map[ppn] |= PE_PINNED;
    else
        self->map[ppn] &= ~PE_PINNED;
}

void pe_vm_sample_begin(pe_vm *self, uint32_t n)
{
    uint32_t size, touched;
    if (self->sampling)
        pe_vm_sample_end(self, &size, &touched);
    self->sampling = true;
    self->sample_from = self->rng;
    uint64_t const tries = (uint64_t)n * PE_SAMPLE_TRIES_PER_PAGE;
    for (uint64_t i = 0; i < tries && self->sample_size < n; ++i) {
        uint32_t const ppn = pe_rng_below(&self->rng, self->pages);
        self->sample_draws += 1;
        uint64_t const word = self->map[ppn];
        if (pe_place_of(word) == PE_BALLOONED || (word & PE_SAMPLED))
            continue;
        self->map[ppn] = pe_with_permissions(word | PE_SAMPLED);
        self->sample_size += 1;
    }
}

void pe_vm_sample_end(pe_vm *self, uint32_t *size, uint32_t *touched)
{
    for (; self->sample_draws > 0; --self->sample_draws) {
        uint32_t const ppn = pe_rng_below(&self->sample_from, self->pages);
        self->map[ppn] = pe_with_permissions(self->map[ppn] & ~PE_SAMPLED);
    }
    *size = self->sample_size;
    *touched = self->sample_touched;
    self->sampling = false;
    self->sample_size = self->sample_touched = 0;
}

uint32_t pe_vm_age(pe_vm *self)
{
    uint32_t active = 0;
    for (uint32_t ppn = 0; ppn < self->pages; ++ppn) {
        uint64_t const word = self->map[ppn];
        if (!(word & PE_EVER))
            continue;
        uint32_t const age = pe_age_of(word);
        uint32_t const next = (word & PE_YOUNG) ? 0 : age < 255 ? age + 1 : 255;
        active += (word & PE_YOUNG) != 0;
        self->map[ppn] = (word & ~(PE_YOUNG | PE_AGE_MASK)) | (uint64_t)next << PE_AGE_SHIFT;
    }
    return active;
}

void pe_vm_ages(const pe_vm *self, uint64_t histogram[256])
{
    memset(histogram, 0, 256 * sizeof histogram[0]);
    for (uint32_t ppn = 0; ppn < self->pages; ++ppn) {
        uint64_t const word = self->map[ppn];
        if ((word & PE_EVER) && pe_place_of(word) != PE_BALLOONED)
            histogram[(word & PE_YOUNG) ? 0 : pe_age_of(word)] += 1;
    }
}

bool pe_vm_check(const pe_vm *self, const char **reason)
{
    uint32_t in_place[8] = {0}, zero = 0, ever = 0;
    for (uint32_t ppn = 0; ppn < self->pages; ++ppn) {
        uint64_t const word = self->map[ppn];
        in_place[word & PE_PLACE_MASK] += 1;
        zero += (word & PE_ZERO) != 0;
        ever += (word & PE_EVER) != 0;
        *reason = "V2: a page marked zero is not shared";
        if ((word & PE_ZERO) && pe_place_of(word) != PE_SHARED)
            return false;
        *reason = "V4: a page's permissions do not follow from its place";
        if (word != pe_with_permissions(word))
            return false;
        *reason = "V5: a page is claimed by a cluster outside of reclaim";
        if (word & PE_CLAIMED)
            return false;
        *reason = "V6: a page is sampled while no sampling period is open";
        if ((word & PE_SAMPLED) && !self->sampling)
            return false;
    }
    *reason = "V1: the pages per place differ from a recount";
    if (in_place[6] || in_place[7] || memcmp(in_place, self->in_place, sizeof self->in_place) != 0)
        return false;
    *reason = "V2: the zero pages differ from a recount";
    if (zero != self->zero)
        return false;
    *reason = "V3: the pages ever accessed differ from a recount";
    return ever == self->ever;
}

pe_status pe_vm_places(const pe_vm *self, size_t n, const int64_t *ppns, uint8_t *out)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t ppn;
        if (!pe_vm_page_at(self, &ppns[i], &ppn))
            return PE_ERR_PAGE_RANGE;
        out[i] = (uint8_t)pe_place_of(self->map[ppn]);
    }
    return PE_OK;
}
