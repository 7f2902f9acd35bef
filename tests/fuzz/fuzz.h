/* What every fuzz target in C is made of: bytes that are taken one after the other, and the one
   word of an oracle. A target defines LLVMFuzzerTestOneInput; libFuzzer or replay.c calls it. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Ends the process where a rule is broken, as a sanitizer does. */
#define MUST(condition)                                                          \
    do {                                                                         \
        if (!(condition)) {                                                      \
            fprintf(stderr, "%s:%d: MUST(%s)\n", __FILE__, __LINE__, #condition); \
            abort();                                                             \
        }                                                                        \
    } while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct fuzz_bytes {
    const uint8_t *at;
    size_t left;
} fuzz_bytes;

/* The next n bytes as a number, little-endian; zeros after the end. */
static inline uint64_t fuzz_take(fuzz_bytes *from, unsigned n)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < n; ++i) {
        if (from->left == 0)
            break;
        value |= (uint64_t)*from->at++ << 8 * i;
        from->left -= 1;
    }
    return value;
}

/* Memory of exactly n bytes, so that AddressSanitizer sees the first one beyond. */
static inline void *fuzz_room(size_t n)
{
    void *room = malloc(n ? n : 1);
    MUST(room);
    return room;
}

#endif
