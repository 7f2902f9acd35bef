/* Many frames at once: batches, and runs of neighbours.

   A batch gets the very frames that single calls would give, in the same order: from the hand, if
   there is one, which is filled in the same portions. From the bitmap they come in three steps:

       list      words of level 0 that have idle frames, read off level 1, 64 words at a time; they
                 are marked empty at once, so that the climb to level 2 is paid once for all
       drain     the listed words one by one: zeroed, their frames written out
       put back  words that were listed but not emptied into level 1 again

   What costs time at 99.9 % full is not the work but branches nobody can predict: how many words
   of this group, how many frames of this word? So eight words are listed, and two frames written,
   without asking; what is too many is overwritten by the next. The output has room for it while
   64 frames are still wanted; the last ones go out carefully. How many words to list follows from
   how full the bitmap is: one listed in vain costs as much as one that is drained.

   Giving back sets the summary bit of level 1 whether it is set or not, for the same reason.

   A run is looked for among the first few after the cursor: a search through a fragmented bitmap
   must not cost more than the write that it serves. */
#include "pe_frames_many.h"

#include <string.h>

#define LIST_MAX 256u /* words drained in one go */
#define TOP_BIT (UINT64_C(1) << 63)
#define RUNS_LOOKED_AT 16

/* Writes the positions of the set bits, lowest first, into room for 64; returns how many. Writes
   eight of them without asking how many there are: asking would be the slow part. */
static inline uint32_t write_words(uint64_t bits, uint32_t base, uint32_t *out)
{
    uint32_t n = pe_bits_count(bits);
    for (uint32_t i = 0; i < 8; i++) {
        out[i] = base + pe_bits_lowest(bits | TOP_BIT);
        bits &= bits - 1;
    }
    for (uint32_t i = 8; i < n; i++) {
        out[i] = base + pe_bits_lowest(bits);
        bits &= bits - 1;
    }
    return n;
}

/* Lists words that have an idle frame, from `from` on, until there are `limit` of them or the last
   word is reached, and marks them empty in the summary; at most LIST_MAX + 63. */
static uint32_t list_words(pe_frames *self, uint32_t from, uint32_t limit, uint32_t *list)
{
    uint32_t n = 0, word = pe_frames_word_wrapping(self, from);
    while (word != PE_NONE && n < limit) {
        uint32_t group = word / PE_WORD_BITS;
        uint64_t all = self->level[1][group], listed = all & (PE_WORD_ALL << (word & 63));
        n += write_words(listed, group * PE_WORD_BITS, list + n);
        self->level[1][group] = all ^ listed;
        if (all == listed) {
            pe_frames_word_emptied(self, 1, group);
        }
        word = (group + 1) * PE_WORD_BITS;
        if (self->level[1][group + 1] == 0) {
            word = pe_frames_word_from(self, word);
        }
    }
    return n;
}

/* Writes the numbers of all idle frames of a word into room for 64; returns how many. */
static inline uint32_t write_frames(uint64_t bits, pe_frame base, pe_frame *out)
{
    if (bits == PE_WORD_ALL) {
        for (uint32_t i = 0; i < PE_WORD_BITS; i++) {
            out[i] = base + i;
        }
        return PE_WORD_BITS;
    }
    uint64_t left = bits & (bits - 1);
    uint32_t n = 1 + (uint32_t)((left | (0 - left)) >> 63); /* 1 or 2, without a branch */
    out[0] = base + pe_bits_lowest(bits);
    out[1] = base + pe_bits_lowest(left | TOP_BIT); /* not kept when there is no second */
    for (left &= left - 1; left != 0; left &= left - 1) {
        out[n++] = base + pe_bits_lowest(left);
    }
    return n;
}

/* Takes up to `want` frames from the listed words and puts the words that still have some back into
   the summary; returns how many. */
static uint32_t drain_words(pe_frames *self, const uint32_t *list, uint32_t n, uint32_t want,
                            pe_frame *out)
{
    uint32_t done = 0, i = 0;
    while (i < n && want - done >= PE_WORD_BITS) {
        uint64_t bits = self->level[0][list[i]];
        self->level[0][list[i]] = 0;
        done += write_frames(bits, list[i] * PE_WORD_BITS, out + done);
        i += 1;
    }
    while (i < n && done < want) {
        uint64_t *bits = &self->level[0][list[i]];
        while (*bits != 0 && done < want) {
            out[done++] = list[i] * PE_WORD_BITS + pe_bits_lowest(*bits);
            *bits &= *bits - 1;
        }
        i += *bits == 0;
    }
    for (; i < n; i++) {
        pe_frames_word_filled(self, 0, list[i]);
    }
    return done;
}

/* Takes `total` frames of the bitmap, which has so many. */
static void take_of_bitmap(pe_frames *self, uint32_t total, pe_frame *out)
{
    uint32_t list[LIST_MAX + PE_WORD_BITS], done = 0;
    while (done < total) {
        /* As many words as the frames will probably be in: one that is listed in vain costs too. */
        uint64_t left = total - done, words = (uint64_t)self->count / PE_WORD_BITS + 1;
        uint64_t limit = left * words / self->in_bitmap + 1;
        limit = limit < left ? limit : left;
        limit = limit < LIST_MAX ? limit : LIST_MAX;
        uint32_t n = list_words(self, self->cursor / PE_WORD_BITS, (uint32_t)limit, list);
        uint32_t taken = drain_words(self, list, n, total - done, out + done);
        pe_assert(taken > 0 && taken <= self->in_bitmap);
        done += taken;
        self->in_bitmap -= taken;
        self->cursor = out[done - 1] / PE_WORD_BITS * PE_WORD_BITS;
    }
}

static inline uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

void pe_frames_fill_hand(pe_frames *self)
{
    pe_assert(self->in_hand == 0 && self->in_bitmap > 0);
    uint32_t n = least(self->hand_max / 2, self->in_bitmap);
    take_of_bitmap(self, n, self->hand);
    for (uint32_t i = 0; i < n / 2; i++) { /* the lowest last */
        pe_frame other = self->hand[i];
        self->hand[i] = self->hand[n - 1 - i];
        self->hand[n - 1 - i] = other;
    }
    self->in_hand = n;
}

void pe_frames_empty_hand(pe_frames *self)
{
    pe_assert(self->in_hand == self->hand_max);
    uint32_t n = self->hand_max / 2;
    for (uint32_t i = 0; i < n; i++) {
        pe_frames_set_bit(self, self->hand[i]);
    }
    self->in_hand -= n;
    self->in_bitmap += n;
    memmove(self->hand, self->hand + n, self->in_hand * sizeof(pe_frame));
}

uint32_t pe_frames_take_many(pe_frames *self, uint32_t want, pe_frame *out)
{
    uint32_t total = least(want, pe_frames_idle(self)), done = 0, portion = self->hand_max / 2;
    pe_assert(!self->shown);
    while (done < total) {
        uint32_t here = least(self->in_hand, total - done);
        for (uint32_t i = 0; i < here; i++) {
            out[done + i] = self->hand[self->in_hand - 1 - i];
        }
        self->in_hand -= here;
        done += here;
        uint32_t left = total - done;
        if (portion == 0 || left >= portion) {
            uint32_t n = portion == 0 ? left : least(portion, left);
            take_of_bitmap(self, n, out + done);
            done += n;
        } else if (left > 0) {
            pe_frames_fill_hand(self);
        }
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

/* The first idle frame at or after `from` (at most count), wrapping; there must be one. */
static pe_frame idle_from_wrapping(const pe_frames *self, uint32_t from)
{
    uint32_t word = from / PE_WORD_BITS;
    uint64_t bits = self->level[0][word] & (PE_WORD_ALL << (from & 63));
    if (bits == 0) {
        word = pe_frames_word_wrapping(self, word + 1);
        bits = self->level[0][word];
    }
    return word * PE_WORD_BITS + pe_bits_lowest(bits);
}

uint32_t pe_frames_take_run(pe_frames *self, uint32_t want, pe_frame *first)
{
    pe_frame best = PE_NONE, from = self->cursor;
    uint32_t length = 0;
    pe_assert(self->hand_max == 0);
    for (uint32_t i = 0; i < RUNS_LOOKED_AT && length < want && self->in_bitmap > 0; i++) {
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
    pe_assert(best < self->count && length <= self->count - best && length <= self->in_bitmap);
    for (uint32_t at = best; at < best + length;) {
        uint32_t offset = at & 63, here = PE_WORD_BITS - offset;
        uint32_t n = best + length - at < here ? best + length - at : here;
        uint64_t bits = (PE_WORD_ALL >> (PE_WORD_BITS - n)) << offset;
        pe_frames_clear_bits(self, at / PE_WORD_BITS, bits);
        at += n;
    }
    self->in_bitmap -= length;
    self->cursor = (best + length - 1) / PE_WORD_BITS * PE_WORD_BITS;
    *first = best;
    return length;
}

uint32_t pe_frames_give_back_checked(pe_frames *self, uint32_t n, const pe_frame *frames)
{
    uint32_t given = 0;
    pe_assert(self->hand_max == 0);
    for (; given < n; given++) {
        pe_frame frame = frames[given];
        if (frame >= self->count
            || (self->level[0][frame / PE_WORD_BITS] & pe_bits_bit(frame)) != 0) {
            break;
        }
        pe_frames_set_bit(self, frame);
    }
    if (given < n) { /* undo */
        for (uint32_t i = 0; i < given; i++) {
            pe_frames_clear_bits(self, frames[i] / PE_WORD_BITS, pe_bits_bit(frames[i]));
        }
        return given;
    }
    self->in_bitmap += n;
    return n;
}
