/* Codecs of libraries that are found when the program runs. Whoever loads the library looks up the
   symbols named here and hands in their addresses. */
#ifndef PE_CODEC_BOUND_H
#define PE_CODEC_BOUND_H

#include "pe_codec.h"

#define PE_CODEC_SYMBOLS_MAX 6

typedef struct pe_codec_library pe_codec_library;
struct pe_codec_library {
    const char *name;                              /* of the codec: "lz4", "zstd" */
    const char *summary;                           /* as in pe_codec */
    const char *symbols[PE_CODEC_SYMBOLS_MAX + 1]; /* what bind needs, in this order; then NULL */
    const char *version; /* symbol of a function that returns the version as a string */
    bool (*bind)(pe_codec *out, void *const functions[]);
};

/* The libraries there are codecs for; NULL at the end. */
const pe_codec_library *pe_codec_library_at(size_t index);

/* Makes *out the codec `name` out of functions[i], the address of the library's symbols[i]. *out
   lives as long as the library stays loaded and owns nothing. False, and *out untouched, when there
   is no such library or what it says of itself cannot be used. */
bool pe_codec_bind(pe_codec *out, const char *name, void *const functions[]);

#endif
