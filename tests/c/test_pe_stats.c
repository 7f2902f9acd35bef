/* sources: csrc/*.c csrc/codec/*.c */
/* A policy decides by these numbers, and the lab charges by them: those of many machines at once
   must be those of each alone. */
#include "check.h"
#include "small_host.h"

static FILE *file;

static void many_machines_at_once_are_each_one_alone(void)
{
    pe_host *host;
    uint64_t alone[PE_VM_NUMBERS], rows[PE_VM_ROWS][3];
    uint64_t const ids[3] = {1, 0, 1};
    CHECK(small_host(&host, file, 16) == PE_OK && small_host_fill(host) == PE_OK);
    pe_vm *const marked = pe_host_vm(host, 1);
    pe_vm_sample_begin(marked, 32);
    CHECK(touch_page(host, 1, PRIVATE_PPN, false) == PE_OK);
    marked->blocked = true;
    pe_stats_vms(host, ids, 3, &rows[0][0]);
    for (unsigned i = 0; i < 3; ++i) {
        const pe_vm *vm = pe_host_vm(host, ids[i]);
        pe_stats_vm(host, vm, alone);
        for (unsigned k = 0; k < PE_VM_NUMBERS; ++k)
            CHECK(rows[k][i] == alone[k]);
        for (unsigned k = 0; k < PE_EVENTS; ++k)
            CHECK(rows[PE_VM_NUMBERS + k][i] == vm->event[k]);
        CHECK(rows[PE_VM_ROWS - 3][i] == ids[i]); /* machine 1 is blocked */
        CHECK(rows[PE_VM_ROWS - 2][i] == vm->sample_touched);
        CHECK(rows[PE_VM_ROWS - 1][i] == vm->sample_size);
    }
    CHECK(rows[PE_VM_ROWS - 2][0] == 1 && rows[PE_VM_ROWS - 1][0] > 0);
    pe_stats_vms(host, ids, 0, NULL); /* none: nothing is written */
    pe_host_delete(host);
}

/* And so do the zero frame, and the slots of the cache that nobody uses. */
static void what_machines_are_charged_adds_up_to_what_is_taken(void)
{
    pe_host *host;
    uint64_t rows[PE_VM_ROWS][2], numbers[PE_HOST_NUMBERS];
    uint64_t const ids[2] = {0, 1};
    CHECK(small_host(&host, file, 16) == PE_OK && small_host_fill(host) == PE_OK);
    pe_stats_vms(host, ids, 2, &rows[0][0]);
    pe_stats_host(host, numbers);
    uint64_t const charged = rows[PE_VM_CONSUMED][0] + rows[PE_VM_CONSUMED][1];
    uint64_t const unused = numbers[PE_HOST_CACHE] - numbers[PE_HOST_ZIPPED];
    CHECK(charged + PE_PAGE_BYTES + unused == numbers[PE_HOST_CONSUMED]);
    pe_host_delete(host);
}

static void every_number_has_a_name(void)
{
    for (size_t k = 0; k < PE_VM_NUMBERS; ++k)
        CHECK(pe_vm_number_name(k) != NULL);
    for (size_t k = 0; k < PE_HOST_NUMBERS; ++k)
        CHECK(pe_host_number_name(k) != NULL);
    CHECK(!pe_vm_number_name(PE_VM_NUMBERS) && !pe_host_number_name(PE_HOST_NUMBERS));
}

int main(void)
{
    file = tmpfile();
    CHECK(file);
    RUN(many_machines_at_once_are_each_one_alone);
    RUN(what_machines_are_charged_adds_up_to_what_is_taken);
    RUN(every_number_has_a_name);
    fclose(file);
    return check_result();
}
