/* Replacement of the page that came first, touched since or not: FIFO, one page when one is needed.

     mark  the time of the arrival

   Which page is the oldest is pe_guest_age.c's business. */
#include "pe_guest_age.h"

extern const pe_guest_replacement pe_guest_fifo;

PE_INLINE void stays_as_old(pe_guest *self, pe_guest_node *page, uint32_t now)
{
    (void)self, (void)page, (void)now;
}

static pe_status touch(pe_guest *self, const pe_guest_touches *touches, pe_guest_ops *ops,
                       pe_guest_made *made)
{
    pe_guest_note *const young = pe_guest_age_renewed;
    return ops ? pe_guest_each(self, touches, ops, made, young, stays_as_old)
               : pe_guest_each(self, touches, NULL, made, young, stays_as_old);
}

const pe_guest_replacement pe_guest_fifo = {
    .name = "fifo",
    .touch = touch,
    .victim = pe_guest_age_victim,
    .start = pe_guest_age_start,
    .stop = pe_guest_age_stop,
    .bytes = pe_guest_age_bytes,
    .renew = pe_guest_age_renew,
    .check = pe_guest_age_check,
};
