/* The dense codec. essay
   x
   x
   x */
#include "../pe_bits.h"
#include "pe_codec.h"
#include "pe_codec_dense_match.h"

#define QUARTER 1024u
#define HALF 2048u
#define WORD_MASK 8u      /* bytes a blob of the word codec begins with */
#define WORD_MAX (WORD_MASK + PE_PAGE_BYTES / 16 + PE_PAGE_BYTES / 8 + PE_PAGE_BYTES)
#define PACKED_HEAD 16u
#define MATCHED_HEAD 8u
#define MATCH_BITS 2u    /* of token and offset class, at least */
#define ROUNDING 4u       /* bytes that the ends of eight rows of bits take beside the bits */
#define QUARTER_HOPE 1250u
#define HALF_HOPE 2900u

extern const pe_codec pe_codec_word;
extern const pe_codec pe_codec_dense;

/* What the lowest two bits of a blob say it is. */
enum { AS_WORDS, AS_PACKED_WORDS, AS_MATCHES };

typedef struct workspace {
    uint8_t of_words[16];
    pe_dense_book book;
    pe_dense_parts parts;
    uint8_t words[WORD_MAX + 4 * PE_DENSE_SLACK];
    uint8_t blob[2 * PE_PAGE_BYTES];
    int16_t tag_counts[PE_DENSE_SYMBOLS], rest_counts[PE_DENSE_SYMBOLS];
} workspace;

/* Where the parts of a word blob are. */
typedef struct word_parts {
    const uint8_t *tags, *rest;
    size_t tag_count, rest_count;
    pe_dense_choice choices[2]; /* of tags, of the rest */
    size_t bytes; /* packed, about */
} word_parts;

static workspace *open_workspace(void *work)
{
    workspace *w = work;
    if (PE_UNLIKELY(!w->book.ready))
        pe_dense_open(&w->book);
    return w;
}

/* About what words take, packed, by eight of every `step` bytes of their rest. */
static void weigh(workspace *w, word_parts *parts, size_t step)
{
    size_t const counted = pe_dense_count(w->rest_counts, parts->rest, parts->rest_count, step);
    pe_dense_choice *const choice = &parts->choices[1];
    *choice = pe_dense_choose(&w->book, PE_DENSE_WORDS, w->rest_counts, counted,
                              parts->rest_count, 8 * HALF_HOPE);
    parts->bytes = PACKED_HEAD + ROUNDING + (parts->choices[0].own_bits + choice->own_bits) / 8;
}

static word_parts weigh_words(workspace *w, size_t length)
{
    word_parts parts;
    parts.tags = w->words + WORD_MASK;
    parts.tag_count = 4 * (size_t)pe_bits_count(pe_load64(w->words));
    parts.rest = parts.tags + parts.tag_count;
    parts.rest_count = length - WORD_MASK - parts.tag_count;
    pe_dense_count(w->tag_counts, parts.tags, parts.tag_count, 8);
    parts.choices[0] = pe_dense_choose(&w->book, PE_DENSE_TAGS, w->tag_counts, parts.tag_count,
                                       parts.tag_count, 8 * HALF);
    size_t const useful = length < HALF ? QUARTER : HALF;
    weigh(w, &parts, length < HALF ? 16 : 32);
    if (parts.bytes <= useful + useful / 16)
        weigh(w, &parts, 8);
    return parts;
}

static size_t pack_words(workspace *w, word_parts *parts, size_t limit)
{
    pe_dense_choice *const choices = parts->choices;
    if (!pe_dense_fit(choices, 2, (unsigned)(8 * (limit - PACKED_HEAD - ROUNDING))))
        return 0;
    uint8_t *out = w->blob + PACKED_HEAD, *tags_middle, *tags_end, *middle;
    size_t tag_bits, rest_bits;
    const uint16_t *tag_codes = pe_dense_codes_of(&w->book, PE_DENSE_TAGS, &parts->choices[0],
                                                  w->tag_counts, &out, &tag_bits);
    const uint16_t *rest_codes = pe_dense_codes_of(&w->book, PE_DENSE_WORDS, &parts->choices[1],
                                                   w->rest_counts, &out, &rest_bits);
    uint8_t *const start = out;
    if ((size_t)(start - w->blob) + (tag_bits + rest_bits) / 8 > limit)
        return 0;
    out = tags_end = pe_dense_put(out, tag_codes, parts->tags, parts->tag_count, &tags_middle);
    out = pe_dense_put(out, rest_codes, parts->rest, parts->rest_count, &middle);
    size_t const length = (size_t)(out - w->blob);
    if (length > limit)
        return 0;
    pe_store64(w->blob, AS_PACKED_WORDS | length << 2 | (size_t)pe_dense_told(parts->choices[0]) << 14
                            | (uint64_t)pe_dense_told(parts->choices[1]) << 18
                            | (uint64_t)parts->rest_count << 22
                            | (uint64_t)(tags_middle - start) << 35
                            | (uint64_t)(tags_end - tags_middle) << 44
                            | (uint64_t)(middle - tags_end) << 53);
    memcpy(w->blob + 8, w->words, WORD_MASK);
    return length;
}

/* What a page in parts takes with these codes, in w->blob, when that is `limit` at most. */
static size_t put_parts(workspace *w, const int16_t *counts, pe_dense_choice choices[3],
                        size_t limit)
{
    const pe_dense_parts *const parts = &w->parts;
    uint8_t *out = w->blob + MATCHED_HEAD, *middle, *end;
    size_t bits[3];
    const uint16_t *const literals =
        pe_dense_codes_of(&w->book, PE_DENSE_LITERALS, &choices[0], counts, &out, &bits[0]);
    const uint16_t *const tokens = pe_dense_codes_of(&w->book, PE_DENSE_TOKENS, &choices[1],
                                                     parts->token_counts, &out, &bits[1]);
    const uint16_t *const offsets = pe_dense_codes_of(&w->book, PE_DENSE_OFFSETS, &choices[2],
                                                      parts->offset_counts, &out, &bits[2]);
    uint8_t *const start = out;
    if ((size_t)(start - w->blob) + (bits[0] + bits[1] + bits[2] + parts->rest_bits) / 8 > limit)
        return 0;
    out = end = pe_dense_put(out, literals, parts->literals, parts->literal_count, &middle);
    out = pe_dense_put_matches(out, parts, tokens, offsets);
    size_t const length = (size_t)(out - w->blob);
    if (length > limit)
        return 0;
    pe_store64(w->blob, AS_MATCHES | length << 2 | (uint64_t)pe_dense_told(choices[0]) << 14
                            | (uint64_t)pe_dense_told(choices[1]) << 18
                            | (uint64_t)pe_dense_told(choices[2]) << 22
                            | (uint64_t)parts->literal_count << 26
                            | (uint64_t)(middle - start) << 39
                            | (uint64_t)(end - middle) << 50);
    return length;
}

static size_t match(workspace *w, const uint8_t *page, bool only_quarter)
{
    pe_dense_parts *const parts = &w->parts;
    size_t const most = only_quarter ? QUARTER : HALF;
    size_t repeats = 0, made = 0;
    int16_t counts[PE_DENSE_SYMBOLS];
    pe_dense_choice choices[3];
    pe_dense_part(parts, page);
    size_t const fixed = 8 * (MATCHED_HEAD + ROUNDING) + parts->rest_bits;
    if (fixed + MATCH_BITS * parts->match_count > 8 * most)
        return 0;
    pe_dense_count(counts, parts->literals, parts->literal_count, 8);
    unsigned const left = (unsigned)(8 * most - fixed - MATCH_BITS * parts->match_count);
    choices[0] = pe_dense_choose(&w->book, PE_DENSE_LITERALS, counts, parts->literal_count,
                                 parts->literal_count, left);
    if (choices[0].own_bits > left)
        return 0;
    for (unsigned i = 1; i < PE_DENSE_SYMBOLS; i += 2)
        repeats += (size_t)parts->token_counts[i];
    choices[1] = pe_dense_choose(&w->book, PE_DENSE_TOKENS, parts->token_counts,
                                 parts->match_count, parts->match_count, left);
    choices[2] = pe_dense_choose(&w->book, PE_DENSE_OFFSETS, parts->offset_counts,
                                 parts->match_count - repeats, parts->match_count - repeats, left);
    if (fixed < 8 * QUARTER && pe_dense_fit(choices, 3, (unsigned)(8 * QUARTER - fixed)))
        made = put_parts(w, counts, choices, QUARTER);
    if (!made && !only_quarter && pe_dense_fit(choices, 3, (unsigned)(8 * HALF - fixed)))
        made = put_parts(w, counts, choices, HALF);
    return made;
}

/* Whether matches may do what words, which take so many bytes, and so many packed, do not: from
   pages of programs. */
static bool worth_matching(size_t length, size_t packed)
{
    if (length < HALF)
        return packed <= QUARTER_HOPE;
    return packed <= HALF_HOPE && (packed <= 1500 || packed > HALF || length >= 2600);
}

/* The least of a frame that the page can be made to take, in w->blob; 0: the words as they are, or
   nothing. */
static size_t squeeze(workspace *w, const uint8_t *page, size_t length)
{
    bool const half_known = length < HALF; /* as words */
    word_parts parts = weigh_words(w, length);
    bool const half_likely = half_known || parts.bytes <= HALF;
    size_t made = parts.bytes <= QUARTER ? pack_words(w, &parts, QUARTER) : 0;
    if (made == 0 && worth_matching(length, parts.bytes))
        made = match(w, page, half_likely);
    if (made || half_known)
        return made;
    if (parts.bytes <= HALF)
        made = pack_words(w, &parts, HALF);
    return made == 0 && half_likely ? match(w, page, false) : made;
}

static size_t compress(const pe_codec *self, const uint8_t *page, uint8_t *out, size_t max,
                       void *work)
{
    workspace *const w = open_workspace(work);
    size_t const length = pe_codec_word.compress(&pe_codec_word, page, w->words, WORD_MAX,
                                                 w->of_words);
    (void)self;
    size_t const squeezed = 1 + length <= QUARTER ? 0 : squeeze(w, page, length);
    if (squeezed > max || (!squeezed && (1 + length > max)))
        return 0;
    if (squeezed) {
        memcpy(out, w->blob, squeezed);
        return squeezed;
    }
    out[0] = AS_WORDS;
    memcpy(out + 1, w->words, length);
    return 1 + length;
}

static bool unpack_words(workspace *w, const uint8_t *in, size_t length, uint8_t *page)
{
    uint64_t const head = pe_load64(in);
    const uint8_t *const end = in + length, *at = in + PACKED_HEAD;
    if (length < PACKED_HEAD || (head >> 2 & 4095) != length)
        return false;
    size_t const tags = 4 * (size_t)pe_bits_count(pe_load64(in + 8)), rest = head >> 22 & 8191;
    size_t const first = head >> 35 & 511, second = head >> 44 & 511, third = head >> 53;
    const uint16_t *tag_decoder = pe_dense_decoder_of(&w->book, PE_DENSE_TAGS, head >> 14 & 15, &at, end);
    if (!tag_decoder)
        return false;
    const uint16_t *rest_decoder = pe_dense_decoder_of(&w->book, PE_DENSE_WORDS, head >> 18 & 15, &at, end);
    if (!rest_decoder || first + second + third > (size_t)(end - at) || rest > WORD_MAX - WORD_MASK - tags)
        return false;
    memcpy(w->words, in + 8, WORD_MASK);
    uint8_t *const to = w->words + WORD_MASK;
    return pe_dense_get(at, at + first, at + first + second, tag_decoder, to, tags)
        && pe_dense_get(at + first + second, at + first + second + third, end, rest_decoder, to + tags, rest)
        && pe_codec_word.decompress(&pe_codec_word, w->words, WORD_MASK + tags + rest, page, w->of_words);
}

static bool unmatch(workspace *w, const uint8_t *in, size_t length, uint8_t *page)
{
    uint64_t const head = pe_load64(in);
    const uint8_t *const end = in + length, *at = in + MATCHED_HEAD;
    if (length < MATCHED_HEAD || (head >> 2 & 4095) != length)
        return false;
    size_t const count = head >> 26 & 8191, first = head >> 39 & 2047, second = head >> 50 & 2047;
    const uint16_t *literals = pe_dense_decoder_of(&w->book, PE_DENSE_LITERALS, head >> 14 & 15, &at, end);
    if (!literals)
        return false;
    const uint16_t *tokens = pe_dense_decoder_of(&w->book, PE_DENSE_TOKENS, head >> 18 & 15, &at, end);
    if (!tokens)
        return false;
    const uint16_t *offsets = pe_dense_decoder_of(&w->book, PE_DENSE_OFFSETS, head >> 22 & 15, &at, end);
    if (!offsets || first + second > (size_t)(end - at) || count > PE_PAGE_BYTES)
        return false;
    return pe_dense_get(at, at + first, at + first + second, literals, w->parts.literals, count)
        && pe_dense_join(page, w->parts.literals, count, at + first + second, end, tokens, offsets);
}

static bool decompress(const pe_codec *self, const uint8_t *in, size_t length, uint8_t *page,
                       void *work)
{
    workspace *const w = open_workspace(work);
    (void)self;
    if (length == 0)
        return false;
    unsigned const kind = in[0] & 3;
    if (kind == AS_WORDS)
        return in[0] == AS_WORDS && pe_codec_word.decompress(&pe_codec_word, in + 1, length - 1, page, w->of_words);
    if (length > HALF)
        return false;
    uint8_t *const blob = w->blob + PE_DENSE_SLACK;
    memcpy(blob, in, length);
    return kind == AS_PACKED_WORDS ? unpack_words(w, blob, length, page)
         : kind == AS_MATCHES && unmatch(w, blob, length, page);
}

const pe_codec pe_codec_dense = {
    "dense", "words, or matches, as prefix codes: fits as many pages as zstd", sizeof(workspace),
    compress, decompress, {NULL}};
