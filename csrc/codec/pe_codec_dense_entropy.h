/* Streams of bytes as prefix codes: what the dense codec stores words, literals and matches with.
   Nobody else needs it. */
#ifndef PE_CODEC_DENSE_ENTROPY_H
#define PE_CODEC_DENSE_ENTROPY_H

#include "../pe_bytes.h"

#define PE_DENSE_SYMBOLS 256u
#define PE_DENSE_LONGEST 10u /* bits of a code */
#define PE_DENSE_ENTRIES (1u << PE_DENSE_LONGEST)
#define PE_DENSE_SETS 8u /* known codes of a kind of stream */
#define PE_DENSE_SHAPES (2u * PE_DENSE_LONGEST)
#define PE_DENSE_SHAPE_LONGEST 8u
#define PE_DENSE_SLACK 16u /* loads and stores run over by less */

/* What a stream holds: there are known codes for each. */
enum pe_dense_kind {
    PE_DENSE_LITERALS,
    PE_DENSE_TOKENS,
    PE_DENSE_OFFSETS,
    PE_DENSE_TAGS,
    PE_DENSE_WORDS,
    PE_DENSE_KINDS
};

/* Symbols of a kind; the others never occur. */
static inline unsigned pe_dense_symbols(enum pe_dense_kind kind)
{
    return kind == PE_DENSE_OFFSETS ? 32 : PE_DENSE_SYMBOLS;
}

/* A symbol's code and its length: what the compressor looks up by symbol, in `code << 6 | length`,
   and the decompressor by the next ten bits, in `symbol << 8 | length`. */
typedef uint16_t pe_dense_codes[PE_DENSE_SYMBOLS];
typedef uint16_t pe_dense_decoder[PE_DENSE_ENTRIES];

/* The known codes, in every form they are needed in; and room for one of the page's own. */
typedef struct pe_dense_book {
    bool ready;
    int16_t lengths[PE_DENSE_KINDS][PE_DENSE_SETS][PE_DENSE_SYMBOLS];
    pe_dense_codes codes[PE_DENSE_KINDS][PE_DENSE_SETS];
    pe_dense_decoder decoders[PE_DENSE_KINDS][PE_DENSE_SETS];
    uint16_t shape_codes[PE_DENSE_SHAPES][16];
    uint8_t shape_decoders[PE_DENSE_SHAPES][1u << PE_DENSE_SHAPE_LONGEST];
    uint32_t weight[PE_PAGE_BYTES + 1]; /* n log2 n, in 256ths of a bit */
    pe_dense_codes own_codes[PE_DENSE_KINDS];
    pe_dense_decoder own_decoders[PE_DENSE_KINDS];
} pe_dense_book;

/* Which code a stream takes. */
typedef struct pe_dense_choice {
    unsigned set; /* the known code, or the one that its own is told by */
    bool own;
    unsigned bits, own_bits; /* of the whole stream: with the known code, and about, with its own */
} pe_dense_choice;

/* Codes and decoder of these lengths, 0 to 10; false when they do not fill a decoder exactly. */
bool pe_dense_assign(uint16_t *codes, const uint8_t *lengths);
bool pe_dense_fill(uint16_t *decoder, const uint8_t *lengths);

void pe_dense_open(pe_dense_book *book); /* before anything else, once */

/* How often each symbol occurs, in eight of every `step` (8 or more), which is how many it
   returns. */
size_t pe_dense_count(int16_t counts[PE_DENSE_SYMBOLS], const uint8_t *symbols, size_t n,
                      size_t step);
/* The known code that suits best to n symbols of which so many were counted, and what a code of
   their own would take. When even the best code of all takes more bits than `most`, that is all
   there is to know. */
pe_dense_choice pe_dense_choose(const pe_dense_book *book, enum pe_dense_kind kind,
                                const int16_t counts[PE_DENSE_SYMBOLS], size_t counted, size_t n,
                                unsigned most);
/* Gives streams codes of their own, where it saves most first, until all fit into this many bits;
   false, and none has its own, when they never do. */
bool pe_dense_fit(pe_dense_choice choices[], size_t n, unsigned bits);
/* The codes of the choice. Its own are made, and told from *out on, which moves (at most 300
   bytes, and 8 beyond may be written); *bits gets what the symbols take. */
const uint16_t *pe_dense_codes_of(pe_dense_book *book, enum pe_dense_kind kind,
                                  pe_dense_choice *choice, const int16_t *counts, uint8_t **out,
                                  size_t *bits);
/* The decoder of the choice; its own is read from *in on, which moves. NULL when that is none. */
const uint16_t *pe_dense_decoder_of(pe_dense_book *book, enum pe_dense_kind kind, unsigned choice,
                                    const uint8_t **in, const uint8_t *end);

/* A choice as four bits. */
static inline unsigned pe_dense_told(pe_dense_choice choice)
{
    return choice.set | (unsigned)choice.own << 3;
}

/* Writes n symbols, the first from `out` on, with four rows of bits: symbol i into row i % 4. Rows
   0 and 1 are in the first part, which ends at *middle, rows 2 and 3 in the second, whose end is
   returned; the odd rows run downwards from the end of their part. 8 bytes beyond the end may be
   written. */
uint8_t *pe_dense_put(uint8_t *out, const uint16_t *codes, const uint8_t *symbols, size_t n,
                      uint8_t **middle);
/* The other way; 16 bytes around the parts may be read. False when the parts are not used up. */
bool pe_dense_get(const uint8_t *in, const uint8_t *middle, const uint8_t *end,
                  const uint16_t *decoder, uint8_t *symbols, size_t n);

#endif
