/* sources: csrc/pe_turns.c csrc/pe_vm.c csrc/pe_os.c csrc/pe_status.c */
/* A batch that comes out of its order, or loses an access on the way, would change what a guest
   reads before it overwrites it. A machine with a page in every place is accessed in every way. */
#include "check.h"

#include "pe_turns.h"

#define KINDS 256
#define N 240

static uint8_t table[KINDS * PE_PLACES];
static pe_turns const turns = {table};
static int64_t ppns[N], sorted[N];
static uint8_t kinds[N], sorted_kinds[N];

/* Page p is in place p % PE_PLACES; the turn is (kind + place) % PE_TURNS. */
static void make(pe_vm *vm)
{
    CHECK(pe_vm_init(vm, 60, 1, 0) == PE_OK);
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

int main(void)
{
    RUN(every_access_is_counted_in_its_turn);
    RUN(accesses_of_one_turn_stay_in_order);
    return check_result();
}
