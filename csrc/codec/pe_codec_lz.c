/* The LZ codec: our own compressor and decompressor of the LZ4 block format, for one page.

   A block is a row of sequences: a token byte (length of the literals in its upper, of the match
   less 4 in its lower half), the literals, and where the match is (two bytes, how far back). A half
   of 15 goes on in more bytes, 255 each until one is less. The last sequence has literals only; the
   last five bytes are always literals, and no match begins in the last twelve.

   The compressor hashes five bytes at every position it tries, remembers the last position of each
   hash, and takes the first match of four bytes that it meets (greedy). Positions fit 16 bits, so
   that the table is 8 KiB, which is most of what a page costs beside the page. When nothing matches
   it moves faster and faster, as all of this family do.

   It gives up as soon as the literals that wait, which must be written whatever follows, do not
   fit. (Trying only every fourth position when a page must fit half a page was 1.3 times as fast,
   and lost one page in twenty that would have fitted: whoever wants speed takes the word codec.)

   The decompressor trusts nothing: every length is checked against both buffers before a byte
   moves, and copies that run ahead in steps of 8 or 16 bytes do so only where there is room for
   it. */
#include "../pe_bits.h"
#include "../pe_bytes.h"
#include "pe_codec.h"

#include <string.h>

#define TABLE_BITS 12u
#define MATCH_MIN 4u
#define LAST_LITERALS 5u
#define LAST_MATCH 12u
#define HALF 15u         /* of a token: more length bytes follow */
#define PATIENCE_BITS 5u /* failures before the search doubles its step: 2^5 */

extern const pe_codec pe_codec_lz;

/* What is written, and the literals that wait to be. */
typedef struct writer {
    uint8_t *out, *end;
    const uint8_t *anchor; /* the first literal that is not written yet */
} writer;

static unsigned slot_of(uint64_t word)
{
    return (unsigned)((word << 24) * UINT64_C(889523592379) >> (64 - TABLE_BITS));
}

/* Bytes that a length takes beside its half of the token. */
static size_t length_bytes(size_t length)
{
    return length < HALF ? 0 : (length - HALF) / 255 + 1;
}

static uint8_t *put_length(uint8_t *out, size_t rest)
{
    for (; rest >= 255; rest -= 255)
        *out++ = 255;
    *out++ = (uint8_t)rest;
    return out;
}

/* Copies n bytes in steps of 16: up to 15 bytes beyond both ends are touched. */
static void copy_ahead16(uint8_t *to, const uint8_t *from, const uint8_t *end)
{
    do {
        memcpy(to, from, 16);
        to += 16;
        from += 16;
    } while (to < end);
}

static void copy_ahead8(uint8_t *to, const uint8_t *from, const uint8_t *end)
{
    do {
        memcpy(to, from, 8);
        to += 8;
        from += 8;
    } while (to < end);
}

static size_t room(const writer *to)
{
    return (size_t)(to->end - to->out);
}

/* The literals up to `ip`, and the token before them, whose lower half is still to come; NULL when
   they do not fit. `after`: bytes of the page behind ip that may be read. */
static uint8_t *put_literals(writer *to, const uint8_t *ip, size_t after)
{
    size_t const n = (size_t)(ip - to->anchor);
    if (room(to) < 1 + length_bytes(n) + n)
        return NULL;
    uint8_t *token = to->out++;
    if (n >= HALF) {
        *token = HALF << 4;
        to->out = put_length(to->out, n - HALF);
    } else {
        *token = (uint8_t)(n << 4);
    }
    if (room(to) >= n + 8 && after >= 8)
        copy_ahead8(to->out, to->anchor, to->out + n);
    else
        memcpy(to->out, to->anchor, n);
    to->out += n;
    return token;
}

/* Where and how long the match is; false when it does not fit. */
static bool put_match(writer *to, uint8_t *token, size_t offset, size_t length)
{
    size_t const rest = length - MATCH_MIN;
    if (room(to) < 2 + length_bytes(rest))
        return false;
    *to->out++ = (uint8_t)offset;
    *to->out++ = (uint8_t)(offset >> 8);
    if (rest >= HALF) {
        *token |= HALF;
        to->out = put_length(to->out, rest - HALF);
    } else {
        *token |= (uint8_t)rest;
    }
    return true;
}

/* The end of what ip and its match have in common, up to `end`. */
static const uint8_t *match_end(const uint8_t *ip, const uint8_t *match, const uint8_t *end)
{
    while (ip + 8 <= end) {
        uint64_t const differs = pe_load64(ip) ^ pe_load64(match);
        if (differs)
            return ip + pe_bits_lowest(differs) / 8;
        ip += 8;
        match += 8;
    }
    while (ip < end && *ip == *match) {
        ip += 1;
        match += 1;
    }
    return ip;
}

static size_t compress(const pe_codec *self, const uint8_t *page, uint8_t *out, size_t max,
                       void *work)
{
    uint16_t *table = work;
    const uint8_t *const end = page + PE_PAGE_BYTES;
    const uint8_t *const last = end - LAST_MATCH, *const match_limit = end - LAST_LITERALS;
    const uint8_t *ip = page + 1;
    writer to = {out, out + max, page};
    (void)self;
    memset(table, 0, sizeof(uint16_t) << TABLE_BITS);
    while (ip <= last) {
        const uint8_t *match, *next = ip;
        uint64_t word, word_after = pe_load64(ip);
        size_t failures = (size_t)1 << PATIENCE_BITS;
        do { /* the word of the next position is loaded before this one is judged */
            ip = next;
            word = word_after;
            next += failures++ >> PATIENCE_BITS;
            if (next > last)
                goto rest;
            if ((size_t)(ip - to.anchor) > room(&to))
                return 0;
            unsigned const slot = slot_of(word);
            match = page + table[slot];
            table[slot] = (uint16_t)(ip - page);
            word_after = pe_load64(next);
        } while (pe_load32(match) != (uint32_t)word);
        while (ip > to.anchor && match > page && ip[-1] == match[-1]) {
            ip -= 1;
            match -= 1;
        }
        uint8_t *token = put_literals(&to, ip, (size_t)(end - ip));
        if (!token)
            return 0;
        for (;;) { /* matches that follow each other without a literal between */
            const uint8_t *stop = match_end(ip + MATCH_MIN, match + MATCH_MIN, match_limit);
            if (!put_match(&to, token, (size_t)(ip - match), (size_t)(stop - ip)))
                return 0;
            to.anchor = ip = stop;
            if (ip > last)
                goto rest;
            table[slot_of(pe_load64(ip - 2))] = (uint16_t)(ip - 2 - page);
            word = pe_load64(ip);
            unsigned const slot = slot_of(word);
            match = page + table[slot];
            table[slot] = (uint16_t)(ip - page);
            if (pe_load32(match) != (uint32_t)word)
                break;
            if (room(&to) == 0)
                return 0;
            token = to.out++;
            *token = 0;
        }
        ip += 1;
    }
rest:
    return put_literals(&to, end, 0) ? (size_t)(to.out - out) : 0;
}

/* The rest of a length whose half token is full; false when the input ends within it. */
static inline bool more_length(const uint8_t **in, const uint8_t *end, size_t *length)
{
    uint8_t byte;
    do {
        if (*in >= end)
            return false;
        byte = *(*in)++;
        *length += byte;
    } while (byte == 255);
    return true;
}

/* Eight bytes that repeat those at `from` with a period of 1 to 7. */
static uint64_t repeated(const uint8_t *from, unsigned period)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < period; ++i)
        bytes |= (uint64_t)from[i] << (8 * i);
    for (unsigned filled = period; filled < 8; filled *= 2)
        bytes |= bytes << (8 * filled);
    return bytes;
}

/* A match of `length` bytes, `offset` back, with `space` bytes of room behind `to`. */
static inline void copy_match(uint8_t *to, size_t offset, size_t length, size_t space)
{
    uint8_t *const end = to + length;
    const uint8_t *from = to - offset;
    if (space < length + 16) {
        while (to < end)
            *to++ = *from++;
    } else if (offset >= 16) {
        copy_ahead16(to, from, end);
    } else if (offset >= 8) {
        copy_ahead8(to, from, end);
    } else {
        uint64_t const bytes = repeated(from, (unsigned)offset);
        size_t const step = 8 - 8 % offset; /* whole periods */
        for (; to < end; to += step)
            pe_store64(to, bytes);
    }
}

static bool decompress(const pe_codec *self, const uint8_t *in, size_t length, uint8_t *page,
                       void *work)
{
    const uint8_t *const in_end = in + length;
    uint8_t *out = page, *const end = page + PE_PAGE_BYTES;
    (void)self, (void)work;
    while (in < in_end) {
        unsigned const token = *in++;
        size_t literals = token >> 4, match = token & HALF, offset;
        if (literals < HALF && in_end - in >= 18 && end - out >= 34) {
            memcpy(out, in, 16); /* the usual sequence: a few literals, a short match */
            out += literals;
            in += literals;
            offset = pe_load16(in);
            in += 2;
            if (match < HALF && offset >= 8 && offset <= (size_t)(out - page)) {
                memcpy(out, out - offset, 8);
                memcpy(out + 8, out - offset + 8, 8);
                memcpy(out + 16, out - offset + 16, 2);
                out += match + MATCH_MIN;
                continue;
            }
        } else {
            if (literals == HALF && !more_length(&in, in_end, &literals))
                return false;
            if (literals > (size_t)(in_end - in) || literals > (size_t)(end - out))
                return false;
            if (literals + 16 <= (size_t)(in_end - in) && literals + 16 <= (size_t)(end - out))
                copy_ahead16(out, in, out + literals);
            else
                memcpy(out, in, literals);
            out += literals;
            in += literals;
            if (in == in_end)
                return out == end;
            if (in_end - in < 2)
                return false;
            offset = pe_load16(in);
            in += 2;
        }
        if (match == HALF && !more_length(&in, in_end, &match))
            return false;
        match += MATCH_MIN;
        if (offset == 0 || offset > (size_t)(out - page) || match > (size_t)(end - out))
            return false;
        copy_match(out, offset, match, (size_t)(end - out));
        out += match;
    }
    return false;
}

const pe_codec pe_codec_lz = {"lz",
                              "matches of four bytes and more, in the LZ4 block format",
                              sizeof(uint16_t) << TABLE_BITS,
                              compress,
                              decompress,
                              {NULL}};
