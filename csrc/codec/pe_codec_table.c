/* The list of our own codecs: one line each. */
#include "pe_codec.h"

#include <string.h>

extern const pe_codec pe_codec_same;
extern const pe_codec pe_codec_word;
extern const pe_codec pe_codec_lz;
extern const pe_codec pe_codec_dense;

static const pe_codec *const table[] = {&pe_codec_same, &pe_codec_word, &pe_codec_lz,
                                        &pe_codec_dense, NULL};

const pe_codec *pe_codec_at(size_t index)
{
    return index < PE_COUNT_OF(table) ? table[index] : NULL;
}

const pe_codec *pe_codec_find(const char *name)
{
    for (size_t i = 0; table[i]; ++i)
        if (strcmp(table[i]->name, name) == 0)
            return table[i];
    return NULL;
}
