/* Threads that work for one call: started when it begins, gone when it ends. Between the two they
   do pieces of work that the call gives them, one after the other. */
#ifndef PE_CREW_H
#define PE_CREW_H

#include "pe_os_threads.h"

#define PE_THREADS_MAX 64u

/* Does the things first .. first + n - 1 of a piece of work. */
typedef void (*pe_part)(void *context, size_t first, size_t n);

typedef struct pe_crew {
    pe_part part; /* the piece of work: all things below n, each once, `chunk` at a time */
    void *context;
    size_t n, chunk;
    size_t next;      /* the first chunk that nobody has fetched */
    uint64_t number;  /* of the piece of work; the first is 1 */
    uint32_t at_work; /* threads that may still do a chunk, the caller not counted */
    bool open, ended;
    pe_os_lock lock; /* of all but `next`, and of what does not change within a piece of work */
    pe_os_condition begun, done;
    uint32_t started;
    pe_os_thread threads[PE_THREADS_MAX - 1];
} pe_crew;

/* The caller and up to threads - 1 others; fewer where the system has none to give. One that is
   alone costs nothing. *self stays where it is until pe_crew_end, which every crew needs. */
void pe_crew_begin(pe_crew *self, uint32_t threads);
void pe_crew_end(pe_crew *self);

/* Gives the others a piece of work and returns; pe_crew_finish helps them, and returns when it is
   done. What one part writes no other part, nor the caller before it helps, may touch. */
void pe_crew_give(pe_crew *self, size_t n, size_t chunk, pe_part part, void *context);
void pe_crew_finish(pe_crew *self);

#endif
