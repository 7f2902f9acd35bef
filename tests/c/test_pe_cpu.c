/* sources: csrc/pe_cpu.c csrc/pe_status.c csrc/pe_os.c */
/* An instruction that the processor does not have stops the program. What we ask ourselves is held
   against what the compiler's own check says, where it has one. */
#include "check.h"

#include "pe_cpu.h"

static void the_answer_is_that_of_the_compiler(void)
{
    unsigned const found = pe_cpu_features();
    CHECK(found == pe_cpu_features());
#if PE_CPU_X86 && defined(__GNUC__) && !defined(__clang__)
    __builtin_cpu_init();
    CHECK(((found & PE_CPU_SSE41) != 0) == (__builtin_cpu_supports("sse4.1") != 0));
    CHECK(((found & PE_CPU_AVX2) != 0) == (__builtin_cpu_supports("avx2") != 0));
    CHECK(((found & PE_CPU_AVX512) != 0) == (__builtin_cpu_supports("avx512f") != 0));
#elif !PE_CPU_X86
    CHECK(found == 0);
#endif
}

int main(void)
{
    RUN(the_answer_is_that_of_the_compiler);
    return check_result();
}
