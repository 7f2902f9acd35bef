/* The sharing scan. A private page is hashed and looked up; an equal page already shared or hinted takes it in,
   otherwise it leaves a hint and nothing is write-protected for it (OSDI 2002 section 4.3).

   What limits a scan is memory: the page itself, its bucket in the table, and the page it is compared with. So
   pages go through in batches of 64: choose and hash all (the hardware streams the page bytes), which at the
   same time asks for their buckets; then look up and merge one by one. A page of the batch may have been merged as
   the partner of an earlier one: it is looked at again before its turn.

   The order inside a batch is the order of pages, so a scan of n pages does exactly what n scans of one
   page do, and the result is the same on every machine. */
#include "pe_scan.h"

#include "pe_content.h"
#include "pe_page.h"

typedef struct candidate {
    uint64_t hash;
    uint32_t ppn;
} candidate;

static bool is_candidate(uint64_t word)
{
    return pe_place_of(word) == PE_PRIVATE && !(word & PE_PINNED);
}

/* Chooses up to PE_SCAN_BATCH candidates among at most *left pages, and hashes them. */
static uint32_t gather(pe_host *host, pe_vm *vm, uint64_t *left, bool random, candidate *batch)
{
    uint64_t const salt = host->groups[vm->group].salt;
    uint32_t n = 0;
    while (n < PE_SCAN_BATCH && *left > 0) {
        uint32_t const ppn = random ? pe_rng_below(&vm->rng, vm->pages) : vm->scan_hand;
        if (!random)
            vm->scan_hand = ppn + 1 < vm->pages ? ppn + 1 : 0;
        *left -= 1;
        if (!is_candidate(vm->map[ppn]))
            continue;
        uint64_t const hash = pe_content_hash(host, pe_payload_of(vm->map[ppn]), salt);
        pe_sharing_prefetch(&host->sharing, hash);
        batch[n++] = (candidate){hash, ppn};
    }
    return n;
}

static void settle(pe_host *host, pe_vm *vm, const candidate *page, pe_scan_result *result)
{
    pe_sharing_cursor stale;
    if (!is_candidate(vm->map[page->ppn]))
        return; /* became the partner of an earlier page of the batch */
    result->scanned += 1;
    vm->event[PE_EV_SCANNED] += 1;
    switch (pe_page_share(host, vm, page->ppn, page->hash, &stale)) {
    case PE_PARTNER_MERGED:
        result->merged += 1;
        vm->event[PE_EV_MERGED] += 1;
        return;
    case PE_PARTNER_ZERO:
    case PE_PARTNER_BECAME_ZERO:
        result->zero_merged += 1;
        vm->event[PE_EV_ZERO_MERGED] += 1;
        return;
    case PE_PARTNER_SELF: return;
    case PE_PARTNER_NONE: break;
    }
    if (stale.kind == PE_ENTRY_HINT)
        pe_sharing_forget(&host->sharing, &stale);
    bool const hinted = pe_sharing_hint(&host->sharing, page->hash, vm->base + page->ppn);
    result->hinted += hinted;
    vm->event[PE_EV_HINTED] += hinted;
}

void pe_scan(pe_host *host, pe_vm *vm, uint64_t pages, bool random, pe_scan_result *result)
{
    candidate batch[PE_SCAN_BATCH];
    if (!host->config.sharing || !vm->sharing)
        return;
    result->visited += pages;
    while (pages > 0) {
        uint32_t const n = gather(host, vm, &pages, random, batch);
        for (uint32_t i = 0; i < n; ++i)
            settle(host, vm, &batch[i], result);
    }
}

void pe_scan_end_pass(pe_host *host)
{
    pe_sharing_new_generation(&host->sharing);
}
