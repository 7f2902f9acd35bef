/* Threads of the operating system, and what they wait for each other with; for pe_crew alone. */
#ifndef PE_OS_THREADS_H
#define PE_OS_THREADS_H

#include "pe_base.h"

#if defined(_WIN32)
typedef void *pe_os_lock, *pe_os_condition; /* SRWLOCK, CONDITION_VARIABLE: a pointer each */
typedef void *pe_os_handle;
#else
#include <pthread.h>
typedef pthread_mutex_t pe_os_lock;
typedef pthread_cond_t pe_os_condition;
typedef pthread_t pe_os_handle;
#endif

typedef struct pe_os_thread {
    void (*run)(void *context);
    void *context;
    pe_os_handle handle;
} pe_os_thread;

/* A thread that runs run(context) and ends; no signal is delivered to it. False, and none: the
   system has no more. *self stays where it is until the join, which every thread needs. */
PE_MUST_USE bool pe_os_start(pe_os_thread *self, void (*run)(void *context), void *context);
void pe_os_join(pe_os_thread *self); /* returns when it has ended */

/* False: there is none, and nothing to give up. */
PE_MUST_USE bool pe_os_lock_init(pe_os_lock *self);
void pe_os_lock_fini(pe_os_lock *self);
void pe_os_lock_take(pe_os_lock *self);
void pe_os_lock_release(pe_os_lock *self);

PE_MUST_USE bool pe_os_condition_init(pe_os_condition *self);
void pe_os_condition_fini(pe_os_condition *self);
/* Releases the lock, waits, takes it again; may return for no reason. */
void pe_os_condition_wait(pe_os_condition *self, pe_os_lock *lock);
void pe_os_condition_wake(pe_os_condition *self); /* all who wait */

/* Adds one to a number that other threads add to meanwhile; what it was before. */
size_t pe_os_count_up(size_t *number);

#endif
