/* sources: csrc/*.c csrc/codec/*.c */
/* Threads as the Python layer has them: one host that eight threads use under its lock, a host for
   each of eight threads without any, and calls that use four threads each. ThreadSanitizer sees
   every access to memory that the core makes: what a lock does not order, or what hosts share, it
   tells. */
#include "pe_balloon.h"
#include "pe_check.h"
#include "pe_guest.h"
#include "pe_reclaim.h"
#include "pe_scan.h"
#include "pe_stats.h"
#include "pe_touch.h"

#include "../must.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 8u
#define ROUNDS 60u
#define PAGES 96u
#define BATCH 48u
#define MANY 5000u /* pages of a call that four threads make */

typedef struct worker {
    pe_host *host;
    pthread_mutex_t *lock; /* NULL: the host is this thread's alone */
    uint64_t number;
} worker;

static void enter(const worker *self)
{
    if (self->lock)
        pthread_mutex_lock(self->lock);
}

static void leave(const worker *self)
{
    if (self->lock)
        pthread_mutex_unlock(self->lock);
}

static pe_host *new_host(uint64_t number, FILE *file)
{
    pe_host_config const config = {.frames = 128,
                                   .seed = number,
                                   .sharing = true,
                                   .codec = pe_codec_at(number % 4),
                                   .cache_limit_bytes = PE_ZCACHE_NO_LIMIT,
                                   .swap_file = fileno(file)};
    pe_host *host;
    MUST(pe_host_new(&host, &config) == PE_OK);
    MUST(pe_swap_grow(&host->swap, 1024) == PE_OK);
    return host;
}

/* What a thread does with the VM that it added. */
static void work(worker *self, uint64_t vm_id, pe_rng *rng)
{
    static const uint8_t zero[BATCH * 64];
    uint8_t *pages = malloc(BATCH * PE_PAGE_BYTES);
    int64_t ppns[BATCH];
    size_t done;
    pe_scan_result scanned = {0};
    pe_reclaim_result won = {0};
    uint64_t numbers[PE_HOST_NUMBERS];
    MUST(pages);
    for (size_t i = 0; i < BATCH; ++i) {
        ppns[i] = pe_rng_below(rng, PAGES);
        memset(pages + i * PE_PAGE_BYTES, (int)pe_rng_below(rng, 9), PE_PAGE_BYTES);
        memcpy(pages + i * PE_PAGE_BYTES, zero, 64);
    }
    for (unsigned step = 0; step < 5; ++step) {
        enter(self);
        pe_vm *vm = pe_host_vm(self->host, vm_id);
        pe_status status = PE_OK;
        switch (step) {
        case 0: status = pe_write(self->host, vm, ppns, BATCH, pages, &done); break;
        case 1: status = pe_scan(self->host, vm, PAGES, 0, &scanned); break;
        case 2: status = pe_reclaim(self->host, vm, 40, 7, &won); break;
        case 3: status = pe_read(self->host, vm, ppns, BATCH, pages, &done); break;
        default: (void)pe_balloon_pages(self->host, vm, ppns, 4); break;
        }
        MUST(status == PE_OK || status == PE_NO_FRAME || status == PE_NO_SLOT);
        pe_stats_host(self->host, numbers);
        leave(self);
    }
    free(pages);
}

static void *run(void *argument)
{
    worker *self = argument;
    pe_rng rng = pe_rng_make(17, self->number);
    pe_guest *guest;
    MUST(pe_guest_new(&guest, PAGES, 8, 2, self->number % 3) == PE_OK);
    for (unsigned round = 0; round < ROUNDS; ++round) {
        uint64_t id;
        int64_t const ids[4] = {round, round + 1, 3 * round, 7};
        pe_guest_touches const touches = {PE_GUEST_MEMORY, true, NULL, ids, sizeof *ids, 4};
        pe_guest_made made;
        enter(self);
        pe_status const added = pe_host_add_vm(self->host, PAGES, 0, PE_ZCACHE_NO_LIMIT, &id);
        leave(self);
        MUST(added == PE_OK);
        work(self, id, &rng);
        enter(self);
        pe_status const removed = pe_host_remove_vm(self->host, id);
        leave(self);
        MUST(removed == PE_OK);
        MUST(pe_guest_touch(guest, &touches, NULL, &made) == PE_OK);
    }
    pe_guest_delete(guest);
    return NULL;
}

/* Eight threads; each on a host of its own where `lock` is NULL. */
static void threads(pthread_mutex_t *lock)
{
    pthread_t thread[THREADS];
    worker workers[THREADS];
    FILE *files[THREADS];
    for (unsigned i = 0; i < THREADS; ++i) {
        bool const own = i == 0 || !lock;
        files[i] = own ? tmpfile() : NULL;
        MUST(!own || files[i]);
        workers[i].host = own ? new_host(i, files[i]) : workers[0].host;
        workers[i].lock = lock;
        workers[i].number = i;
        /* ThreadSanitizer sees that what was done so far comes before the thread */
        MUST(pthread_create(&thread[i], NULL, run, &workers[i]) == 0);
    }
    for (unsigned i = 0; i < THREADS; ++i)
        MUST(pthread_join(thread[i], NULL) == 0);
    for (unsigned i = 0; i < THREADS; ++i) {
        const char *reason = "";
        if (!files[i])
            continue;
        MUST(pe_check(workers[i].host, true, &reason) == PE_OK);
        pe_host_delete(workers[i].host);
        fclose(files[i]);
    }
}

/* A VM of many pages, some of them written twice in one call, by four threads a call. */
static void crews(void)
{
    FILE *file = tmpfile();
    pe_host_config const config = {.frames = MANY,
                                   .sharing = true,
                                   .codec = pe_codec_at(0),
                                   .cache_limit_bytes = PE_ZCACHE_NO_LIMIT,
                                   .swap_file = fileno(file),
                                   .threads = 4};
    pe_rng rng = pe_rng_make(17, 0);
    pe_host *host;
    uint64_t id;
    uint8_t *pages = calloc(MANY, PE_PAGE_BYTES);
    int64_t *ppns = calloc(MANY, sizeof *ppns);
    pe_scan_result scanned = {0};
    MUST(file && pages && ppns && pe_host_new(&host, &config) == PE_OK);
    MUST(pe_swap_grow(&host->swap, MANY) == PE_OK);
    MUST(pe_host_add_vm(host, MANY, 0, PE_ZCACHE_NO_LIMIT, &id) == PE_OK);
    pe_vm *vm = pe_host_vm(host, id);
    for (unsigned round = 0; round < 4; ++round) {
        pe_reclaim_result won = {0};
        size_t done;
        for (size_t i = 0; i < MANY; ++i) {
            ppns[i] = pe_rng_below(&rng, MANY - 50);
            memset(pages + i * PE_PAGE_BYTES, (int)pe_rng_below(&rng, 99), PE_PAGE_BYTES / 2);
            pages[i * PE_PAGE_BYTES + 64] = (uint8_t)pe_rng_below(&rng, 9);
        }
        MUST(pe_write(host, vm, ppns, MANY, pages, &done) == PE_OK);
        MUST(pe_scan(host, vm, 2 * MANY, round, &scanned) == PE_OK); /* each way of scanning */
        MUST(pe_reclaim(host, vm, 90, PE_STEP_COMPRESS | PE_STEP_SWAP, &won) == PE_OK);
        MUST(pe_read(host, vm, ppns, MANY, pages, &done) == PE_OK);
    }
    MUST(scanned.merged > 1000);
    const char *reason = "";
    MUST(pe_check(host, true, &reason) == PE_OK);
    pe_host_delete(host);
    fclose(file);
    free(pages), free(ppns);
}

int main(void)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    threads(&lock);
    threads(NULL);
    crews();
    printf("%u threads, %u VMs\n", THREADS, 2 * THREADS * ROUNDS);
    return 0;
}
