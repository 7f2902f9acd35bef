/* Threads of the operating system: POSIX threads, and on Windows its own.

   A thread is kept by whoever started it, until it is joined; nothing is kept here. A lock and a
   condition are memory of the caller's.

   A program's signals are for its own threads, which may be written to be interrupted by them: ours
   start with all of them blocked. */
#if !defined(_WIN32)
#define _POSIX_C_SOURCE 200809L
#endif

#include "pe_os_threads.h"

#if defined(_WIN32)

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

static DWORD WINAPI run(LPVOID thread)
{
    pe_os_thread *self = thread;
    self->run(self->context);
    return 0;
}

bool pe_os_start(pe_os_thread *self, void (*run_this)(void *context), void *context)
{
    self->run = run_this;
    self->context = context;
    self->handle = CreateThread(NULL, 0, run, self, 0, NULL);
    return self->handle != NULL;
}

void pe_os_join(pe_os_thread *self)
{
    (void)WaitForSingleObject(self->handle, INFINITE);
    (void)CloseHandle(self->handle);
}

_Static_assert(sizeof(SRWLOCK) == sizeof(pe_os_lock), "a lock is a pointer");
_Static_assert(sizeof(CONDITION_VARIABLE) == sizeof(pe_os_condition), "a condition is a pointer");

bool pe_os_lock_init(pe_os_lock *self)
{
    InitializeSRWLock((PSRWLOCK)self);
    return true;
}

void pe_os_lock_fini(pe_os_lock *self)
{
    (void)self;
}

void pe_os_lock_take(pe_os_lock *self)
{
    AcquireSRWLockExclusive((PSRWLOCK)self);
}

void pe_os_lock_release(pe_os_lock *self)
{
    ReleaseSRWLockExclusive((PSRWLOCK)self);
}

bool pe_os_condition_init(pe_os_condition *self)
{
    InitializeConditionVariable((PCONDITION_VARIABLE)self);
    return true;
}

void pe_os_condition_fini(pe_os_condition *self)
{
    (void)self;
}

void pe_os_condition_wait(pe_os_condition *self, pe_os_lock *lock)
{
    (void)SleepConditionVariableSRW((PCONDITION_VARIABLE)self, (PSRWLOCK)lock, INFINITE, 0);
}

void pe_os_condition_wake(pe_os_condition *self)
{
    WakeAllConditionVariable((PCONDITION_VARIABLE)self);
}

size_t pe_os_count_up(size_t *number)
{
#if defined(_WIN64)
    return (size_t)InterlockedIncrement64((volatile LONG64 *)number) - 1;
#else
    return (size_t)InterlockedIncrement((volatile LONG *)number) - 1;
#endif
}

#else

#include <signal.h>

static void *run(void *thread)
{
    pe_os_thread *self = thread;
    self->run(self->context);
    return NULL;
}

bool pe_os_start(pe_os_thread *self, void (*run_this)(void *context), void *context)
{
    sigset_t all, before;
    self->run = run_this;
    self->context = context;
    (void)sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) {
        return false;
    }
    int failed = pthread_create(&self->handle, NULL, run, self);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed == 0;
}

static void must_be(int zero)
{
    pe_assert(zero == 0);
    (void)zero;
}

void pe_os_join(pe_os_thread *self)
{
    must_be(pthread_join(self->handle, NULL));
}

bool pe_os_lock_init(pe_os_lock *self)
{
    return pthread_mutex_init(self, NULL) == 0;
}

void pe_os_lock_fini(pe_os_lock *self)
{
    must_be(pthread_mutex_destroy(self));
}

void pe_os_lock_take(pe_os_lock *self)
{
    must_be(pthread_mutex_lock(self));
}

void pe_os_lock_release(pe_os_lock *self)
{
    must_be(pthread_mutex_unlock(self));
}

bool pe_os_condition_init(pe_os_condition *self)
{
    return pthread_cond_init(self, NULL) == 0;
}

void pe_os_condition_fini(pe_os_condition *self)
{
    must_be(pthread_cond_destroy(self));
}

void pe_os_condition_wait(pe_os_condition *self, pe_os_lock *lock)
{
    must_be(pthread_cond_wait(self, lock));
}

void pe_os_condition_wake(pe_os_condition *self)
{
    must_be(pthread_cond_broadcast(self));
}

size_t pe_os_count_up(size_t *number)
{
    return __atomic_fetch_add(number, 1, __ATOMIC_RELAXED);
}

#endif
