/* Streams of bytes as prefix codes of at most ten bits, so that one look into a table of a thousand
   entries yields a symbol.

   Known codes. For each kind of stream there are eight, made from the memory of programs
   (pe_codec_dense_known.h). A stream that one of them suits takes it by its number. Others get a
   code of their own (pe_codec_dense_codes.c), but only if the page would not fit without.

   What a stream takes with a known code is a sum over the counts of its symbols. What its own would
   take is estimated: the entropy, a little for whole bits, and what telling a code of so many
   symbols takes. All in whole numbers, so that it is the same everywhere.

   Four rows of bits, taken in turn by the symbols, are read at once: how long a symbol is must be
   known before the next of its row is looked up, and the processor has the other three to go on
   with. Two rows share one part of the blob, one upwards from its start and one downwards from its
   end, so that two parts and one length between them are enough. Bits are taken from the highest on
   in both directions: codes of one length are then neighbours in the table, which is filled from
   start to end. */
#include "pe_codec_dense_entropy.h"

#include "../pe_bits.h"
#include "pe_codec_dense_known.h"

#define PER_LOAD 5u /* symbols that 57 bits hold at least */
#define ROWS 4u

/* 256 log2 n */
static uint32_t log_of(uint32_t n)
{
    uint32_t const whole = pe_bits_highest(n);
    uint64_t x = (uint64_t)n << (31 - whole); /* 1 to 2, in 2^-31 */
    uint32_t log = whole;
    for (unsigned i = 0; i < 8; ++i) {
        x = x * x >> 31;
        log = log << 1 | (uint32_t)(x >> 32);
        x >>= x >> 32;
    }
    return log;
}

/* The code of a shape, both ways: lengths 0 to 10, in eight bits at most. */
static void open_shape(pe_dense_book *book, unsigned shape)
{
    unsigned code = 0;
    for (unsigned l = 1; l <= PE_DENSE_SHAPE_LONGEST; ++l)
        for (unsigned i = 0; i <= PE_DENSE_LONGEST; ++i) {
            unsigned const rest = PE_DENSE_SHAPE_LONGEST - l;
            if ((unsigned)(pe_dense_known_shapes[shape][i] - 'a') != l)
                continue;
            book->shape_codes[shape][i] = (uint16_t)(code >> rest << 4 | l);
            for (unsigned k = 0; k < 1u << rest; ++k)
                book->shape_decoders[shape][code++] = (uint8_t)(i << 4 | l);
        }
}

void pe_dense_open(pe_dense_book *book)
{
    for (uint32_t n = 1; n <= PE_PAGE_BYTES; ++n)
        book->weight[n] = n * log_of(n);
    for (unsigned shape = 0; shape < PE_DENSE_SHAPES; ++shape)
        open_shape(book, shape);
    for (unsigned kind = 0; kind < PE_DENSE_KINDS; ++kind)
        for (unsigned set = 0; set < PE_DENSE_SETS; ++set) {
            uint8_t lengths[PE_DENSE_SYMBOLS] = {0};
            for (unsigned i = 0; i < pe_dense_symbols(kind); ++i) {
                lengths[i] = (uint8_t)(pe_dense_known[kind][set][i] - 'a');
                book->lengths[kind][set][i] = lengths[i];
            }
            (void)pe_dense_assign(book->codes[kind][set], lengths);
            (void)pe_dense_fill(book->decoders[kind][set], lengths);
        }
    book->ready = true;
}

size_t pe_dense_count(int16_t counts[PE_DENSE_SYMBOLS], const uint8_t *symbols, size_t n,
                      size_t step)
{
    int16_t of[4][PE_DENSE_SYMBOLS] = {{0}}; /* one after the other would wait for itself */
    size_t i = 0, counted = 0;
    for (; i + 8 <= n; i += step, counted += 8) {
        uint64_t const eight = pe_load64(symbols + i);
        for (unsigned k = 0; k < 8; ++k)
            of[k % 4][eight >> 8 * k & 255] += 1;
    }
    for (; i < n; ++i, ++counted)
        of[0][symbols[i]] += 1;
    for (i = 0; i < PE_DENSE_SYMBOLS; ++i)
        counts[i] = (int16_t)(of[0][i] + of[1][i] + of[2][i] + of[3][i]);
    return counted;
}

/* What the symbols take with four known codes. */
static void bits_with(unsigned bits[4], const int16_t lengths[4][PE_DENSE_SYMBOLS],
                      const int16_t *counts, unsigned symbols)
{
    int a = 0, b = 0, c = 0, d = 0;
    for (unsigned i = 0; i < symbols; ++i) {
        a += lengths[0][i] * counts[i];
        b += lengths[1][i] * counts[i];
        c += lengths[2][i] * counts[i];
        d += lengths[3][i] * counts[i];
    }
    bits[0] = (unsigned)a;
    bits[1] = (unsigned)b;
    bits[2] = (unsigned)c;
    bits[3] = (unsigned)d;
}

/* What the best code of all would take, in 256ths of a bit. */
static uint32_t least_of(const pe_dense_book *book, const int16_t *counts, unsigned symbols,
                         size_t n)
{
    uint32_t even = 0, odd = 0;
    for (unsigned i = 0; i < symbols; i += 4) {
        uint64_t four; /* in whatever order */
        memcpy(&four, counts + i, sizeof four);
        even += book->weight[four & 0xffff] + book->weight[four >> 32 & 0xffff];
        odd += book->weight[four >> 16 & 0xffff] + book->weight[four >> 48];
    }
    return book->weight[n] - even - odd;
}

static unsigned distinct_of(const int16_t *counts)
{
    int16_t absent = 0;
    for (unsigned i = 0; i < PE_DENSE_SYMBOLS; ++i)
        absent = (int16_t)(absent + (counts[i] == 0));
    return PE_DENSE_SYMBOLS - (unsigned)absent;
}

pe_dense_choice pe_dense_choose(const pe_dense_book *book, enum pe_dense_kind kind,
                                const int16_t counts[PE_DENSE_SYMBOLS], size_t counted, size_t n,
                                unsigned most)
{
    static const uint16_t telling[PE_DENSE_KINDS] = {PE_DENSE_TELLING};
    static const uint16_t telling_each[PE_DENSE_KINDS] = {PE_DENSE_TELLING_EACH};
    static const uint16_t whole_bits[PE_DENSE_KINDS] = {PE_DENSE_WHOLE_BITS};
    unsigned bits[PE_DENSE_SETS], set = 0;
    unsigned const times = counted && counted < n ? (unsigned)(256 * n / counted) : 256;
    unsigned const least = least_of(book, counts, pe_dense_symbols(kind), counted) / 256 * times;
    if (least / 256 > most)
        return (pe_dense_choice){0, false, least / 256, least / 256};
    for (unsigned i = 0; i < PE_DENSE_SETS; i += 4)
        bits_with(bits + i, book->lengths[kind] + i, counts, pe_dense_symbols(kind));
    for (unsigned i = 1; i < PE_DENSE_SETS; ++i)
        set = bits[i] < bits[set] ? i : set;
    unsigned const distinct = distinct_of(counts), known = bits[set] * times / 256;
    unsigned const more = least / 256 * whole_bits[kind] + distinct * telling_each[kind];
    unsigned const own = telling[kind] + 8 + (least + more) / 256;
    return (pe_dense_choice){set, false, known, distinct > 1 && own < known ? own : known};
}

bool pe_dense_fit(pe_dense_choice choices[], size_t n, unsigned bits)
{
    unsigned known = 0, least = 0;
    for (size_t i = 0; i < n; ++i) {
        choices[i].own = false;
        known += choices[i].bits;
        least += choices[i].own_bits;
    }
    if (least > bits)
        return false;
    while (known > bits) {
        size_t best = 0;
        unsigned most = 0;
        for (size_t i = 0; i < n; ++i) {
            unsigned const saved = choices[i].bits - choices[i].own_bits;
            if (!choices[i].own && saved > most) {
                most = saved;
                best = i;
            }
        }
        choices[best].own = true;
        known -= most;
    }
    return true;
}

/* Every fourth symbol from `first` on. Returns the bytes written, from out on or down from it. */
PE_INLINE uint8_t *put_row(uint8_t *out, const uint16_t *codes, const uint8_t *symbols, size_t n,
                           bool downwards)
{
    uint64_t bits = 0;
    unsigned count = 0;
    for (size_t i = 0; i < n;) {
        size_t const stop = i + PER_LOAD * ROWS < n ? i + PER_LOAD * ROWS : n;
        for (; i < stop; i += ROWS) {
            unsigned const code = codes[symbols[i]];
            bits = bits << (code & 63) | code >> 6;
            count += code; /* its lowest six bits count */
        }
        count &= 63;
        if (downwards) {
            pe_store64(out - 8, bits << ((64 - count) & 63));
            out -= count / 8;
        } else {
            pe_store64_big(out, bits << ((64 - count) & 63));
            out += count / 8;
        }
        count &= 7;
    }
    return downwards ? out - (count > 0) : out + (count > 0);
}

static uint8_t *put_part(uint8_t *out, const uint16_t *codes, const uint8_t *symbols, size_t n)
{
    uint8_t down[PE_PAGE_BYTES * PE_DENSE_LONGEST / 8 / ROWS + 2 * PE_DENSE_SLACK];
    uint8_t *const end = down + sizeof down;
    out = put_row(out, codes, symbols, n, false);
    uint8_t *const start = n > 1 ? put_row(end, codes, symbols + 1, n - 1, true) : end;
    memcpy(out, start, (size_t)(end - start));
    return out + (end - start);
}

uint8_t *pe_dense_put(uint8_t *out, const uint16_t *codes, const uint8_t *symbols, size_t n,
                      uint8_t **middle)
{
    *middle = out = put_part(out, codes, symbols, n);
    return n > 2 ? put_part(out, codes, symbols + 2, n - 2) : out;
}

/* A row that is read: 57 bits or more, the next one highest. */
typedef struct row {
    const uint8_t *at;
    uint64_t bits;
    unsigned used;
} row;

PE_INLINE void load_up(row *from)
{
    from->at += from->used % 256 / 8;
    from->used &= 7;
    from->bits = pe_load64_big(from->at) << from->used;
}

PE_INLINE void load_down(row *from)
{
    from->at -= from->used % 256 / 8;
    from->used &= 7;
    from->bits = pe_load64(from->at - 8) << from->used;
}

/* All four rows; false when two of them have met. */
PE_INLINE bool load_rows(row *a, row *b, row *c, row *d)
{
    if (a->at > b->at || c->at > d->at)
        return false;
    load_up(a);
    load_down(b);
    load_up(c);
    load_down(d);
    return true;
}

PE_INLINE uint8_t next_of(row *from, const uint16_t *decoder)
{
    unsigned const entry = decoder[from->bits >> (64 - PE_DENSE_LONGEST)];
    from->bits <<= entry & 63;
    from->used += entry; /* its lowest eight bits count */
    return (uint8_t)(entry >> 8);
}

static size_t bytes_of(const row *up, const uint8_t *start, const row *down, const uint8_t *end)
{
    return (size_t)(up->at - start) + (up->used % 256 + 7) / 8 + (size_t)(end - down->at)
         + (down->used % 256 + 7) / 8;
}

bool pe_dense_get(const uint8_t *in, const uint8_t *middle, const uint8_t *end,
                  const uint16_t *decoder, uint8_t *symbols, size_t n)
{
    row a = {in, 0, 0}, b = {middle, 0, 0}, c = {middle, 0, 0}, d = {end, 0, 0};
    size_t i = 0;
    for (; i + PER_LOAD * ROWS <= n; i += PER_LOAD * ROWS) {
        if (!load_rows(&a, &b, &c, &d))
            return false;
        for (unsigned k = 0; k < PER_LOAD; ++k) {
            symbols[i + ROWS * k] = next_of(&a, decoder);
            symbols[i + ROWS * k + 1] = next_of(&b, decoder);
            symbols[i + ROWS * k + 2] = next_of(&c, decoder);
            symbols[i + ROWS * k + 3] = next_of(&d, decoder);
        }
    }
    if (!load_rows(&a, &b, &c, &d))
        return false;
    for (unsigned k = 0; i < n; ++i, ++k)
        symbols[i] = next_of(k % 4 == 0 ? &a : k % 4 == 1 ? &b : k % 4 == 2 ? &c : &d, decoder);
    return bytes_of(&a, in, &b, middle) == (size_t)(middle - in)
        && bytes_of(&c, middle, &d, end) == (size_t)(end - middle);
}
