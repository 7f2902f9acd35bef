/* The sharing scan. A private page is hashed and looked up; an equal page already shared or hinted
   takes it in, otherwise it leaves a hint and nothing is write-protected for it (OSDI 2002 section
   4.3).

   What limits a scan is memory: the page itself, its bucket in the table, and the page it is
   compared with. So pages go through in batches of 64, each in three passes:

     gather   choose the pages and hash them all (the bytes of the next one are asked for meanwhile)
     guess    look up each hash and note the frame of the first candidate; all buckets were asked
              for before
     settle   look up again and merge, one by one, while the bytes of the partner two pages ahead
              are asked for

   A guess is only a prefetch. By the time of its turn a page may have been merged as the partner of
   an earlier one, and its candidates may be others: settle looks at everything again. So a scan of
   n pages does exactly what n scans of one page do, and the result is the same on every machine.

   The two-scan rule is that of Linux' KSM (mm/ksm.c until 6.10; since 6.11 the checksum comes first,
   and a page that equals a shared one takes two scans as well). A page is looked up among the
   shared ones first, whatever became of it since the last scan, and merges at once with an equal
   one. Else its checksum is held against the one that the last scan kept: if they differ, the new
   one is kept, and that is all. Only a page of unchanged content is looked up among the hints, or
   leaves one; and as KSM builds its tree of such pages anew in every pass, only hints of this pass
   count. What is compared is content: a page that was written with the same bytes is unchanged. A
   page that is passed over while it is swapped, compressed, ballooned or absent loses its checksum,
   as it loses its item there.

   The zero page is a shared frame like any other. While its group has one, a page of zeroes joins
   it at its first scan; else an unchanged page of zeroes becomes it. (KSM has none of its own: its
   first two zero pages become a shared frame, or with use_zero_pages the kernel's page takes each
   after two scans.) */
#include "pe_scan.h"

#include "pe_content.h"
#include "pe_page.h"

#define PARTNER_AHEAD 2u

typedef struct batch {
    uint32_t n;
    uint32_t ppn[PE_SCAN_BATCH];
    uint64_t hash[PE_SCAN_BATCH];
    pe_frame partner[PE_SCAN_BATCH]; /* PE_NONE: no guess */
} batch;

static bool is_candidate(uint64_t word)
{
    return pe_place_of(word) == PE_PRIVATE && !(word & PE_PINNED);
}

/* KSM's checksum of a page, from a hash that is there in any case; never 0. */
static uint32_t checksum_of(uint64_t hash)
{
    uint32_t const checksum = (uint32_t)(hash >> 16);
    return checksum ? checksum : 1;
}

static bool is_unchanged(const pe_vm *vm, uint32_t ppn, uint64_t hash)
{
    return vm->checksums[ppn] == checksum_of(hash);
}

static void forget_checksum(pe_vm *vm, uint32_t ppn, uint64_t word)
{
    bool const in_memory = pe_place_of(word) == PE_PRIVATE || pe_place_of(word) == PE_SHARED;
    if (!in_memory && vm->checksums[ppn] != 0) /* a page of zeroes need not become resident */
        vm->checksums[ppn] = 0;
}

/* Chooses up to PE_SCAN_BATCH candidates among at most *left pages. */
static void gather(pe_vm *vm, uint64_t *left, unsigned how, batch *self)
{
    bool const random = (how & PE_SCAN_RANDOM) != 0;
    self->n = 0;
    while (self->n < PE_SCAN_BATCH && *left > 0) {
        uint32_t const ppn = random ? pe_rng_below(&vm->rng, vm->pages) : vm->scan_hand;
        if (!random)
            vm->scan_hand = ppn + 1 < vm->pages ? ppn + 1 : 0;
        *left -= 1;
        uint64_t const word = vm->map[ppn];
        if (is_candidate(word))
            self->ppn[self->n++] = ppn;
        else if (how & PE_SCAN_TWO_SCANS)
            forget_checksum(vm, ppn, word);
    }
}

static void hash_all(const pe_host *host, const pe_vm *vm, batch *self)
{
    const pe_group *group = &host->groups[vm->group];
    pe_frame frames[PE_SCAN_BATCH];
    for (uint32_t i = 0; i < self->n; ++i)
        frames[i] = pe_payload_of(vm->map[self->ppn[i]]);
    pe_content_hash_many(host, self->n, frames, group, self->hash);
    for (uint32_t i = 0; i < self->n; ++i)
        pe_sharing_prefetch(&host->sharing, self->hash[i]);
}

/* The frame that the page with this hash will probably be compared with. */
static pe_frame guess_partner(const pe_host *host, const pe_vm *vm, uint64_t hash)
{
    pe_vm *other;
    uint32_t ppn;
    if (hash == host->groups[vm->group].zero_hash)
        return PE_NONE;
    pe_sharing_cursor cursor = pe_sharing_find(hash);
    if (!pe_sharing_next(&host->sharing, &cursor))
        return PE_NONE;
    if (cursor.kind == PE_ENTRY_SHARED)
        return (pe_frame)cursor.id;
    if (!pe_host_page(host, cursor.id, &other, &ppn) || pe_place_of(other->map[ppn]) != PE_PRIVATE)
        return PE_NONE;
    return pe_payload_of(other->map[ppn]);
}

static void prefetch_partner(const pe_host *host, pe_frame frame)
{
    if (frame == PE_NONE)
        return;
    PE_PREFETCH(&host->sharing.mappers[frame]);
    pe_content_prefetch(host, frame);
}

static void settle(pe_host *host, pe_vm *vm, uint32_t ppn, uint64_t hash, unsigned how,
                   pe_scan_result *result)
{
    pe_sharing_cursor stale;
    pe_partners with = PE_PARTNERS_ALL;
    if (!is_candidate(vm->map[ppn]))
        return; /* became the partner of an earlier page of the batch */
    result->scanned += 1;
    vm->event[PE_EV_SCANNED] += 1;
    if (how & PE_SCAN_TWO_SCANS)
        with = is_unchanged(vm, ppn, hash) ? PE_PARTNERS_PASS : PE_PARTNERS_SHARED;
    switch (pe_page_share(host, vm, ppn, hash, with, &stale)) {
    case PE_PARTNER_MERGED:
        result->merged += 1;
        vm->event[PE_EV_MERGED] += 1;
        return;
    case PE_PARTNER_ZERO:
    case PE_PARTNER_BECAME_ZERO:
        result->zero_merged += 1;
        vm->event[PE_EV_ZERO_MERGED] += 1;
        return;
    case PE_PARTNER_SELF:
        pe_sharing_refresh(&host->sharing, &stale); /* only a scan keeps hints alive, no reclaim */
        return;
    case PE_PARTNER_NONE: break;
    }
    if (with == PE_PARTNERS_SHARED) {
        vm->checksums[ppn] = checksum_of(hash);
        result->unstable += 1;
        return;
    }
    if (stale.kind == PE_ENTRY_HINT)
        pe_sharing_forget(&host->sharing, &stale);
    bool const hinted = pe_sharing_hint(&host->sharing, hash, vm->base + ppn);
    result->hinted += hinted;
    vm->event[PE_EV_HINTED] += hinted;
}

pe_status pe_scan(pe_host *host, pe_vm *vm, uint64_t pages, unsigned how, pe_scan_result *result)
{
    batch self;
    if (!host->config.sharing)
        return PE_OK;
    if (how & PE_SCAN_TWO_SCANS) {
        pe_status const status = pe_vm_keep_checksums(vm);
        if (status != PE_OK)
            return status;
    }
    result->visited += pages;
    while (pages > 0) {
        gather(vm, &pages, how, &self);
        hash_all(host, vm, &self);
        for (uint32_t i = 0; i < self.n; ++i)
            self.partner[i] = guess_partner(host, vm, self.hash[i]);
        for (uint32_t i = 0; i < PARTNER_AHEAD && i < self.n; ++i)
            prefetch_partner(host, self.partner[i]);
        for (uint32_t i = 0; i < self.n; ++i) {
            if (i + PARTNER_AHEAD < self.n)
                prefetch_partner(host, self.partner[i + PARTNER_AHEAD]);
            settle(host, vm, self.ppn[i], self.hash[i], how, result);
        }
    }
    return PE_OK;
}

void pe_scan_end_pass(pe_host *host)
{
    pe_sharing_new_generation(&host->sharing);
}
