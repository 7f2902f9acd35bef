/* liblz4 and libzstd as codecs, made of function pointers that somebody else looked up. Nothing is
   linked and no header of theirs is needed: the signatures below are the stable part of their
   interfaces.

     codec   bound[0]              bound[1]                    bound[2]
     lz4     LZ4_initStream        LZ4_compress_fast_continue  LZ4_decompress_safe
     zstd    ZSTD_initStaticCCtx   ZSTD_compressCCtx           ZSTD_estimateCCtxSize
             [3] ZSTD_initStaticDCtx   [4] ZSTD_decompressDCtx     [5] ZSTD_estimateDCtxSize

     work memory of zstd   | the two contexts' addresses, a frame | compressor | decompressor |
     work memory of lz4    | stream |

   State lives in the caller's work memory, so a codec is constant, any number of threads may use
   it, and nothing is allocated. The stream of lz4 is cleared for every page (16 KiB, about 0.2 us):
   what LZ4_resetStream_fast leaves in its table would let a page's blob depend on the pages before
   it. The contexts of libzstd are made once per work memory, as setting one up asks the processor
   for its features (15 us in a virtual machine); each frame starts from nothing all the same.

   A fresh stream with LZ4_compress_fast_continue finds 4 % more than LZ4_compress_default, which
   for small inputs hashes four bytes where the stream hashes five; it is what python-lz4 does too.

   Results are the same for the same library; another version may compress to other bytes, which
   still restore the same page. Both decoders are made for hostile input: they read no byte beyond
   the length given and write none beyond the page. What they return is believed only if it is a
   whole page. An error of libzstd is a number near SIZE_MAX, so no length of a page or of `max`.
   Its compressor refuses when fewer than about 8 bytes would be left over, so it writes its frame
   beside, with that much more room. */
#include "pe_codec_bound.h"

#include <limits.h>
#include <string.h>

#define ZSTD_LEVEL 1
#define ZSTD_MARGIN 16
#define WORK_BYTES_MAX ((size_t)16 << 20) /* beyond that it is no size, but a misunderstanding */

typedef int lz4_sizeof_state(void);
typedef void *lz4_init_stream(void *buffer, size_t size);
typedef int lz4_compress(void *stream, const char *in, char *out, int length, int max, int speed);
typedef int lz4_decompress(const char *in, char *out, int length, int max);
typedef size_t zstd_estimate_compressor(int level);
typedef size_t zstd_estimate_decompressor(void);
typedef void *zstd_init(void *work, size_t bytes);
typedef size_t zstd_compress(void *context, void *out, size_t max, const void *in, size_t length,
                             int level);
typedef size_t zstd_decompress(void *context, void *out, size_t max, const void *in, size_t length);

static size_t compress_lz4(const pe_codec *self, const uint8_t *page, uint8_t *out, size_t max,
                           void *work)
{
    void *const stream = ((lz4_init_stream *)self->bound[0])(work, self->work_bytes);
    if (!stream || max == 0)
        return 0;
    int const room = max < PE_PAGE_BYTES ? (int)max : (int)PE_PAGE_BYTES;
    int const made = ((lz4_compress *)self->bound[1])(stream, (const char *)page, (char *)out,
                                                      (int)PE_PAGE_BYTES, room, 1);
    pe_assert(made <= room);
    return made > 0 ? (size_t)made : 0;
}

static bool decompress_lz4(const pe_codec *self, const uint8_t *in, size_t length, uint8_t *page,
                           void *work)
{
    (void)work;
    if (length == 0 || length > INT_MAX)
        return false;
    return ((lz4_decompress *)self->bound[2])((const char *)in, (char *)page, (int)length,
                                              (int)PE_PAGE_BYTES)
        == (int)PE_PAGE_BYTES;
}

static bool bind_lz4(pe_codec *out, void *const functions[])
{
    int const bytes = ((lz4_sizeof_state *)functions[3])();
    if (bytes <= 0 || (size_t)bytes > WORK_BYTES_MAX)
        return false;
    memcpy(out->bound, functions, 3 * sizeof functions[0]);
    out->work_bytes = (size_t)bytes;
    out->compress = compress_lz4;
    out->decompress = decompress_lz4;
    return true;
}

/* What a zstd codec's work memory begins with; zero until it is used. */
typedef struct zstd_contexts {
    void *compressor, *decompressor;
    uint8_t frame[PE_PAGE_BYTES + ZSTD_MARGIN];
} zstd_contexts;

static size_t rounded(size_t bytes)
{
    return (bytes + 15) & ~(size_t)15;
}

static size_t compressor_bytes(void *const bound[])
{
    return rounded(((zstd_estimate_compressor *)bound[2])(ZSTD_LEVEL));
}

static size_t decompressor_bytes(void *const bound[])
{
    return rounded(((zstd_estimate_decompressor *)bound[5])());
}

/* NULL when the library refuses the memory. */
static zstd_contexts *contexts_of(const pe_codec *self, void *work)
{
    zstd_contexts *const kept = work;
    uint8_t *const rest = (uint8_t *)work + rounded(sizeof *kept);
    if (PE_LIKELY(kept->decompressor))
        return kept;
    size_t const bytes = compressor_bytes(self->bound), more = decompressor_bytes(self->bound);
    if (rounded(sizeof *kept) + bytes + more != self->work_bytes) /* not what it said before */
        return NULL;
    kept->compressor = ((zstd_init *)self->bound[0])(rest, bytes);
    if (kept->compressor)
        kept->decompressor = ((zstd_init *)self->bound[3])(rest + bytes, more);
    return kept->decompressor ? kept : NULL;
}

static size_t compress_zstd(const pe_codec *self, const uint8_t *page, uint8_t *out, size_t max,
                            void *work)
{
    zstd_contexts *const kept = contexts_of(self, work);
    if (!kept)
        return 0;
    size_t const room = max < PE_PAGE_BYTES ? max : PE_PAGE_BYTES;
    size_t const made = ((zstd_compress *)self->bound[1])(
        kept->compressor, kept->frame, room + ZSTD_MARGIN, page, PE_PAGE_BYTES, ZSTD_LEVEL);
    if (made > room)
        return 0;
    memcpy(out, kept->frame, made);
    return made;
}

static bool decompress_zstd(const pe_codec *self, const uint8_t *in, size_t length, uint8_t *page,
                            void *work)
{
    zstd_contexts *const kept = contexts_of(self, work);
    if (!kept || length == 0)
        return false;
    return ((zstd_decompress *)self->bound[4])(kept->decompressor, page, PE_PAGE_BYTES, in, length)
        == PE_PAGE_BYTES;
}

static bool bind_zstd(pe_codec *out, void *const functions[])
{
    memcpy(out->bound, functions, 6 * sizeof functions[0]);
    size_t const compressor = compressor_bytes(out->bound);
    size_t const decompressor = decompressor_bytes(out->bound);
    if (compressor - 1 >= WORK_BYTES_MAX || decompressor - 1 >= WORK_BYTES_MAX)
        return false;
    out->work_bytes = rounded(sizeof(zstd_contexts)) + compressor + decompressor;
    out->compress = compress_zstd;
    out->decompress = decompress_zstd;
    return true;
}

static const pe_codec_library libraries[] = {
    {"lz4",
     "LZ4 by its own library",
     {"LZ4_initStream", "LZ4_compress_fast_continue", "LZ4_decompress_safe", "LZ4_sizeofState"},
     "LZ4_versionString",
     bind_lz4},
    {"zstd",
     "Zstandard level 1 by its own library",
     {"ZSTD_initStaticCCtx", "ZSTD_compressCCtx", "ZSTD_estimateCCtxSize", "ZSTD_initStaticDCtx",
      "ZSTD_decompressDCtx", "ZSTD_estimateDCtxSize"},
     "ZSTD_versionString",
     bind_zstd},
};

const pe_codec_library *pe_codec_library_at(size_t index)
{
    return index < PE_COUNT_OF(libraries) ? &libraries[index] : NULL;
}

bool pe_codec_bind(pe_codec *out, const char *name, void *const functions[])
{
    const pe_codec_library *library = NULL;
    pe_assert(out && functions);
    for (size_t i = 0; !library && i < PE_COUNT_OF(libraries); ++i)
        if (strcmp(libraries[i].name, name) == 0)
            library = &libraries[i];
    if (!library)
        return false;
    for (size_t i = 0; library->symbols[i]; ++i)
        if (!functions[i])
            return false;
    pe_codec made = {library->name, library->summary, 0, NULL, NULL, {NULL}};
    if (!library->bind(&made, functions))
        return false;
    *out = made;
    return true;
}
