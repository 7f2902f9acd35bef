/* Pages by age. The mark of a page is the time at which it became young (came, or was touched: that
   is the replacement's choice); the page with the lowest mark of its class is the oldest. Exactly,
   and without a list: a touch is one store into a line that its look-up has read already, where
   moving a page to the head of a list would change three others.

     queue   of each class (page cache, anonymous memory) its pages by age, as they were when the
             queue was filled
     newest  the time of that: of what is not in the queue nothing is as old

   The next of the queue is the oldest of all if its mark is still within `newest`; else it became
   young since, or is gone, and is passed over. When the queue is used up it is filled again, by one
   pass of a radix sort: pages are counted by steps of their marks, and put where their step begins.
   A step is sorted when it is reached; by then most of what was young has been touched again. Every
   page that was in the queue has left it for an eviction or a touch since, so filling costs each of
   these a few instructions, unless the class is a small part of memory.

   Both queues lie in one array of as many numbers as there are pages, one from each end. The longer
   they are the more of them is passed over, so there is room when what is passed over is left out.

   While the cache is more than 1/16 of memory the oldest page of the cache is taken, after that
   the oldest anonymous one; of the cache again when no slot of swap space is free.

   Times are 32 bits; before they end (once in 2^32 touches) marks become ranks: renew.

   Rules:
     G6  every page of a class with a mark up to `newest` is in its queue once, the steps and what
         is sorted in order; no mark is 0 or beyond `now` */
#include "pe_guest_age.h"

#include <stdlib.h>
#include <string.h>

#define STEP_BITS_MAX 12u
#define CHUNK 64u /* pages that are sorted at once, but for whole steps */

static pe_guest_ages *ages_of(const pe_guest *self)
{
    return self->own;
}

/* The uses that make a class, as bits. */
static unsigned uses_of(pe_guest_class class)
{
    return class == PE_CLASS_CACHE ? 1u << PE_USE_CLEAN | 1u << PE_USE_DIRTY
                                   : 1u << PE_USE_ANONYMOUS;
}

static uint32_t count_of(const pe_guest *self, pe_guest_class class)
{
    return class == PE_CLASS_CACHE ? pe_guest_cached(self) : self->in_use[PE_USE_ANONYMOUS];
}

static unsigned bits_of(uint32_t number)
{
    unsigned bits = 0;
    for (; number; number >>= 1)
        bits += 1;
    return bits;
}

static bool is_old(const pe_guest *self, const pe_guest_queue *queue, uint32_t ppn)
{
    return self->node[ppn].mark <= queue->newest;
}

/* Leaves out of [from, to) what is old no more; where the rest ends. */
static uint32_t squeeze(const pe_guest *self, const pe_guest_queue *queue, uint32_t from,
                        uint32_t to)
{
    uint32_t *order = ages_of(self)->ppn, n = from;
    for (uint32_t i = from; i < to; ++i) {
        order[n] = order[i];
        n += is_old(self, queue, order[i]);
    }
    return n;
}

/* The queue without gaps, at one end of the array. */
static void pack(const pe_guest *self, pe_guest_queue *queue, bool to_the_end)
{
    uint32_t *order = ages_of(self)->ppn;
    uint32_t const sorted = squeeze(self, queue, queue->next, queue->sorted) - queue->next;
    uint32_t const rest = squeeze(self, queue, queue->rest, queue->end) - queue->rest;
    uint32_t const start = to_the_end ? self->pages - sorted - rest : 0;
    if (to_the_end) /* then the upper part moves first */
        memmove(order + start + sorted, order + queue->rest, rest * sizeof *order);
    memmove(order + start, order + queue->next, sorted * sizeof *order);
    if (!to_the_end)
        memmove(order + sorted, order + queue->rest, rest * sizeof *order);
    queue->next = start;
    queue->sorted = queue->rest = start + sorted;
    queue->end = queue->rest + rest;
}

/* Where a queue of n pages goes, the other one moved out of its way. */
static uint32_t room_for(pe_guest *self, pe_guest_class class, uint32_t n)
{
    pe_guest_queue *other = &ages_of(self)->queue[class == PE_CLASS_CACHE];
    bool const low = class == PE_CLASS_CACHE;
    uint32_t const start = low ? 0 : self->pages - n;
    if (other->next < other->end && (low ? other->next < n : other->end > start))
        pack(self, other, low);
    pe_assert(other->next == other->end || (low ? other->next >= n : other->end <= start));
    return start;
}

/* Whether one of eight pages is of the class: their uses as one word, in which a byte is zero then.
 */
static bool one_of_eight(const pe_guest *self, pe_guest_class class, uint32_t ppn)
{
    uint64_t const ones = UINT64_C(0x0101010101010101);
    uint64_t word;
    memcpy(&word, self->use + ppn, sizeof word);
    word = class == PE_CLASS_CACHE ? (word & ones * 0xfe) ^ ones * PE_USE_CLEAN
                                   : word ^ ones * PE_USE_ANONYMOUS;
    return ((word - ones) & ~word & ones * 0x80) != 0;
}

typedef struct chosen { /* pages of a class with marks in [first, first + span] */
    pe_guest_class class;
    unsigned uses;
    uint32_t first, span;
    bool few;
} chosen;

/* The first of them from ppn on, or where the pages end; few are looked for in steps of eight. */
PE_INLINE uint32_t next_of(const pe_guest *self, chosen what, uint32_t ppn)
{
    for (; ppn < self->pages; ++ppn) {
        if (what.few && ppn % 8 == 0)
            while (ppn + 8 <= self->pages && !one_of_eight(self, what.class, ppn))
                ppn += 8;
        if (ppn < self->pages && self->node[ppn].mark - what.first <= what.span
            && (what.uses >> self->use[ppn] & 1))
            break;
    }
    return ppn;
}

/* All pages of the class with later marks than are in the queue, by steps. */
static void fill(pe_guest *self, pe_guest_class class)
{
    pe_guest_queue *queue = &ages_of(self)->queue[class];
    uint32_t step[1u << STEP_BITS_MAX];
    uint32_t const first = queue->newest + 1, span = self->now - first;
    bool const few = count_of(self, class) < self->pages / 16;
    chosen const all = {class, uses_of(class), first, span, few};
    unsigned const bits = bits_of(span), members = bits_of(count_of(self, class));
    unsigned const most = members < STEP_BITS_MAX ? members : STEP_BITS_MAX;
    unsigned const shift = bits > most ? bits - most : 0;
    uint32_t n = 0, ppn;
    memset(step, 0, ((span >> shift) + 1) * sizeof *step);
    for (ppn = next_of(self, all, 0); ppn < self->pages; ppn = next_of(self, all, ppn + 1))
        step[(self->node[ppn].mark - first) >> shift] += 1;
    for (uint32_t i = 0; i <= span >> shift; ++i) {
        uint32_t const here = step[i];
        step[i] = n;
        n += here;
    }
    uint32_t const start = room_for(self, class, n);
    uint32_t *order = ages_of(self)->ppn + start;
    for (ppn = next_of(self, all, 0); ppn < self->pages; ppn = next_of(self, all, ppn + 1))
        order[step[(self->node[ppn].mark - first) >> shift]++] = ppn;
    *queue = (pe_guest_queue){start, start, start, start + n, first, self->now, shift};
}

/* Sorts n pages by mark, none further than `width` from its place: by insertion, over shrinking
   distances where that is far. */
static void sort(const pe_guest *self, uint32_t *ppn, uint32_t n, uint32_t width)
{
    uint32_t gap = 1;
    while (gap < width / 9)
        gap = 3 * gap + 1;
    for (; gap > 0; gap /= 3)
        for (uint32_t i = gap; i < n; ++i) {
            uint32_t const moved = ppn[i], mark = self->node[moved].mark;
            uint32_t k = i;
            for (; k >= gap && self->node[ppn[k - gap]].mark > mark; k -= gap)
                ppn[k] = ppn[k - gap];
            ppn[k] = moved;
        }
}

/* The next steps of the queue in order, CHUNK pages or a few more, without what is old no more. */
static void sort_steps(const pe_guest *self, pe_guest_queue *queue)
{
    uint32_t *order = ages_of(self)->ppn;
    uint32_t const start = queue->rest;
    uint32_t i = start, n = start, step = 0, began = start, width = 0;
    for (; i < queue->end; ++i) {
        uint32_t const ppn = order[i], mark = self->node[ppn].mark;
        if (mark > queue->newest)
            continue;
        if ((mark - queue->first) >> queue->shift != step) {
            if (n - start >= CHUNK)
                break;
            step = (mark - queue->first) >> queue->shift;
            began = n;
        }
        order[n++] = ppn;
        width = n - began > width ? n - began : width;
    }
    sort(self, order + start, n - start, width);
    queue->next = start;
    queue->sorted = n;
    queue->rest = i;
}

/* More of the queue in order. */
static void go_on(pe_guest *self, pe_guest_class class)
{
    pe_guest_queue *queue = &ages_of(self)->queue[class];
    if (queue->rest == queue->end)
        fill(self, class);
    pe_assert(queue->rest < queue->end);
    sort_steps(self, queue);
}

/* The oldest page of a class that has pages. */
PE_INLINE uint32_t oldest(pe_guest *self, pe_guest_class class)
{
    pe_guest_ages *ages = ages_of(self);
    pe_guest_queue *queue = &ages->queue[class];
    for (;;) {
        while (queue->next < queue->sorted) {
            uint32_t const ppn = ages->ppn[queue->next++];
            if (is_old(self, queue, ppn))
                return ppn;
        }
        go_on(self, class);
    }
}

uint32_t pe_guest_age_victim(pe_guest *self)
{
    uint32_t const cached = pe_guest_cached(self);
    if (cached > 0 && pe_guest_cache_first(self))
        return oldest(self, PE_CLASS_CACHE);
    if (self->in_use[PE_USE_ANONYMOUS] > 0 && pe_guest_slot_is_free(self))
        return oldest(self, PE_CLASS_MEMORY);
    return cached > 0 ? oldest(self, PE_CLASS_CACHE) : PE_NONE;
}

pe_status pe_guest_age_start(pe_guest *self)
{
    pe_guest_ages *ages = calloc(1, sizeof *ages);
    self->own = ages;
    if (ages)
        ages->ppn = calloc(self->pages, sizeof *ages->ppn);
    return ages && ages->ppn ? PE_OK : PE_ERR_NO_MEMORY;
}

void pe_guest_age_stop(pe_guest *self)
{
    if (self->own)
        free(ages_of(self)->ppn);
    free(self->own);
    self->own = NULL;
}

size_t pe_guest_age_bytes(const pe_guest *self)
{
    return sizeof(pe_guest_ages) + self->pages * sizeof *ages_of(self)->ppn;
}

void pe_guest_age_renew(pe_guest *self)
{
    uint32_t now = 0;
    for (unsigned class = 0; class < PE_CLASSES; ++class) {
        uint32_t const n = count_of(self, (pe_guest_class)class);
        for (uint32_t rank = 1; rank <= n; ++rank) /* never above what the mark was */
            self->node[oldest(self, (pe_guest_class)class)].mark = rank;
        ages_of(self)->queue[class] = (pe_guest_queue){0, 0, 0, 0, 0, 0, 0};
        now = n > now ? n : now;
    }
    self->now = now;
}

/* How many pages are old in one part of the queue; UINT32_MAX: they are not in order there, or not
   of the class. */
static uint32_t in_order(const pe_guest *self, const pe_guest_queue *queue, unsigned uses,
                         bool sorted)
{
    const uint32_t *order = ages_of(self)->ppn;
    uint32_t const from = sorted ? queue->next : queue->rest;
    uint32_t const to = sorted ? queue->sorted : queue->end;
    uint32_t n = 0, before = 0;
    for (uint32_t i = from; i < to; ++i) {
        if (order[i] >= self->pages)
            return UINT32_MAX;
        if (!is_old(self, queue, order[i]))
            continue;
        uint32_t const mark = self->node[order[i]].mark;
        uint32_t const step = sorted ? mark : (mark - queue->first) >> queue->shift;
        if ((sorted && mark == before) || step < before || !(uses >> self->use[order[i]] & 1))
            return UINT32_MAX;
        before = step;
        n += 1;
    }
    return n;
}

static bool is_whole(const pe_guest *self, pe_guest_class class, const char **reason)
{
    const pe_guest_queue *queue = &ages_of(self)->queue[class];
    unsigned const uses = uses_of(class);
    uint32_t old = 0;
    for (uint32_t ppn = 0; ppn < self->pages; ++ppn) {
        uint32_t const mark = self->node[ppn].mark;
        if (!(uses >> self->use[ppn] & 1))
            continue;
        *reason = "G6: a page's age is not a time that was";
        if (mark == 0 || mark > self->now)
            return false;
        old += mark <= queue->newest;
    }
    *reason = "G6: a queue by age has no such limits";
    if (queue->next > queue->sorted || queue->sorted > queue->rest || queue->rest > queue->end
        || queue->end > self->pages)
        return false;
    uint32_t const sorted = in_order(self, queue, uses, true);
    uint32_t const rest = in_order(self, queue, uses, false);
    *reason = "G6: a queue by age is not in order, or names a page of another class";
    if (sorted == UINT32_MAX || rest == UINT32_MAX)
        return false;
    *reason = "G6: an old page is not in the queue of its class";
    return old == sorted + rest;
}

bool pe_guest_age_check(const pe_guest *self, const char **reason)
{
    return is_whole(self, PE_CLASS_CACHE, reason) && is_whole(self, PE_CLASS_MEMORY, reason);
}
