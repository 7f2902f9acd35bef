/* Same-filled pages: one 64-bit word, repeated. Eight bytes, little-endian, say it all. */
#include "pe_codec.h"
#include "pe_hash.h"

#include <string.h>

extern const pe_codec pe_codec_same;

static size_t compress(const pe_codec *self, const uint8_t *page, uint8_t *out, size_t max,
                       void *work)
{
    uint64_t word;
    (void)self, (void)work;
    if (max < sizeof word || !pe_page_is_same(page, &word))
        return 0;
    memcpy(out, page, sizeof word);
    return sizeof word;
}

static bool decompress(const pe_codec *self, const uint8_t *in, size_t length, uint8_t *page,
                       void *work)
{
    (void)self, (void)work;
    if (length != sizeof(uint64_t))
        return false;
    for (size_t i = 0; i < PE_PAGE_BYTES; i += sizeof(uint64_t))
        memcpy(page + i, in, sizeof(uint64_t));
    return true;
}

const pe_codec pe_codec_same = {
    "same", "pages of one repeated 64-bit word, in 8 bytes", 0, compress, decompress, {NULL}};
