/* The sharing scan. A private page is hashed and looked up; an equal page already shared or hinted
   takes it in, otherwise it leaves a hint and nothing is write-protected for it (OSDI 2002 section
   4.3).

   What limits a scan is memory: the page itself, its bucket in the table, and the page it is
   compared with. So pages go through in batches of 64, each in three passes:

     gather   choose the pages and hash them all (the bytes of the next one are asked for meanwhile)
     guess    look up each hash and note the frame of the first candidate; buckets are asked for
              a few pages before (all at once are more than a processor has in flight)
     settle   look up again and merge, one by one, while the bytes of the partner two pages ahead
              are asked for

   With several threads (pe_crew) a window of pages takes the batch's place: they are hashed by all
   while the caller settles the window before, and then looked up, and compared with the first
   candidate, by all; no frame changes what it holds during a scan, so what was found equal stays
   so. Settling is the caller's alone, in order: a tenth of the time of a cold scan, and the others
   hash meanwhile.

   A guess is only a prefetch. By the time of its turn a page may have been merged as the partner of
   an earlier one, and its candidates may be others: settle looks at everything again. So a scan of
   n pages does exactly what n scans of one page do, and the result is the same on every computer.

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
#include "pe_crew.h"

#define PARTNER_AHEAD 2u
#define BUCKET_AHEAD 12u

typedef struct scan {
    pe_host *host;
    pe_vm *vm;
    unsigned how;
    pe_scan_result *result;
    pe_window *window, *next;
} scan;

static bool is_candidate(uint64_t word)
{
    return pe_place_of(word) == PE_PRIVATE && !(word & PE_PINNED);
}

static bool is_unchanged(const pe_vm *vm, uint32_t ppn, uint64_t hash)
{
    return vm->checksums[ppn] == pe_scan_checksum(hash);
}

static void forget_checksum(pe_vm *vm, uint32_t ppn, uint64_t word)
{
    bool const in_memory = pe_place_of(word) == PE_PRIVATE || pe_place_of(word) == PE_SHARED;
    if (!in_memory && vm->checksums[ppn] != 0) /* a page of zeroes need not become resident */
        vm->checksums[ppn] = 0;
}

/* Chooses up to `most` candidates among at most *left pages: the next window. */
static void gather(const scan *self, uint64_t *left, uint32_t most)
{
    pe_vm *vm = self->vm;
    pe_window *next = self->next;
    bool const random = (self->how & PE_SCAN_RANDOM) != 0;
    next->n = 0;
    while (next->n < most && *left > 0) {
        uint32_t const ppn = random ? pe_rng_below(&vm->rng, vm->pages) : vm->scan_hand;
        if (!random)
            vm->scan_hand = ppn + 1 < vm->pages ? ppn + 1 : 0;
        *left -= 1;
        uint64_t const word = vm->map[ppn];
        if (is_candidate(word)) {
            next->frame[next->n] = pe_payload_of(word);
            next->ppn[next->n++] = ppn;
        } else if (self->how & PE_SCAN_TWO_SCANS) {
            forget_checksum(vm, ppn, word);
        }
    }
}

/* With whom a page of this hash may be shared now. */
static pe_partners partners_of(const scan *self, uint32_t ppn, uint64_t hash)
{
    if (!(self->how & PE_SCAN_TWO_SCANS))
        return PE_PARTNERS_ALL;
    return is_unchanged(self->vm, ppn, hash) ? PE_PARTNERS_PASS : PE_PARTNERS_SHARED;
}

/* The frame that a page will probably be compared with. */
static pe_frame guess_partner(const scan *self, uint32_t ppn, uint64_t hash)
{
    const pe_host *host = self->host;
    pe_vm *other;
    uint32_t other_ppn;
    if (hash == host->groups[self->vm->group].zero_hash)
        return PE_NONE;
    pe_sharing_cursor cursor = pe_sharing_find(hash);
    if (!pe_sharing_next(&host->sharing, &cursor))
        return PE_NONE;
    if (cursor.kind == PE_ENTRY_SHARED)
        return (pe_frame)cursor.id;
    if (cursor.id == self->vm->base + ppn)
        return PE_NONE; /* its own hint */
    if (partners_of(self, ppn, hash) == PE_PARTNERS_SHARED
        || !pe_host_page(host, cursor.id, &other, &other_ppn)
        || pe_place_of(other->map[other_ppn]) != PE_PRIVATE)
        return PE_NONE;
    return pe_payload_of(other->map[other_ppn]);
}

static void prefetch_partner(const pe_host *host, pe_frame frame)
{
    if (frame == PE_NONE)
        return;
    PE_PREFETCH(&host->sharing.mappers[frame]);
    pe_content_prefetch(host, frame);
}

static void hash_part(void *context, size_t first, size_t n)
{
    const scan *self = context;
    const pe_group *group = &self->host->groups[self->vm->group];
    pe_window *next = self->next;
    pe_content_hash_many(self->host, (uint32_t)n, &next->frame[first], group, &next->hash[first]);
}

/* The partners of window pages first .. end - 1 that have no equal frame yet. */
static void guess_all(const scan *self, uint32_t first, uint32_t end, pe_frame *partner)
{
    const pe_sharing *sharing = &self->host->sharing;
    const pe_window *window = self->window;
    for (uint32_t i = first; i < end && i < first + BUCKET_AHEAD; ++i)
        pe_sharing_prefetch(sharing, window->hash[i]);
    for (uint32_t i = first; i < end; ++i) {
        if (i + BUCKET_AHEAD < end)
            pe_sharing_prefetch(sharing, window->hash[i + BUCKET_AHEAD]);
        partner[i - first] = window->equal[i] != PE_NONE
                               ? PE_NONE
                               : guess_partner(self, window->ppn[i], window->hash[i]);
    }
}

/* A frame of the same content as window page i, if its probable partner is one. */
static pe_frame compare(const scan *self, uint32_t i, pe_frame partner)
{
    const pe_host *host = self->host;
    const pe_group *group = &host->groups[self->vm->group];
    pe_frame const own = self->window->frame[i];
    if (self->window->hash[i] == group->zero_hash)
        return group->zero_frame != PE_NONE && pe_content_is_zero(host, own) ? group->zero_frame
                                                                             : PE_NONE;
    return partner != PE_NONE && pe_content_equal(host, partner, own) ? partner : PE_NONE;
}

static void compare_part(void *context, size_t first, size_t n)
{
    const scan *self = context;
    pe_window *window = self->window;
    pe_frame partner[PE_SCAN_BATCH];
    uint32_t const from = (uint32_t)first, end = (uint32_t)(first + n);
    for (uint32_t i = from; i < end; ++i)
        window->equal[i] = PE_NONE;
    guess_all(self, from, end, partner);
    for (uint32_t i = from; i < end; ++i) {
        if (i + PARTNER_AHEAD < end && partner[i + PARTNER_AHEAD - from] != PE_NONE) {
            prefetch_partner(self->host, partner[i + PARTNER_AHEAD - from]);
            pe_content_prefetch(self->host, window->frame[i + PARTNER_AHEAD]);
        }
        window->equal[i] = compare(self, i, partner[i - from]);
    }
}

static void settle(const scan *self, uint32_t i)
{
    pe_host *host = self->host;
    pe_vm *vm = self->vm;
    pe_scan_result *result = self->result;
    uint32_t const ppn = self->window->ppn[i];
    uint64_t const hash = self->window->hash[i];
    pe_sharing_cursor stale;
    if (!is_candidate(vm->map[ppn]))
        return; /* became the partner of an earlier page of the window, or was in it twice */
    result->scanned += 1;
    vm->event[PE_EV_SCANNED] += 1;
    pe_partners const with = partners_of(self, ppn, hash);
    switch (pe_page_share(host, vm, ppn, hash, self->window->equal[i], with, &stale)) {
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
        vm->checksums[ppn] = pe_scan_checksum(hash);
        result->unstable += 1;
        return;
    }
    if (stale.kind == PE_ENTRY_HINT)
        pe_sharing_forget(&host->sharing, &stale);
    bool const hinted = pe_sharing_hint(&host->sharing, hash, vm->base + ppn);
    result->hinted += hinted;
    vm->event[PE_EV_HINTED] += hinted;
}

/* Settles window pages first .. end - 1, at most PE_SCAN_BATCH. */
static void settle_batch(const scan *self, uint32_t first, uint32_t end)
{
    pe_frame partner[PE_SCAN_BATCH];
    guess_all(self, first, end, partner);
    for (uint32_t i = first; i < end && i < first + PARTNER_AHEAD; ++i)
        prefetch_partner(self->host, partner[i - first]);
    for (uint32_t i = first; i < end; ++i) {
        if (i + PARTNER_AHEAD < end)
            prefetch_partner(self->host, partner[i + PARTNER_AHEAD - first]);
        settle(self, i);
    }
}

static void settle_window(const scan *self)
{
    uint32_t const n = self->window->n;
    for (uint32_t first = 0; first < n; first += PE_SCAN_BATCH)
        settle_batch(self, first, n - first < PE_SCAN_BATCH ? n : first + PE_SCAN_BATCH);
}

/* While one window is settled, the next one is hashed. */
static void scan_together(scan *self, uint64_t pages, uint32_t threads)
{
    pe_crew crew;
    pe_crew_begin(&crew, threads);
    self->window->n = 0;
    do {
        gather(self, &pages, PE_WINDOW);
        pe_crew_give(&crew, self->next->n, PE_SCAN_BATCH, hash_part, self);
        settle_window(self);
        pe_crew_finish(&crew);
        pe_window *settled = self->window;
        self->window = self->next;
        self->next = settled;
        pe_crew_give(&crew, self->window->n, PE_SCAN_BATCH, compare_part, self);
        pe_crew_finish(&crew);
    } while (self->window->n > 0);
    pe_crew_end(&crew);
}

static void scan_alone(scan *self, uint64_t pages)
{
    self->next = self->window;
    for (uint32_t i = 0; i < PE_SCAN_BATCH; ++i)
        self->window->equal[i] = PE_NONE;
    while (pages > 0) {
        gather(self, &pages, PE_SCAN_BATCH);
        hash_part(self, 0, self->window->n);
        settle_window(self);
    }
}

pe_status pe_scan(pe_host *host, pe_vm *vm, uint64_t pages, unsigned how, pe_scan_result *result)
{
    uint32_t const threads = pe_content_threads(host, pages);
    scan self = {host, vm, how, result, &host->windows[0], &host->windows[1]};
    if (!host->config.sharing)
        return PE_OK;
    if (how & PE_SCAN_TWO_SCANS) {
        pe_status const status = pe_vm_keep_checksums(vm);
        if (status != PE_OK)
            return status;
    }
    result->visited += pages;
    if (threads > 1)
        scan_together(&self, pages, threads);
    else
        scan_alone(&self, pages);
    return PE_OK;
}

void pe_scan_end_pass(pe_host *host)
{
    pe_sharing_new_generation(&host->sharing);
}
