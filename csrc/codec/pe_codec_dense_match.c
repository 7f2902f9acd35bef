/* Literals and matches. A match is at least four bytes that were there before in the page. It is
   told by three things:

     a token: how many literals come before it (0 to 6, 7: more), its length less 4 (0 to 14, 15:
              more), and whether it is as far away as the match before, which is the case where a
              page consists of records
     its offset, if that is not so, as a class: a power of two and a kind. Offsets that are a
              multiple of 8, or of 4 only, are kinds of their own, since what memory holds is
              aligned; 31 classes in all
     the rest: bits that say where in its class the offset is, and the lengths that are more

   Tokens run upwards through their part of the blob, offsets with the rest downwards.

   Matches are looked for with a table of the last places of five bytes, four of which are enough,
   and first as far away as the match before. A match that is shorter than 32 waits whether one byte
   later there is a longer one, which makes the matches a tenth fewer, and wins more pages than
   anything else that was tried. */
#include "pe_codec_dense_match.h"

#include "../pe_bits.h"

#define MATCH_MIN 4u
#define MORE_LITERALS 7u
#define MORE_LENGTH 15u /* of the length less MATCH_MIN */
#define LAST_MATCH 20u  /* no match begins later than that before the end */
#define FIRST_OFFSET 8u
#define LONG 32u /* a match that does not wait */
#define CLASSES_OF_8 0u
#define CLASSES_OF_4 9u
#define CLASSES 19u

/* By class: the first offset, bits that follow, by how much those are shifted. The one that there
   is not has the offset 0, which is refused. */
static const uint16_t base[32] = {8,  16, 32,  64,  128, 256,  512,  1024, 2048, 4, 12,
                                  28, 60, 124, 252, 508, 1020, 2044, 4092, 1,    2, 4,
                                  8,  16, 32,  64,  128, 256,  512,  1024, 2048, 0};
static const uint8_t extra[32] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3, 4,  5,  6,
                                  7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0};
static const uint8_t shift[32] = {3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3};

static unsigned slot_of(uint64_t word)
{
    return (unsigned)((word << 24) * UINT64_C(889523592379) >> (64 - PE_DENSE_TABLE_BITS));
}

static inline void remember(pe_dense_parts *parts, const uint8_t *page, const uint8_t *at)
{
    parts->places[slot_of(pe_load64(at))] = (uint16_t)(at - page);
}

/* The end of what ip and its match have in common; the first 16 bytes, which are there, without a
   branch that cannot be foreseen. */
static inline const uint8_t *match_end(const uint8_t *ip, const uint8_t *match, const uint8_t *end)
{
    uint64_t const low = pe_load64(ip) ^ pe_load64(match);
    uint64_t const high = pe_load64(ip + 8) ^ pe_load64(match + 8);
    uint64_t const no_low = 0 - (uint64_t)(low == 0), either = low | (high & no_low);
    if (PE_LIKELY(either))
        return ip + (no_low & 8) + pe_bits_lowest(either) / 8;
    for (ip += 16, match += 16; ip + 8 <= end; ip += 8, match += 8) {
        uint64_t const differs = pe_load64(ip) ^ pe_load64(match);
        if (differs)
            return ip + pe_bits_lowest(differs) / 8;
    }
    while (ip < end && *ip == *match) {
        ip += 1;
        match += 1;
    }
    return ip;
}

/* How many bytes before ip and its match are the same, seven at most, down to these limits. */
static inline size_t same_before(const uint8_t *ip, const uint8_t *match, const uint8_t *anchor,
                                 const uint8_t *page)
{
    size_t const left = (size_t)(ip - anchor), before = (size_t)(match - page);
    if (PE_UNLIKELY(before < 8))
        return 0;
    uint64_t const differs = (pe_load64(ip - 8) ^ pe_load64(match - 8)) | 0xff;
    size_t const same = (63 - pe_bits_highest(differs)) / 8;
    return same < left ? same : left;
}

/* Bits behind those that are there: of `value`, `count`. */
static inline uint64_t followed(uint64_t bits, uint64_t value, unsigned count)
{
    uint64_t const mask = (UINT64_C(1) << 56) - 1;
    return ((bits & ~mask) + ((uint64_t)count << 56)) | ((bits & mask) << count | value);
}

/* A number: how many bits it has beside the highest, in four, then those. */
static uint64_t followed_by_number(uint64_t bits, size_t number)
{
    unsigned const count = pe_bits_highest(number + 1);
    bits = followed(bits, count, 4);
    return followed(bits, number + 1 - ((size_t)1 << count), count);
}

/* By the lowest three bits of an offset: its kind, of which the classes go with a power of two. */
static inline unsigned class_of(size_t offset)
{
    static const uint8_t first[8] = {CLASSES_OF_8, CLASSES, CLASSES, CLASSES,
                                     CLASSES_OF_4, CLASSES, CLASSES, CLASSES};
    static const uint8_t more[8] = {0, 0, 0, 0, 4}, eighth[8] = {3, 0, 0, 0, 3};
    unsigned const kind = offset & 7;
    return first[kind] + pe_bits_highest((offset + more[kind]) >> eighth[kind]);
}

/* Where the next literal and the next match go. */
typedef struct cursor {
    uint8_t *literal;
    size_t n, rest_bits;
} cursor;

/* Literals from..to, then a match; `again`: as far away as the one before. */
static inline void put_match(pe_dense_parts *parts, cursor *next, const uint8_t *from,
                             const uint8_t *to, size_t length, size_t offset, bool again)
{
    size_t const literals = (size_t)(to - from), more = length - MATCH_MIN;
    uint8_t *out = next->literal;
    uint64_t rest = 0;
    next->literal += literals;
    do {
        memcpy(out, from, 16);
        from += 16;
        out += 16;
    } while (PE_UNLIKELY(from < to));
    if (!again) {
        unsigned const class = class_of(offset);
        parts->offsets[next->n] = (uint8_t)class;
        parts->offset_counts[class] += 1;
        rest = (uint64_t)extra[class] << 56 | (offset - base[class]) >> shift[class];
    }
    unsigned token = (unsigned)(literals << 5 | more << 1 | again);
    if (PE_UNLIKELY(literals >= MORE_LITERALS)) {
        rest = followed_by_number(rest, literals - MORE_LITERALS);
        token = (unsigned)(MORE_LITERALS << 5 | more << 1 | again);
    }
    if (PE_UNLIKELY(more >= MORE_LENGTH)) {
        rest = followed_by_number(rest, more - MORE_LENGTH);
        token = (unsigned)((literals < MORE_LITERALS ? literals : MORE_LITERALS) << 5
                           | MORE_LENGTH << 1 | again);
    }
    parts->tokens[next->n] = (uint8_t)token;
    parts->token_counts[token] += 1;
    parts->rest[next->n] = rest;
    next->n += 1;
    next->rest_bits += rest >> 56;
}

/* Zero where four bytes are those of the word. */
static inline uint32_t unlike4(const uint8_t *match, uint64_t word)
{
    return pe_load32(match) ^ (uint32_t)word;
}

void pe_dense_part(pe_dense_parts *parts, const uint8_t *page)
{
    const uint8_t *const end = page + PE_PAGE_BYTES, *const last = end - LAST_MATCH;
    const uint8_t *ip = page + FIRST_OFFSET, *anchor = page;
    size_t offset = FIRST_OFFSET;
    cursor next = {parts->literals, 0, 0};
    memset(parts->token_counts, 0, sizeof parts->token_counts);
    memset(parts->offset_counts, 0, sizeof parts->offset_counts);
    memset(parts->places, 0, sizeof parts->places);
    for (unsigned i = 1; i < FIRST_OFFSET; ++i)
        remember(parts, page, page + i);
    while (ip <= last) {
        uint64_t const word = pe_load64(ip);
        unsigned const slot = slot_of(word);
        const uint8_t *match = page + parts->places[slot];
        parts->places[slot] = (uint16_t)(ip - page);
        bool const again = unlike4(ip - offset, word) == 0;
        if (PE_LIKELY(!again & (unlike4(match, word) != 0))) {
            ip += 1;
            continue;
        }
        match = again ? ip - offset : match;
        const uint8_t *stop = match_end(ip + MATCH_MIN, match + MATCH_MIN, end);
        if (stop - ip < (ptrdiff_t)LONG && stop + 2 <= end) {
            uint64_t const after = pe_load64(ip + 1);
            const uint8_t *const other = page + parts->places[slot_of(after)], *to;
            uint32_t const before = unlike4(ip + 1 - offset, after) | again;
            uint32_t const there = unlike4(other, after) /* and where it must be longer */
                                 | (pe_load32(other + (stop - ip) - 3) ^ pe_load32(stop - 2));
            if (PE_UNLIKELY(before == 0)) {
                to = match_end(ip + 1, ip + 1 - offset, end);
                if (to > stop - 2) {
                    ip += 1;
                    match = ip - offset;
                    stop = to;
                }
            } else if (PE_UNLIKELY(there == 0)) {
                to = match_end(ip + 1, other, end);
                if (to > stop + (again ? 4 : 1)) {
                    ip += 1;
                    match = other;
                    stop = to;
                }
            }
        }
        size_t const back = same_before(ip, match, anchor, page);
        ip -= back;
        match -= back;
        put_match(parts, &next, anchor, ip, (size_t)(stop - ip), (size_t)(ip - match),
                  (size_t)(ip - match) == offset);
        offset = (size_t)(ip - match);
        if (stop - 2 <= last) {
            remember(parts, page, ip + 2);
            remember(parts, page, stop - 2);
        }
        anchor = ip = stop;
    }
    size_t const rest = (size_t)(end - anchor);
    memcpy(next.literal, anchor, rest);
    parts->literal_count = (size_t)(next.literal - parts->literals) + rest;
    parts->match_count = next.n;
    parts->rest_bits = next.rest_bits;
}

uint8_t *pe_dense_put_matches(uint8_t *out, const pe_dense_parts *parts, const uint16_t *tokens,
                              const uint16_t *offsets)
{
    uint8_t down[PE_DENSE_MATCHES * 8], *const end = down + sizeof down, *from = end;
    uint64_t up_bits = 0, down_bits = 0;
    unsigned up_count = 0, down_count = 0;
    for (size_t i = 0; i < parts->match_count; ++i) {
        unsigned const token = parts->tokens[i], code = tokens[token];
        up_bits = up_bits << (code & 63) | code >> 6;
        up_count += code & 63;
        pe_store64_big(out, up_bits << ((64 - up_count) & 63));
        out += up_count / 8;
        up_count &= 7;
        if (!(token & 1)) {
            unsigned const offset = offsets[parts->offsets[i]];
            down_bits = down_bits << (offset & 63) | offset >> 6;
            down_count += offset & 63;
        }
        unsigned const more = (unsigned)(parts->rest[i] >> 56);
        down_bits = down_bits << more | (parts->rest[i] & ((UINT64_C(1) << 56) - 1));
        down_count += more;
        pe_store64(from - 8, down_bits << ((64 - down_count) & 63));
        from -= down_count / 8;
        down_count &= 7;
    }
    out += up_count > 0;
    from -= down_count > 0;
    memcpy(out, from, (size_t)(end - from));
    return out + (end - from);
}

/* A match, with 32 bytes of room behind it. */
static inline void copy_match(uint8_t *to, size_t offset, size_t length)
{
    static const uint8_t multiple[8] = {0, 8, 8, 9, 8, 10, 12, 14};
    uint8_t *const end = to + length;
    const uint8_t *from = to - offset;
    if (PE_LIKELY(offset >= 16)) {
        do {
            memcpy(to, from, 16);
            to += 16;
            from += 16;
        } while (to < end);
        return;
    }
    if (offset < 8) {
        for (unsigned i = 0; i < 8; ++i)
            to[i] = from[i];
        to += 8;
        from = to - multiple[offset];
    }
    for (; to < end; to += 8, from += 8)
        memcpy(to, from, 8);
}

/* Takes `count` bits off the highest. */
static inline size_t take(uint64_t *bits, unsigned *used, unsigned count)
{
    size_t const value = (size_t)(*bits >> 1 >> (63 - count));
    *bits <<= count;
    *used += count;
    return value;
}

static inline size_t take_number(uint64_t *bits, unsigned *used)
{
    unsigned const count = (unsigned)take(bits, used, 4);
    return ((size_t)1 << count) + take(bits, used, count) - 1;
}

bool pe_dense_join(uint8_t *page, const uint8_t *literals, size_t literal_count, const uint8_t *in,
                   const uint8_t *end, const uint16_t *tokens, const uint16_t *offsets)
{
    const uint8_t *up = in, *down = end;
    unsigned up_used = 0, down_used = 0;
    size_t left = PE_PAGE_BYTES, offset = FIRST_OFFSET;
    uint8_t *out = page;
    while (left > literal_count) {
        if (up > down)
            return false;
        uint64_t bits = pe_load64_big(up) << up_used;
        unsigned entry = tokens[bits >> (64 - PE_DENSE_LONGEST)];
        unsigned const token = entry >> 8;
        up_used += entry & 15;
        up += up_used / 8;
        up_used &= 7;
        bits = pe_load64(down - 8) << down_used;
        if (!(token & 1)) {
            entry = offsets[bits >> (64 - PE_DENSE_LONGEST)];
            unsigned const class = entry >> 8 & 31; /* its code has no others */
            (void)take(&bits, &down_used, entry & 15);
            offset = base[class] + (take(&bits, &down_used, extra[class]) << shift[class]);
        }
        size_t run = token >> 5, length = token >> 1 & 15;
        if (PE_UNLIKELY(run == MORE_LITERALS))
            run += take_number(&bits, &down_used);
        if (PE_UNLIKELY(length == MORE_LENGTH))
            length += take_number(&bits, &down_used);
        length += MATCH_MIN;
        down -= down_used / 8;
        down_used &= 7;
        if (run > literal_count || run + length > left || offset - 1 >= (size_t)(out - page) + run)
            return false;
        if (PE_LIKELY(left >= run + length + 32)) {
            const uint8_t *from = literals;
            uint8_t *to = out;
            do {
                memcpy(to, from, 16);
                to += 16;
                from += 16;
            } while (PE_UNLIKELY(to < out + run));
            copy_match(out + run, offset, length);
        } else {
            memcpy(out, literals, run);
            uint8_t *const to = out + run;
            const uint8_t *const from = to - offset;
            for (size_t i = 0; i < length; ++i)
                to[i] = from[i];
        }
        literals += run;
        literal_count -= run;
        out += run + length;
        left -= run + length;
    }
    memcpy(out, literals, left);
    return left == literal_count
        && (size_t)(up - in) + (up_used + 7) / 8 + (size_t)(end - down) + (down_used + 7) / 8
               == (size_t)(end - in);
}
