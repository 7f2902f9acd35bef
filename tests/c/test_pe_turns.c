/* sources: csrc/*.c csrc/codec/*.c */
/* A batch that comes out of its order, or loses an access on the way, would change what a guest
   reads before it overwrites it. A VM with a page in every place is accessed in every way. */
#include "check.h"
#include "small_host.h"

#include "pe_turns.h"

#define KINDS 256
#define N 240

static uint8_t table[KINDS * PE_PLACES], writes[KINDS];
static pe_turns const turns = {table, writes};
static int64_t ppns[N], sorted[N];
static uint8_t kinds[N], sorted_kinds[N];

/* Page p is in place p % PE_PLACES; the turn is (kind + place) % PE_TURNS. */
static void make(pe_vm *vm)
{
    CHECK(pe_vm_init_in(vm, 60, 1, 0, NULL) == PE_OK);
    for (uint32_t p = 0; p < vm->pages; ++p)
        pe_vm_put(vm, p, (pe_place)(p % PE_PLACES), 0);
    for (unsigned i = 0; i < KINDS * PE_PLACES; ++i)
        table[i] = (uint8_t)((i / PE_PLACES + i % PE_PLACES) % PE_TURNS);
    for (uint32_t i = 0; i < N; ++i) {
        ppns[i] = (int64_t)(i * 7 % vm->pages);
        kinds[i] = (uint8_t)(i * 13);
    }
}

static unsigned turn(int64_t ppn, uint8_t kind)
{
    return (unsigned)(kind + ppn % PE_PLACES) % PE_TURNS;
}

static void every_access_is_counted_in_its_turn(void)
{
    pe_vm vm;
    size_t count[PE_TURNS], expected[PE_TURNS] = {0};
    make(&vm);
    for (uint32_t i = 0; i < N; ++i)
        expected[turn(ppns[i], kinds[i])] += 1;
    pe_turns_count(turns, &vm, N, ppns, kinds, count);
    for (unsigned t = 0; t < PE_TURNS; ++t)
        CHECK(count[t] == expected[t]);
    pe_turns_count(turns, &vm, 0, ppns, kinds, count);
    for (unsigned t = 0; t < PE_TURNS; ++t)
        CHECK(count[t] == 0);
    pe_vm_fini(&vm);
}

static void accesses_of_one_turn_stay_in_order(void)
{
    pe_vm vm;
    size_t count[PE_TURNS], at = 0;
    make(&vm);
    pe_turns_count(turns, &vm, N, ppns, kinds, count);
    pe_turns_sort(turns, &vm, ppns, kinds, count, sorted, sorted_kinds);
    for (unsigned t = 0; t < PE_TURNS; ++t)
        for (uint32_t i = 0; i < N; ++i)
            if (turn(ppns[i], kinds[i]) == t) {
                CHECK(sorted[at] == ppns[i] && sorted_kinds[at] == kinds[i]);
                ++at;
            }
    CHECK(at == N);
    pe_vm_fini(&vm);
}

static pe_host *tokens_of(uint32_t frames, uint32_t pages)
{
    pe_host_config const config = {.frames = frames, .tokens = true, .swap_file = -1};
    pe_host *host = NULL;
    uint64_t id;
    CHECK(pe_host_new(&host, &config) == PE_OK);
    CHECK(pe_host_add_vm(host, pages, 0, PE_ZCACHE_NO_LIMIT, &id) == PE_OK);
    return host;
}

/* One batch longer than a part, by kinds on one host and by flags on the other. */
static void touches_write_as_their_kinds_say(void)
{
    enum { LONG = 600, PAGES = 500 };
    static int64_t pages[LONG];
    static uint8_t whats[LONG], flags[LONG];
    pe_host *ours = tokens_of(PAGES, PAGES), *theirs = tokens_of(PAGES, PAGES);
    size_t done = 0, expected = 0;
    for (unsigned k = 0; k < KINDS; ++k)
        writes[k] = k % 3 == 0;
    for (uint32_t i = 0; i < LONG; ++i) {
        pages[i] = (int64_t)(i * 7 % PAGES);
        whats[i] = (uint8_t)(i * 13);
        flags[i] = writes[whats[i]];
    }
    pe_vm *vm = pe_host_vm(ours, 0), *other = pe_host_vm(theirs, 0);
    CHECK(pe_turns_touch(turns, ours, vm, pages, whats, LONG, &done) == PE_OK && done == LONG);
    CHECK(pe_touch(theirs, other, pages, LONG, flags, false, &expected) == PE_OK);
    CHECK(expected == LONG && memcmp(vm->map, other->map, PAGES * sizeof vm->map[0]) == 0);
    pe_host_delete(ours);
    pe_host_delete(theirs);
}

/* Memory runs out in the second part. */
static void touches_stop_before_the_first_that_cannot_be_made(void)
{
    enum { FRAMES = 300, PAGES = 400 };
    static int64_t pages[PAGES];
    static uint8_t whats[PAGES];
    pe_host *host = tokens_of(FRAMES, PAGES);
    size_t done = 0;
    memset(writes, 1, sizeof writes);
    for (uint32_t i = 0; i < PAGES; ++i)
        pages[i] = i;
    CHECK(pe_turns_touch(turns, host, pe_host_vm(host, 0), pages, whats, PAGES, &done)
          == PE_NO_FRAME);
    CHECK(done == FRAMES);
    pe_host_delete(host);
}

int main(void)
{
    RUN(every_access_is_counted_in_its_turn);
    RUN(accesses_of_one_turn_stay_in_order);
    RUN(touches_write_as_their_kinds_say);
    RUN(touches_stop_before_the_first_that_cannot_be_made);
    return check_result();
}
