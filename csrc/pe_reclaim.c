/* Reclaim. The hand goes round the VM's private pages; a page accessed since it last came by
   gets a second chance, the others are victims (or victims are drawn at random, as ESX does: OSDI
   2002 section 3.3). For one victim, in this order and as far as the technique goes:

     share     an equal page is known: the frame is won and nothing is lost ("share before swap",
               section 4.3)
     compress  it fits half a page and the cache has room: its own frame is lent to the cache when
               the cache needs one, so compression never needs an idle frame; with swap allowed, the
               oldest blobs make room
     swap      it joins a cluster that is written when it is full

   Where no such page is left and swap is allowed, the VM's compressed pages go on to swap.

   A frame is won when it is idle afterwards; frames of a waiting cluster count as won, and the
   final flush makes it true. Two rounds of the hand see every page at least once without its
   accessed bit, so they find all there is. */
#include "pe_reclaim.h"

#include "pe_content.h"
#include "pe_page.h"
#include "pe_swapout.h"

static const pe_technique techniques[] = {
    {"sharing", "merge with an equal page that is known to the sharing table", PE_STEP_SHARE},
    {"compression", "share; else keep the page compressed in memory",
     PE_STEP_SHARE | PE_STEP_COMPRESS},
    {"swap", "share; else write the page to swap space", PE_STEP_SHARE | PE_STEP_SWAP},
    {"ladder", "share; else compress; else swap, and the oldest compressed pages make room",
     PE_STEP_SHARE | PE_STEP_COMPRESS | PE_STEP_SWAP},
};

const pe_technique *pe_technique_at(size_t index)
{
    return index < PE_COUNT_OF(techniques) ? &techniques[index] : NULL;
}

typedef struct job {
    pe_host *host;
    pe_vm *vm;
    unsigned steps;
    pe_reclaim_result *result;
    pe_cluster cluster;
} job;

/* The next page of the VM that may be taken, within *left steps; false when there is none. */
static bool next_victim(job *self, uint64_t *left, uint32_t *victim)
{
    pe_vm *vm = self->vm;
    bool const random = self->host->config.random_victims;
    while (*left > 0) {
        uint32_t const ppn = random ? pe_rng_below(&vm->rng, vm->pages) : vm->reclaim_hand;
        if (!random)
            vm->reclaim_hand = ppn + 1 < vm->pages ? ppn + 1 : 0;
        *left -= 1;
        uint64_t const word = vm->map[ppn];
        if (pe_place_of(word) != PE_PRIVATE || (word & (PE_PINNED | PE_CLAIMED)))
            continue;
        if (!random && (word & PE_ACCESSED)) {
            vm->map[ppn] = word & ~PE_ACCESSED;
            continue;
        }
        *victim = ppn;
        return true;
    }
    return false;
}

/* True when the victim's page is shared now. */
static bool share(job *self, uint32_t ppn)
{
    pe_host *host = self->host;
    pe_vm *vm = self->vm;
    pe_sharing_cursor stale;
    if (!host->config.sharing)
        return false;
    uint64_t const hash = pe_content_hash(host, pe_payload_of(vm->map[ppn]),
                                          &host->groups[vm->group]);
    switch (pe_page_share(host, vm, ppn, hash, PE_NONE, PE_PARTNERS_ALL, &stale)) {
    case PE_PARTNER_MERGED:
        self->result->merged += 1;
        vm->event[PE_EV_MERGED] += 1;
        return true;
    case PE_PARTNER_ZERO:
    case PE_PARTNER_BECAME_ZERO:
        self->result->zero_merged += 1;
        vm->event[PE_EV_ZERO_MERGED] += 1;
        return true;
    case PE_PARTNER_SELF:
    case PE_PARTNER_NONE: break;
    }
    return false;
}

/* Puts the victim into the cache; PE_INCOMPRESSIBLE or PE_NO_ROOM when it cannot be there. */
static pe_status compress(job *self, uint32_t ppn)
{
    pe_host *host = self->host;
    pe_vm *vm = self->vm;
    pe_frame const frame = pe_payload_of(vm->map[ppn]);
    const void *payload;
    size_t const length = pe_content_compress(host, frame, &payload);
    if (length == 0) {
        self->result->incompressible += 1;
        vm->event[PE_EV_INCOMPRESSIBLE] += 1;
        return PE_INCOMPRESSIBLE;
    }
    bool lent = false;
    pe_blob blob;
    pe_status status = pe_zcache_store(host->zcache, vm->index, vm->base + ppn, payload, length,
                                       frame, &lent, &blob);
    while (status == PE_NO_ROOM && (self->steps & PE_STEP_SWAP)) {
        if (pe_evict_oldest(host, vm) != PE_OK)
            return PE_NO_ROOM;
        self->result->evicted += 1;
        /* the payload is untouched: evicting decodes, and compresses nothing */
        status = pe_zcache_store(host->zcache, vm->index, vm->base + ppn, payload, length, frame,
                                 &lent, &blob);
    }
    if (status != PE_OK)
        return status;
    pe_vm_put(vm, ppn, PE_COMPRESSED, blob);
    if (!lent)
        pe_page_release_frame(host, frame);
    self->result->compressed += 1;
    vm->event[PE_EV_COMPRESSIONS] += 1;
    vm->event[length <= PE_PAGE_BYTES / 4 ? PE_EV_COMPRESSED_QUARTER : PE_EV_COMPRESSED_HALF] += 1;
    return PE_OK;
}

static pe_status take(job *self, uint32_t ppn)
{
    if ((self->steps & PE_STEP_SHARE) && share(self, ppn))
        return PE_OK;
    if ((self->steps & PE_STEP_COMPRESS) && self->host->zcache) {
        pe_status const status = compress(self, ppn);
        if (status == PE_OK || status == PE_ERR_NO_MEMORY)
            return status;
    }
    if (!(self->steps & PE_STEP_SWAP))
        return PE_OK;
    pe_cluster_add(&self->cluster, ppn);
    if (self->cluster.n == PE_SWAP_CLUSTER_MAX)
        return pe_cluster_flush(&self->cluster, &self->result->swapped);
    return PE_OK;
}

/* When no page is left to take, the VM's own compressed pages go on to swap, oldest first. */
static pe_status drain_cache(job *self, uint64_t idle_wanted)
{
    pe_host *host = self->host;
    pe_status status = PE_OK;
    while (status == PE_OK && pe_frames_idle(&host->frames) < idle_wanted
           && pe_zcache_oldest(host->zcache, self->vm->index) != PE_NONE) {
        status = pe_evict_oldest(host, self->vm);
        self->result->evicted += status == PE_OK;
    }
    return status;
}

pe_status pe_reclaim(pe_host *host, pe_vm *vm, uint64_t want, unsigned steps,
                     pe_reclaim_result *result)
{
    job self;
    self.host = host;
    self.vm = vm;
    self.steps = steps;
    self.result = result;
    self.cluster.host = host;
    self.cluster.vm = vm;
    self.cluster.n = 0;
    uint32_t const idle_before = pe_frames_idle(&host->frames);
    uint64_t left = 2 * (uint64_t)vm->pages;
    want = want < host->config.frames ? want : host->config.frames;
    uint32_t victim;
    pe_status status = PE_OK;
    uint64_t const idle_wanted = idle_before + want;
    uint64_t won = idle_before;
    uint32_t vain = 0;
    while (status == PE_OK && won < idle_wanted && next_victim(&self, &left, &victim)) {
        status = take(&self, victim);
        uint64_t const now = pe_frames_idle(&host->frames) + (uint64_t)self.cluster.n;
        vain = now > won ? 0 : vain + 1;
        won = now;
        if ((steps & PE_RECLAIM_BRIEF) && vain == PE_RECLAIM_VAIN_MAX)
            break;
    }
    pe_status const flushed = pe_cluster_flush(&self.cluster, &result->swapped);
    if (status == PE_OK)
        status = flushed;
    if (status == PE_OK && (steps & PE_STEP_SWAP) && host->zcache)
        status = drain_cache(&self, idle_wanted);
    uint32_t const idle_now = pe_frames_idle(&host->frames);
    result->frames += idle_now > idle_before ? idle_now - idle_before : 0;
    if (status != PE_OK && status != PE_ERR_CODEC) { /* that names its page itself */
        host->error_vm = vm->id;
        host->error_ppn = PE_NONE;
    }
    return status;
}
