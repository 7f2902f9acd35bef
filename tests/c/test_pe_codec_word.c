/* sources: csrc/codec/pe_codec_word*.c csrc/pe_cpu.c csrc/pe_status.c csrc/pe_os.c */
/* The word codec has two ways, and a blob made by one may be restored by the other, on another
   computer. Here both make every blob, byte by byte the same, and both restore what either made;
   damaged blobs are refused by both or restored to the same page. */
#include "check.h"

#include "pe_codec_word_format.h"
#include "pe_rng.h"

#include <stdlib.h>

static pe_rng rng;

static uint64_t draw(void)
{
    return pe_rng_next(&rng);
}

/* Words that are zero, small, upper halves, or one of the last in some of their bytes. */
static void fill(uint8_t *page, uint64_t seed)
{
    rng = pe_rng_make(21, seed);
    uint64_t const zeros = draw() % 4, record = 1 + draw() % 40, text = draw() % 3;
    for (unsigned i = 0; i < PE_PAGE_BYTES / 8; ++i) {
        uint64_t word = draw();
        unsigned const back = 1 + (unsigned)(draw() % (draw() % 4 ? record : 300));
        uint64_t const other = i >= back ? pe_load64(page + 8 * (i - back)) : 0;
        switch (draw() % (6 + text)) {
        case 0: word = zeros ? 0 : word; break;
        case 1: word >>= 8 * (draw() % 8); break;
        case 2: word <<= 32; break;
        case 3: word = other; break;
        case 4: word = (other & ~UINT64_C(0xffff)) | (word & (draw() % 2 ? 0xff : 0xffff)); break;
        case 5: word = (other & UINT32_MAX) | word << 32; break;
        default: break;
        }
        pe_store64(page + 8 * i, word);
    }
    for (uint64_t n = zeros * 8; n > 0; --n) /* whole lines too */
        memset(page + PE_WORD_LINE_BYTES * (draw() % PE_WORD_LINES), 0, PE_WORD_LINE_BYTES);
}

/* Only by the last byte of a buffer that is exactly as long would a step too far be seen. */
static uint8_t *exact(const uint8_t *bytes, size_t length)
{
    uint8_t *out = malloc(length ? length : 1);
    memcpy(out, bytes, length);
    return out;
}

static void both_ways_make_the_same_blobs_and_restore_each_other_s(void)
{
    unsigned fits = 0;
    if (!pe_word_wide_works())
        return;
    for (unsigned turn = 0; turn < 4000; ++turn) {
        uint8_t page[PE_PAGE_BYTES], plain[PE_PAGE_BYTES], wide[PE_PAGE_BYTES];
        uint8_t back[PE_PAGE_BYTES];
        fill(page, turn);
        size_t const max = turn % 3 ? PE_PAGE_BYTES : 2048;
        size_t const length = pe_word_plain_compress(page, plain, max);
        CHECK(pe_word_wide_compress(page, wide, max) == length);
        CHECK(memcmp(plain, wide, length) == 0);
        if (length == 0)
            continue;
        fits += 1;
        uint8_t *blob = exact(plain, length);
        CHECK(pe_word_plain_decompress(blob, length, back));
        CHECK(memcmp(page, back, PE_PAGE_BYTES) == 0);
        memset(back, 0xA5, sizeof back);
        CHECK(pe_word_wide_decompress(blob, length, back));
        CHECK(memcmp(page, back, PE_PAGE_BYTES) == 0);
        free(blob);
    }
    CHECK(fits > 2000);
}

static void damage_means_the_same_to_both(void)
{
    if (!pe_word_wide_works())
        return;
    unsigned restored = 0;
    for (unsigned turn = 0; turn < 4000; ++turn) {
        uint8_t page[PE_PAGE_BYTES], blob[PE_PAGE_BYTES];
        uint8_t first[PE_PAGE_BYTES] = {0}, second[PE_PAGE_BYTES] = {0};
        fill(page, turn);
        size_t const length = pe_word_plain_compress(page, blob, sizeof blob);
        if (length == 0)
            continue;
        for (uint64_t n = 1 + draw() % 3; n > 0; --n)
            blob[draw() % length] = (uint8_t)draw();
        size_t const kept = turn % 4 ? length : draw() % (length + 1);
        uint8_t *cut = exact(blob, kept);
        bool const good = pe_word_plain_decompress(cut, kept, first);
        CHECK(pe_word_wide_decompress(cut, kept, second) == good);
        CHECK(memcmp(first, second, sizeof first) == 0);
        restored += good;
        free(cut);
    }
    CHECK(restored > 100); /* literals and references that are others are no damage it can see */
}

/* The shortest blobs there are: their literals lie where a load of 16 bytes begins before them. */
static void pages_of_one_line_come_back(void)
{
    for (unsigned at = 0; at < PE_PAGE_BYTES / 8; at += 7) {
        for (unsigned bytes = 1; bytes <= 8; ++bytes) {
            uint8_t page[PE_PAGE_BYTES] = {0}, blob[PE_PAGE_BYTES], back[PE_PAGE_BYTES];
            pe_store64(page + 8 * at, UINT64_C(0x8182838485868788) >> (64 - 8 * bytes));
            size_t const length = pe_word_plain_compress(page, blob, sizeof blob);
            CHECK(length >= 13 && length <= 20);
            uint8_t *exactly = exact(blob, length);
            CHECK(pe_word_plain_decompress(exactly, length, back));
            CHECK(memcmp(page, back, PE_PAGE_BYTES) == 0);
            if (pe_word_wide_works()) {
                CHECK(pe_word_wide_decompress(exactly, length, back));
                CHECK(memcmp(page, back, PE_PAGE_BYTES) == 0);
            }
            free(exactly);
        }
    }
}

/* A blob by hand. Line 2 has a word that is zero, one whose upper half is that of the line above
   (there is none: zero), a whole one, and one that refers to it and changes its low byte. */
static void a_blob_is_what_the_format_says(void)
{
    static const uint8_t blob[] = {0x04,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0,
                                   0, /* mask: line 2 */
                                   PE_WORD_AGAIN4 << 4,
                                   PE_WORD_REF1 << 4 | PE_WORD_WHOLE,
                                   0,
                                   0,    /* tags */
                                   0,    /* one word back */
                                   0x99, /* of the one that refers */
                                   0x88,
                                   0x77,
                                   0x66,
                                   0x55,
                                   0x44,
                                   0x33,
                                   0x22,
                                   0x11, /* whole */
                                   0x04,
                                   0x03,
                                   0x02,
                                   0x01}; /* low 4 */
    uint8_t page[PE_PAGE_BYTES], again[PE_PAGE_BYTES];
    CHECK(pe_word_plain_decompress(blob, sizeof blob, page));
    CHECK(pe_load64(page + 128) == 0 && pe_load64(page + 136) == UINT64_C(0x01020304));
    CHECK(pe_load64(page + 144) == UINT64_C(0x1122334455667788));
    CHECK(pe_load64(page + 152) == UINT64_C(0x1122334455667799));
    CHECK(pe_word_plain_compress(page, again, sizeof again) == sizeof blob);
    CHECK(memcmp(again, blob, sizeof blob) == 0);
}

int main(void)
{
    RUN(both_ways_make_the_same_blobs_and_restore_each_other_s);
    RUN(damage_means_the_same_to_both);
    RUN(pages_of_one_line_come_back);
    RUN(a_blob_is_what_the_format_says);
    return check_result();
}
