/* sources: csrc/pe_cpu.c csrc/pe_hash.c csrc/pe_status.c csrc/pe_os.c */
/* At stake: two pages taken for equal, or a hash that differs between computers. Tested by
   constants, by comparing all variants, and by counting collisions in families of pages that break
   weak hashes. */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "pe_hash.h"
#include "pe_hash_words.h"
#include "pe_rng.h"

static uint64_t page_words[513];
static uint8_t *const page = (uint8_t *)page_words;

static void fill_random(uint64_t stream)
{
    pe_rng rng = pe_rng_make(7, stream);
    for (int i = 0; i < 512; i++) {
        uint64_t word = pe_rng_next(&rng);
        for (int b = 0; b < 8; b++) {
            page[8 * i + b] = (uint8_t)(word >> (8 * b));
        }
    }
}

/* The portable way, which the others are held against. */
static uint64_t hash_page(const void *at, uint64_t salt)
{
    pe_hash_key key;
    pe_hash_key_init(&key, salt, PE_HASH_PORTABLE);
    return pe_hash_page_keyed(&key, at);
}

/* On x86 every way up to the best one works; elsewhere there are two. */
static bool has_way(pe_hash_variant way)
{
    pe_hash_variant const best = pe_hash_best();
    return way == PE_HASH_PORTABLE || way == best || (best != PE_HASH_NEON && way < best);
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static size_t collisions(uint64_t *hashes, size_t n)
{
    size_t found = 0;
    qsort(hashes, n, sizeof hashes[0], by_value);
    for (size_t i = 1; i < n; i++) {
        found += hashes[i] == hashes[i - 1];
    }
    return found;
}

static void the_key_words_are_what_their_formula_says(void)
{
    for (uint64_t j = 0; j < PE_HASH_KEY_WORDS; j++) {
        CHECK(key_words[j] == pe_mix64((j + 1) * UINT64_C(0x9e3779b97f4a7c15)));
    }
}

static void known_pages_have_their_known_hashes(void)
{
    memset(page, 0, PE_PAGE_BYTES);
    CHECK(hash_page(page, 0) == UINT64_C(0xa3bf99284d452e4a));
    CHECK(hash_page(page, 1) == UINT64_C(0x42149218384df111));
    memset(page, 0xff, PE_PAGE_BYTES);
    CHECK(hash_page(page, 0) == UINT64_C(0xe901bae963e7f304));
    fill_random(1);
    CHECK(hash_page(page, UINT64_MAX) == UINT64_C(0x4241eb07103874ee));
    CHECK(pe_hash_token(42, 1) == UINT64_C(0x07adbc9c1799ea11));
}

static void every_variant_gives_the_same_hash(void)
{
    for (uint64_t i = 0; i < 200; i++) {
        fill_random(i);
        if (i % 4 == 0) {
            memset(page, i % 8 ? 0 : 0xff, PE_PAGE_BYTES);
            page[i * 20 % PE_PAGE_BYTES] ^= (uint8_t)i;
        }
        uint64_t expected = hash_page(page, i);
        for (int v = PE_HASH_PORTABLE; v <= PE_HASH_NEON; v++) {
            if (has_way((pe_hash_variant)v)) {
                pe_hash_key key;
                pe_hash_key_init(&key, i, (pe_hash_variant)v);
                CHECK(pe_hash_page_keyed(&key, page) == expected);
            }
        }
    }
}

static void a_page_may_lie_at_any_address(void)
{
    fill_random(3);
    uint64_t expected = hash_page(page, 5);
    pe_hash_key key;
    pe_hash_key_init(&key, 5, pe_hash_best());
    uint8_t *room = malloc(PE_PAGE_BYTES + 64);
    for (size_t shift = 0; room && shift < 64; shift += 7) {
        memcpy(room + shift, page, PE_PAGE_BYTES);
        uint64_t word;
        CHECK(hash_page(room + shift, 5) == expected);
        CHECK(pe_hash_page_keyed(&key, room + shift) == expected);
        CHECK(pe_page_equal(room + shift, page) && !pe_page_is_zero(room + shift));
        CHECK(!pe_page_is_same(room + shift, &word));
    }
    free(room);
}

static void batches_agree_with_single_pages(void)
{
    size_t n = 1100;
    uint8_t *pages = calloc(n, PE_PAGE_BYTES);
    uint64_t *out = calloc(n, sizeof out[0]);
    const uint8_t **list = calloc(n, sizeof list[0]);
    bool *zero = calloc(n, sizeof zero[0]);
    for (size_t i = 0; i < n; i++) {
        pages[i * PE_PAGE_BYTES + i * 3 % PE_PAGE_BYTES] = (uint8_t)(i % 5);
        list[n - 1 - i] = pages + i * PE_PAGE_BYTES;
    }
    pe_hash_key key;
    pe_hash_key_init(&key, 9, pe_hash_best());
    pe_hash_pages(&key, pages, PE_PAGE_BYTES, n, out);
    pe_pages_are_zero(pages, PE_PAGE_BYTES, n, zero);
    for (size_t i = 0; i < n; i++) {
        CHECK(out[i] == hash_page(pages + i * PE_PAGE_BYTES, 9));
        CHECK(zero[i] == (i % 5 == 0));
    }
    uint64_t first = out[0];
    pe_hash_pages_keyed(&key, list, n, out);
    CHECK(out[n - 1] == first);
    pe_hash_pages(&key, pages, 0, 0, NULL);
    free(pages);
    free(out);
    free(list);
    free(zero);
}

/* Pages that differ from `base` in one or two bits; all in one set, as no two of them are equal. */
static void pages_near(uint8_t base, uint64_t salt, size_t n)
{
    uint64_t *hashes = malloc((n + 1) * sizeof hashes[0]);
    uint32_t *seen = malloc((n + 1) * sizeof seen[0]);
    pe_hash_key key;
    pe_hash_key_init(&key, salt, pe_hash_best());
    memset(page, base, PE_PAGE_BYTES);
    uint32_t bits = PE_PAGE_BYTES * 8;
    hashes[0] = pe_hash_page_keyed(&key, page);
    size_t filled = 1;
    for (uint32_t a = 0; a < bits && filled < n; a++) {
        page[a / 8] ^= (uint8_t)(1 << a % 8);
        hashes[filled++] = pe_hash_page_keyed(&key, page);
        /* the second bit: near ones, and the same bit of other words, where sums could cancel */
        for (uint32_t step = 0; step < 60 && filled < n; step++) {
            uint32_t b = step < 20 ? a + 1 + step : a + 64 * (step - 19) * (step % 3 ? 1 : 8);
            if (b < bits && b > a) {
                page[b / 8] ^= (uint8_t)(1 << b % 8);
                hashes[filled++] = pe_hash_page_keyed(&key, page);
                page[b / 8] ^= (uint8_t)(1 << b % 8);
            }
        }
        page[a / 8] ^= (uint8_t)(1 << a % 8);
    }
    CHECK(filled >= n - 1000 || filled > 500000);
    /* a few pairs (a, b) are reached twice by the steps above; they are counted from the steps */
    size_t twice = 0;
    for (uint32_t a = 0, at = 1; a < bits && at < filled; a++) {
        at++;
        size_t own = 0;
        for (uint32_t step = 0; step < 60 && at < filled; step++) {
            uint32_t b = step < 20 ? a + 1 + step : a + 64 * (step - 19) * (step % 3 ? 1 : 8);
            if (b < bits && b > a) {
                for (size_t i = 0; i < own; i++) {
                    if (seen[i] == b) {
                        twice++;
                        break;
                    }
                }
                seen[own++] = b;
                at++;
            }
        }
    }
    CHECK(collisions(hashes, filled) == twice);
    free(hashes);
    free(seen);
}

static void sparse_pages_do_not_collide(void)
{
    pages_near(0, 0, 2000000);
    pages_near(0, 1, 500000);
    pages_near(0xff, 0, 500000);
}

static void pages_of_one_repeated_word_do_not_collide(void)
{
    size_t n = 500000;
    uint64_t *hashes = malloc(n * sizeof hashes[0]);
    pe_hash_key key;
    pe_hash_key_init(&key, 0, pe_hash_best());
    for (size_t i = 0; i < n; i++) {
        uint64_t word = i % 2 ? i : i << 32 | i; /* small numbers, and halves that agree */
        for (size_t at = 0; at < 512; at++) {
            page_words[at] = word;
        }
        hashes[i] = pe_hash_page_keyed(&key, page);
    }
    CHECK(collisions(hashes, n) == 0);
    free(hashes);
}

static void words_that_change_places_change_the_hash(void)
{
    size_t n = 0;
    uint64_t *hashes = malloc(512 * 511 * sizeof hashes[0]);
    pe_hash_key key;
    pe_hash_key_init(&key, 0, pe_hash_best());
    memset(page, 0, PE_PAGE_BYTES);
    for (int a = 0; a < 512; a++) {
        page_words[a] = 1;
        for (int b = 0; b < 512; b++) {
            if (b != a) {
                page_words[b] = UINT64_C(1) << 32;
                hashes[n++] = pe_hash_page_keyed(&key, page);
                page_words[b] = 0;
            }
        }
        page_words[a] = 0;
    }
    CHECK(collisions(hashes, n) == 0);
    free(hashes);
}

static void each_bit_of_the_page_changes_about_half_of_the_hash(void)
{
    long ones[64] = {0};
    long flips = 0;
    int least = 64;
    for (int kind = 0; kind < 2; kind++) {
        fill_random(11);
        if (kind) {
            memset(page, 0, PE_PAGE_BYTES);
        }
        pe_hash_key key;
        pe_hash_key_init(&key, 3, pe_hash_best());
        uint64_t base = pe_hash_page_keyed(&key, page);
        for (uint32_t bit = 0; bit < PE_PAGE_BYTES * 8; bit++) {
            page[bit / 8] ^= (uint8_t)(1 << bit % 8);
            uint64_t changed = base ^ pe_hash_page_keyed(&key, page);
            page[bit / 8] ^= (uint8_t)(1 << bit % 8);
            int count = 0;
            for (int i = 0; i < 64; i++) {
                ones[i] += changed >> i & 1;
                count += changed >> i & 1;
            }
            least = count < least ? count : least;
            flips += 1;
        }
    }
    for (int i = 0; i < 64; i++) {
        CHECK(ones[i] > flips * 49 / 100 && ones[i] < flips * 51 / 100);
    }
    CHECK(least >= 10);
}

static void salts_give_unrelated_hashes(void)
{
    size_t n = 20000;
    uint64_t *hashes = malloc(2 * n * sizeof hashes[0]);
    memset(page, 0, PE_PAGE_BYTES);
    for (size_t salt = 0; salt < n; salt++) { /* small salts, and salts that differ in high bits */
        hashes[2 * salt] = hash_page(page, salt);
        hashes[2 * salt + 1] = hash_page(page, (uint64_t)(salt + 1) << 40);
    }
    CHECK(collisions(hashes, 2 * n) == 0);
    for (size_t salt = 0; salt < n; salt++) {
        hashes[2 * salt] = pe_hash_token(salt, 1);
        hashes[2 * salt + 1] = pe_hash_token(1, salt + 2);
    }
    CHECK(collisions(hashes, 2 * n) == 0);
    free(hashes);
}

static void one_wrong_bit_anywhere_is_seen(void)
{
    uint64_t word;
    uint64_t other_words[512];
    uint8_t *other = (uint8_t *)other_words;
    memset(page, 0, PE_PAGE_BYTES);
    memset(other, 0, PE_PAGE_BYTES);
    CHECK(pe_page_is_zero(page) && pe_page_is_same(page, &word) && word == 0);
    CHECK(pe_page_equal(page, other));
    for (uint32_t bit = 0; bit < PE_PAGE_BYTES * 8; bit += 5) {
        page[bit / 8] ^= (uint8_t)(1 << bit % 8);
        CHECK(!pe_page_is_zero(page) && !pe_page_is_same(page, &word));
        CHECK(!pe_page_equal(page, other));
        page[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
}

static void a_repeated_word_is_read_as_little_endian(void)
{
    uint64_t word = 0;
    for (size_t i = 0; i < PE_PAGE_BYTES; i++) {
        page[i] = (uint8_t)(i % 8 + 1);
    }
    CHECK(pe_page_is_same(page, &word) && word == UINT64_C(0x0807060504030201));
}

int main(void)
{
    RUN(the_key_words_are_what_their_formula_says);
    RUN(known_pages_have_their_known_hashes);
    RUN(every_variant_gives_the_same_hash);
    RUN(a_page_may_lie_at_any_address);
    RUN(batches_agree_with_single_pages);
    RUN(sparse_pages_do_not_collide);
    RUN(pages_of_one_repeated_word_do_not_collide);
    RUN(words_that_change_places_change_the_hash);
    RUN(each_bit_of_the_page_changes_about_half_of_the_hash);
    RUN(salts_give_unrelated_hashes);
    RUN(one_wrong_bit_anywhere_is_seen);
    RUN(a_repeated_word_is_read_as_little_endian);
    return check_result();
}
