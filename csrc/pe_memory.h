/* Where a host and its stores get their memory: a small table of functions, one per host, so that a
   failure can be made on purpose where one is wanted. NULL in place of a table is the system. */
#ifndef PE_MEMORY_H
#define PE_MEMORY_H

#include "pe_os.h"

#include <stdlib.h>

typedef struct pe_memory {
    void *context;                                               /* first argument of each */
    void *(*zeroed)(void *context, size_t n, size_t bytes);      /* as calloc */
    void *(*resized)(void *context, void *memory, size_t bytes); /* as realloc */
    void (*freed)(void *context, void *memory);                  /* as free; NULL is fine */
    void *(*mapped)(void *context, size_t bytes, bool huge);     /* as pe_os_map */
    void (*unmapped)(void *context, void *memory, size_t bytes); /* as pe_os_unmap */
} pe_memory;

static inline void *pe_memory_zeroed(const pe_memory *self, size_t n, size_t bytes)
{
    return self ? self->zeroed(self->context, n, bytes) : calloc(n, bytes);
}

static inline void *pe_memory_resized(const pe_memory *self, void *memory, size_t bytes)
{
    return self ? self->resized(self->context, memory, bytes) : realloc(memory, bytes);
}

static inline void pe_memory_freed(const pe_memory *self, void *memory)
{
    if (self)
        self->freed(self->context, memory);
    else
        free(memory);
}

static inline void *pe_memory_mapped(const pe_memory *self, size_t bytes, bool huge)
{
    return self ? self->mapped(self->context, bytes, huge) : pe_os_map(bytes, huge);
}

static inline void pe_memory_unmapped(const pe_memory *self, void *memory, size_t bytes)
{
    if (self)
        self->unmapped(self->context, memory, bytes);
    else
        pe_os_unmap(memory, bytes);
}

#endif
