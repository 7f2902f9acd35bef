/* What the processor can do beyond the least that its kind can. */
#ifndef PE_CPU_H
#define PE_CPU_H

#include "pe_base.h"

#if defined(__x86_64__) || defined(_M_X64)
#define PE_CPU_X86 1
#if defined(_MSC_VER) && !defined(__clang__)
#define PE_CPU_TARGET(features)
#else
#define PE_CPU_TARGET(features) __attribute__((target(features)))
#endif
#else
#define PE_CPU_X86 0
#endif

typedef enum pe_cpu_feature {
    PE_CPU_SSE41 = 1,
    PE_CPU_AVX2 = 2,
    PE_CPU_AVX512 = 4 /* the foundation, F */
} pe_cpu_feature;

/* The features that processor and system both have, as a set of pe_cpu_feature; none where the
   processor is no x86. Can take tens of microseconds in a virtual machine: ask once, keep the
   answer. */
unsigned pe_cpu_features(void);

#endif
