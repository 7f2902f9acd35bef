/* The words every room uses: page size, identifiers, and the one assertion. */
#ifndef PE_BASE_H
#define PE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PE_PAGE_BYTES 4096u
#define PE_PAGE_SHIFT 12

/* Identifiers. An id is an index; PE_NONE names nothing. */
typedef uint32_t pe_frame; /* machine page number (MPN) of the host */
typedef uint32_t pe_slot;  /* page-sized place in swap space */
typedef uint32_t pe_blob;  /* compressed page in the compression cache */
#define PE_NONE UINT32_MAX

#if defined(__GNUC__) || defined(__clang__)
#define PE_MUST_USE __attribute__((warn_unused_result))
#define PE_INLINE static inline __attribute__((always_inline)) /* where speed depends on it */
#define PE_RARE __attribute__((noinline, cold))                /* keeps the usual way short */
#define PE_NO_RETURN __attribute__((noreturn, cold))
#define PE_LIKELY(x) __builtin_expect(!!(x), 1)
#define PE_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define PE_PREFETCH(p) __builtin_prefetch((p), 0, 3)
#define PE_PREFETCH_WRITE(p) __builtin_prefetch((p), 1, 3)
#else
#define PE_MUST_USE
#define PE_INLINE static inline
#define PE_RARE
#define PE_NO_RETURN
#define PE_LIKELY(x) (x)
#define PE_UNLIKELY(x) (x)
#define PE_PREFETCH(p) ((void)(p))
#define PE_PREFETCH_WRITE(p) ((void)(p))
#endif

#define PE_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Programmer errors only. Alive in every build (Python's own flags define NDEBUG, so assert() would
   not be); a build with PE_RELEASE drops it deliberately. */
#ifdef PE_RELEASE
#define pe_assert(condition) ((void)(0 && (condition))) /* compiled, never run */
#else
#define pe_assert(condition) \
    (PE_LIKELY(condition) ? (void)0 : pe_assert_failed(#condition, __FILE__, __LINE__))
#endif
PE_NO_RETURN void pe_assert_failed(const char *text, const char *file, int line);

#endif
