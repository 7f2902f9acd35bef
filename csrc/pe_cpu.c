/* Asks the processor what it can do.

   Two answers count: that of the processor (CPUID), and that of the system, which must save the
   wide registers (XGETBV): a feature that only one of them has would crash or corrupt. Compilers
   have built-ins for this, but not all of them tell the truth in every build. */
#include "pe_cpu.h"

#if PE_CPU_X86

#include <immintrin.h>
#include <string.h>
#if defined(_MSC_VER) && !defined(__clang__)
#include <intrin.h>
#else
#include <cpuid.h>
#endif

#define YMM_SAVED 0x06u
#define ZMM_SAVED 0xe6u

static void ask(uint32_t leaf, uint32_t words[4])
{
#if defined(_MSC_VER) && !defined(__clang__)
    int out[4] = {0, 0, 0, 0};
    __cpuid(out, 0);
    if ((uint32_t)out[0] >= leaf) {
        __cpuidex(out, (int)leaf, 0);
    } else {
        memset(out, 0, sizeof out);
    }
    memcpy(words, out, sizeof out);
#else
    if (!__get_cpuid_count(leaf, 0, &words[0], &words[1], &words[2], &words[3])) {
        memset(words, 0, 4 * sizeof words[0]);
    }
#endif
}

PE_CPU_TARGET("xsave")
static uint64_t saved_state(void)
{
    return (uint64_t)_xgetbv(0);
}

unsigned pe_cpu_features(void)
{
    uint32_t words[4];
    ask(1, words);
    unsigned found = words[2] >> 19 & 1 ? PE_CPU_SSE41 : 0u;
    if (!(words[2] >> 27 & 1)) { /* the system does not save wide registers */
        return found;
    }
    uint64_t saved = saved_state();
    ask(7, words);
    if ((saved & YMM_SAVED) == YMM_SAVED && (words[1] >> 5 & 1)) {
        found |= PE_CPU_AVX2;
    }
    if ((saved & ZMM_SAVED) == ZMM_SAVED && (words[1] >> 16 & 1)) {
        found |= PE_CPU_AVX512;
    }
    return found;
}

#else

unsigned pe_cpu_features(void)
{
    return 0;
}

#endif
