/* Little-endian words at any address, on every computer: what formats are made of. */
#ifndef PE_BYTES_H
#define PE_BYTES_H

#include "pe_base.h"

#include <string.h>

#if defined(_MSC_VER) && !defined(__clang__)
#include <stdlib.h> /* _byteswap_uint64 */
#endif

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

/* The bytes the other way round. */
static inline uint64_t pe_swap64(uint64_t word)
{
#if defined(__GNUC__) || defined(__clang__)
    return __builtin_bswap64(word);
#elif defined(_MSC_VER)
    return _byteswap_uint64(word);
#else
    word = (word & UINT64_C(0x00ff00ff00ff00ff)) << 8 | (word >> 8 & UINT64_C(0x00ff00ff00ff00ff));
    word = (word & UINT64_C(0x0000ffff0000ffff)) << 16
         | (word >> 16 & UINT64_C(0x0000ffff0000ffff));
    return word << 32 | word >> 32;
#endif
}

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

/* The highest byte first. */
static inline uint64_t pe_load64_big(const uint8_t *in)
{
    return pe_swap64(pe_load64(in));
}

static inline void pe_store64_big(uint8_t *out, uint64_t word)
{
    pe_store64(out, pe_swap64(word));
}

#endif
