/* Replacement by a clock. The hand goes round the guest's pages and gives each that was touched
   since it last came by a second chance; what it takes it takes in batches of 32, as kernels do.

   mark  1 touched, 0 not since the hand came by

   While the cache is more than 1/16 of memory only cache is taken, after that anonymous memory
   too. */
#include "pe_guest_replacement.h"

extern const pe_guest_replacement pe_guest_clock;

PE_INLINE void touched(pe_guest *self, pe_guest_node *page, uint32_t now)
{
    (void)self, (void)now;
    page->mark = 1;
}

static pe_status touch(pe_guest *self, const pe_guest_touches *touches, pe_guest_ops *ops,
                       pe_guest_made *made)
{
    return ops ? pe_guest_each(self, touches, ops, made, touched, touched)
               : pe_guest_each(self, touches, NULL, made, touched, touched);
}

/* Frees what the page at the hand holds, if it may be taken; whether it was freed. */
static bool pass(pe_guest *self, uint32_t ppn, bool cache_only, pe_guest_ops *ops)
{
    pe_guest_use const use = (pe_guest_use)self->use[ppn];
    if (!pe_guest_is_cache(use)
        && (use != PE_USE_ANONYMOUS || cache_only || !pe_guest_slot_is_free(self)))
        return false;
    if (self->node[ppn].mark) {
        self->node[ppn].mark = 0;
        return false;
    }
    pe_guest_evict(self, ppn, ops);
    return true;
}

static uint32_t make_room(pe_guest *self, pe_guest_ops *ops)
{
    uint32_t freed = 0;
    for (unsigned both = 0; both < 2 && freed == 0; ++both) {
        uint64_t left = 2 * (uint64_t)self->pages; /* twice round: no second chance is left */
        for (; left > 0 && freed < PE_GUEST_BATCH; --left) {
            if (!both && pe_guest_cached(self) == 0)
                break;
            freed += pass(self, self->hand, !both && pe_guest_cache_first(self), ops);
            self->hand = self->hand + 1 < self->pages ? self->hand + 1 : 0;
        }
    }
    return freed;
}

const pe_guest_replacement pe_guest_clock = {
    .name = "clock", .touch = touch, .make_room = make_room};
