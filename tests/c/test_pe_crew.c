/* sources: csrc/*.c csrc/codec/*.c */
/* At stake: who has two processors must get what others get. Calls of thousands of pages are made
   on hosts of 1, 2, 3 and 8 threads: statuses, counts, contents, and every bit of the page maps and
   of the sharing table must be the same, with pages that are written twice, read twice, compressed,
   swapped, shared, and with no frame left in the middle. And a crew does each thing once. */
#include "check.h"
#include "pe_crew.h"
#include "small_host.h"

#include <stdlib.h>

#define PAGES 9000u
#define FRAMES 15000u
#define BATCH 8400u /* two windows, and a part of one */
#define STEPS 40u

/* ---- a crew */

typedef struct marks {
    uint8_t times[1000];
} marks;

static void mark(void *context, size_t first, size_t n)
{
    marks *self = context;
    for (size_t i = first; i < first + n; ++i)
        self->times[i] += 1;
}

static void each_thing_is_done_once(void)
{
    static const size_t lengths[] = {0, 1, 7, 8, 9, 1000};
    for (uint32_t threads = 0; threads <= PE_THREADS_MAX; threads += threads < 4 ? 1 : 20) {
        pe_crew crew;
        pe_crew_begin(&crew, threads);
        for (unsigned round = 0; round < 60; ++round) {
            size_t const n = lengths[round % PE_COUNT_OF(lengths)];
            marks self = {{0}};
            pe_crew_give(&crew, n, 8, mark, &self);
            pe_crew_finish(&crew);
            for (size_t i = 0; i < PE_COUNT_OF(self.times); ++i)
                CHECK(self.times[i] == (i < n));
        }
        pe_crew_end(&crew);
    }
}

/* ---- a life of a host, and what is left of it */

typedef struct life {
    pe_host *host;
    uint64_t told[STEPS][12]; /* what each call said */
    uint32_t steps;
} life;

static uint8_t *contents, *got;
static int64_t ppns[BATCH];

static uint64_t sum_of(const void *bytes, size_t n)
{
    const uint64_t *words = bytes;
    uint64_t sum = n;
    for (size_t i = 0; i < n / sizeof *words; ++i)
        sum = (sum ^ words[i]) * UINT64_C(0x9e3779b97f4a7c15) + (sum >> 29);
    return sum;
}

/* Zeroes, one of a few pages that many have, pages that compress, pages that do not. */
static void draw_pages(pe_rng *rng, uint32_t of)
{
    for (size_t i = 0; i < BATCH; ++i) {
        uint8_t *page = contents + i * PE_PAGE_BYTES;
        ppns[i] = pe_rng_below(rng, of);
        switch (pe_rng_below(rng, 4)) {
        case 0: (void)page_of(page, (uint8_t)pe_rng_below(rng, 6)); break;
        case 1: (void)page_of(page, 9), memcpy(page + 8, &i, sizeof i); break;
        case 2: (void)random_page(page, pe_rng_below(rng, 3000)); break;
        default: (void)random_page(page, pe_rng_next(rng)); break;
        }
    }
}

static void tell(life *self, pe_status status, uint64_t done, const void *more, size_t bytes)
{
    pe_host const *host = self->host;
    uint64_t *told = self->told[self->steps++];
    CHECK(self->steps <= STEPS);
    told[0] = (uint64_t)(int64_t)status;
    told[1] = done;
    told[2] = sum_of(more, bytes);
    for (uint32_t v = 0; v < 2; ++v) {
        told[3 + 3 * v] = sum_of(host->vms[v]->event, sizeof host->vms[v]->event);
        told[4 + 3 * v] = sum_of(host->vms[v]->map, PAGES * sizeof(uint64_t));
        told[5 + 3 * v] = host->vms[v]->scan_hand;
    }
    told[9] = sum_of(host->sharing.slots, host->sharing.buckets * 64);
    told[10] = sum_of(host->sharing.mappers, FRAMES * sizeof(uint32_t));
    told[11] = host->error_ppn;
}

static void write_some(life *self, uint32_t v)
{
    size_t done;
    pe_status const status = pe_write(self->host, pe_host_vm(self->host, v), ppns, BATCH, contents,
                                      &done);
    tell(self, status, done, ppns, sizeof ppns);
}

static void read_some(life *self, uint32_t v, bool peek)
{
    size_t done;
    pe_vm *vm = pe_host_vm(self->host, v);
    memset(got, 0xa5, BATCH * PE_PAGE_BYTES);
    pe_status const status = peek ? pe_peek(self->host, vm, ppns, BATCH, got, &done)
                                  : pe_read(self->host, vm, ppns, BATCH, got, &done);
    tell(self, status, done, got, BATCH * PE_PAGE_BYTES); /* no page after the last is touched */
}

static void scan_some(life *self, uint32_t v, unsigned how)
{
    pe_scan_result result = {0};
    pe_status const status = pe_scan(self->host, pe_host_vm(self->host, v), BATCH + 1000, how,
                                     &result);
    pe_scan_end_pass(self->host);
    tell(self, status, result.merged, &result, sizeof result);
}

static void reclaim_some(life *self, uint32_t v, unsigned steps)
{
    pe_reclaim_result result = {0};
    pe_vm *vm = pe_host_vm(self->host, v);
    pe_status const status = pe_reclaim(self->host, vm, 1500, steps, &result);
    tell(self, status, result.frames, &result, sizeof result);
}

static void live(life *self, FILE *file, uint64_t seed, uint32_t threads)
{
    static const unsigned how[4] = {0, PE_SCAN_RANDOM, PE_SCAN_TWO_SCANS,
                                    PE_SCAN_TWO_SCANS | PE_SCAN_RANDOM};
    pe_host_config const config = {.frames = FRAMES,
                                   .seed = seed,
                                   .sharing = true,
                                   .codec = pe_codec_find(seed % 2 ? "word" : "lz"),
                                   .cache_limit_bytes = PE_ZCACHE_NO_LIMIT,
                                   .swap_file = fileno(file),
                                   .threads = threads};
    pe_rng rng = pe_rng_make(seed, 3);
    uint64_t id;
    memset(self, 0, sizeof *self);
    CHECK(pe_host_new(&self->host, &config) == PE_OK);
    CHECK(pe_swap_grow(&self->host->swap, 20000) == PE_OK);
    for (uint32_t v = 0; v < 2; ++v)
        CHECK(pe_host_add_vm(self->host, PAGES, 0, PE_ZCACHE_NO_LIMIT, &id) == PE_OK);
    for (uint32_t round = 0; round < 2; ++round) {
        uint32_t const v = (uint32_t)(seed + round) % 2;
        draw_pages(&rng, PAGES);
        write_some(self, v);
        scan_some(self, v, how[(seed + round) % 4]);
        draw_pages(&rng, round == 1 ? 700 : PAGES); /* some pages many times */
        write_some(self, v);
        write_some(self, 1 - v); /* the same pages: scans merge them */
        scan_some(self, 1 - v, how[(seed + round) % 4]);
        scan_some(self, v, how[(seed + round + 2) % 4]);
        reclaim_some(self, v, round == 0 ? PE_STEP_COMPRESS : PE_STEP_COMPRESS | PE_STEP_SWAP);
        draw_pages(&rng, PAGES);
        read_some(self, v, true);
        self->host->mark = pe_frames_idle(&self->host->frames) / 2; /* stops in the midst */
        read_some(self, v, false);
        write_some(self, 1 - v);
        self->host->mark = 0;
    }
    CHECK(sound(self->host));
}

/* What two lives are compared by: something happened in them. */
static void everything_is_in(const life *self)
{
    uint64_t stopped = 0, all[PE_EVENTS] = {0};
    for (uint32_t s = 0; s < self->steps; ++s)
        stopped += (pe_status)(int64_t)self->told[s][0] == PE_NO_FRAME && self->told[s][1] > 4096;
    for (uint32_t v = 0; v < 2; ++v)
        for (unsigned e = 0; e < PE_EVENTS; ++e)
            all[e] += self->host->vms[v]->event[e];
    CHECK(stopped > 0); /* in the second window or later */
    CHECK(all[PE_EV_MERGED] > 1000 && all[PE_EV_ZERO_MERGED] > 100 && all[PE_EV_COW_BREAKS] > 100);
    CHECK(all[PE_EV_DECOMPRESSIONS] > 100 && all[PE_EV_SWAP_IN] > 100);
    CHECK(all[PE_EV_DISCARDED] > 100 && all[PE_EV_FAULTS_ABSENT] > 1000);
}

static void compare(const life *alone, const life *other)
{
    CHECK(alone->steps == other->steps);
    for (uint32_t s = 0; s < alone->steps; ++s)
        for (unsigned i = 0; i < PE_COUNT_OF(alone->told[s]); ++i)
            if (alone->told[s][i] != other->told[s][i]) {
                printf("    seed %d, step %u, number %u\n", (int)alone->host->config.seed, s, i);
                CHECK(alone->told[s][i] == other->told[s][i]);
                return;
            }
    CHECK(memcmp(alone->host->pool.touched, other->host->pool.touched, FRAMES / 64 * 8) == 0);
}

static void results_do_not_depend_on_the_number_of_threads(void)
{
    static const uint32_t threads[] = {2, 3, 8};
    static life alone, other;
    FILE *file = tmpfile();
    contents = malloc(BATCH * PE_PAGE_BYTES), got = malloc(BATCH * PE_PAGE_BYTES);
    CHECK(file && contents && got);
    for (uint64_t seed = 0; seed < PE_COUNT_OF(threads); ++seed) {
        live(&alone, file, seed, 1);
        live(&other, file, seed, threads[seed]);
        everything_is_in(&alone);
        compare(&alone, &other);
        pe_host_delete(alone.host);
        pe_host_delete(other.host);
    }
    free(contents), free(got);
    fclose(file);
}

static void more_threads_than_there_may_be_are_refused(void)
{
    pe_host_config config = {.frames = 64, .swap_file = -1, .threads = PE_THREADS_MAX + 1};
    pe_host *host;
    CHECK(pe_host_new(&host, &config) == PE_ERR_ARGUMENT);
    config.threads = PE_THREADS_MAX;
    CHECK(pe_host_new(&host, &config) == PE_OK);
    pe_host_delete(host);
}

int main(void)
{
    RUN(each_thing_is_done_once);
    RUN(results_do_not_depend_on_the_number_of_threads);
    RUN(more_threads_than_there_may_be_are_refused);
    return check_result();
}
