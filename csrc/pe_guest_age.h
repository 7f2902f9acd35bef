/* Pages by age: what replacements share that take the oldest, whatever makes a page young. */
#ifndef PE_GUEST_AGE_H
#define PE_GUEST_AGE_H

#include "pe_guest_replacement.h"

typedef enum pe_guest_class { PE_CLASS_CACHE, PE_CLASS_MEMORY, PE_CLASSES } pe_guest_class;

typedef struct pe_guest_queue { /* pages of one class, by age: [next, sorted) in order, */
    uint32_t next, sorted;      /* and [rest, end) in steps of 2^shift marks from `first` on */
    uint32_t rest, end;
    uint32_t first, newest; /* what has a mark up to `newest` is in the queue */
    unsigned shift;
} pe_guest_queue;

typedef struct pe_guest_ages { /* at self->own */
    pe_guest_queue queue[PE_CLASSES];
    uint32_t *ppn; /* of the queues: as many as the guest has pages */
} pe_guest_ages;

/* A page is young: it has come, or was touched. */
PE_INLINE void pe_guest_age_renewed(pe_guest *self, pe_guest_node *page, uint32_t now)
{
    (void)self;
    page->mark = now;
}

/* The functions of the contract, but for `touch`. */
uint32_t pe_guest_age_victim(pe_guest *self);
PE_MUST_USE pe_status pe_guest_age_start(pe_guest *self);
void pe_guest_age_stop(pe_guest *self);
size_t pe_guest_age_bytes(const pe_guest *self);
void pe_guest_age_renew(pe_guest *self);
bool pe_guest_age_check(const pe_guest *self, const char **reason);

#endif
