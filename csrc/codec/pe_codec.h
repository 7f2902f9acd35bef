/* The codec contract: one page in, at most `max` bytes out, or a refusal. One codec is one file
   that exports one constant table of functions; pe_codec_table.c lists them. */
#ifndef PE_CODEC_H
#define PE_CODEC_H

#include "../pe_status.h"

typedef struct pe_codec pe_codec;
struct pe_codec {
    const char *name;    /* as the user writes it: "same", "word", "dense", "lz4" */
    const char *summary; /* one line for `pageengine codecs` */
    size_t work_bytes;   /* memory that compress and decompress may use: 16-byte aligned, zeroed
                            before its first use, one per thread, left alone between calls */
    /* Compresses PE_PAGE_BYTES at page into at most max bytes at out; returns the length (1..max),
       or 0 when it does not fit; gives up as soon as that is certain. Never writes beyond max. The
       result is the same on every computer, and whatever the calls before were. */
    size_t (*compress)(const pe_codec *self, const uint8_t *page, uint8_t *out, size_t max,
                       void *work);
    /* Restores the page; false when `in` is not a page of this codec. Never reads beyond length or
       writes beyond the page, whatever the input. */
    bool (*decompress)(const pe_codec *self, const uint8_t *in, size_t length, uint8_t *page,
                       void *work);
    void *bound[6]; /* functions of a library bound at run time; NULL for our own codecs */
};

/* Our own codecs, in the order of the table; NULL at the end. */
const pe_codec *pe_codec_at(size_t index);
const pe_codec *pe_codec_find(const char *name); /* NULL when there is none */

#endif
