/* Bits of 64-bit words, for the stores that keep bitmaps. */
#ifndef PE_BITS_H
#define PE_BITS_H

#include "pe_base.h"

#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#endif

#define PE_WORD_BITS 64u
#define PE_WORD_ALL UINT64_MAX

/* The bit of `index` within its word. */
static inline uint64_t pe_bits_bit(uint32_t index)
{
    return UINT64_C(1) << (index & 63);
}

/* Position of the lowest set bit; the word must not be zero. */
static inline uint32_t pe_bits_lowest(uint64_t word)
{
#if defined(__GNUC__) || defined(__clang__)
    return (uint32_t)__builtin_ctzll(word);
#elif defined(_MSC_VER) && defined(_WIN64)
    unsigned long bit;
    _BitScanForward64(&bit, word);
    return (uint32_t)bit;
#else
    uint32_t bit = 0;
    while ((word & 1) == 0) {
        word >>= 1;
        bit += 1;
    }
    return bit;
#endif
}

/* Position of the highest set bit; the word must not be zero. */
static inline uint32_t pe_bits_highest(uint64_t word)
{
#if defined(__GNUC__) || defined(__clang__)
    return 63u - (uint32_t)__builtin_clzll(word);
#else
    uint32_t bit = 0;
    while (word >>= 1) {
        bit += 1;
    }
    return bit;
#endif
}

/* Number of set bits. */
static inline uint32_t pe_bits_count(uint64_t word)
{
    word -= (word >> 1) & 0x5555555555555555u;
    word = (word & 0x3333333333333333u) + ((word >> 2) & 0x3333333333333333u);
    word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return (uint32_t)((word * 0x0101010101010101u) >> 56);
}

#endif
