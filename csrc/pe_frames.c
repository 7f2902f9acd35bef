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

   Rules:
     F1  the number of levels and the cursor fit the number of frames
     F2  a bit of level k+1 is set exactly when its word of level k is not zero
     F3  no bit is set at or beyond the last frame, nor in the word behind a level
     F4  idle == number of bits set in level 0

   Taking is next fit: the next idle frame at or after the one taken last, wrapping at the end.
   The search looks at the rest of the cursor's word, climbs while the rest of a level's word is
   empty, then descends along the lowest bits: two or three words of each level at most, however
   full the host is. At 99.9 % full with gaps anywhere, one word of level 0 in sixteen has an idle
   frame, and level 1 names it. Giving back sets one bit, and climbs only where a word was empty
   before.

   Bulk calls give the very frames that single calls would give, in the same order. They work on
   the 4,096 frames under one level-1 word at a time, so that the climb, the counter and the
   summary are paid once per group; a word that is wholly idle goes out as 64 consecutive numbers.

   Memory is count / 8 * 1.016 bytes, 1/31 of a stack of free indices. A stack is a copy of a few
   bytes each way, but hands frames out in the order in which they came back, cannot say whether a
   frame is idle, and cannot find neighbours. Next fit hands out ascending numbers: runs of frames
   lie side by side in memory, and runs of slots side by side in the swap file. */
#include "pe_frames.h"

#include "pe_bits.h"

#include <stdlib.h>
#include <string.h>

#define GROUP_SHIFT 12 /* frames under one level-1 word */
#define RUNS_LOOKED_AT 16
#define COUNT_MAX (UINT32_MAX - 63u)

/* Words that `bits` bits take; an empty level has one word all the same. */
static uint32_t words_of(uint32_t bits)
{
    return bits == 0 ? 1 : (uint32_t)(((uint64_t)bits + PE_WORD_BITS - 1) / PE_WORD_BITS);
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

static size_t words_in_block(uint32_t levels, const uint32_t sizes[PE_FRAMES_LEVELS])
{
    size_t words = 0;
    for (uint32_t k = 0; k < levels; k++) {
        words += (size_t)sizes[k] + 1;
    }
    return words;
}

pe_status pe_frames_init(pe_frames *self, uint32_t count)
{
    memset(self, 0, sizeof *self);
    if (count > COUNT_MAX) {
        return PE_ERR_ARGUMENT;
    }
    uint32_t sizes[PE_FRAMES_LEVELS] = {0};
    uint32_t levels = sizes_of(count, sizes);
    uint64_t *block = calloc(words_in_block(levels, sizes), sizeof(uint64_t));
    if (block == NULL) {
        return PE_ERR_NO_MEMORY;
    }
    for (uint32_t k = 0; k < levels; k++) {
        self->level[k] = block;
        block += (size_t)sizes[k] + 1;
    }
    self->count = count;
    self->idle = count;
    self->levels = levels;
    memset(self->level[0], 0xff, (count / PE_WORD_BITS) * sizeof(uint64_t));
    if (count % PE_WORD_BITS != 0) {
        self->level[0][count / PE_WORD_BITS] = pe_bits_bit(count) - 1;
    }
    summarise(self, sizes);
    return PE_OK;
}

void pe_frames_fini(pe_frames *self)
{
    free(self->level[0]);
    memset(self, 0, sizeof *self);
}

pe_status pe_frames_grow(pe_frames *self, uint32_t count)
{
    if (count <= self->count) {
        return PE_OK;
    }
    pe_frames grown;
    pe_status status = pe_frames_init(&grown, count);
    if (status != PE_OK) {
        return status;
    }
    memcpy(grown.level[0], self->level[0], (self->count / PE_WORD_BITS) * sizeof(uint64_t));
    if (self->count % PE_WORD_BITS != 0) {
        uint32_t last = self->count / PE_WORD_BITS;
        grown.level[0][last] &= ~(pe_bits_bit(self->count) - 1);
        grown.level[0][last] |= self->level[0][last];
    }
    uint32_t sizes[PE_FRAMES_LEVELS] = {0};
    (void)sizes_of(count, sizes);
    summarise(&grown, sizes);
    grown.idle = count - self->count + self->idle;
    grown.cursor = self->cursor;
    pe_frames_fini(self);
    *self = grown;
    return PE_OK;
}

/* The first idle frame at or after `from` (at most count), not wrapping; PE_NONE when none is. */
static inline pe_frame idle_from(const pe_frames *self, uint32_t from)
{
    uint32_t index = from;
    for (uint32_t k = 0; k < self->levels; k++) {
        uint32_t word = index / PE_WORD_BITS;
        uint64_t bits = self->level[k][word] & (PE_WORD_ALL << (index & 63));
        if (bits != 0) {
            index = word * PE_WORD_BITS + pe_bits_lowest(bits);
            while (k > 0) {
                k -= 1;
                index = index * PE_WORD_BITS + pe_bits_lowest(self->level[k][index]);
            }
            return index;
        }
        index = word + 1;
    }
    return PE_NONE;
}

static inline pe_frame idle_from_wrapping(const pe_frames *self, uint32_t from)
{
    pe_frame frame = idle_from(self, from);
    return PE_LIKELY(frame != PE_NONE) ? frame : idle_from(self, 0);
}

/* The word of level `k` at `index` has just become zero. */
static inline void word_emptied(pe_frames *self, uint32_t k, uint32_t index)
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
static inline void word_filled(pe_frames *self, uint32_t k, uint32_t index)
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
static inline void clear_bits(pe_frames *self, uint32_t word, uint64_t bits)
{
    uint64_t left = self->level[0][word] & ~bits;
    self->level[0][word] = left;
    if (left == 0) {
        word_emptied(self, 0, word);
    }
}

pe_frame pe_frames_take(pe_frames *self)
{
    if (PE_UNLIKELY(self->idle == 0)) {
        return PE_NONE;
    }
    pe_frame frame = idle_from_wrapping(self, self->cursor);
    pe_assert(frame < self->count);
    clear_bits(self, frame / PE_WORD_BITS, pe_bits_bit(frame));
    self->idle -= 1;
    self->cursor = frame;
    return frame;
}

/* Writes the numbers of at most `room` set bits, lowest first; returns the bits written. */
static inline uint64_t write_bits(uint64_t bits, pe_frame base, uint32_t room, pe_frame *out,
                                  uint32_t *written)
{
    uint64_t left = bits;
    uint32_t n = 0;
    if (bits == PE_WORD_ALL && room >= PE_WORD_BITS) {
        for (uint32_t i = 0; i < PE_WORD_BITS; i++) {
            out[i] = base + i;
        }
        *written = PE_WORD_BITS;
        return bits;
    }
    do {
        out[n++] = base + pe_bits_lowest(left);
        left &= left - 1;
    } while (left != 0 && n < room);
    *written = n;
    return bits ^ left;
}

/* Takes up to `want` idle frames of one group, from the idle frame `from` on; returns how many. */
static uint32_t drain_group(pe_frames *self, pe_frame from, uint32_t want, pe_frame *out)
{
    uint32_t group = from >> GROUP_SHIFT, word = from / PE_WORD_BITS, done = 0;
    uint64_t summary = self->level[1][group], emptied = 0;
    uint64_t waiting = summary & (PE_WORD_ALL << (word & 63));
    uint64_t wanted = PE_WORD_ALL << (from & 63); /* narrows the first word only */
    while (waiting != 0 && done < want) {
        word = group * PE_WORD_BITS + pe_bits_lowest(waiting);
        uint64_t *bits = &self->level[0][word];
        uint32_t n = 0;
        *bits ^= write_bits(*bits & wanted, word * PE_WORD_BITS, want - done, out + done, &n);
        emptied |= (uint64_t)(*bits == 0) << (word & 63);
        done += n;
        waiting &= waiting - 1;
        wanted = PE_WORD_ALL;
    }
    self->level[1][group] = summary & ~emptied;
    if ((summary & ~emptied) == 0) {
        word_emptied(self, 1, group);
    }
    return done;
}

uint32_t pe_frames_take_many(pe_frames *self, uint32_t want, pe_frame *out)
{
    uint32_t total = want < self->idle ? want : self->idle, done = 0;
    pe_frame from = self->cursor;
    while (done < total) {
        from = idle_from_wrapping(self, from);
        pe_assert(from < self->count);
        done += drain_group(self, from, total - done, out + done);
        from = out[done - 1];
    }
    if (total > 0) {
        pe_assert(total <= self->idle);
        self->idle -= total;
        self->cursor = from;
    }
    return total;
}

/* Length of the run of idle frames that starts at the idle frame `first`; at most `want`. */
static uint32_t run_length(const pe_frames *self, pe_frame first, uint32_t want)
{
    uint32_t length = 0;
    while (length < want) {
        uint32_t at = first + length;
        uint64_t taken = ~self->level[0][at / PE_WORD_BITS] >> (at & 63);
        if (taken != 0) {
            length += pe_bits_lowest(taken);
            break;
        }
        length += PE_WORD_BITS - (at & 63); /* the rest of the word: zeroes were shifted in */
    }
    return length < want ? length : want;
}

uint32_t pe_frames_take_run(pe_frames *self, uint32_t want, pe_frame *first)
{
    pe_frame best = PE_NONE, from = self->cursor;
    uint32_t length = 0;
    for (uint32_t i = 0; i < RUNS_LOOKED_AT && length < want && self->idle > 0; i++) {
        pe_frame start = idle_from_wrapping(self, from);
        uint32_t run = run_length(self, start, want);
        if (run > length) {
            best = start;
            length = run;
        }
        from = start + run;
    }
    if (length == 0) {
        return 0;
    }
    pe_assert(best < self->count && length <= self->count - best && length <= self->idle);
    for (uint32_t at = best; at < best + length;) {
        uint32_t offset = at & 63, here = PE_WORD_BITS - offset;
        uint32_t n = best + length - at < here ? best + length - at : here;
        clear_bits(self, at / PE_WORD_BITS, (PE_WORD_ALL >> (PE_WORD_BITS - n)) << offset);
        at += n;
    }
    self->idle -= length;
    self->cursor = best + length - 1;
    *first = best;
    return length;
}

void pe_frames_give_back(pe_frames *self, pe_frame frame)
{
    pe_assert(frame < self->count);
    uint64_t *word = &self->level[0][frame / PE_WORD_BITS];
    uint64_t before = *word;
    pe_assert((before & pe_bits_bit(frame)) == 0);
    *word = before | pe_bits_bit(frame);
    if (before == 0) {
        word_filled(self, 0, frame / PE_WORD_BITS);
    }
    self->idle += 1;
}

void pe_frames_give_back_many(pe_frames *self, uint32_t n, const pe_frame *frames)
{
    uint32_t i = 0;
    pe_assert(n <= self->count - self->idle);
    while (i < n) {
        /* Neighbours in the list are often neighbours in the bitmap: one word, written once. */
        uint32_t word = frames[i] / PE_WORD_BITS;
        pe_assert(frames[i] < self->count);
        uint64_t before = self->level[0][word], bits = before;
        do {
            uint64_t bit = pe_bits_bit(frames[i]);
            pe_assert(frames[i] < self->count && (bits & bit) == 0);
            bits |= bit;
            i += 1;
        } while (i < n && frames[i] / PE_WORD_BITS == word);
        self->level[0][word] = bits;
        if (before == 0) {
            word_filled(self, 0, word);
        }
    }
    self->idle += n;
}

uint32_t pe_frames_give_back_checked(pe_frames *self, uint32_t n, const pe_frame *frames)
{
    uint32_t given = 0;
    while (given < n && frames[given] < self->count && !pe_frames_is_idle(self, frames[given])) {
        pe_frames_give_back(self, frames[given]);
        given += 1;
    }
    if (given < n) {
        for (uint32_t i = 0; i < given; i++) {
            clear_bits(self, frames[i] / PE_WORD_BITS, pe_bits_bit(frames[i]));
        }
        self->idle -= given;
    }
    return given;
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
    uint32_t levels = sizes_of(self->count, sizes);
    return words_in_block(levels, sizes) * sizeof(uint64_t);
}

bool pe_frames_check(const pe_frames *self, const char **reason)
{
    uint32_t sizes[PE_FRAMES_LEVELS] = {0};
    uint64_t idle = 0;
    if (self->count > COUNT_MAX || self->levels != sizes_of(self->count, sizes) ||
        (self->cursor >= self->count && self->cursor != 0)) {
        *reason = "F1: levels or cursor do not fit the number of frames";
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
        uint64_t beyond = bits % PE_WORD_BITS == 0 ? 0 : PE_WORD_ALL << (bits & 63);
        beyond = bits == 0 ? PE_WORD_ALL : beyond;
        if ((self->level[k][sizes[k] - 1] & beyond) != 0 || self->level[k][sizes[k]] != 0) {
            *reason = "F3: a bit is set beyond the end of its level";
            return false;
        }
    }
    for (uint32_t i = 0; i < sizes[0]; i++) {
        idle += pe_bits_count(self->level[0][i]);
    }
    if (idle != self->idle) {
        *reason = "F4: idle counter differs from the number of idle frames";
        return false;
    }
    return true;
}
