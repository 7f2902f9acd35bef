/* sources: csrc/*.c csrc/codec/*.c */
/* At stake: a checker that sees nothing proves nothing. Each rule is broken on purpose, one field
   at a time, and the checker must name that very rule; then the field is put back and the host must
   be sound again. */
#include "check.h"
#include "small_host.h"

static pe_host *host;
static FILE *file;

static const char *verdict(bool deep)
{
    const char *reason = "";
    pe_status const status = pe_check(host, deep, &reason);
    return status == PE_OK ? "sound" : reason;
}

static void expect(const char *rule, bool deep)
{
    const char *reason = verdict(deep);
    size_t const n = strlen(rule);
    if (strncmp(reason, rule, n) != 0 || reason[n] != ':')
        printf("expected %s, got \"%s\"\n", rule, reason);
    CHECK(strncmp(reason, rule, n) == 0 && reason[n] == ':');
}

/* Breaks a field, expects the rule, mends the field. */
#define BREAK_DEEP(field, value, rule, deep) \
    do { \
        __typeof__(field) const kept = (field); \
        (field) = (value); \
        expect((rule), (deep)); \
        (field) = kept; \
        CHECK(strcmp(verdict(true), "sound") == 0); \
    } while (0)
#define BREAK(field, value, rule) BREAK_DEEP(field, value, rule, false)

static pe_place place(uint32_t vm, uint32_t ppn)
{
    return pe_place_of(pe_host_vm(host, vm)->map[ppn]);
}

static void the_filled_host_has_a_page_in_every_place_and_is_sound(void)
{
    for (uint32_t vm = 0; vm < 2; ++vm) {
        CHECK(place(vm, SHARED_PPN) == PE_SHARED);
        CHECK(place(vm, ZERO_PPN) == PE_SHARED);
        CHECK(place(vm, SQUEEZED_PPN) == PE_COMPRESSED);
        CHECK(place(vm, SWAPPED_PPN) == PE_SWAPPED);
        CHECK(place(vm, PRIVATE_PPN) == PE_PRIVATE);
        CHECK(place(vm, BALLOON_PPN) == PE_BALLOONED);
        CHECK(place(vm, ABSENT_PPN) == PE_ABSENT);
    }
    CHECK(strcmp(verdict(false), "sound") == 0);
    CHECK(strcmp(verdict(true), "sound") == 0);
}

static void broken_counts_of_a_vm_are_named(void)
{
    pe_vm *vm = pe_host_vm(host, 0);
    BREAK(vm->in_place[PE_PRIVATE], vm->in_place[PE_PRIVATE] + 1, "V1");
    BREAK(vm->zero, vm->zero + 1, "V2");
    BREAK(vm->map[PRIVATE_PPN], vm->map[PRIVATE_PPN] | PE_ZERO, "V2");
    BREAK(vm->ever, vm->ever + 1, "V3");
}

static void broken_words_of_a_vm_are_named(void)
{
    pe_vm *vm = pe_host_vm(host, 0);
    BREAK(vm->map[SHARED_PPN], vm->map[SHARED_PPN] | PE_WRITABLE, "V4");
    BREAK(vm->map[PRIVATE_PPN], vm->map[PRIVATE_PPN] & ~PE_READABLE, "V4");
    BREAK(vm->map[PRIVATE_PPN], vm->map[PRIVATE_PPN] | PE_CLAIMED, "V5");
    BREAK(vm->map[ABSENT_PPN], vm->map[ABSENT_PPN] | PE_SAMPLED, "V6");
    BREAK(vm->map[ABSENT_PPN], UINT64_C(7) << PE_PAYLOAD_SHIFT, "I9");
}

static void broken_sharing_is_named(void)
{
    pe_vm *vm = pe_host_vm(host, 0);
    uint32_t const shared = pe_payload_of(vm->map[SHARED_PPN]);
    uint8_t *bytes = pe_pool_page(&host->pool, shared);
    BREAK(bytes[100], (uint8_t)(bytes[100] ^ 1), "I3");
    BREAK(host->group_of[shared], 1, "I5");
    BREAK(vm->map[ZERO_PPN], pe_moved(vm->map[ZERO_PPN], PE_SHARED, shared) | PE_ZERO, "I6");
    BREAK(host->groups[0].zero_frame, PE_NONE, "I6");
    BREAK(host->groups[0].vms, 1, "H3");
}

static void two_shared_frames_of_equal_bytes_are_named(void)
{
    uint8_t page[PE_PAGE_BYTES];
    pe_scan_result result = {0};
    pe_vm *vm = pe_host_vm(host, 0);
    for (uint32_t m = 0; m < 2; ++m)
        CHECK(write_page(host, m, SHARED_PPN + 1, page_of(page, 60)) == PE_OK);
    for (uint32_t m = 0; m < 2; ++m)
        CHECK(pe_scan(host, pe_host_vm(host, m), SMALL_PAGES, 0, &result) == PE_OK);
    pe_frame const a = pe_payload_of(vm->map[SHARED_PPN]);
    pe_frame const b = pe_payload_of(vm->map[SHARED_PPN + 1]);
    CHECK(a != b && place(0, SHARED_PPN + 1) == PE_SHARED);
    /* the second frame's entry moves under the hash of the first one's bytes, and its bytes become
       the same */
    uint64_t const hash_a = pe_content_hash(host, a, host->groups);
    uint64_t const hash_b = pe_content_hash(host, b, host->groups);
    CHECK(pe_sharing_detach(&host->sharing, b) == 1);
    CHECK(pe_sharing_remove(&host->sharing, hash_b, b));
    pe_content_copy(host, b, a);
    CHECK(pe_sharing_insert(&host->sharing, hash_a, b) == PE_OK);
    for (uint32_t m = 0; m < 2; ++m)
        CHECK(pe_sharing_attach(&host->sharing, b) == PE_OK);
    expect("I4", false);
    CHECK(pe_sharing_detach(&host->sharing, b) == 1);
    CHECK(pe_sharing_remove(&host->sharing, hash_a, b));
    memcpy(pe_pool_page(&host->pool, b), page_of(page, 60), PE_PAGE_BYTES);
    CHECK(pe_sharing_insert(&host->sharing, hash_b, b) == PE_OK);
    for (uint32_t m = 0; m < 2; ++m)
        CHECK(pe_sharing_attach(&host->sharing, b) == PE_OK);
    CHECK(strcmp(verdict(true), "sound") == 0);
    CHECK(pe_sharing_attach(&host->sharing, b) == PE_OK); /* one mapper too many */
    expect("I2", false);
    CHECK(pe_sharing_detach(&host->sharing, b) == 2);
}

static void broken_numbering_is_named(void)
{
    BREAK(host->vm_of_chunk[0], 1, "H1");
}

static void broken_blobs_and_slots_are_named(void)
{
    pe_vm *vm = pe_host_vm(host, 0), *other = pe_host_vm(host, 1);
    BREAK(vm->map[SQUEEZED_PPN], other->map[SQUEEZED_PPN], "I7");
    BREAK(vm->map[SWAPPED_PPN], pe_moved(vm->map[SWAPPED_PPN], PE_SWAPPED, 15), "I8");
    BREAK(other->map[SWAPPED_PPN], vm->map[SWAPPED_PPN], "I8");
    uint32_t const slot = pe_payload_of(vm->map[SWAPPED_PPN]);
    BREAK_DEEP(host->swap.checksums[slot], host->swap.checksums[slot] ^ 1, "I10", true);
}

static void a_slot_that_no_page_names_is_named(void)
{
    pe_slot slot;
    CHECK(pe_swap_take_run(&host->swap, 1, &slot) == 1);
    expect("I8", false);
    pe_swap_give_back(&host->swap, slot);
    CHECK(strcmp(verdict(true), "sound") == 0);
}

static void frames_that_are_lost_or_named_twice_are_named(void)
{
    pe_vm *vm = pe_host_vm(host, 0), *other = pe_host_vm(host, 1);
    uint32_t const theirs = pe_payload_of(other->map[PRIVATE_PPN]);
    BREAK(vm->map[PRIVATE_PPN], pe_moved(vm->map[PRIVATE_PPN], PE_PRIVATE, theirs), "I1");
    BREAK(vm->map[PRIVATE_PPN], pe_moved(vm->map[PRIVATE_PPN], PE_PRIVATE, SMALL_FRAMES), "I1");
    pe_frame const held_by_nothing = pe_frames_take(&host->frames);
    expect("I1", false);
    pe_frames_give_back(&host->frames, held_by_nothing);
    CHECK(strcmp(verdict(true), "sound") == 0);
    pe_frames_give_back(&host->frames, theirs); /* idle, yet named */
    expect("I1", false);
    CHECK(pe_frames_take(&host->frames) == theirs); /* the one given back last */
    CHECK(strcmp(verdict(true), "sound") == 0);
}

int main(void)
{
    file = tmpfile();
    CHECK(file && small_host(&host, file, 16) == PE_OK);
    CHECK(small_host_fill(host) == PE_OK);
    RUN(the_filled_host_has_a_page_in_every_place_and_is_sound);
    RUN(broken_counts_of_a_vm_are_named);
    RUN(broken_words_of_a_vm_are_named);
    RUN(broken_sharing_is_named);
    RUN(two_shared_frames_of_equal_bytes_are_named);
    RUN(broken_numbering_is_named);
    RUN(broken_blobs_and_slots_are_named);
    RUN(a_slot_that_no_page_names_is_named);
    RUN(frames_that_are_lost_or_named_twice_are_named);
    pe_host_delete(host);
    fclose(file);
    return check_result();
}
