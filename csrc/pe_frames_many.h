/* Moving bits of the frame bitmap and keeping its summary: shared by pe_frames.c, which takes and
   gives back one frame, and pe_frames_many.c, which does it with many and moves frames between hand
   and bitmap. Nobody else needs it. */
#ifndef PE_FRAMES_MANY_H
#define PE_FRAMES_MANY_H

#include "pe_bits.h"
#include "pe_frames.h"

/* The first word of level 0 at or after `from` that has an idle frame, not wrapping; or PE_NONE. */
static inline uint32_t pe_frames_word_from(const pe_frames *self, uint32_t from)
{
    uint32_t index = from;
    for (uint32_t k = 1; k < self->levels; k++) {
        uint32_t word = index / PE_WORD_BITS;
        uint64_t bits = self->level[k][word] & (PE_WORD_ALL << (index & 63));
        if (bits != 0) {
            index = word * PE_WORD_BITS + pe_bits_lowest(bits);
            while (--k > 0) {
                index = index * PE_WORD_BITS + pe_bits_lowest(self->level[k][index]);
            }
            return index;
        }
        index = word + 1;
    }
    return PE_NONE;
}

static inline uint32_t pe_frames_word_wrapping(const pe_frames *self, uint32_t from)
{
    uint32_t word = pe_frames_word_from(self, from);
    return PE_LIKELY(word != PE_NONE) ? word : pe_frames_word_from(self, 0);
}

/* The word of level `k` at `index` has just become zero. */
static inline void pe_frames_word_emptied(pe_frames *self, uint32_t k, uint32_t index)
{
    while (++k < self->levels) {
        uint64_t *word = &self->level[k][index / PE_WORD_BITS];
        *word &= ~pe_bits_bit(index);
        if (*word != 0) {
            return;
        }
        index /= PE_WORD_BITS;
    }
}

/* The word of level `k` at `index` is not zero; it may have been before. */
static inline void pe_frames_word_filled(pe_frames *self, uint32_t k, uint32_t index)
{
    while (++k < self->levels) {
        uint64_t *word = &self->level[k][index / PE_WORD_BITS];
        uint64_t before = *word;
        *word = before | pe_bits_bit(index);
        if (before != 0) {
            return;
        }
        index /= PE_WORD_BITS;
    }
}

/* Takes the idle frames `bits` of one word of level 0; the caller counts. */
static inline void pe_frames_clear_bits(pe_frames *self, uint32_t word, uint64_t bits)
{
    uint64_t left = self->level[0][word] & ~bits;
    self->level[0][word] = left;
    if (left == 0) {
        pe_frames_word_emptied(self, 0, word);
    }
}

/* Gives back a taken frame; the caller counts. */
static inline void pe_frames_set_bit(pe_frames *self, pe_frame frame)
{
    uint32_t word = frame / PE_WORD_BITS, group = word / PE_WORD_BITS;
    uint64_t *bits = &self->level[0][word];
    pe_assert((*bits & pe_bits_bit(frame)) == 0);
    *bits |= pe_bits_bit(frame);
    /* The summary is set also where it is set: a branch here would be one nobody can predict. */
    uint64_t before = self->level[1][group];
    self->level[1][group] = before | pe_bits_bit(word);
    if (PE_UNLIKELY(before == 0)) {
        pe_frames_word_filled(self, 1, group);
    }
}

/* The lowest idle frame of the bitmap at or after the cursor, now taken; there must be one. */
static inline pe_frame pe_frames_take_lowest(pe_frames *self)
{
    uint32_t word = self->cursor / PE_WORD_BITS;
    if (self->level[0][word] == 0) {
        word = pe_frames_word_wrapping(self, word + 1);
    }
    pe_assert(self->level[0][word] != 0);
    uint32_t bit = pe_bits_lowest(self->level[0][word]);
    pe_frames_clear_bits(self, word, pe_bits_bit(bit));
    self->in_bitmap -= 1;
    self->cursor = word * PE_WORD_BITS;
    return word * PE_WORD_BITS + bit;
}

/* The hand is empty and frames are idle: half of it comes from the bitmap, the lowest to be taken
   first. */
void pe_frames_fill_hand(pe_frames *self);
/* The hand is full: the half that has been there for longest goes to the bitmap. */
void pe_frames_empty_hand(pe_frames *self);

#endif
