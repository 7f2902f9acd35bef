/* sources: csrc/codec/*.c csrc/pe_cpu.c csrc/pe_hash.c csrc/pe_status.c csrc/pe_os.c */
/* Every codec of the table: pages come back, limits are kept, and no input leads a decoder out of
   its buffers. Blobs and pages lie in allocations of exactly their size, so AddressSanitizer sees
   the first byte beyond. */
#include "check.h"

#include "oom.h"
#include "pe_codec.h"
#include "pe_codec_bound.h"
#include "pe_rng.h"

#include <stdlib.h>
#include <string.h>

#define KINDS 9u
#define PAGES (KINDS * 12u)
#define GUARD 64u
#define SPARE 16u /* a codec may refuse a blob that would leave less than this */

static pe_rng rng;

static uint64_t draw(void)
{
    return pe_rng_next(&rng);
}

static void fill_repeats(uint8_t *page)
{
    size_t const period = 1 + draw() % 700;
    for (size_t i = 0; i < PE_PAGE_BYTES; ++i)
        page[i] = i < period ? (uint8_t)draw() : page[i - period];
    for (uint64_t n = draw() % 6; n > 0; --n)
        page[draw() % PE_PAGE_BYTES] ^= 1;
}

static void fill_words(uint8_t *page, unsigned kind)
{
    for (size_t i = 0; i < PE_PAGE_BYTES; i += 8) {
        uint64_t word = 0;
        switch (kind) {
        case 1: word = draw(); break;
        case 2: word = draw() % 8 ? 0 : draw() >> draw() % 64; break;
        case 3: word = UINT64_C(0x7f1200000000) + (draw() & 0x3fffff8); break;
        case 4: word = draw() % 300 | (draw() % 300) << 32; break;
        case 5: word = i / 8 % 16 == 3 ? draw() : UINT64_C(0x2020202020202020); break;
        case 6: word = UINT64_C(0x5555aaaa00000000) * (1 + draw() % 40) + (draw() & 0xffff); break;
        default: break;
        }
        memcpy(page + i, &word, sizeof word);
    }
}

/* Page `number`: zero, random, sparse, pointers, integers, text, close values, repeats, and nothing
   but a repetition from the start at the very end. */
static uint8_t *page_of(unsigned number)
{
    unsigned const kind = number % KINDS;
    uint8_t *page = malloc(PE_PAGE_BYTES);
    rng = pe_rng_make(11, number);
    if (kind == 7)
        fill_repeats(page);
    else
        fill_words(page, kind == 8 ? 1 : kind);
    if (kind == 8) {
        size_t const length = 1 + draw() % 64;
        memmove(page + PE_PAGE_BYTES - length, page, length);
    }
    return page;
}

typedef void codec_test(const pe_codec *codec, void *work);

static void with_work(const pe_codec *codec, codec_test *test)
{
    void *work = calloc(1, codec->work_bytes ? codec->work_bytes : 1);
    test(codec, work);
    free(work);
}

static void each(codec_test *test)
{
    for (size_t i = 0; pe_codec_at(i); ++i) {
        int const before = check_failures;
        with_work(pe_codec_at(i), test);
        if (check_failures != before)
            printf("    ... codec %s\n", pe_codec_at(i)->name);
    }
}

/* The blob in an allocation of its own length; NULL when it is refused. */
static uint8_t *blob_of(const pe_codec *codec, const uint8_t *page, void *work, size_t *length)
{
    uint8_t out[PE_PAGE_BYTES];
    *length = codec->compress(codec, page, out, PE_PAGE_BYTES, work);
    CHECK(*length <= PE_PAGE_BYTES);
    if (*length == 0)
        return NULL;
    uint8_t *blob = malloc(*length);
    memcpy(blob, out, *length);
    return blob;
}

/* Decodes from and to allocations that end where they must. */
static bool decodes(const pe_codec *codec, const uint8_t *in, size_t length, uint8_t *page,
                    void *work)
{
    uint8_t *exact = malloc(length ? length : 1), *out = malloc(PE_PAGE_BYTES);
    memcpy(exact, in, length);
    bool const good = codec->decompress(codec, exact, length, out, work);
    if (good && page)
        memcpy(page, out, PE_PAGE_BYTES);
    free(exact);
    free(out);
    return good;
}

static void round_trips_of(const pe_codec *codec, void *work)
{
    unsigned fits = 0;
    for (unsigned i = 0; i < PAGES; ++i) {
        uint8_t *page = page_of(i), back[PE_PAGE_BYTES];
        size_t length;
        uint8_t *blob = blob_of(codec, page, work, &length);
        if (blob) {
            fits += 1;
            CHECK(decodes(codec, blob, length, back, work));
            CHECK(memcmp(page, back, PE_PAGE_BYTES) == 0);
        }
        free(blob);
        free(page);
    }
    CHECK(fits >= PAGES / KINDS); /* at least the zero pages */
}

static void pages_come_back(void)
{
    each(round_trips_of);
}

/* Every limit around the true length, small ones, and those of the compression cache. */
static void limits_of(const pe_codec *codec, void *work)
{
    for (unsigned i = 0; i < PAGES; ++i) {
        uint8_t *page = page_of(i), guarded[PE_PAGE_BYTES + 2 * GUARD];
        size_t length;
        uint8_t *blob = blob_of(codec, page, work, &length);
        size_t const limits[] = {0,
                                 1,
                                 7,
                                 8,
                                 9,
                                 127,
                                 128,
                                 129,
                                 1023,
                                 1024,
                                 2048,
                                 4095,
                                 length ? length - 1 : 0,
                                 length,
                                 length + SPARE,
                                 length / 2};
        for (size_t j = 0; j < PE_COUNT_OF(limits); ++j) {
            size_t const max = limits[j] < PE_PAGE_BYTES ? limits[j] : PE_PAGE_BYTES;
            uint8_t *exact = malloc(max ? max : 1);
            size_t const made = codec->compress(codec, page, exact, max, work);
            CHECK(made <= max);
            CHECK(made ? made == length : length == 0 || max < length + SPARE);
            CHECK(made == 0 || memcmp(exact, blob, made) == 0);
            memset(guarded, 0xA5, sizeof guarded);
            CHECK(codec->compress(codec, page, guarded + GUARD, max, work) == made);
            CHECK(memcmp(exact, guarded + GUARD, made) == 0);
            free(exact);
            for (size_t k = 0; k < GUARD; ++k)
                CHECK(guarded[k] == 0xA5 && guarded[GUARD + max + k] == 0xA5);
        }
        free(blob);
        free(page);
    }
}

static void nothing_is_written_beyond_a_limit_and_the_blob_does_not_depend_on_it(void)
{
    each(limits_of);
}

static void truncations_of(const pe_codec *codec, void *work)
{
    for (unsigned i = 0; i < 2 * KINDS; ++i) {
        uint8_t *page = page_of(i), longer[PE_PAGE_BYTES + 300];
        size_t length;
        uint8_t *blob = blob_of(codec, page, work, &length);
        for (size_t cut = 0; cut < length; ++cut)
            CHECK(!decodes(codec, blob, cut, NULL, work));
        for (size_t more = 1; more < 300 && blob; more += more) {
            memcpy(longer, blob, length);
            memset(longer + length, (int)more, more);
            decodes(codec, longer, length + more, NULL, work);
        }
        free(blob);
        free(page);
    }
}

static void no_truncation_decodes_or_leads_astray(void)
{
    each(truncations_of);
}

static void mutations_of(const pe_codec *codec, void *work)
{
    for (unsigned i = 0; i < PAGES / 2; ++i) {
        uint8_t *page = page_of(i);
        size_t length;
        uint8_t *blob = blob_of(codec, page, work, &length);
        for (unsigned turn = 0; turn < 150 && blob; ++turn) {
            uint8_t damaged[PE_PAGE_BYTES];
            memcpy(damaged, blob, length);
            for (uint64_t n = 1 + draw() % 4; n > 0; --n)
                damaged[draw() % length] = draw() % 3 ? (uint8_t)draw() : 0xff;
            size_t const kept = turn % 3 ? length : draw() % (length + 1);
            decodes(codec, damaged, kept, NULL, work);
        }
        /* what came before changes nothing */
        CHECK(!blob || decodes(codec, blob, length, NULL, work));
        free(blob);
        free(page);
    }
}

static void damaged_blobs_read_and_write_nothing_out_of_bounds(void)
{
    each(mutations_of);
}

static void random_blobs_of(const pe_codec *codec, void *work)
{
    uint8_t in[2 * PE_PAGE_BYTES];
    rng = pe_rng_make(12, 0);
    for (unsigned turn = 0; turn < 4000; ++turn) {
        size_t const length = draw() % (turn % 8 ? 300 : sizeof in);
        uint8_t const mask = turn % 3 == 0 ? 0xff : turn % 3 == 1 ? 0x0f : 0xf1;
        for (size_t i = 0; i < length; ++i)
            in[i] = (uint8_t)draw() & mask;
        decodes(codec, in, length, NULL, work);
    }
    for (unsigned value = 0; value < 256; ++value) /* one byte, over and over */
        for (size_t length = 0; length < 2 * PE_PAGE_BYTES; length = length * 3 + 1) {
            memset(in, (int)value, length);
            decodes(codec, in, length, NULL, work);
        }
}

/* Literals and matches as LZ4 blocks have them, most of them possible, with lengths and offsets at
   their limits: a decoder gets far into these before it finds a fault. */
static size_t plausible_block(uint8_t *in, size_t room)
{
    size_t at = 0, made = 0;
    while (at + 40 < room) {
        size_t literals = draw() % 4 ? draw() % 14 : 15;
        size_t const match = draw() % 4 ? draw() % 15 : 15;
        uint64_t const special = draw() % 12;
        in[at++] = (uint8_t)(literals << 4 | match);
        if (literals == 15 && special < 11) { /* else 255 is what comes next by chance */
            in[at++] = (uint8_t)(draw() % 20);
            literals += in[at - 1];
        }
        for (size_t i = 0; i < literals && at + 8 < room; ++i)
            in[at++] = (uint8_t)draw();
        made += literals;
        size_t const offset = special == 0 ? 0
                            : special == 1 ? made + draw() % 2
                            : made         ? 1 + draw() % made
                                           : 1;
        in[at++] = (uint8_t)offset;
        in[at++] = (uint8_t)(offset >> 8);
        made += match + 4;
        for (uint64_t runs = special == 2 && match == 15 ? draw() % 18 : 0; runs; --runs)
            if (at + 4 < room) {
                in[at++] = 255;
                made += 255;
            }
        if (match == 15 && special != 3)
            in[at++] = (uint8_t)draw();
        if (made > PE_PAGE_BYTES - 40 && draw() % 8 == 0)
            break;
    }
    return at;
}

static void plausible_blocks_of(const pe_codec *codec, void *work)
{
    uint8_t in[6000];
    rng = pe_rng_make(13, 0);
    for (unsigned turn = 0; turn < 6000; ++turn) {
        size_t const length = plausible_block(in, turn % 2 ? 200 : sizeof in);
        decodes(codec, in, length - draw() % 3, NULL, work);
    }
}

static void blobs_that_are_nearly_right_lead_no_decoder_astray(void)
{
    each(plausible_blocks_of);
}

static void random_bytes_read_and_write_nothing_out_of_bounds(void)
{
    each(random_blobs_of);
}

/* Blobs for work memory that was used for other pages, and decoding in between, are those of new
   work memory. */
static void history_of(const pe_codec *codec, void *work)
{
    for (unsigned i = 0; i < PAGES; ++i) {
        void *fresh = calloc(1, codec->work_bytes ? codec->work_bytes : 1);
        uint8_t *page = page_of(i);
        size_t length, again;
        uint8_t *blob = blob_of(codec, page, fresh, &length);
        uint8_t *second = blob_of(codec, page, work, &again);
        CHECK(length == again && (!blob || memcmp(blob, second, length) == 0));
        CHECK(!blob || decodes(codec, blob, length, NULL, work));
        free(blob);
        free(second);
        free(page);
        free(fresh);
    }
}

static void a_blob_does_not_depend_on_the_pages_before(void)
{
    each(history_of);
}

static void places_of(const pe_codec *codec, void *work)
{
    uint8_t pages[PE_PAGE_BYTES + 8], blobs[PE_PAGE_BYTES + 8], back[PE_PAGE_BYTES + 8];
    for (unsigned i = 0; i < KINDS; ++i) {
        uint8_t *page = page_of(i);
        size_t length;
        uint8_t *blob = blob_of(codec, page, work, &length);
        for (size_t shift = 1; shift < 8 && blob; ++shift) {
            memcpy(pages + shift, page, PE_PAGE_BYTES);
            CHECK(codec->compress(codec, pages + shift, blobs + shift, PE_PAGE_BYTES, work)
                  == length);
            CHECK(memcmp(blobs + shift, blob, length) == 0);
            CHECK(codec->decompress(codec, blobs + shift, length, back + shift, work));
            CHECK(memcmp(back + shift, page, PE_PAGE_BYTES) == 0);
        }
        free(blob);
        free(page);
    }
}

static void a_blob_does_not_depend_on_where_things_lie(void)
{
    each(places_of);
}

static void memory_is_asked_for_by_no_codec(void)
{
    for (size_t i = 0; pe_codec_at(i); ++i) {
        const pe_codec *codec = pe_codec_at(i);
        void *work = calloc(1, codec->work_bytes ? codec->work_bytes : 1);
        uint8_t *page = page_of(2), out[PE_PAGE_BYTES], back[PE_PAGE_BYTES];
        oom_off();
        size_t const length = codec->compress(codec, page, out, sizeof out, work);
        codec->decompress(codec, out, length, back, work);
        CHECK(oom_count() == 0);
        free(page);
        free(work);
    }
}

static void the_table_finds_each_by_its_own_name_only(void)
{
    size_t n = 0;
    for (; pe_codec_at(n); ++n) {
        CHECK(pe_codec_find(pe_codec_at(n)->name) == pe_codec_at(n));
        CHECK(pe_codec_at(n)->summary[0] != 0);
        for (size_t i = 0; i < n; ++i)
            CHECK(strcmp(pe_codec_at(i)->name, pe_codec_at(n)->name) != 0);
        for (size_t i = 0; pe_codec_library_at(i); ++i)
            CHECK(strcmp(pe_codec_library_at(i)->name, pe_codec_at(n)->name) != 0);
    }
    CHECK(n >= 2);
    CHECK(!pe_codec_at(n + 1) && !pe_codec_at(SIZE_MAX));
    CHECK(!pe_codec_find("") && !pe_codec_find("wor") && !pe_codec_find("word2"));
}

int main(void)
{
    RUN(pages_come_back);
    RUN(nothing_is_written_beyond_a_limit_and_the_blob_does_not_depend_on_it);
    RUN(no_truncation_decodes_or_leads_astray);
    RUN(damaged_blobs_read_and_write_nothing_out_of_bounds);
    RUN(blobs_that_are_nearly_right_lead_no_decoder_astray);
    RUN(random_bytes_read_and_write_nothing_out_of_bounds);
    RUN(a_blob_does_not_depend_on_the_pages_before);
    RUN(a_blob_does_not_depend_on_where_things_lie);
    RUN(memory_is_asked_for_by_no_codec);
    RUN(the_table_finds_each_by_its_own_name_only);
    return check_result();
}
