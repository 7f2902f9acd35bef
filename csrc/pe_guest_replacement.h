/* The contract of a replacement: which page goes when one is needed. One replacement is one file
   that exports one constant table of functions; pe_guest_replacement.c lists them. */
#ifndef PE_GUEST_REPLACEMENT_H
#define PE_GUEST_REPLACEMENT_H

#include "pe_guest_pages.h"
#include "pe_guest_table.h"

#include <string.h>

struct pe_guest_replacement {
    const char *name; /* as the user writes it */
    /* pe_guest_each with what this replacement notes of an arrival and of a hit. */
    pe_status (*touch)(pe_guest *self, const pe_guest_touches *touches, pe_guest_ops *ops,
                       pe_guest_made *made);
    /* When a page is needed and none is free, one of these. The page that is to go; PE_NONE: there
       is none. */
    uint32_t (*victim)(pe_guest *self);
    /* Frees up to PE_GUEST_BATCH pages by pe_guest_evict; returns how many. */
    uint32_t (*make_room)(pe_guest *self, pe_guest_ops *ops);
    /* The rest may be NULL. Memory of its own, at self->own; bytes: how much. */
    pe_status (*start)(pe_guest *self);
    void (*stop)(pe_guest *self);
    size_t (*bytes)(const pe_guest *self);
    void (*renew)(pe_guest *self); /* `now` is at its end: it and the marks begin anew */
    bool (*check)(const pe_guest *self, const char **reason);
};

const pe_guest_replacement *pe_guest_replacement_at(size_t index); /* NULL beyond the last */

/* What a replacement notes of a page, at the time `now`. */
typedef void pe_guest_note(pe_guest *self, pe_guest_node *page, uint32_t now);

PE_INLINE int64_t pe_guest_id(const uint8_t *at)
{
    int64_t id;
    memcpy(&id, at, sizeof id);
    return id;
}

#define PE_GUEST_FAR (1u << 18) /* pages that no cache of a processor holds the nodes of */
#define PE_GUEST_AHEAD 8        /* touches between asking for a line and its use */

/* Asks for the head of a chain, and for the page at another one that was asked for before. */
PE_INLINE void pe_guest_look_ahead(const pe_guest *self, pe_guest_kind kind, const uint8_t *at,
                                   ptrdiff_t stride)
{
    uint64_t const next = pe_guest_key(kind, pe_guest_id(at + PE_GUEST_AHEAD * stride));
    uint64_t const later = pe_guest_key(kind, pe_guest_id(at + 2 * PE_GUEST_AHEAD * stride));
    uint32_t const first = self->chain[pe_guest_home(next, self->chains)];
    PE_PREFETCH_WRITE(&self->node[first < self->pages ? first : 0]);
    PE_PREFETCH(&self->chain[pe_guest_home(later, self->chains)]);
}

/* Makes touches. Inlined into each replacement, so that a hit is a look-up and its note; `ops` is
   to be known to be NULL, or not, where this is called. */
PE_INLINE pe_status pe_guest_each(pe_guest *self, const pe_guest_touches *touches,
                                  pe_guest_ops *ops, pe_guest_made *made, pe_guest_note *arrival,
                                  pe_guest_note *hit)
{
    pe_guest_kind const kind = touches->kind;
    bool const file = kind == PE_GUEST_FILE, all_write = touches->all_write;
    const uint8_t *const write = touches->write;
    const uint8_t *at = touches->ids;
    ptrdiff_t const stride = touches->stride;
    bool const far = self->pages >= PE_GUEST_FAR;
    size_t const n = touches->n;
    uint32_t const before = self->now + 1;
    pe_status status = PE_OK;
    size_t i = 0, misses = 0;
    for (;;) {
        /* all that a hit needs, where no store of its own can change it */
        const uint32_t *const chain = self->chain;
        pe_guest_node *const node = self->node;
        uint8_t *const use = self->use;
        uint32_t const pages = self->pages, chains = self->chains;
        int64_t *ppns = ops ? ops->ppn + ops->n : NULL;
        uint8_t *flags = ops ? ops->flags + ops->n : NULL;
        size_t const begun = i;
        uint64_t key = 0;
        uint32_t place = PE_NONE;
        bool writes = false;
        for (; i < n; ++i, at += stride) {
            int64_t const id = pe_guest_id(at);
            if (far && i + 2 * (size_t)PE_GUEST_AHEAD < n)
                pe_guest_look_ahead(self, kind, at, stride);
            if (PE_UNLIKELY(id < 0)) {
                status = PE_ERR_ARGUMENT;
                break;
            }
            key = pe_guest_key(kind, id);
            writes = write ? write[i] != 0 : all_write;
            place = chain[pe_guest_home(key, chains)];
            while (place != PE_NONE && node[place].owner != key)
                place = node[place].next;
            if (PE_UNLIKELY(place >= pages))
                break;
            hit(self, &node[place], before + (uint32_t)i);
            if (file && writes && use[place] == PE_USE_CLEAN)
                pe_guest_set_use(self, place, PE_USE_DIRTY);
            if (ops) {
                *ppns++ = place;
                *flags++ = writes ? PE_OP_WRITE : 0;
            }
        }
        if (ops)
            ops->n += i - begun;
        if (i == n || status != PE_OK)
            break;
        uint32_t ppn;
        self->now = before + (uint32_t)i - 1;
        status = pe_guest_bring_in(self, key, place, writes, ops, &ppn);
        if (status != PE_OK || ppn == PE_NONE)
            break;
        arrival(self, &self->node[ppn], before + (uint32_t)i);
        misses += 1;
        i += 1;
        at += stride;
    }
    self->now = before + (uint32_t)i - 1;
    self->event[PE_GUEST_CACHE_HITS] += file ? i - misses : 0;
    made->done += i;
    made->misses += misses;
    return status;
}

#endif
