/* Which machine frames are idle.

   One bit per frame, set while the frame is idle, and above it levels of summary: a bit of level
   k says whether a word of level k-1 has any bit set. Six levels of 64 reach 2^36; two are always
   there.

       level 2   |1 . . . . . . .|                     one bit for 4,096 frames
       level 1   |. 1 . . . . . .| ...                 one bit for 64 frames
       level 0   |........|..1.....|........| ...      one bit for a frame, 1 = idle

   All levels lie in one block, and each is followed by one word that stays zero. A search may
   therefore look one past the end of its level without asking where the end is: it finds nothing
   there and climbs on.

   Before it may stand a hand: idle frames that are not set in the bitmap, an array with the next
   one last. A frame that is given back goes there, a frame that is wanted comes from there, and the
   bitmap is asked only when the hand is empty or full: for half of it at once. So one frame costs
   what it costs with a stack, and is the one most likely to be in the processor's cache, and
   resident. The price: a frame that is given back twice is found out when it goes to the bitmap, or
   by a check, and not at once; looking at its bit, which lies anywhere, costs more than the rest.

   Rules:
     F1  the number of levels, the cursor and the hand fit the number of frames
     F2  a bit of level k+1 is set exactly when its word of level k is not zero
     F3  no bit is set at or beyond the last frame, nor in the word behind a level
     F4  in_bitmap == number of bits set in level 0, but for those of a hand that is shown
     F5  a frame at hand exists, is set in no word while the hand is not shown, and is there once

   Taking is next fit: the lowest idle frame of the word where the last one was taken, or of the
   next word that has one, wrapping at the end. The search climbs while the rest of a level's word
   is empty and descends along the lowest bits: two or three words a level, however full the host
   is. Giving back sets one bit, and climbs only where a word was empty before.

   The calls for many frames at once are in pe_frames_many.c, on the same rules.

   Memory is count / 8 * 1.016 bytes, and with a hand 4 for each 1024th frame (16 KiB at most): 1/30
   of a stack of free indices. A stack only copies, but cannot say whether a frame is idle, and
   cannot find neighbours. Without a hand numbers ascend: slots taken together lie side by side in
   the swap file. */
#include "pe_frames.h"

#include "pe_frames_many.h"

#include <stdlib.h>
#include <string.h>

#define COUNT_MAX (UINT32_MAX - 63u)
#define HAND_LEAST 64u
#define HAND_MOST 4096u
#define HAND_PART 1024u /* of all frames */

/* Words that `bits` bits take; an empty level has one word all the same. */
static uint32_t words_of(uint32_t bits)
{
    return bits == 0 ? 1 : (uint32_t)(((uint64_t)bits + PE_WORD_BITS - 1) / PE_WORD_BITS);
}

/* The last word of a level of `bits` bits, all of them set. */
static uint64_t last_word(uint32_t bits)
{
    uint64_t whole = bits == 0 ? 0 : PE_WORD_ALL;
    return bits % PE_WORD_BITS == 0 ? whole : pe_bits_bit(bits) - 1;
}

/* Words per level for `count` frames; returns how many levels. */
static uint32_t sizes_of(uint32_t count, uint32_t sizes[PE_FRAMES_LEVELS])
{
    uint32_t levels = 0, bits = count;
    do {
        pe_assert(levels < PE_FRAMES_LEVELS);
        sizes[levels] = words_of(bits);
        bits = sizes[levels];
        levels += 1;
    } while (bits > 1 || levels < 2);
    return levels;
}

/* Makes the levels above 0 agree with level 0. */
static void summarise(pe_frames *self, const uint32_t sizes[PE_FRAMES_LEVELS])
{
    for (uint32_t k = 1; k < self->levels; k++) {
        memset(self->level[k], 0, sizes[k] * sizeof(uint64_t));
        for (uint32_t i = 0; i < sizes[k - 1]; i++) {
            if (self->level[k - 1][i] != 0) {
                self->level[k][i / PE_WORD_BITS] |= pe_bits_bit(i);
            }
        }
    }
}

static uint32_t hand_for(uint32_t count)
{
    uint32_t hand = count / HAND_PART;
    hand = hand < HAND_LEAST ? HAND_LEAST : hand;
    return hand < HAND_MOST ? hand : HAND_MOST;
}

static size_t block_bytes(uint32_t levels, const uint32_t sizes[PE_FRAMES_LEVELS])
{
    size_t words = levels; /* the zero words between */
    for (uint32_t k = 0; k < levels; k++) {
        words += sizes[k];
    }
    return words * sizeof(uint64_t);
}

pe_status pe_frames_init_in(pe_frames *self, uint32_t count, const pe_memory *memory)
{
    memset(self, 0, sizeof *self);
    if (count > COUNT_MAX) {
        return PE_ERR_ARGUMENT;
    }
    uint32_t sizes[PE_FRAMES_LEVELS] = {0};
    uint32_t levels = sizes_of(count, sizes);
    pe_assert(levels >= 2);
    uint64_t *block = pe_memory_zeroed(memory, 1, block_bytes(levels, sizes));
    if (block == NULL) {
        return PE_ERR_NO_MEMORY;
    }
    for (uint32_t k = 0; k < levels; k++) {
        self->level[k] = block;
        block += (size_t)sizes[k] + 1;
    }
    self->count = count;
    self->in_bitmap = count;
    self->levels = levels;
    self->memory = memory;
    memset(self->level[0], 0xff, sizes[0] * sizeof(uint64_t));
    self->level[0][sizes[0] - 1] = last_word(count);
    summarise(self, sizes);
    return PE_OK;
}

pe_status pe_frames_init_with_hand_in(pe_frames *self, uint32_t count, const pe_memory *memory)
{
    pe_status status = pe_frames_init_in(self, count, memory);
    if (status != PE_OK) {
        return status;
    }
    self->hand = pe_memory_zeroed(memory, hand_for(count), sizeof(pe_frame));
    if (self->hand == NULL) {
        pe_frames_fini(self);
        return PE_ERR_NO_MEMORY;
    }
    self->hand_max = hand_for(count);
    return PE_OK;
}

void pe_frames_fini(pe_frames *self)
{
    pe_memory_freed(self->memory, self->level[0]);
    pe_memory_freed(self->memory, self->hand);
    memset(self, 0, sizeof *self);
}

pe_status pe_frames_grow(pe_frames *self, uint32_t count)
{
    if (count <= self->count) {
        return PE_OK;
    }
    pe_assert(self->hand_max == 0);
    pe_frames grown;
    pe_status status = pe_frames_init_in(&grown, count, self->memory);
    if (status != PE_OK) {
        return status;
    }
    uint32_t sizes[PE_FRAMES_LEVELS] = {0}, last = words_of(self->count) - 1;
    (void)sizes_of(count, sizes);
    memcpy(grown.level[0], self->level[0], last * sizeof(uint64_t));
    grown.level[0][last] &= self->level[0][last] | ~last_word(self->count);
    summarise(&grown, sizes);
    grown.in_bitmap = count - self->count + self->in_bitmap;
    grown.cursor = self->cursor;
    pe_frames_fini(self);
    *self = grown;
    return PE_OK;
}

PE_RARE static pe_frame take_without_hand(pe_frames *self)
{
    pe_assert(!self->shown);
    if (self->in_bitmap == 0) {
        return PE_NONE;
    }
    if (self->hand_max == 0) {
        return pe_frames_take_lowest(self);
    }
    pe_frames_fill_hand(self);
    return self->hand[--self->in_hand];
}

pe_frame pe_frames_take(pe_frames *self)
{
    if (PE_LIKELY(self->in_hand > 0)) {
        return self->hand[--self->in_hand];
    }
    return take_without_hand(self);
}

PE_RARE static void give_back_with_full_hand(pe_frames *self, pe_frame frame)
{
    if (self->hand_max == 0) {
        pe_frames_set_bit(self, frame);
        self->in_bitmap += 1;
        return;
    }
    pe_frames_empty_hand(self);
    self->hand[self->in_hand++] = frame;
}

void pe_frames_give_back(pe_frames *self, pe_frame frame)
{
    pe_assert(frame < self->count && !self->shown);
    if (PE_LIKELY(self->in_hand < self->hand_max)) {
        self->hand[self->in_hand++] = frame;
        return;
    }
    give_back_with_full_hand(self, frame);
}

void pe_frames_show_hand(pe_frames *self)
{
    pe_assert(!self->shown);
    for (uint32_t i = 0; i < self->in_hand; i++) {
        pe_frames_set_bit(self, self->hand[i]);
    }
    self->shown = true;
}

void pe_frames_hide_hand(pe_frames *self)
{
    pe_assert(self->shown);
    for (uint32_t i = 0; i < self->in_hand; i++) {
        pe_frames_clear_bits(self, self->hand[i] / PE_WORD_BITS, pe_bits_bit(self->hand[i]));
    }
    self->shown = false;
}

bool pe_frames_is_idle(const pe_frames *self, pe_frame frame)
{
    pe_assert(frame < self->count);
    return (self->level[0][frame / PE_WORD_BITS] & pe_bits_bit(frame)) != 0;
}

const uint64_t *pe_frames_words(const pe_frames *self)
{
    return self->level[0];
}

size_t pe_frames_bytes(const pe_frames *self)
{
    uint32_t sizes[PE_FRAMES_LEVELS] = {0};
    return block_bytes(sizes_of(self->count, sizes), sizes) + self->hand_max * sizeof(pe_frame);
}

/* Every frame at hand is marked in the bitmap and unmarked again: one that is there already is in
   two places. A hand that is shown is the other way round. */
static bool hand_is_sound(const pe_frames *self)
{
    uint32_t marked = 0;
    bool sound = true;
    for (; marked < self->in_hand && sound; marked += sound) {
        pe_frame frame = self->hand[marked];
        sound = frame < self->count && pe_frames_is_idle(self, frame) == self->shown;
        if (sound) {
            self->level[0][frame / PE_WORD_BITS] ^= pe_bits_bit(frame);
        }
    }
    for (uint32_t i = 0; i < marked; i++) {
        self->level[0][self->hand[i] / PE_WORD_BITS] ^= pe_bits_bit(self->hand[i]);
    }
    return sound;
}

bool pe_frames_check(const pe_frames *self, const char **reason)
{
    uint32_t sizes[PE_FRAMES_LEVELS] = {0};
    uint64_t idle = 0;
    if (self->count > COUNT_MAX || self->levels != sizes_of(self->count, sizes)
        || self->cursor % PE_WORD_BITS != 0 || (self->cursor >= self->count && self->cursor != 0)
        || self->in_hand > self->hand_max
        || (self->hand_max != 0 && self->hand_max != hand_for(self->count))) {
        *reason = "F1: levels, cursor or hand do not fit the number of frames";
        return false;
    }
    for (uint32_t k = 0; k + 1 < self->levels; k++) {
        for (uint32_t i = 0; i < sizes[k]; i++) {
            bool marked = (self->level[k + 1][i / PE_WORD_BITS] & pe_bits_bit(i)) != 0;
            if (marked != (self->level[k][i] != 0)) {
                *reason = "F2: summary bit differs from its word";
                return false;
            }
        }
    }
    for (uint32_t k = 0; k < self->levels; k++) {
        uint32_t bits = k == 0 ? self->count : sizes[k - 1];
        uint64_t *end = self->level[k] + sizes[k];
        if ((end[-1] & ~last_word(bits)) != 0 || end[0] != 0) {
            *reason = "F3: a bit is set beyond the end of its level";
            return false;
        }
    }
    for (uint32_t i = 0; i < sizes[0]; i++) {
        idle += pe_bits_count(self->level[0][i]);
    }
    if (idle != self->in_bitmap + (self->shown ? self->in_hand : 0)) {
        *reason = "F4: idle counter differs from the number of idle frames";
        return false;
    }
    if (!hand_is_sound(self)) {
        *reason = "F5: a frame at hand does not exist, is there twice, or is idle elsewhere too";
        return false;
    }
    return true;
}
