/* sources: csrc/codec/pe_codec_dense*.c csrc/codec/pe_codec_word*.c csrc/pe_cpu.c csrc/pe_status.c
   csrc/pe_os.c */
/* The dense codec piece by piece. Streams of any mixture of symbols come back with known codes and
   with their own, pages come back from their literals and matches, every kind of blob is made and
   restored, and nobody who damages one gets further than a refusal or some page. What is read lies
   in allocations that end where it does, or as far behind as its contract says. */
#include "check.h"

#include "pe_codec.h"
#include "pe_codec_dense_match.h"
#include "pe_bits.h"
#include "pe_rng.h"

#include <stdlib.h>

extern const pe_codec pe_codec_dense, pe_codec_word;

#define BLOBS UINT64_C(0x05a2c36d493c0a7e)

static pe_rng rng;

static uint64_t draw(void)
{
    return pe_rng_next(&rng);
}

/* ---- streams ---- */

enum { FLAT, ONE, TWO, STEEP, FIBONACCI, TEXT, SHAPES };

/* n symbols below `below`, in a mixture of that shape. */
static void fill_stream(uint8_t *symbols, size_t n, unsigned shape, unsigned below)
{
    unsigned const first = (unsigned)(draw() % below), spread = 1 + (unsigned)(draw() % below);
    uint32_t one = 1, two = 1;
    size_t at = 0;
    for (size_t i = 0; i < n; ++i) {
        unsigned symbol = first;
        if (shape == FLAT)
            symbol = (unsigned)(draw() % below);
        else if (shape == TWO)
            symbol = first + (draw() % 50 == 0);
        else if (shape == STEEP)
            symbol = first + pe_bits_lowest(draw() | UINT64_C(1) << 63);
        else if (shape == TEXT)
            symbol = first + (unsigned)((draw() % spread) * (draw() % spread) / spread);
        symbols[i] = (uint8_t)(symbol % below);
    }
    if (shape != FIBONACCI)
        return;
    for (unsigned symbol = 0; at < n; ++symbol) { /* the longest codes that there can be */
        for (uint32_t k = 0; k < one && at < n; ++k)
            symbols[at++] = (uint8_t)((first + symbol) % below);
        two += one;
        one = two - one;
    }
}

/* Written with a code, and read back from a copy with just the slack that reading may use. */
static void stream_comes_back(pe_dense_book *book, enum pe_dense_kind kind, const uint8_t *symbols,
                              size_t n, bool own)
{
    static uint8_t out[4 * PE_PAGE_BYTES];
    int16_t counts[PE_DENSE_SYMBOLS];
    uint8_t *at = out, *middle;
    size_t bits;
    CHECK(pe_dense_count(counts, symbols, n, 8) == n);
    pe_dense_choice choice = pe_dense_choose(book, kind, counts, n, n, UINT32_MAX);
    choice.own = own;
    const uint16_t *const codes = pe_dense_codes_of(book, kind, &choice, counts, &at, &bits);
    size_t sum = 0;
    for (size_t i = 0; i < n; ++i)
        sum += codes[symbols[i]] & 63;
    CHECK(sum == bits && (choice.own || sum == choice.bits));
    size_t const told = (size_t)(at - out);
    CHECK(told <= 300 && (told > 0) == choice.own);
    uint8_t *const end = pe_dense_put(at, codes, symbols, n, &middle);
    size_t const length = (size_t)(end - out), before = (size_t)(middle - out);
    CHECK(length - told >= bits / 8 && length - told <= bits / 8 + 4);

    uint8_t *const blob = malloc(length + 2 * PE_DENSE_SLACK), *const back = malloc(n + 1);
    uint8_t *const in = blob + PE_DENSE_SLACK;
    memset(blob, 0xA5, length + 2 * PE_DENSE_SLACK);
    memcpy(in, out, length);
    const uint8_t *from = in;
    const uint16_t *const decoder = pe_dense_decoder_of(book, kind, pe_dense_told(choice), &from,
                                                        in + length);
    CHECK(decoder && from == in + told);
    if (decoder) {
        CHECK(pe_dense_get(from, in + before, in + length, decoder, back, n));
        CHECK(memcmp(back, symbols, n) == 0);
    }
    for (unsigned turn = 0; turn < 3 && length; ++turn) { /* damage is refused or changes symbols */
        memcpy(in, out, length);
        in[draw() % length] ^= (uint8_t)(1 + draw() % 255);
        from = in;
        const uint16_t *const other = pe_dense_decoder_of(book, kind, pe_dense_told(choice), &from,
                                                          in + length);
        if (other && from <= in + before)
            (void)pe_dense_get(from, in + before, in + length, other, back, n);
    }
    free(blob);
    free(back);
}

static void streams_come_back_with_known_codes_and_with_their_own(void)
{
    pe_dense_book *const book = calloc(1, sizeof *book);
    pe_dense_open(book);
    rng = pe_rng_make(31, 0);
    for (unsigned turn = 0; turn < 3000; ++turn) {
        uint8_t symbols[PE_PAGE_BYTES];
        enum pe_dense_kind const kind = (enum pe_dense_kind)(turn % PE_DENSE_KINDS);
        size_t const n = turn % 3 ? draw() % 300 : draw() % (PE_PAGE_BYTES + 1);
        fill_stream(symbols, n, (unsigned)(draw() % SHAPES), kind == PE_DENSE_OFFSETS ? 31 : 256);
        stream_comes_back(book, kind, symbols, n, false);
        bool two = false;
        for (size_t i = 1; i < n; ++i)
            two |= symbols[i] != symbols[0];
        if (two) /* one symbol alone has no code */
            stream_comes_back(book, kind, symbols, n, true);
    }
    free(book);
}

static void every_known_code_can_say_every_symbol(void)
{
    pe_dense_book *const book = calloc(1, sizeof *book);
    pe_dense_open(book);
    for (unsigned kind = 0; kind < PE_DENSE_KINDS; ++kind)
        for (unsigned set = 0; set < PE_DENSE_SETS; ++set)
            for (unsigned i = 0; i < pe_dense_symbols((enum pe_dense_kind)kind); ++i) {
                unsigned const code = book->codes[kind][set][i], length = code & 63;
                CHECK(length >= 1 && length <= PE_DENSE_LONGEST);
                unsigned const entry = code >> 6 << (PE_DENSE_LONGEST - length);
                CHECK(book->decoders[kind][set][entry] == (i << 8 | length));
            }
    for (unsigned shape = 0; shape < PE_DENSE_SHAPES; ++shape)
        for (unsigned i = 0; i < 1u << PE_DENSE_SHAPE_LONGEST; ++i) {
            unsigned const entry = book->shape_decoders[shape][i], length = entry & 15;
            CHECK(length >= 1 && entry >> 4 <= PE_DENSE_LONGEST);
            CHECK(book->shape_codes[shape][entry >> 4]
                  == (i >> (PE_DENSE_SHAPE_LONGEST - length) << 4 | length));
        }
    free(book);
}

/* ---- pages ---- */

/* Pages that suit one or the other: words, records, text with repetitions, runs, and noise. Each
   draw has a line of its own, where another would make it unclear which comes first. */
static void fill_page(uint8_t *page, unsigned turn)
{
    static const char vowels[] = "aeiou  nrst,.=\n";
    rng = pe_rng_make(32, turn);
    unsigned const kind = turn % 6, dirt = (unsigned)(draw() % 4);
    size_t const longest = draw() % 2 ? 12 : 400;
    size_t const period = 1 + draw() % longest;
    unsigned const entropy = 2 + (unsigned)(draw() % 254);
    for (size_t i = 0; i < PE_PAGE_BYTES; ++i)
        page[i] = (uint8_t)(draw() % entropy);
    for (size_t i = 0; i + 8 <= PE_PAGE_BYTES && kind < 2; i += 8) {
        uint64_t const base = UINT64_C(0x7f0012340000) + (kind ? draw() % 5 << 20 : 0);
        pe_store64(page + i, draw() % 3 ? base + draw() % (entropy * 256u) : draw() % entropy);
    }
    for (size_t i = 0; i < PE_PAGE_BYTES && kind == 2; ++i)
        page[i] = (uint8_t)vowels[draw() % (sizeof vowels - 1)];
    for (size_t i = period; i < PE_PAGE_BYTES && (kind == 2 || kind == 3);) {
        size_t const run = 3 + draw() % 30, from = draw() % i;
        for (size_t k = 0; k < run && i < PE_PAGE_BYTES; ++k, ++i)
            page[i] = page[from + k];
        i += draw() % (kind == 2 ? 8 : 30);
    }
    for (size_t i = period; i < PE_PAGE_BYTES && kind == 4; ++i)
        page[i] = draw() % (20 + dirt * 30) ? page[i - period] : page[i];
    for (unsigned n = 0; n < dirt; ++n) {
        size_t const at = draw() % 3000, length = draw() % 1096;
        memset(page + at, (int)(draw() % 3), length);
    }
}

static void pages_come_back_from_literals_and_matches(void)
{
    pe_dense_book *const book = calloc(1, sizeof *book);
    pe_dense_parts *const parts = calloc(1, sizeof *parts);
    static uint8_t out[4 * PE_PAGE_BYTES];
    pe_dense_open(book);
    for (unsigned turn = 0; turn < 1200; ++turn) {
        uint8_t *const page = malloc(PE_PAGE_BYTES), *const back = malloc(PE_PAGE_BYTES);
        fill_page(page, turn);
        if (turn < 3)
            memset(page, (int)turn, PE_PAGE_BYTES);
        pe_dense_part(parts, page);
        unsigned const set = turn % PE_DENSE_SETS;
        uint8_t *const end = pe_dense_put_matches(out, parts, book->codes[PE_DENSE_TOKENS][set],
                                                  book->codes[PE_DENSE_OFFSETS][set]);
        size_t const length = (size_t)(end - out);
        uint8_t *const blob = malloc(length + 2 * PE_DENSE_SLACK);
        uint8_t *const in = blob + PE_DENSE_SLACK;
        const uint16_t *const tokens = book->decoders[PE_DENSE_TOKENS][set];
        const uint16_t *const offsets = book->decoders[PE_DENSE_OFFSETS][set];
        memset(blob, 0xA5, length + 2 * PE_DENSE_SLACK);
        memcpy(in, out, length);
        CHECK(pe_dense_join(back, parts->literals, parts->literal_count, in, in + length, tokens,
                            offsets));
        CHECK(memcmp(page, back, PE_PAGE_BYTES) == 0);
        for (unsigned k = 0; k < 8; ++k) {
            if (length)
                in[draw() % length] = (uint8_t)draw();
            size_t const count = draw() % 2 ? parts->literal_count : draw() % (PE_PAGE_BYTES + 1);
            (void)pe_dense_join(back, parts->literals, count, in, in + length, tokens, offsets);
        }
        free(page);
        free(back);
        free(blob);
    }
    free(book);
    free(parts);
}

/* ---- blobs ---- */

static uint8_t *exact(const uint8_t *bytes, size_t length)
{
    uint8_t *out = malloc(length ? length : 1);
    memcpy(out, bytes, length);
    return out;
}

static void every_kind_of_blob_is_made_and_comes_back_and_wins_a_slot(void)
{
    void *const work = calloc(1, pe_codec_dense.work_bytes);
    uint8_t of_words[16] = {0};
    unsigned made[3][2] = {{0}};
    for (unsigned turn = 0; turn < 3000; ++turn) {
        uint8_t page[PE_PAGE_BYTES], out[PE_PAGE_BYTES], back[PE_PAGE_BYTES], words[5000];
        fill_page(page, turn);
        size_t const length = pe_codec_dense.compress(&pe_codec_dense, page, out, sizeof out, work);
        size_t const as_words = pe_codec_word.compress(&pe_codec_word, page, words, sizeof words,
                                                       of_words);
        CHECK(length ? length <= as_words + 1 || length <= 2048 : as_words + 1 > sizeof out);
        if (length == 0)
            continue;
        unsigned const kind = out[0] & 3;
        CHECK(kind < 3 && (kind == 0 || length <= 2048));
        CHECK(kind == 0 || as_words + 1 > (length <= 1024 ? 1024 : 2048)); /* a smaller slot */
        made[kind][length <= 1024] += 1;
        uint8_t *blob = exact(out, length);
        CHECK(pe_codec_dense.decompress(&pe_codec_dense, blob, length, back, work));
        CHECK(memcmp(page, back, sizeof page) == 0);
        free(blob);
        for (size_t max = length > 3 ? length - 3 : 1; max < length + 3; ++max) {
            uint8_t *limited = malloc(max);
            size_t const again = pe_codec_dense.compress(&pe_codec_dense, page, limited, max, work);
            CHECK(again == (max < length ? 0 : length));
            CHECK(memcmp(limited, out, again) == 0);
            free(limited);
        }
    }
    for (unsigned kind = 0; kind < 3; ++kind)
        CHECK(made[kind][0] > 10 && made[kind][1] > 10);
    free(work);
}

/* What calls before left in the memory does not matter, nor what the processor can do: the hash is
   of all blobs, whoever makes them. */
static void blobs_are_the_same_everywhere_and_whatever_came_before(void)
{
    enum { TURNS = 1200 };
    void *const used = calloc(1, pe_codec_dense.work_bytes);
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    rng = pe_rng_make(17, 0);
    for (unsigned turn = 0; turn < TURNS; ++turn) {
        uint8_t page[PE_PAGE_BYTES], out[2048], again[2048];
        fill_page(page, turn);
        size_t const length = pe_codec_dense.compress(&pe_codec_dense, page, out, 2048, used);
        if (turn % 16 == 0) {
            void *const fresh = calloc(1, pe_codec_dense.work_bytes);
            CHECK(pe_codec_dense.compress(&pe_codec_dense, page, again, 2048, fresh) == length);
            CHECK(memcmp(out, again, length) == 0);
            free(fresh);
        }
        hash = (hash ^ length) * UINT64_C(0x100000001b3);
        for (size_t i = 0; i < length; ++i)
            hash = (hash ^ out[i]) * UINT64_C(0x100000001b3);
    }
    if (hash != BLOBS)
        printf("the hash is 0x%016llx\n", (unsigned long long)hash);
    CHECK(hash == BLOBS);
    free(used);
}

static void damaged_blobs_are_refused_or_restore_some_page(void)
{
    void *const work = calloc(1, pe_codec_dense.work_bytes);
    unsigned restored = 0, refused = 0;
    for (unsigned turn = 0; turn < 1500; ++turn) {
        uint8_t page[PE_PAGE_BYTES], out[PE_PAGE_BYTES];
        fill_page(page, turn);
        size_t const length = pe_codec_dense.compress(&pe_codec_dense, page, out, 2048, work);
        for (unsigned k = 0; k < 30 && length; ++k) {
            uint8_t *const blob = exact(out, length), *const back = malloc(PE_PAGE_BYTES);
            bool const cut = k % 5 == 0; /* and otherwise as it was */
            size_t const kept = cut ? draw() % length : length;
            for (uint64_t n = cut ? 0 : draw() % 3; n > 0; --n)
                blob[draw() % length] ^= (uint8_t)(1u << draw() % 8);
            if (k % 2 && !cut) /* the head: sizes, codes, where parts meet */
                blob[draw() % (length < 16 ? length : 16)] = (uint8_t)draw();
            uint8_t *const read = exact(blob, kept);
            bool const good = pe_codec_dense.decompress(&pe_codec_dense, read, kept, back, work);
            CHECK(!cut || !good);
            free(read);
            restored += good;
            refused += !good;
            free(blob);
            free(back);
        }
    }
    CHECK(restored > 100 && refused > 1000);
    free(work);
}

int main(void)
{
    RUN(streams_come_back_with_known_codes_and_with_their_own);
    RUN(every_known_code_can_say_every_symbol);
    RUN(pages_come_back_from_literals_and_matches);
    RUN(every_kind_of_blob_is_made_and_comes_back_and_wins_a_slot);
    RUN(blobs_are_the_same_everywhere_and_whatever_came_before);
    RUN(damaged_blobs_are_refused_or_restore_some_page);
    return check_result();
}
