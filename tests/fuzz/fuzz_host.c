/* sources: csrc/*.c csrc/codec/*.c */
/* A whole host: bytes choose its kind and drive every operation that a batch, a policy or a guest
   can ask of it, with page numbers, kinds and flags of any value. Two oracles: the checker after
   every operation, and a model that knows what every page of every VM holds, so that a byte
   that is lost, old, or another VM's is seen when it is read. */
#include "fuzz.h"

#include "pe_balloon.h"
#include "pe_check.h"
#include "pe_reclaim.h"
#include "pe_scan.h"
#include "pe_stats.h"
#include "pe_touch.h"
#include "pe_turns.h"

#define VMS 4u
#define PAGES_MAX 64u
#define BATCH 40u
#define KEYS 256u
#define OPERATIONS 400u /* of one input: time is bounded */

typedef struct vm_model {
    bool there;
    uint64_t id;
    uint32_t pages;
    uint8_t holds[PAGES_MAX]; /* key of the content of each page; 0: zeroes */
} vm_model;

typedef struct run {
    pe_host *host;
    fuzz_bytes from;
    bool tokens, swaps;
    vm_model vms[VMS];
} run;

typedef struct batch {
    int64_t *ppns;
    uint8_t *flags;
    size_t n, good; /* good: before the first that is no page of the VM */
} batch;

static uint8_t contents[KEYS][PE_PAGE_BYTES];
static FILE *swap_file;

/* Content by key: zeroes, one word again and again, words that compress, and such that do not. */
static void make_contents(void)
{
    for (unsigned key = 1; key < KEYS; ++key) {
        pe_rng rng = pe_rng_make(5, key);
        uint64_t const one = pe_rng_next(&rng);
        for (size_t i = 0; i < PE_PAGE_BYTES; i += 8) {
            uint64_t const next = pe_rng_next(&rng);
            uint64_t const word = key % 4 == 0 ? one
                                : key % 4 == 1 ? next
                                : key % 4 == 2 ? (i % 128 ? 0 : next >> 40)
                                               : one + next % 4096;
            memcpy(contents[key] + i, &word, 8);
        }
    }
    swap_file = tmpfile();
    MUST(swap_file);
}

static uint64_t take(run *self, unsigned n)
{
    return fuzz_take(&self->from, n);
}

static size_t content_bytes(const run *self)
{
    return self->tokens ? sizeof(uint64_t) : PE_PAGE_BYTES;
}

static void put_content(const run *self, uint8_t *to, size_t i, uint8_t key)
{
    uint64_t const token = key;
    if (self->tokens)
        memcpy(to + i * sizeof token, &token, sizeof token);
    else
        memcpy(to + i * PE_PAGE_BYTES, contents[key], PE_PAGE_BYTES);
}

static bool holds(const run *self, const uint8_t *from, size_t i, uint8_t key)
{
    uint64_t const token = key;
    if (self->tokens)
        return memcmp(from + i * sizeof token, &token, sizeof token) == 0;
    return memcmp(from + i * PE_PAGE_BYTES, contents[key], PE_PAGE_BYTES) == 0;
}

static pe_vm *vm_of(const run *self, const vm_model *of)
{
    pe_vm *vm = pe_host_vm(self->host, of->id);
    MUST(vm && vm->pages == of->pages);
    return vm;
}

/* A batch as it comes from outside. The door (pe_first_bad_page) must find its first bad number. */
static batch take_batch(run *self, const vm_model *of)
{
    uint8_t const how = (uint8_t)take(self, 1);
    batch made = {NULL, NULL, how % BATCH, 0};
    made.ppns = fuzz_room(made.n * sizeof *made.ppns);
    made.flags = fuzz_room(made.n);
    for (size_t i = 0; i < made.n; ++i) {
        made.ppns[i] = (int64_t)take(self, how >= 240 ? 8 : 1);
        if (how < 200)
            made.ppns[i] %= of->pages;
        made.flags[i] = (uint8_t)take(self, 1);
    }
    while (made.good < made.n && made.ppns[made.good] >= 0 && made.ppns[made.good] < of->pages)
        made.good += 1;
    MUST(pe_first_bad_page(vm_of(self, of), made.ppns, made.n) == made.good);
    return made;
}

static void drop_batch(batch *made)
{
    free(made->ppns);
    free(made->flags);
}

/* Nothing was made to fail here, so a batch can only stop for want of room, or at a bad number. */
static void stopped_for_a_reason(pe_status status, size_t done, const batch *made)
{
    MUST(done <= made->good);
    if (status == PE_OK)
        MUST(done == made->n);
    else if (status == PE_ERR_PAGE_RANGE)
        MUST(done == made->good && done < made->n);
    else
        MUST(status == PE_NO_FRAME || status == PE_NO_SLOT || status == PE_BLOCKED);
}

static void touch(run *self, vm_model *of)
{
    uint8_t const how = (uint8_t)take(self, 1);
    batch made = take_batch(self, of);
    size_t done = 0;
    pe_status const status = pe_touch(self->host, vm_of(self, of), made.ppns, made.n,
                                      how & 1 ? made.flags : NULL, (how & 2) != 0, &done);
    stopped_for_a_reason(status, done, &made);
    drop_batch(&made);
}

static void write(run *self, vm_model *of)
{
    batch made = take_batch(self, of);
    uint8_t *from = fuzz_room(made.n * content_bytes(self));
    size_t done = 0;
    for (size_t i = 0; i < made.n; ++i)
        put_content(self, from, i, made.flags[i]);
    pe_status const status = pe_write(self->host, vm_of(self, of), made.ppns, made.n, from, &done);
    stopped_for_a_reason(status, done, &made);
    for (size_t i = 0; i < done; ++i)
        of->holds[made.ppns[i]] = made.flags[i];
    free(from);
    drop_batch(&made);
}

static void read(run *self, vm_model *of, bool peek)
{
    batch made = take_batch(self, of);
    uint8_t *to = fuzz_room(made.n * content_bytes(self));
    size_t done = 0;
    pe_vm *vm = vm_of(self, of);
    pe_status const status = peek ? pe_peek(self->host, vm, made.ppns, made.n, to, &done)
                                  : pe_read(self->host, vm, made.ppns, made.n, to, &done);
    stopped_for_a_reason(status, done, &made);
    MUST(!peek || done == made.good);
    for (size_t i = 0; i < done; ++i)
        MUST(holds(self, to, i, of->holds[made.ppns[i]]));
    free(to);
    drop_batch(&made);
}

static void scan(run *self, vm_model *of)
{
    pe_scan_result result = {0};
    unsigned const how = (unsigned)take(self, 1) % 4;
    uint64_t const pages = take(self, 1);
    MUST(pe_scan(self->host, vm_of(self, of), pages, how, &result) == PE_OK);
    MUST(result.visited <= pages && result.merged + result.zero_merged <= result.scanned);
    if (how & 1)
        pe_scan_end_pass(self->host);
}

static void reclaim(run *self, vm_model *of)
{
    pe_reclaim_result result = {0};
    unsigned const steps = (unsigned)take(self, 1) % 16;
    uint64_t const want = take(self, 1) % 96;
    uint32_t const before = pe_frames_idle(&self->host->frames);
    pe_status const status = pe_reclaim(self->host, vm_of(self, of), want, steps, &result);
    MUST(status == PE_OK || status == PE_NO_SLOT);
    MUST(pe_frames_idle(&self->host->frames) == before + result.frames);
}

static void balloon(run *self, vm_model *of)
{
    uint8_t const how = (uint8_t)take(self, 1);
    pe_vm *vm = vm_of(self, of);
    if (how % 8 == 6) {
        (void)pe_balloon_absent(vm, take(self, 1));
        return;
    }
    if (how % 8 == 7) {
        (void)pe_balloon_deflate(vm, take(self, 1));
        return;
    }
    batch made = take_batch(self, of);
    if (how % 8 < 2)
        MUST(pe_balloon_pages(self->host, vm, made.ppns, made.good) <= made.good);
    else if (how % 8 < 4)
        MUST(pe_balloon_report(self->host, vm, made.ppns, made.good) <= made.good);
    else
        MUST(pe_balloon_return(vm, made.ppns, made.good) <= made.good);
    for (size_t i = 0; how % 8 < 4 && i < made.good; ++i)
        of->holds[made.ppns[i]] = 0;
    drop_batch(&made);
}

static void pin(run *self, vm_model *of)
{
    bool const pinned = (take(self, 1) & 1) != 0;
    batch made = take_batch(self, of);
    for (size_t i = 0; i < made.good; ++i)
        pe_vm_pin(vm_of(self, of), (uint32_t)made.ppns[i], pinned);
    drop_batch(&made);
}

static void take_turns(run *self, vm_model *of)
{
    uint8_t table[256 * PE_PLACES], writes[256];
    uint8_t const seed = (uint8_t)take(self, 1);
    batch made = take_batch(self, of);
    made.n = made.good; /* whoever sorts has copies that were looked at */
    pe_vm *vm = vm_of(self, of);
    pe_turns const turns = {table, writes};
    size_t count[PE_TURNS], sum = 0, done = 0;
    for (unsigned i = 0; i < sizeof table; ++i)
        table[i] = (uint8_t)((i * seed + (i >> 3)) % PE_TURNS);
    for (unsigned i = 0; i < sizeof writes; ++i)
        writes[i] = (uint8_t)(i * seed);
    pe_turns_count(turns, vm, made.n, made.ppns, made.flags, count);
    for (unsigned i = 0; i < PE_TURNS; ++i)
        sum += count[i];
    MUST(sum == made.n);
    int64_t *ppns = fuzz_room(made.n * sizeof *ppns);
    uint8_t *kinds = fuzz_room(made.n);
    pe_turns_sort(turns, vm, made.ppns, made.flags, count, ppns, kinds);
    pe_status const status = pe_turns_touch(turns, self->host, vm, ppns, kinds, made.n, &done);
    stopped_for_a_reason(status, done, &made);
    free(kinds);
    free(ppns);
    drop_batch(&made);
}

static void places(run *self, vm_model *of)
{
    batch made = take_batch(self, of);
    uint8_t *out = fuzz_room(made.n);
    pe_status const status = pe_vm_places(vm_of(self, of), made.n, made.ppns, out);
    MUST(status == (made.good < made.n ? PE_ERR_PAGE_RANGE : PE_OK));
    for (size_t i = 0; i < made.good; ++i)
        MUST(out[i] < PE_PLACES);
    free(out);
    drop_batch(&made);
}

static void look(run *self, vm_model *of)
{
    uint64_t numbers[PE_VM_NUMBERS], ages[256];
    uint32_t size, touched;
    pe_vm *vm = vm_of(self, of);
    switch (take(self, 1) % 5) {
    case 4: places(self, of); break;
    case 0: pe_vm_sample_begin(vm, (uint32_t)take(self, 1)); break;
    case 1:
        pe_vm_sample_end(vm, &size, &touched);
        MUST(touched <= size && size <= of->pages);
        break;
    case 2: MUST(pe_vm_age(vm) <= of->pages); break;
    default: pe_vm_ages(vm, ages); break;
    }
    pe_stats_vm(self->host, vm, numbers);
    MUST(numbers[PE_VM_SIZE] == (uint64_t)of->pages * PE_PAGE_BYTES);
}

static void set(run *self, vm_model *of)
{
    uint8_t const how = (uint8_t)take(self, 1), value = (uint8_t)take(self, 1);
    pe_vm *vm = vm_of(self, of);
    if (how % 4 < 2)
        vm->blocked = (value & 1) != 0;
    else if (how % 4 == 2)
        self->host->mark = value % 32;
    else if (self->swaps)
        MUST(pe_swap_grow(&self->host->swap, value) == PE_OK);
}

static void come_or_go(run *self, vm_model *of)
{
    uint8_t const how = (uint8_t)take(self, 1);
    if (of->there) {
        MUST(pe_host_remove_vm(self->host, of->id) == PE_OK);
        MUST(pe_host_vm(self->host, of->id) == NULL);
        MUST(pe_host_remove_vm(self->host, of->id) == PE_ERR_NO_SUCH_VM);
        of->there = false;
        return;
    }
    of->pages = 1 + (uint32_t)take(self, 1) % PAGES_MAX;
    uint64_t const limit = how & 4 ? take(self, 1) * 512 : PE_ZCACHE_NO_LIMIT;
    MUST(pe_host_add_vm(self->host, of->pages, how % 3, limit, &of->id) == PE_OK);
    memset(of->holds, 0, sizeof of->holds);
    of->there = true;
}

static void operate(run *self)
{
    uint8_t const what = (uint8_t)take(self, 1);
    vm_model *of = &self->vms[what / 16 % VMS];
    if (!of->there || what % 16 == 15) {
        come_or_go(self, of);
        return;
    }
    switch (what % 16) {
    case 0:
    case 1: touch(self, of); break;
    case 2:
    case 3:
    case 4: write(self, of); break;
    case 5:
    case 6: read(self, of, false); break;
    case 7: read(self, of, true); break;
    case 8: scan(self, of); break;
    case 9:
    case 10: reclaim(self, of); break;
    case 11: balloon(self, of); break;
    case 12: pin(self, of); break;
    case 13: take_turns(self, of); break;
    default:
        if (what & 128)
            look(self, of);
        else
            set(self, of);
        break;
    }
}

static void is_whole(run *self, bool deep)
{
    const char *reason = "";
    if (pe_check(self->host, deep, &reason) != PE_OK) {
        fprintf(stderr, "check: %s\n", reason);
        abort();
    }
}

/* Every page of every VM, without moving any. */
static void all_is_there(run *self)
{
    uint8_t *page = fuzz_room(content_bytes(self));
    for (const vm_model *of = self->vms; of < self->vms + VMS; ++of)
        for (uint32_t ppn = 0; of->there && ppn < of->pages; ++ppn) {
            int64_t const one = ppn;
            size_t done;
            MUST(pe_peek(self->host, vm_of(self, of), &one, 1, page, &done) == PE_OK && done == 1);
            MUST(holds(self, page, 0, of->holds[ppn]));
        }
    free(page);
}

static pe_host_config take_config(run *self)
{
    uint8_t const how = (uint8_t)take(self, 1);
    pe_host_config config = {.frames = 8 + (uint32_t)take(self, 1) % 72, .seed = how};
    uint8_t const codec = (uint8_t)take(self, 1);
    config.tokens = self->tokens = (how & 1) != 0;
    config.sharing = (how & 2) == 0;
    config.random_victims = (how & 4) != 0;
    config.packing = how & 8 ? PE_PACKING_DENSE : PE_PACKING_ESX;
    config.codec = codec % 5 ? pe_codec_at(codec % 5 - 1) : NULL;
    config.cache_limit_bytes = how & 16 ? (uint64_t)codec * 1024 : PE_ZCACHE_NO_LIMIT;
    self->swaps = (how & 32) == 0;
    config.swap_file = self->swaps && !self->tokens ? fileno(swap_file) : -1;
    return config;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    run self = {.host = NULL, .from = {data, size}};
    if (!swap_file)
        make_contents();
    pe_host_config const config = take_config(&self);
    MUST(pe_host_new(&self.host, &config) == PE_OK);
    if (self.swaps)
        MUST(pe_swap_grow(&self.host->swap, (uint32_t)take(&self, 1)) == PE_OK);
    for (unsigned turn = 0; self.from.left > 0 && turn < OPERATIONS; ++turn) {
        operate(&self);
        is_whole(&self, turn % 16 == 15);
    }
    is_whole(&self, true);
    all_is_there(&self);
    pe_host_delete(self.host);
    return 0;
}
