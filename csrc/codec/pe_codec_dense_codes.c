/* Prefix codes by their lengths, and a stream's own code.

   Codes of one length are numbers one after the other, in order of their symbols, the short ones
   first. So the lengths say everything. All codes together must fill the table of the decoder, to
   the last entry: no bits there are without a meaning, and lengths that do not add up are damage.

   A code of a stream's own is Huffman's, the best there is. It is made in place from the sorted
   counts; codes that would be longer than ten bits are cut, and others made longer until there is
   room.

   Its lengths are told by the known code that comes nearest: what length a symbol has depends on
   its length there, and on whether the symbol before occurs at all. Each such pair, a shape, has a
   code for lengths. That takes a quarter less than a bit per symbol that says whether it occurs and
   three for its length, and is what makes a code worth its price for some hundred bytes. */
#include "pe_codec_dense_entropy.h"

#define FULL PE_DENSE_ENTRIES /* entries that all codes together fill */
#define DIGITS 64u            /* counts are sorted by two digits */

typedef struct sorted {
    unsigned n;
    uint32_t of[PE_DENSE_SYMBOLS]; /* count << 8 | symbol, the rarest first */
} sorted;

bool pe_dense_assign(uint16_t *codes, const uint8_t *lengths)
{
    unsigned many[PE_DENSE_LONGEST + 1] = {0}, next[PE_DENSE_LONGEST + 1], filled = 0;
    for (unsigned i = 0; i < PE_DENSE_SYMBOLS; ++i)
        many[lengths[i]] += 1;
    for (unsigned l = 1; l <= PE_DENSE_LONGEST; ++l) {
        next[l] = filled >> (PE_DENSE_LONGEST - l);
        filled += many[l] << (PE_DENSE_LONGEST - l);
    }
    next[0] = 0;
    if (filled != FULL)
        return false;
    for (unsigned i = 0; i < PE_DENSE_SYMBOLS; ++i) {
        unsigned const l = lengths[i];
        codes[i] = (uint16_t)(next[l] << 6 | l);
        next[l] += l > 0;
    }
    return true;
}

bool pe_dense_fill(uint16_t *decoder, const uint8_t *lengths)
{
    unsigned many[PE_DENSE_LONGEST + 1] = {0}, next[PE_DENSE_LONGEST + 1], filled = 0;
    for (unsigned i = 0; i < PE_DENSE_SYMBOLS; ++i)
        many[lengths[i]] += 1;
    for (unsigned l = 1; l <= PE_DENSE_LONGEST; ++l) {
        next[l] = filled;
        filled += many[l] << (PE_DENSE_LONGEST - l);
    }
    if (filled != FULL)
        return false;
    for (unsigned i = 0; i < PE_DENSE_SYMBOLS; ++i) {
        unsigned const l = lengths[i];
        if (l == 0)
            continue;
        unsigned const times = 1u << (PE_DENSE_LONGEST - l);
        uint16_t *at = decoder + next[l];
        next[l] += times;
        for (unsigned k = 0; k < times; ++k)
            at[k] = (uint16_t)(i << 8 | l);
    }
    return true;
}

/* The symbols that occur, by count. */
static void sort(sorted *to, const int16_t *counts)
{
    uint32_t half[PE_DENSE_SYMBOLS];
    unsigned low[DIGITS] = {0}, high[DIGITS] = {0}, n = 0, at_low = 0, at_high = 0;
    for (unsigned i = 0; i < PE_DENSE_SYMBOLS; ++i) {
        uint32_t const count = (uint32_t)counts[i] < 4095 ? (uint32_t)counts[i] : 4095;
        to->of[n] = count << 8 | i;
        n += count > 0;
    }
    for (unsigned i = 0; i < n; ++i) {
        low[to->of[i] >> 8 & 63] += 1;
        high[to->of[i] >> 14] += 1;
    }
    for (unsigned i = 0; i < DIGITS; ++i) {
        unsigned const l = low[i], h = high[i];
        low[i] = at_low;
        high[i] = at_high;
        at_low += l;
        at_high += h;
    }
    for (unsigned i = 0; i < n; ++i)
        half[low[to->of[i] >> 8 & 63]++] = to->of[i];
    for (unsigned i = 0; i < n; ++i)
        to->of[high[half[i] >> 14]++] = half[i];
    to->n = n;
}

/* How many of n sorted counts get a code of each length, by Huffman's algorithm in place (Moffat
   and Katajainen); n is two at least. */
static void lengths_of(const sorted *from, unsigned many[PE_DENSE_SYMBOLS])
{
    uint32_t node[PE_DENSE_SYMBOLS]; /* a weight, then a parent, then a depth */
    unsigned const n = from->n;
    unsigned leaf = 0, root = 0;
    for (unsigned next = 0; next < n - 1; ++next) {
        uint32_t sum = 0;
        for (unsigned k = 0; k < 2; ++k) {
            if (leaf >= n || (root < next && node[root] < from->of[leaf] >> 8)) {
                sum += node[root];
                node[root++] = next;
            } else {
                sum += from->of[leaf++] >> 8;
            }
        }
        node[next] = sum;
    }
    node[n - 2] = 0;
    for (unsigned i = n - 2; i-- > 0;)
        node[i] = node[node[i]] + 1;
    unsigned open = 1, inner = n - 1;
    memset(many, 0, PE_DENSE_SYMBOLS * sizeof many[0]);
    for (unsigned depth = 0; open > 0; ++depth) {
        unsigned inside = 0;
        for (; inner > 0 && node[inner - 1] == depth; --inner)
            inside += 1;
        many[depth] = open - inside;
        open = 2 * inside;
    }
}

/* Makes room so that no code is longer than it may be, and all together fill the table (if they
   can). */
static void shorten(unsigned many[PE_DENSE_SYMBOLS], unsigned n)
{
    unsigned filled = 0, used = 0;
    for (unsigned l = 1; l < PE_DENSE_LONGEST; ++l) {
        filled += many[l] << (PE_DENSE_LONGEST - l);
        used += many[l];
    }
    many[PE_DENSE_LONGEST] = n - used;
    filled += n - used;
    while (filled > FULL) {
        unsigned l = PE_DENSE_LONGEST - 1;
        while (many[l] == 0)
            l -= 1;
        many[l] -= 1;
        many[l + 1] += 1;
        filled -= 1u << (PE_DENSE_LONGEST - 1 - l);
    }
    for (unsigned l = PE_DENSE_LONGEST; filled < FULL && l > 1; --l)
        while (many[l] > 0 && filled + (1u << (PE_DENSE_LONGEST - l)) <= FULL) {
            many[l] -= 1;
            many[l - 1] += 1;
            filled += 1u << (PE_DENSE_LONGEST - l);
        }
}

/* Tells n lengths, by the shapes of the known code; returns the end. */
static uint8_t *tell(const pe_dense_book *book, const int16_t *known, const uint8_t *lengths,
                     unsigned n, uint8_t *out)
{
    uint64_t bits = 0;
    unsigned count = 0, before = 0;
    for (unsigned i = 0; i < n; ++i) {
        unsigned const shape = 2 * (unsigned)(known[i] - 1) + before;
        unsigned const code = book->shape_codes[shape][lengths[i]];
        bits = bits << (code & 15) | code >> 4;
        count += code & 15;
        before = lengths[i] > 0;
        if (i % 4 == 3) {
            pe_store64_big(out, bits << ((64 - count) & 63));
            out += count / 8;
            count &= 7;
        }
    }
    return out + (count > 0);
}

const uint16_t *pe_dense_codes_of(pe_dense_book *book, enum pe_dense_kind kind,
                                  pe_dense_choice *choice, const int16_t *counts, uint8_t **out,
                                  size_t *bits)
{
    uint16_t *codes = book->codes[kind][choice->set];
    *bits = choice->bits;
    if (choice->own) {
        sorted by_count;
        unsigned many[PE_DENSE_SYMBOLS], length = PE_DENSE_LONGEST;
        uint8_t lengths[PE_DENSE_SYMBOLS] = {0};
        sort(&by_count, counts);
        lengths_of(&by_count, many);
        shorten(many, by_count.n);
        size_t sum = 0;
        for (unsigned i = 0; i < by_count.n; ++i) {
            unsigned const symbol = by_count.of[i] & 255;
            while (many[length] == 0)
                length -= 1;
            many[length] -= 1;
            lengths[symbol] = (uint8_t)length;
            sum += (size_t)counts[symbol] * length;
        }
        if (!pe_dense_assign(book->own_codes[kind], lengths)) {
            choice->own = false;
        } else {
            codes = book->own_codes[kind];
            *bits = sum;
            *out = tell(book, book->lengths[kind][choice->set], lengths, pe_dense_symbols(kind),
                        *out);
        }
    }
    return codes;
}

const uint16_t *pe_dense_decoder_of(pe_dense_book *book, enum pe_dense_kind kind, unsigned choice,
                                    const uint8_t **in, const uint8_t *end)
{
    unsigned const set = choice & (PE_DENSE_SETS - 1);
    if (choice < PE_DENSE_SETS)
        return book->decoders[kind][set];
    const int16_t *known = book->lengths[kind][set];
    uint8_t lengths[PE_DENSE_SYMBOLS] = {0};
    const uint8_t *from = *in;
    uint64_t bits = 0;
    unsigned used = 0, before = 0;
    for (unsigned i = 0; i < pe_dense_symbols(kind); ++i) {
        if (i % 4 == 0) {
            from += used / 8;
            used &= 7;
            if (from > end)
                return NULL;
            bits = pe_load64_big(from) << used;
        }
        unsigned const shape = 2 * (unsigned)(known[i] - 1) + before;
        unsigned const entry = book->shape_decoders[shape][bits >> 56];
        bits <<= entry & 15;
        used += entry & 15;
        lengths[i] = (uint8_t)(entry >> 4);
        before = entry >= 16;
    }
    *in = from + (used + 7) / 8;
    if (*in > end || !pe_dense_fill(book->own_decoders[kind], lengths))
        return NULL;
    return book->own_decoders[kind];
}
