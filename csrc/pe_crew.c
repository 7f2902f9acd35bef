/* Threads that work for one call.

   They live no longer than the call: so a host keeps no thread, a forked child misses none, and
   there is nothing to close. To start and join one takes 30 us, to wake one 5: a call should have a
   millisecond of work for each of its threads, and a piece of work as much for all of them.

   Chunks are not dealt out but fetched from a common counter: who is held up by another program
   does fewer. A piece of work is done when its chunks are; who has not woken up by then finds it
   closed and is not waited for.

   Rules: `part`, `context`, `n`, `chunk` and `next` are set while nobody is at work; whoever is at
   work was counted under the lock while the piece was open. */
#include "pe_crew.h"

static void do_chunks(pe_crew *self)
{
    for (;;) {
        size_t const first = pe_os_count_up(&self->next) * self->chunk;
        if (first >= self->n)
            return;
        size_t const left = self->n - first;
        self->part(self->context, first, left < self->chunk ? left : self->chunk);
    }
}

static void serve(void *context)
{
    pe_crew *self = context;
    uint64_t seen = 0;
    pe_os_lock_take(&self->lock);
    while (!self->ended) {
        if (!self->open || self->number == seen) {
            pe_os_condition_wait(&self->begun, &self->lock);
            continue;
        }
        seen = self->number;
        self->at_work += 1;
        pe_os_lock_release(&self->lock);
        do_chunks(self);
        pe_os_lock_take(&self->lock);
        self->at_work -= 1;
        if (self->at_work == 0)
            pe_os_condition_wake(&self->done);
    }
    pe_os_lock_release(&self->lock);
}

static bool init_waiting(pe_crew *self)
{
    if (!pe_os_lock_init(&self->lock))
        return false;
    if (!pe_os_condition_init(&self->begun)) {
        pe_os_lock_fini(&self->lock);
        return false;
    }
    if (!pe_os_condition_init(&self->done)) {
        pe_os_condition_fini(&self->begun);
        pe_os_lock_fini(&self->lock);
        return false;
    }
    return true;
}

static void fini_waiting(pe_crew *self)
{
    pe_os_condition_fini(&self->done);
    pe_os_condition_fini(&self->begun);
    pe_os_lock_fini(&self->lock);
}

void pe_crew_begin(pe_crew *self, uint32_t threads)
{
    pe_assert(threads <= PE_THREADS_MAX);
    self->number = 0;
    self->at_work = self->started = 0;
    self->open = self->ended = false;
    if (threads <= 1 || !init_waiting(self))
        return;
    while (self->started + 1 < threads && pe_os_start(&self->threads[self->started], serve, self))
        self->started += 1;
    if (self->started == 0)
        fini_waiting(self);
}

void pe_crew_end(pe_crew *self)
{
    if (self->started == 0)
        return;
    pe_os_lock_take(&self->lock);
    self->ended = true;
    pe_os_condition_wake(&self->begun);
    pe_os_lock_release(&self->lock);
    for (uint32_t i = 0; i < self->started; ++i)
        pe_os_join(&self->threads[i]);
    fini_waiting(self);
}

void pe_crew_give(pe_crew *self, size_t n, size_t chunk, pe_part part, void *context)
{
    pe_assert(chunk > 0 && !self->open);
    if (self->started > 0)
        pe_os_lock_take(&self->lock);
    self->part = part;
    self->context = context;
    self->n = n;
    self->chunk = chunk;
    self->next = 0;
    if (self->started == 0)
        return;
    self->number += 1;
    self->open = true;
    pe_os_condition_wake(&self->begun);
    pe_os_lock_release(&self->lock);
}

void pe_crew_finish(pe_crew *self)
{
    do_chunks(self);
    if (self->started == 0)
        return;
    pe_os_lock_take(&self->lock);
    self->open = false;
    while (self->at_work > 0)
        pe_os_condition_wait(&self->done, &self->lock);
    pe_os_lock_release(&self->lock);
}
