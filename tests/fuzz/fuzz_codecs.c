/* sources: csrc/codec/*.c csrc/pe_cpu.c csrc/pe_hash.c csrc/pe_status.c csrc/pe_os.c */
/* Every codec of the table. The first byte says which and what the rest is: a blob to decode, or
   the beginning of a page. A blob may only be refused or restore a page; what a codec made of a
   page gives that page back, and both ways of the word codec agree. */
#include "fuzz.h"

#include "pe_codec.h"
#include "pe_codec_word_format.h"

static void *work_of(const pe_codec *codec)
{
    void *work = calloc(1, codec->work_bytes ? codec->work_bytes : 1);
    MUST(work);
    return work;
}

static void both_ways_agree(const uint8_t *blob, size_t length, bool good, const uint8_t *page)
{
    uint8_t *plain = fuzz_room(PE_PAGE_BYTES);
    MUST(pe_word_plain_decompress(blob, length, plain) == good);
    MUST(!good || memcmp(plain, page, PE_PAGE_BYTES) == 0);
    if (pe_word_wide_works()) {
        MUST(pe_word_wide_decompress(blob, length, plain) == good);
        MUST(!good || memcmp(plain, page, PE_PAGE_BYTES) == 0);
    }
    free(plain);
}

static void round_trip(const pe_codec *codec, const uint8_t *page, size_t max)
{
    uint8_t *out = fuzz_room(max), *back = fuzz_room(PE_PAGE_BYTES);
    void *work = work_of(codec);
    size_t const length = codec->compress(codec, page, out, max, work);
    MUST(length <= max);
    if (length > 0) {
        uint8_t *blob = fuzz_room(length);
        memcpy(blob, out, length);
        MUST(codec->decompress(codec, blob, length, back, work));
        MUST(memcmp(page, back, PE_PAGE_BYTES) == 0);
        if (strcmp(codec->name, "word") == 0)
            both_ways_agree(blob, length, true, page);
        free(blob);
    }
    free(work);
    free(back);
    free(out);
}

static void decode(const pe_codec *codec, const uint8_t *data, size_t size)
{
    uint8_t *blob = fuzz_room(size), *page = fuzz_room(PE_PAGE_BYTES);
    void *work = work_of(codec);
    memcpy(blob, data, size);
    bool const good = codec->decompress(codec, blob, size, page, work);
    if (strcmp(codec->name, "word") == 0)
        both_ways_agree(blob, size, good, page);
    if (good)
        round_trip(codec, page, PE_PAGE_BYTES);
    free(work);
    free(page);
    free(blob);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_bytes from = {data, size};
    size_t codecs = 0;
    while (pe_codec_at(codecs))
        codecs += 1;
    uint8_t const what = (uint8_t)fuzz_take(&from, 1);
    const pe_codec *codec = pe_codec_at(what % codecs);
    if (what < 128) {
        decode(codec, from.at, from.left);
        return 0;
    }
    size_t const max = (size_t)fuzz_take(&from, 2) % (PE_PAGE_BYTES + 1);
    uint8_t *page = fuzz_room(PE_PAGE_BYTES);
    for (size_t i = 0; i < PE_PAGE_BYTES; ++i)
        page[i] = from.left ? from.at[i % from.left] : 0;
    round_trip(codec, page, what & 64 ? PE_PAGE_BYTES : max);
    free(page);
    return 0;
}
