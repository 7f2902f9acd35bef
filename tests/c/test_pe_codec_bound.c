/* sources: csrc/codec/*.c csrc/pe_cpu.c csrc/pe_hash.c csrc/pe_status.c csrc/pe_os.c */
/* Codecs bound to a library at run time, here to functions of this file: what they are asked, and
   what becomes of answers that make no sense. */
#include "check.h"

#include "pe_codec.h"
#include "pe_codec_bound.h"

#include <stdlib.h>
#include <string.h>

/* A library as liblz4 and libzstd look from outside; its blobs are pages without their last byte,
   which is 0. `answer` is what its functions return in place of the truth, unless 0. */
static struct {
    long long answer;
    int inits;
    size_t work;
} library;

static void *init(void *buffer, size_t bytes)
{
    library.inits += 1;
    if (bytes < library.work || (uintptr_t)buffer % 16 != 0)
        return NULL;
    memset(buffer, 1, library.work);
    return buffer;
}

static size_t shrink(void *out, size_t max, const void *page)
{
    if (max < PE_PAGE_BYTES - 1 || ((const uint8_t *)page)[PE_PAGE_BYTES - 1] != 0)
        return 0;
    memcpy(out, page, PE_PAGE_BYTES - 1);
    return PE_PAGE_BYTES - 1;
}

static int compress_fast(void *stream, const char *in, char *out, int length, int max, int speed)
{
    CHECK(stream && length == (int)PE_PAGE_BYTES && max > 0 && max <= length && speed == 1);
    return library.answer ? (int)library.answer : (int)shrink(out, (size_t)max, in);
}

static int decompress_safe(const char *in, char *out, int length, int max)
{
    CHECK(length > 0 && max == (int)PE_PAGE_BYTES);
    if (library.answer || length != max - 1)
        return library.answer ? (int)library.answer : -1;
    memcpy(out, in, (size_t)length);
    out[length] = 0;
    return max;
}

static int sizeof_state(void)
{
    return (int)library.work;
}

static size_t compress_cctx(void *context, void *out, size_t max, const void *in, size_t length,
                            int level)
{
    CHECK(context && length == PE_PAGE_BYTES && level == 1);
    size_t const made = shrink(out, max, in);
    return library.answer ? (size_t)library.answer : made ? made : (size_t)-70;
}

static size_t decompress_dctx(void *context, void *out, size_t max, const void *in, size_t length)
{
    CHECK(context && length > 0 && max == PE_PAGE_BYTES);
    return (size_t)(long long)decompress_safe(in, out, (int)length, (int)max);
}

static size_t estimate_cctx(int level)
{
    CHECK(level == 1);
    return library.work;
}

static size_t estimate_dctx(void)
{
    return library.work;
}

static void *address(void (*function)(void))
{
    void *found;
    memcpy(&found, &function, sizeof found);
    return found;
}

#define ADDRESS(function) address((void (*)(void))(function))

static pe_codec bound(const char *name, bool expected)
{
    void *const lz4[] = {ADDRESS(init), ADDRESS(compress_fast), ADDRESS(decompress_safe),
                         ADDRESS(sizeof_state)};
    void *const zstd[] = {ADDRESS(init), ADDRESS(compress_cctx),   ADDRESS(estimate_cctx),
                          ADDRESS(init), ADDRESS(decompress_dctx), ADDRESS(estimate_dctx)};
    pe_codec codec = {"untouched", NULL, 0, NULL, NULL, {NULL}};
    bool const is_lz4 = strcmp(name, "lz4") == 0;
    CHECK(pe_codec_bind(&codec, name, is_lz4 ? lz4 : zstd) == expected);
    CHECK(strcmp(codec.name, expected ? name : "untouched") == 0);
    return codec;
}

static const char *const names[] = {"lz4", "zstd"};

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

static void a_bound_library_is_asked_and_believed_when_it_makes_sense(void)
{
    for (size_t i = 0; i < PE_COUNT_OF(names); ++i) {
        uint8_t page[PE_PAGE_BYTES], back[PE_PAGE_BYTES];
        memset(&library, 0, sizeof library);
        library.work = 1000;
        pe_codec const codec = bound(names[i], true);
        uint8_t *work = calloc(1, codec.work_bytes), *out = malloc(PE_PAGE_BYTES - 1);
        memset(page, 'p', sizeof page);
        CHECK(codec.compress(&codec, page, out, PE_PAGE_BYTES - 1, work) == 0);
        page[PE_PAGE_BYTES - 1] = 0;
        CHECK(codec.compress(&codec, page, out, 0, work) == 0);
        CHECK(codec.compress(&codec, page, out, 1, work) == 0);
        CHECK(codec.compress(&codec, page, out, PE_PAGE_BYTES - 2, work) == 0);
        CHECK(codec.compress(&codec, page, out, PE_PAGE_BYTES - 1, work) == PE_PAGE_BYTES - 1);
        CHECK(decodes(&codec, out, PE_PAGE_BYTES - 1, back, work));
        CHECK(memcmp(page, back, PE_PAGE_BYTES) == 0);
        CHECK(!decodes(&codec, out, 0, NULL, work));
        CHECK(!decodes(&codec, out, 5, NULL, work));
        long long const answers[] = {-1, -120, -70, 1, PE_PAGE_BYTES - 1};
        for (size_t j = 0; j < PE_COUNT_OF(answers); ++j) {
            library.answer = answers[j];
            CHECK(!decodes(&codec, out, PE_PAGE_BYTES - 1, NULL, work));
            if (answers[j] < 0)
                CHECK(codec.compress(&codec, page, out, PE_PAGE_BYTES - 1, work) == 0);
        }
        free(work);
        free(out);
    }
}

static void contexts_are_made_once_where_that_is_dear(void)
{
    for (size_t i = 0; i < PE_COUNT_OF(names); ++i) {
        uint8_t page[PE_PAGE_BYTES] = {0}, out[PE_PAGE_BYTES];
        memset(&library, 0, sizeof library);
        library.work = 4000;
        pe_codec const codec = bound(names[i], true);
        void *work = calloc(1, codec.work_bytes);
        for (int turn = 0; turn < 5; ++turn)
            CHECK(codec.compress(&codec, page, out, sizeof out, work) == PE_PAGE_BYTES - 1);
        CHECK(library.inits == (i == 0 ? 5 : 2));
        library.work += 100; /* more than was promised: the library refuses the memory */
        memset(work, 0, codec.work_bytes);
        CHECK(codec.compress(&codec, page, out, sizeof out, work) == 0);
        free(work);
    }
}

static void what_a_library_says_of_itself_must_make_sense(void)
{
    void *functions[PE_CODEC_SYMBOLS_MAX] = {NULL};
    pe_codec codec = {"untouched", NULL, 0, NULL, NULL, {NULL}};
    for (size_t i = 0; i < PE_COUNT_OF(names); ++i) {
        library.work = 0;
        bound(names[i], false);
        library.work = (size_t)1 << 30;
        bound(names[i], false);
        CHECK(!pe_codec_bind(&codec, names[i], functions));
        CHECK(strcmp(pe_codec_library_at(i)->name, names[i]) == 0);
        CHECK(!pe_codec_library_at(i)->symbols[PE_CODEC_SYMBOLS_MAX]);
    }
    CHECK(!pe_codec_library_at(PE_COUNT_OF(names)));
    CHECK(!pe_codec_bind(&codec, "word", functions) && !pe_codec_bind(&codec, "", functions));
    CHECK(strcmp(codec.name, "untouched") == 0);
}

int main(void)
{
    RUN(a_bound_library_is_asked_and_believed_when_it_makes_sense);
    RUN(contexts_are_made_once_where_that_is_dear);
    RUN(what_a_library_says_of_itself_must_make_sense);
    return check_result();
}
