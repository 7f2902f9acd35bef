/* The few words of a C test: CHECK counts and shows a failure and goes on, RUN names the test. At
   the end every mapping must have been given back; the sanitizer sees to the rest. */
#ifndef CHECK_H
#define CHECK_H

#include "oom.h"

#include <stdio.h>

static int check_failures;

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            check_failures += 1; \
            printf("    %s:%d: CHECK(%s)\n", __FILE__, __LINE__, #condition); \
        } \
    } while (0)

#define RUN(test) \
    do { \
        int const before = check_failures; \
        test(); \
        printf("%s %s\n", check_failures == before ? "passed" : "FAILED", #test); \
        fflush(stdout); \
    } while (0)

static inline int check_result(void)
{
    if (oom_mapped() != 0) {
        printf("%zu bytes are mapped at the end\n", oom_mapped());
        return 2;
    }
    return check_failures != 0;
}

#endif
