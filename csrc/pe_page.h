/* The moves of one page between places that more than one room makes: taking a frame above the mark
   and releasing one, letting a content go, mapping the zero page, and finding a partner in the
   sharing table. */
#ifndef PE_PAGE_H
#define PE_PAGE_H

#include "pe_host.h"

/* An idle frame above the host's mark, taken; PE_NONE when there is none. Its content is undefined.
   */
pe_frame pe_page_take_frame(pe_host *host);
/* The frame, which nothing names any more, is idle again. No room of the host gives frames back in
   another way. */
static inline void pe_page_release_frame(pe_host *host, pe_frame frame)
{
    pe_frames_give_back(&host->frames, frame);
}

/* Lets the page's content go, whatever place it is in; frame, blob or slot is given back. The
   caller puts it somewhere. */
void pe_page_drop(pe_host *host, pe_vm *vm, uint32_t ppn);
/* One page less maps the shared frame; the last one takes entry and frame along. */
void pe_page_unmap_shared(pe_host *host, const pe_vm *vm, pe_frame frame);
/* The shared frame has one mapper left and becomes a private one: its entry goes, the frame stays
   taken. */
void pe_page_unshare(pe_host *host, const pe_vm *vm, pe_frame frame);
/* Removes the blob; a cache frame that became empty is given back. */
void pe_page_erase_blob(pe_host *host, const pe_vm *vm, pe_blob blob);

/* Maps the zero page of the VM's salt group to an absent page; PE_NO_FRAME when there is none yet
   and no frame for it. PE_SATURATED or PE_NO_ROOM: it cannot be shared now, use a private frame. */
PE_MUST_USE pe_status pe_page_map_zero(pe_host *host, pe_vm *vm, uint32_t ppn);

typedef enum pe_partner {
    PE_PARTNER_NONE,   /* no equal page is known */
    PE_PARTNER_SELF,   /* the page's own hint is there */
    PE_PARTNER_MERGED, /* merged; its frame was given back */
    PE_PARTNER_ZERO,   /* mapped to the zero page; its frame was given back */
    /* the page's own frame is the group's zero page from now on; no frame was won */
    PE_PARTNER_BECAME_ZERO
} pe_partner;

/* With whom a page may be shared. */
typedef enum pe_partners {
    PE_PARTNERS_SHARED, /* with frames that are shared already, nothing else */
    PE_PARTNERS_PASS,   /* and with pages that were hinted since the last scan pass ended */
    PE_PARTNERS_ALL     /* and with pages of every hint that has not expired */
} pe_partners;

/* Tries to share a private page whose content has this hash. `equal`: a frame that was compared
   with the page's since either changed, and holds the same; PE_NONE when none was. With
   PE_PARTNER_SELF, *hint is the page's own hint; with PE_PARTNER_NONE, a hint for the same hash
   that is no use any more (its kind is PE_ENTRY_EMPTY when there is none, and always with
   PE_PARTNERS_SHARED). */
pe_partner pe_page_share(pe_host *host, pe_vm *vm, uint32_t ppn, uint64_t hash, pe_frame equal,
                         pe_partners with, pe_sharing_cursor *hint);

#endif
