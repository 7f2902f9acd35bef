/* Linked in place of the allocators by the linker's --wrap. */
#include "oom.h"

#include <stdbool.h>
#include <stdlib.h>

static bool armed;
static unsigned fail_at, seen;
static size_t mapped;

void oom_fail_after(unsigned n)
{
    armed = true;
    fail_at = n;
    seen = 0;
}

void oom_off(void)
{
    armed = false;
    seen = 0;
}

unsigned oom_count(void)
{
    return seen;
}

size_t oom_mapped(void)
{
    return mapped;
}

static bool fails_now(void)
{
    return seen++ == fail_at && armed;
}

void *__real_malloc(size_t bytes);
void *__real_calloc(size_t n, size_t bytes);
void *__real_realloc(void *memory, size_t bytes);
void *__real_pe_os_map(size_t bytes, bool huge);
void __real_pe_os_unmap(void *memory, size_t bytes);
void __wrap_pe_os_unmap(void *memory, size_t bytes);
void *__wrap_malloc(size_t bytes);
void *__wrap_calloc(size_t n, size_t bytes);
void *__wrap_realloc(void *memory, size_t bytes);
void *__wrap_pe_os_map(size_t bytes, bool huge);

void *__wrap_malloc(size_t bytes)
{
    return fails_now() ? NULL : __real_malloc(bytes);
}

void *__wrap_calloc(size_t n, size_t bytes)
{
    return fails_now() ? NULL : __real_calloc(n, bytes);
}

void *__wrap_realloc(void *memory, size_t bytes)
{
    return fails_now() ? NULL : __real_realloc(memory, bytes);
}

void *__wrap_pe_os_map(size_t bytes, bool huge)
{
    void *memory = fails_now() ? NULL : __real_pe_os_map(bytes, huge);
    mapped += memory ? bytes : 0;
    return memory;
}

void __wrap_pe_os_unmap(void *memory, size_t bytes)
{
    mapped -= memory ? bytes : 0;
    __real_pe_os_unmap(memory, bytes);
}
