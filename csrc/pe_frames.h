/* Which machine frames are idle: a bitmap with summary levels. Knows nothing of what they hold. */
#ifndef PE_FRAMES_H
#define PE_FRAMES_H

#include "pe_memory.h"

#define PE_FRAMES_LEVELS 6

typedef struct pe_frames {
    uint32_t count;     /* frames of the host; at most 2^32 - 64 */
    uint32_t in_bitmap; /* frames set in it; in_bitmap + in_hand + taken == count */
    uint32_t cursor;    /* next-fit hint: where the last frame was taken */
    uint32_t levels;
    /* level 0: a set bit is an idle frame; level k: a set bit is a non-zero word below. One block;
       a word that stays zero follows each level. */
    uint64_t *level[PE_FRAMES_LEVELS];
    /* Frames at hand: idle, but not set in the bitmap; the last one is taken next. */
    pe_frame *hand;
    uint32_t in_hand, hand_max; /* 0 and 0: there is no hand */
    bool shown;                 /* they are set in the bitmap as well, for a reader of all of it */
    const pe_memory *memory;
} pe_frames;

/* How many are idle. */
static inline uint32_t pe_frames_idle(const pe_frames *self)
{
    return self->in_bitmap + self->in_hand;
}

/* All idle. The table is the caller's, and there as long as this. */
PE_MUST_USE pe_status pe_frames_init_in(pe_frames *self, uint32_t count, const pe_memory *memory);
/* The same, with a hand: for who takes and gives back one frame at a time, and no runs. */
PE_MUST_USE pe_status pe_frames_init_with_hand_in(pe_frames *self, uint32_t count,
                                                  const pe_memory *memory);
PE_MUST_USE static inline pe_status pe_frames_init(pe_frames *self, uint32_t count)
{
    return pe_frames_init_in(self, count, NULL);
}
/* Now at least `count` frames; the added ones are idle, the others as they were. */
PE_MUST_USE pe_status pe_frames_grow(pe_frames *self, uint32_t count);
void pe_frames_fini(pe_frames *self); /* legal on a zeroed struct, after a failed init, and twice */

/* A frame at hand, else the next idle frame at or after the cursor (wrapping), now taken; PE_NONE
   when none is idle. */
pe_frame pe_frames_take(pe_frames *self);
/* Takes up to `want` frames, as if by `want` single takes; returns how many. */
uint32_t pe_frames_take_many(pe_frames *self, uint32_t want, pe_frame *out);
/* A run of up to `want` consecutive idle frames, now taken: the first that is long enough, or the
   longest of the first few after the cursor. Returns its length and *first; 0 when none is idle.
   Not with a hand. */
uint32_t pe_frames_take_run(pe_frames *self, uint32_t want, pe_frame *first);
/* Gives back one taken frame. Asserted; with a hand only once it goes to the bitmap. */
void pe_frames_give_back(pe_frames *self, pe_frame frame);
/* Gives back n frames whose numbers cannot be trusted: returns n, or the position of the first
   number that is out of range, idle or named before; nothing is changed then. The numbers are read
   twice: they must be the caller's own, which no other thread changes meanwhile. Not with a hand.
   */
uint32_t pe_frames_give_back_checked(pe_frames *self, uint32_t n, const pe_frame *frames);

/* Between these two the bitmap knows of the frames at hand, and none may be taken or given back. */
void pe_frames_show_hand(pe_frames *self);
void pe_frames_hide_hand(pe_frames *self);
/* By the bitmap. */
bool pe_frames_is_idle(const pe_frames *self, pe_frame frame);
/* Level-0 words for readers of the whole bitmap; bits at and beyond count are 0. */
const uint64_t *pe_frames_words(const pe_frames *self);
size_t pe_frames_bytes(const pe_frames *self); /* memory of the bitmap and the hand */
/* Walks everything; false and the first broken rule in *reason (a fixed string "F<n>: ..."). */
bool pe_frames_check(const pe_frames *self, const char **reason);

#endif
