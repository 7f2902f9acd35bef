/* sources: csrc/*.c csrc/codec/*.c */
/* A policy decides by these numbers, and the lab charges by them: those of many VMs at once
   must be those of each alone. */
#include "check.h"
#include "small_host.h"

static FILE *file;

static void many_vms_at_once_are_each_one_alone(void)
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
        CHECK(rows[PE_VM_ROWS - 3][i] == ids[i]); /* VM 1 is blocked */
        CHECK(rows[PE_VM_ROWS - 2][i] == vm->sample_touched);
        CHECK(rows[PE_VM_ROWS - 1][i] == vm->sample_size);
    }
    CHECK(rows[PE_VM_ROWS - 2][0] == 1 && rows[PE_VM_ROWS - 1][0] > 0);
    pe_stats_vms(host, ids, 0, NULL); /* none: nothing is written */
    pe_host_delete(host);
}

/* And so do the zero frame, and the slots of the cache that nobody uses. */
static void what_vms_are_charged_adds_up_to_what_is_taken(void)
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

/* small_host_fill: of each VM a page swapped, two compressed to a quarter, one shared by both,
   the zero page, a private one, two in the balloon (one of them used before). */
static void numbers_are_what_a_count_by_hand_gives(void)
{
    enum { P = PE_PAGE_BYTES };
    static const uint64_t vm_expected[PE_VM_NUMBERS] = {[PE_VM_SIZE] = 32 * P,
                                                        [PE_VM_GRANTED] = 3 * P,
                                                        [PE_VM_CONSUMED] = P + P / 2 + 2 * 1024,
                                                        [PE_VM_MAPPED] = 7 * P,
                                                        [PE_VM_PRIVATE] = P,
                                                        [PE_VM_SHARED] = 2 * P,
                                                        [PE_VM_ZERO] = P,
                                                        [PE_VM_COMPRESSED] = 2 * P,
                                                        [PE_VM_ZIPPED] = 2 * 1024,
                                                        [PE_VM_SWAPPED] = P,
                                                        [PE_VM_BALLOONED] = 2 * P,
                                                        [PE_VM_ABSENT] = 24 * P,
                                                        [PE_VM_QUARTER_PAGES] = 2};
    static const uint64_t host_expected[PE_HOST_NUMBERS] = {
        [PE_HOST_MEMORY] = 64 * P,    [PE_HOST_FREE] = 59 * P,
        [PE_HOST_CONSUMED] = 5 * P,   [PE_HOST_GRANTED] = 6 * P,
        [PE_HOST_SHARED] = 4 * P,     [PE_HOST_ZERO] = 2 * P,
        [PE_HOST_COMPRESSED] = 4 * P, [PE_HOST_SWAPPED] = 2 * P,
        [PE_HOST_BALLOONED] = 4 * P,  [PE_HOST_SHARED_COMMON] = 2 * P,
        [PE_HOST_SAVING] = 2 * P,     [PE_HOST_ZIPPED] = 4 * 1024,
        [PE_HOST_CACHE] = P,          [PE_HOST_ZIP_SAVED] = 3 * P,
        [PE_HOST_SWAP_SIZE] = 16 * P, [PE_HOST_SWAP_FREE] = 14 * P,
        [PE_HOST_SWAP_WRITES] = 2};
    pe_host *host;
    uint64_t out[PE_HOST_NUMBERS];
    CHECK(small_host(&host, file, 16) == PE_OK && small_host_fill(host) == PE_OK);
    for (uint32_t vm = 0; vm < 2; ++vm) {
        pe_stats_vm(host, pe_host_vm(host, vm), out);
        for (size_t k = 0; k < PE_VM_NUMBERS; ++k)
            CHECK(out[k] == vm_expected[k]
                  || !printf("%s: %llu\n", pe_vm_number_name(k), (unsigned long long)out[k]));
    }
    pe_stats_host(host, out);
    for (size_t k = 0; k < PE_HOST_NUMBERS; ++k) {
        uint64_t const expected = k == PE_HOST_SHARING_TABLE ? pe_sharing_bytes(&host->sharing)
                                : k == PE_HOST_METADATA      ? pe_host_metadata_bytes(host)
                                : k == PE_HOST_HINT_PAGES    ? host->sharing.hints
                                                             : host_expected[k];
        CHECK(out[k] == expected
              || !printf("%s: %llu\n", pe_host_number_name(k), (unsigned long long)out[k]));
    }
    CHECK(host->sharing.hints == 2); /* the private pages */
    uint8_t page[PE_PAGE_BYTES];
    CHECK(read_page(host, 0, SWAPPED_PPN, page) == PE_OK);
    pe_stats_host(host, out);
    CHECK(out[PE_HOST_SWAP_READS] == 1 && out[PE_HOST_SWAP_FREE] == 15 * P);
    CHECK(read_page(host, 0, SQUEEZED_PPN, page) == PE_OK); /* three blobs in a frame */
    CHECK(read_page(host, 0, SQUEEZED_PPN + 1, page) == PE_OK);
    CHECK(read_page(host, 1, SQUEEZED_PPN, page) == PE_OK);
    pe_stats_host(host, out);
    CHECK(out[PE_HOST_ZIP_SAVED] == 0); /* a page in its own frame: nothing, and no less */
    pe_host_delete(host);
}

static void every_number_has_a_name(void)
{
    for (size_t k = 0; k < PE_VM_NUMBERS; ++k)
        CHECK(pe_vm_number_name(k) != NULL);
    for (size_t k = 0; k < PE_HOST_NUMBERS; ++k)
        CHECK(pe_host_number_name(k) != NULL);
    CHECK(strcmp(pe_vm_number_name(PE_VM_ZIPPED), "zipped") == 0);
    CHECK(strcmp(pe_host_number_name(PE_HOST_SWAP_READS), "swap_reads") == 0);
    CHECK(!pe_vm_number_name(PE_VM_NUMBERS) && !pe_host_number_name(PE_HOST_NUMBERS));
}

int main(void)
{
    file = tmpfile();
    CHECK(file);
    RUN(many_vms_at_once_are_each_one_alone);
    RUN(what_vms_are_charged_adds_up_to_what_is_taken);
    RUN(numbers_are_what_a_count_by_hand_gives);
    RUN(every_number_has_a_name);
    fclose(file);
    return check_result();
}
