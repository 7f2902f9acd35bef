/* Little-endian words at any address, on every machine: what formats are made of. */
#ifndef PE_BYTES_H
#define PE_BYTES_H

#include "pe_base.h"

#include <string.h>

#if defined(__BYTE_ORDER__) && defined(__ORDER_BIG_ENDIAN__)
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define PE_BIG_ENDIAN 1
#endif
#endif

#if defined(PE_BIG_ENDIAN)
#define PE_LITTLE64(x) __builtin_bswap64(x)
#define PE_LITTLE32(x) __builtin_bswap32(x)
#else
#define PE_LITTLE64(x) (x)
#define PE_LITTLE32(x) (x)
#endif

static inline uint64_t pe_load64(const uint8_t *in)
{
    uint64_t word;
    memcpy(&word, in, sizeof word);
    return PE_LITTLE64(word);
}

static inline unsigned pe_load16(const uint8_t *in)
{
    return in[0] | (unsigned)in[1] << 8;
}

static inline uint32_t pe_load32(const uint8_t *in)
{
    uint32_t word;
    memcpy(&word, in, sizeof word);
    return PE_LITTLE32(word);
}

static inline void pe_store32(uint8_t *out, uint32_t word)
{
    word = PE_LITTLE32(word);
    memcpy(out, &word, sizeof word);
}

static inline void pe_store64(uint8_t *out, uint64_t word)
{
    word = PE_LITTLE64(word);
    memcpy(out, &word, sizeof word);
}

#endif
