/* The dense codec: as many pages in a quarter or a half of a frame as Zstandard at level 1, at
   twice its speed or about it. A blob is one of three things, and its two lowest bits say which:

     words    a byte, and what the word codec makes of the page
     packed   what the word codec makes of it, its bytes as prefix codes: head (8 bytes), mask (8),
              codes of its own, tags, the rest
     matches  literals and matches (pe_codec_dense_match.c): head (8), codes of its own, literals,
              matches

   The head holds the length of the blob, which known codes the streams take, how many symbols there
   are, and where their parts meet. What a code of its own or a stream looks like is
   pe_codec_dense_entropy.c's.

   Only two things about a blob matter to who stores it: whether it fits a quarter of a frame, else
   whether it fits half of one. The three are therefore tried in order of what they cost, and the
   first that fits the quarter is taken, or else the first that fits the half; a page that fits
   neither stays words. So most pages go as fast as those of the word codec, and codes of a
   page's own, which take time at both ends, are made only where they win a slot.

   The word codec also tells what to expect of the others. The bytes that it leaves are counted, of
   long blobs eight in 32, and what they would take packed says whether packing can succeed, and
   nearly as well whether matches can: pages that take much more than there is room for are left
   alone without a look. Of the pages that are taken apart, about three in five then fit. All these
   limits were taken from pages of programs.

   A choice depends on the page alone, never on what is asked for: a smaller `max` refuses more
   pages and changes no blob. */
#include "../pe_bits.h"
#include "pe_codec.h"
#include "pe_codec_dense_match.h"

#define QUARTER 1024u
#define HALF 2048u
#define WORD_MASK 8u /* bytes that a blob of the word codec begins with */
#define WORD_TAGS (PE_PAGE_BYTES / 16)
#define WORD_MAX (WORD_MASK + WORD_TAGS + PE_PAGE_BYTES)
#define PACKED_HEAD 16u
#define MATCHED_HEAD 8u
#define ROUNDING 4u    /* bytes that the ends of rows of bits take, about */
#define MATCH_BITS 2u  /* of token and offset, at least */
#define STEP_SHORT 16u /* eight bytes of so many are counted: of words that fit half a frame */
#define STEP_LONG 32u  /* and of longer ones */
/* What words take packed, at most, for matches to be tried: for a quarter of a frame when they fit
   half of one as they are, or when packed, and for half of a frame. */
#define QUARTER_HOPE 1250u
#define QUARTER_HOPE_PACKED 1500u
#define REPETITIVE 2600u /* of words: so many that matches may do far better than packing */
#define HALF_HOPE 2900u

extern const pe_codec pe_codec_word;
extern const pe_codec pe_codec_dense;

enum { AS_WORDS, AS_PACKED, AS_MATCHES, KIND_MASK = 3 };

typedef struct workspace {
    uint8_t of_words[16]; /* the word codec's own */
    pe_dense_book book;
    pe_dense_parts parts;
    int16_t tag_counts[PE_DENSE_SYMBOLS], rest_counts[PE_DENSE_SYMBOLS];
    uint8_t words[WORD_MAX + 2 * PE_DENSE_SLACK];
    uint8_t blob[2 * PE_PAGE_BYTES]; /* what is made, or, after some slack, read */
} workspace;

/* A blob of the word codec, in workspace.words. */
typedef struct words {
    const uint8_t *tags, *rest;
    size_t length, tag_count, rest_count;
    pe_dense_choice choices[2]; /* of tags, of the rest */
    size_t packed;              /* bytes that it takes packed, about */
} words;

static workspace *open_workspace(void *work)
{
    workspace *w = work;
    if (PE_UNLIKELY(!w->book.ready))
        pe_dense_open(&w->book);
    return w;
}

/* About what the words take, by eight of every `step` bytes of their rest. */
static void weigh(workspace *w, words *of, size_t step)
{
    size_t const counted = pe_dense_count(w->rest_counts, of->rest, of->rest_count, step);
    of->choices[1] = pe_dense_choose(&w->book, PE_DENSE_WORDS, w->rest_counts, counted,
                                     of->rest_count, 8 * HALF_HOPE);
    of->packed = PACKED_HEAD + ROUNDING + (of->choices[0].own_bits + of->choices[1].own_bits) / 8;
}

static words weighed_words(workspace *w, size_t length)
{
    words of;
    bool const is_short = length < HALF;
    size_t const useful = is_short ? QUARTER : HALF;
    of.length = length;
    of.tags = w->words + WORD_MASK;
    of.tag_count = 4 * (size_t)pe_bits_count(pe_load64(w->words));
    of.rest = of.tags + of.tag_count;
    of.rest_count = length - WORD_MASK - of.tag_count;
    pe_dense_count(w->tag_counts, of.tags, of.tag_count, 8);
    of.choices[0] = pe_dense_choose(&w->book, PE_DENSE_TAGS, w->tag_counts, of.tag_count,
                                    of.tag_count, 8 * HALF);
    weigh(w, &of, is_short ? STEP_SHORT : STEP_LONG);
    if (of.packed <= useful + useful / 16)
        weigh(w, &of, 8);
    return of;
}

/* The words packed, in w->blob; 0 when they do not fit. */
static size_t pack(workspace *w, words *of, size_t limit)
{
    uint8_t *out = w->blob + PACKED_HEAD, *tags_middle, *tags_end, *middle;
    size_t tag_bits, rest_bits;
    if (!pe_dense_fit(of->choices, 2, (unsigned)(8 * (limit - PACKED_HEAD - ROUNDING))))
        return 0;
    const uint16_t *const tags = pe_dense_codes_of(&w->book, PE_DENSE_TAGS, &of->choices[0],
                                                   w->tag_counts, &out, &tag_bits);
    const uint16_t *const rest = pe_dense_codes_of(&w->book, PE_DENSE_WORDS, &of->choices[1],
                                                   w->rest_counts, &out, &rest_bits);
    uint8_t *const start = out;
    if ((size_t)(start - w->blob) + (tag_bits + rest_bits) / 8 > limit)
        return 0;
    tags_end = pe_dense_put(start, tags, of->tags, of->tag_count, &tags_middle);
    out = pe_dense_put(tags_end, rest, of->rest, of->rest_count, &middle);
    size_t const length = (size_t)(out - w->blob);
    if (length > limit)
        return 0;
    pe_store64(w->blob, AS_PACKED | (uint64_t)length << 2
                            | (uint64_t)pe_dense_told(of->choices[0]) << 14
                            | (uint64_t)pe_dense_told(of->choices[1]) << 18
                            | (uint64_t)of->rest_count << 22 | (uint64_t)(tags_middle - start) << 35
                            | (uint64_t)(tags_end - tags_middle) << 44
                            | (uint64_t)(middle - tags_end) << 53);
    memcpy(w->blob + 8, w->words, WORD_MASK);
    return length;
}

/* w->parts with these codes, in w->blob; 0 when they do not fit. */
static size_t put_parts(workspace *w, const int16_t *literal_counts, pe_dense_choice choices[3],
                        size_t limit)
{
    const pe_dense_parts *const parts = &w->parts;
    uint8_t *out = w->blob + MATCHED_HEAD, *middle, *end;
    size_t bits[3];
    const uint16_t *const literals = pe_dense_codes_of(&w->book, PE_DENSE_LITERALS, &choices[0],
                                                       literal_counts, &out, &bits[0]);
    const uint16_t *const tokens = pe_dense_codes_of(&w->book, PE_DENSE_TOKENS, &choices[1],
                                                     parts->token_counts, &out, &bits[1]);
    const uint16_t *const offsets = pe_dense_codes_of(&w->book, PE_DENSE_OFFSETS, &choices[2],
                                                      parts->offset_counts, &out, &bits[2]);
    uint8_t *const start = out;
    if ((size_t)(start - w->blob) + (bits[0] + bits[1] + bits[2] + parts->rest_bits) / 8 > limit)
        return 0;
    end = pe_dense_put(start, literals, parts->literals, parts->literal_count, &middle);
    out = pe_dense_put_matches(end, parts, tokens, offsets);
    size_t const length = (size_t)(out - w->blob);
    if (length > limit)
        return 0;
    pe_store64(w->blob, AS_MATCHES | (uint64_t)length << 2
                            | (uint64_t)pe_dense_told(choices[0]) << 14
                            | (uint64_t)pe_dense_told(choices[1]) << 18
                            | (uint64_t)pe_dense_told(choices[2]) << 22
                            | (uint64_t)parts->literal_count << 26
                            | (uint64_t)(middle - start) << 39 | (uint64_t)(end - middle) << 50);
    return length;
}

/* The page as literals and matches, in w->blob; 0 when they do not fit a quarter of a frame, or,
   unless only that is of use, half of one. */
static size_t match(workspace *w, const uint8_t *page, bool only_quarter)
{
    pe_dense_parts *const parts = &w->parts;
    int16_t counts[PE_DENSE_SYMBOLS];
    pe_dense_choice choices[3];
    size_t const most = 8 * (only_quarter ? QUARTER : HALF);
    size_t again = 0, made = 0;
    pe_dense_part(parts, page);
    size_t const fixed = 8 * (MATCHED_HEAD + ROUNDING) + parts->rest_bits;
    size_t const least = fixed + MATCH_BITS * parts->match_count;
    if (least > most)
        return 0;
    pe_dense_count(counts, parts->literals, parts->literal_count, 8);
    choices[0] = pe_dense_choose(&w->book, PE_DENSE_LITERALS, counts, parts->literal_count,
                                 parts->literal_count, (unsigned)(most - least));
    if (choices[0].own_bits > most - least)
        return 0;
    for (unsigned i = 1; i < PE_DENSE_SYMBOLS; i += 2)
        again += (size_t)parts->token_counts[i];
    choices[1] = pe_dense_choose(&w->book, PE_DENSE_TOKENS, parts->token_counts, parts->match_count,
                                 parts->match_count, 8 * HALF);
    choices[2] = pe_dense_choose(&w->book, PE_DENSE_OFFSETS, parts->offset_counts,
                                 parts->match_count - again, parts->match_count - again, 8 * HALF);
    if (fixed < 8 * QUARTER && pe_dense_fit(choices, 3, (unsigned)(8 * QUARTER - fixed)))
        made = put_parts(w, counts, choices, QUARTER);
    if (made == 0 && !only_quarter && pe_dense_fit(choices, 3, (unsigned)(8 * HALF - fixed)))
        made = put_parts(w, counts, choices, HALF);
    return made;
}

/* Whether matches may do what these words, as they are or packed, do not. */
static bool worth_matching(const words *of)
{
    if (of->length < HALF)
        return of->packed <= QUARTER_HOPE;
    if (of->packed <= HALF)
        return of->packed <= QUARTER_HOPE_PACKED || of->length >= REPETITIVE;
    return of->packed <= HALF_HOPE;
}

/* The least of a frame that the page can be made to take, in w->blob; 0: the words as they are, or
   nothing. */
static size_t squeeze(workspace *w, const uint8_t *page, size_t length)
{
    words of = weighed_words(w, length);
    bool const half_sure = length < HALF, half_likely = half_sure || of.packed <= HALF;
    size_t made = of.packed <= QUARTER ? pack(w, &of, QUARTER) : 0;
    if (made == 0 && worth_matching(&of))
        made = match(w, page, half_likely);
    if (made || half_sure)
        return made;
    if (of.packed <= HALF)
        made = pack(w, &of, HALF);
    return made == 0 && half_likely ? match(w, page, false) : made;
}

static size_t compress(const pe_codec *self, const uint8_t *page, uint8_t *out, size_t max,
                       void *work)
{
    workspace *const w = open_workspace(work);
    size_t const length = pe_codec_word.compress(&pe_codec_word, page, w->words, WORD_MAX,
                                                 w->of_words);
    size_t const made = length < QUARTER ? 0 : squeeze(w, page, length);
    (void)self;
    if ((made ? made : 1 + length) > max)
        return 0;
    if (made) {
        memcpy(out, w->blob, made);
        return made;
    }
    out[0] = AS_WORDS;
    memcpy(out + 1, w->words, length);
    return 1 + length;
}

/* Both of these read a blob that has slack around it. */
static bool unpack(workspace *w, const uint8_t *in, size_t length, uint8_t *page)
{
    uint64_t const head = pe_load64(in);
    const uint8_t *const end = in + length, *at = in + PACKED_HEAD;
    if (length < PACKED_HEAD || (head >> 2 & 4095) != length)
        return false;
    size_t const tag_count = 4 * (size_t)pe_bits_count(pe_load64(in + 8));
    size_t const rest_count = head >> 22 & 8191;
    const uint16_t *const tags = pe_dense_decoder_of(&w->book, PE_DENSE_TAGS, head >> 14 & 15, &at,
                                                     end);
    if (!tags)
        return false;
    const uint16_t *const rest = pe_dense_decoder_of(&w->book, PE_DENSE_WORDS, head >> 18 & 15, &at,
                                                     end);
    size_t const first = head >> 35 & 511, second = head >> 44 & 511, third = head >> 53;
    if (!rest || first + second + third > (size_t)(end - at) || rest_count > PE_PAGE_BYTES)
        return false;
    const uint8_t *const tags_end = at + first + second;
    uint8_t *const to = w->words + WORD_MASK;
    memcpy(w->words, in + 8, WORD_MASK);
    return pe_dense_get(at, at + first, tags_end, tags, to, tag_count)
        && pe_dense_get(tags_end, tags_end + third, end, rest, to + tag_count, rest_count)
        && pe_codec_word.decompress(&pe_codec_word, w->words, WORD_MASK + tag_count + rest_count,
                                    page, w->of_words);
}

static bool unmatch(workspace *w, const uint8_t *in, size_t length, uint8_t *page)
{
    uint64_t const head = pe_load64(in);
    const uint8_t *const end = in + length, *at = in + MATCHED_HEAD;
    if (length < MATCHED_HEAD || (head >> 2 & 4095) != length)
        return false;
    size_t const count = head >> 26 & 8191, first = head >> 39 & 2047, second = head >> 50 & 2047;
    const uint16_t *const literals = pe_dense_decoder_of(&w->book, PE_DENSE_LITERALS,
                                                         head >> 14 & 15, &at, end);
    if (!literals)
        return false;
    const uint16_t *const tokens = pe_dense_decoder_of(&w->book, PE_DENSE_TOKENS, head >> 18 & 15,
                                                       &at, end);
    if (!tokens)
        return false;
    const uint16_t *const offsets = pe_dense_decoder_of(&w->book, PE_DENSE_OFFSETS, head >> 22 & 15,
                                                        &at, end);
    if (!offsets || first + second > (size_t)(end - at) || count > PE_PAGE_BYTES)
        return false;
    const uint8_t *const matches = at + first + second;
    return pe_dense_get(at, at + first, matches, literals, w->parts.literals, count)
        && pe_dense_join(page, w->parts.literals, count, matches, end, tokens, offsets);
}

static bool decompress(const pe_codec *self, const uint8_t *in, size_t length, uint8_t *page,
                       void *work)
{
    workspace *const w = open_workspace(work);
    (void)self;
    if (length == 0)
        return false;
    unsigned const kind = in[0] & KIND_MASK;
    if (kind == AS_WORDS)
        return in[0] == AS_WORDS
            && pe_codec_word.decompress(&pe_codec_word, in + 1, length - 1, page, w->of_words);
    if (length > HALF)
        return false;
    uint8_t *const blob = w->blob + PE_DENSE_SLACK;
    memcpy(blob, in, length);
    return kind == AS_PACKED  ? unpack(w, blob, length, page)
         : kind == AS_MATCHES ? unmatch(w, blob, length, page)
                              : false;
}

const pe_codec pe_codec_dense = {
    "dense",
    "words or matches as prefix codes, as many pages in their slots as with zstd",
    sizeof(workspace),
    compress,
    decompress,
    {NULL}};
