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
#define PE_GUEST_AHEAD 32u      /* touches whose pages are asked for at once, where they are far */

/* Asks for the pages of the next touches, and for the chains of as many after them. */
void pe_guest_look_ahead(const pe_guest *self, pe_guest_kind kind, const uint8_t *at,
                         ptrdiff_t stride, size_t left);

typedef struct pe_guest_walk { /* over touches: the next one, and what was found of it */
    const uint8_t *at;
    size_t i;
    uint64_t key;
    uint32_t place; /* PE_NONE, or a slot: it is not in memory */
    bool writes;
} pe_guest_walk;

/* Makes touches of what is in memory, up to one that is not, or the one numbered `stop`. */
PE_INLINE pe_status pe_guest_hits(pe_guest *self, const pe_guest_touches *touches,
                                  pe_guest_ops *ops, pe_guest_walk *walk, size_t stop,
                                  uint32_t before, pe_guest_note *hit)
{
    /* all that a hit needs, where no store of its own can change it */
    const uint32_t *const chain = self->chain;
    pe_guest_node *const node = self->node;
    uint8_t *const use = self->use;
    uint32_t const pages = self->pages, chains = self->chains;
    bool const file = touches->kind == PE_GUEST_FILE;
    int64_t *ppns = ops ? ops->ppn + ops->n : NULL;
    uint8_t *flags = ops ? ops->flags + ops->n : NULL;
    size_t const begun = walk->i;
    pe_status status = PE_OK;
    for (; walk->i < stop; walk->i += 1, walk->at += touches->stride) {
        int64_t const id = pe_guest_id(walk->at);
        if (PE_UNLIKELY(id < 0)) {
            status = PE_ERR_ARGUMENT;
            break;
        }
        uint64_t const key = pe_guest_key(touches->kind, id);
        bool const writes = touches->write ? touches->write[walk->i] != 0 : touches->all_write;
        uint32_t place = chain[pe_guest_home(key, chains)];
        while (place != PE_NONE && node[place].owner != key)
            place = node[place].next;
        if (PE_UNLIKELY(place >= pages)) {
            walk->key = key;
            walk->place = place;
            walk->writes = writes;
            break;
        }
        hit(self, &node[place], before + (uint32_t)walk->i);
        if (file && writes && use[place] == PE_USE_CLEAN)
            pe_guest_set_use(self, place, PE_USE_DIRTY);
        if (ops) {
            *ppns++ = place;
            *flags++ = writes ? PE_OP_WRITE : 0;
        }
    }
    if (ops)
        ops->n += walk->i - begun;
    return status;
}

/* Makes touches. Inlined into each replacement, so that a hit is a look-up and its note; `ops` is
   to be known to be NULL, or not, where this is called. */
PE_INLINE pe_status pe_guest_each(pe_guest *self, const pe_guest_touches *touches,
                                  pe_guest_ops *ops, pe_guest_made *made, pe_guest_note *arrival,
                                  pe_guest_note *hit)
{
    pe_guest_touches const t = *touches; /* a copy that no store can change */
    pe_guest_walk walk = {t.ids, 0, 0, PE_NONE, false};
    bool const far = self->pages >= PE_GUEST_FAR;
    uint32_t const before = self->now + 1;
    size_t asked = 0, misses = 0;
    for (;;) {
        if (far && walk.i >= asked) {
            pe_guest_look_ahead(self, t.kind, walk.at, t.stride, t.n - walk.i);
            asked = walk.i + PE_GUEST_AHEAD;
        }
        size_t const stop = far && asked < t.n ? asked : t.n;
        pe_status status = pe_guest_hits(self, &t, ops, &walk, stop, before, hit);
        uint32_t ppn = PE_NONE;
        self->now = before + (uint32_t)walk.i - 1;
        if (status == PE_OK && walk.i == stop && stop < t.n)
            continue;
        if (status == PE_OK && walk.i < stop)
            status = pe_guest_bring_in(self, walk.key, walk.place, walk.writes, ops, &ppn);
        if (ppn == PE_NONE) {
            self->event[PE_GUEST_CACHE_HITS] += t.kind == PE_GUEST_FILE ? walk.i - misses : 0;
            made->done += walk.i;
            made->misses += misses;
            return status;
        }
        arrival(self, &self->node[ppn], before + (uint32_t)walk.i);
        walk.i += 1;
        walk.at += t.stride;
        misses += 1;
    }
}

#endif
