/* sources: csrc/*.c csrc/codec/*.c */
/* At stake: a host that runs out of memory half-way must stay sound and leak nothing, and every
   page must read back what was written wherever it has been. Every allocation of a whole scenario
   is made to fail in turn. */
#include "check.h"
#include "oom.h"
#include "small_host.h"

#include <fcntl.h>
#include <unistd.h>

static FILE *file;

static pe_status scenario(pe_host **host)
{
    pe_status const status = small_host(host, file, 16);
    return status == PE_OK ? small_host_fill(*host) : status;
}

static void every_allocation_may_fail_and_nothing_is_lost(void)
{
    pe_status status = PE_ERR_NO_MEMORY;
    unsigned n = 0;
    for (; status != PE_OK && n < 1000; ++n) {
        pe_host *host = NULL;
        oom_fail_after(n);
        status = scenario(&host);
        oom_off();
        CHECK(status == PE_OK || status == PE_ERR_NO_MEMORY);
        CHECK(!host || sound(host));
        pe_host_delete(host);
    }
    CHECK(n > 15 && n < 1000);
}

static void contents_come_back_from_every_place(void)
{
    pe_host *host;
    uint8_t page[PE_PAGE_BYTES], expected[PE_PAGE_BYTES];
    CHECK(scenario(&host) == PE_OK);
    for (uint32_t vm = 0; vm < 2; ++vm) {
        CHECK(read_page(host, vm, SWAPPED_PPN, page) == PE_OK);
        CHECK(memcmp(page, random_page(expected, 1 + vm), PE_PAGE_BYTES) == 0);
        CHECK(read_page(host, vm, SQUEEZED_PPN, page) == PE_OK);
        CHECK(memcmp(page, page_of(expected, (uint8_t)(20 + 2 * vm)), PE_PAGE_BYTES) == 0);
        CHECK(read_page(host, vm, SHARED_PPN, page) == PE_OK);
        CHECK(memcmp(page, page_of(expected, 1), PE_PAGE_BYTES) == 0);
        CHECK(read_page(host, vm, BALLOON_PPN, page) == PE_OK);
        CHECK(memcmp(page, page_of(expected, 0), PE_PAGE_BYTES) == 0);
        CHECK(sound(host));
    }
    pe_host_delete(host);
}

static void an_error_names_the_page_it_is_about(void)
{
    pe_host *host;
    pe_reclaim_result won = {0};
    CHECK(scenario(&host) == PE_OK);
    pe_vm *vm = pe_host_vm(host, 1);
    pe_blob const blob = pe_payload_of(vm->map[SQUEEZED_PPN]);
    size_t length;
    void *payload = (void *)(uintptr_t)pe_zcache_payload(host->zcache, blob, &length);
    uint8_t kept[PE_PAGE_BYTES];
    memcpy(kept, payload, length);
    memset(payload, 0xff, length);
    host->error_ppn = 1;
    CHECK(pe_reclaim(host, vm, 1000, PE_STEP_SWAP, &won) == PE_ERR_CODEC);
    CHECK(host->error_vm == vm->id && host->error_ppn == SQUEEZED_PPN);
    memcpy(payload, kept, length);
    CHECK(sound(host));
    int const none = open("/dev/null", O_RDONLY), own = dup(host->swap.file);
    CHECK(dup2(none, host->swap.file) >= 0);
    CHECK(pe_reclaim(host, vm, 1000, PE_STEP_SWAP, &won) == PE_ERR_BACKING);
    CHECK(host->error_vm == vm->id && host->error_ppn == PE_NONE);
    CHECK(dup2(own, host->swap.file) >= 0);
    (void)close(own);
    (void)close(none);
    CHECK(sound(host));
    pe_host_delete(host);
}

static void a_removed_vm_gives_everything_back(void)
{
    pe_host *host;
    CHECK(scenario(&host) == PE_OK);
    for (uint32_t vm = 0; vm < 2; ++vm) {
        CHECK(pe_host_remove_vm(host, vm) == PE_OK);
        CHECK(sound(host));
    }
    CHECK(pe_frames_idle(&host->frames) == SMALL_FRAMES);
    CHECK(pe_frames_idle(&host->swap.slots) == host->swap.slots.count);
    CHECK(pe_host_remove_vm(host, 0) == PE_ERR_NO_SUCH_VM);
    uint64_t id;
    CHECK(pe_host_add_vm(host, 5, 3, PE_ZCACHE_NO_LIMIT, &id) == PE_OK);
    CHECK(pe_host_vm(host, id) && (uint32_t)id == 0); /* the same place in the list, */
    CHECK(!pe_host_vm(host, 0));                      /* and never the same id */
    CHECK(pe_host_remove_vm(host, 0) == PE_ERR_NO_SUCH_VM);
    CHECK(sound(host));
    pe_host_delete(host);
}

static void equal_pages_of_two_salt_groups_stay_apart(void)
{
    pe_host *host;
    uint64_t id;
    uint8_t page[PE_PAGE_BYTES];
    pe_scan_result result = {0};
    CHECK(small_host(&host, file, 16) == PE_OK);
    CHECK(pe_host_add_vm(host, SMALL_PAGES, 77, PE_ZCACHE_NO_LIMIT, &id) == PE_OK);
    CHECK(write_page(host, 0, 1, page_of(page, 9)) == PE_OK);
    CHECK(write_page(host, id, 1, page_of(page, 9)) == PE_OK);
    CHECK(write_page(host, 0, 2, page_of(page, 0)) == PE_OK);
    CHECK(write_page(host, id, 2, page_of(page, 0)) == PE_OK);
    CHECK(pe_scan(host, pe_host_vm(host, 0), SMALL_PAGES, 0, &result) == PE_OK);
    CHECK(pe_scan(host, pe_host_vm(host, id), SMALL_PAGES, 0, &result) == PE_OK);
    CHECK(result.merged == 0 && result.zero_merged == 2 && host->sharing.shared == 2);
    CHECK(write_page(host, 1, 1, page_of(page, 9)) == PE_OK);
    CHECK(pe_scan(host, pe_host_vm(host, 1), SMALL_PAGES, 0, &result) == PE_OK);
    CHECK(result.merged == 1);
    CHECK(sound(host));
    pe_host_delete(host);
}

static void a_batch_stops_exactly_before_the_access_that_needs_a_frame(void)
{
    pe_host *host;
    int64_t ppns[SMALL_PAGES];
    size_t done;
    CHECK(small_host(&host, file, 0) == PE_OK);
    for (uint32_t i = 0; i < SMALL_PAGES; ++i)
        ppns[i] = i;
    host->mark = SMALL_FRAMES - 10;
    CHECK(pe_touch(host, pe_host_vm(host, 0), ppns, SMALL_PAGES, NULL, true, &done) == PE_NO_FRAME);
    CHECK(done == 10 && pe_frames_idle(&host->frames) == host->mark && host->error_ppn == 10);
    CHECK(sound(host));
    pe_host_vm(host, 0)->blocked = true;
    CHECK(pe_touch(host, pe_host_vm(host, 0), ppns, 1, NULL, false, &done) == PE_BLOCKED);
    CHECK(done == 0);
    pe_host_delete(host);
}

static void a_page_number_beyond_the_vm_is_found(void)
{
    pe_host *host;
    int64_t const ppns[3] = {0, SMALL_PAGES, -1};
    CHECK(small_host(&host, file, 0) == PE_OK);
    CHECK(pe_first_bad_page(pe_host_vm(host, 0), ppns, 3) == 1);
    CHECK(pe_first_bad_page(pe_host_vm(host, 0), ppns, 1) == 1);
    CHECK(pe_first_bad_page(pe_host_vm(host, 0), ppns + 2, 1) == 0);
    pe_host_delete(host);
}

/* The check comes first, but another thread may write to the array after it: every entry stops at
   the number as it is when it is used. */
static void no_entry_goes_by_a_number_that_is_no_page(void)
{
    pe_host *host;
    static uint8_t pages[4][PE_PAGE_BYTES];
    int64_t const bad[3] = {SMALL_PAGES, -1, INT64_MIN};
    uint8_t const flags[4] = {1, 0, 1, 0};
    uint8_t places[4];
    CHECK(small_host(&host, file, 0) == PE_OK);
    pe_vm *vm = pe_host_vm(host, 0);
    for (unsigned k = 0; k < PE_COUNT_OF(bad); ++k) {
        int64_t const ppns[4] = {1, 2, bad[k], 3};
        size_t done = 9;
        CHECK(pe_write(host, vm, ppns, 4, pages, &done) == PE_ERR_PAGE_RANGE && done == 2);
        CHECK(pe_read(host, vm, ppns, 4, pages, &done) == PE_ERR_PAGE_RANGE && done == 2);
        CHECK(pe_peek(host, vm, ppns, 4, pages, &done) == PE_ERR_PAGE_RANGE && done == 2);
        CHECK(pe_touch(host, vm, ppns, 4, NULL, true, &done) == PE_ERR_PAGE_RANGE && done == 2);
        CHECK(pe_touch(host, vm, ppns, 4, flags, false, &done) == PE_ERR_PAGE_RANGE && done == 2);
        CHECK(pe_vm_places(vm, 4, ppns, places) == PE_ERR_PAGE_RANGE);
        CHECK(pe_vm_places(vm, 2, ppns, places) == PE_OK && places[1] == PE_PRIVATE);
    }
    CHECK(sound(host));
    pe_host_delete(host);
}

static pe_host *host_of(bool tokens, const char *codec)
{
    pe_host_config const config = {.frames = 1024,
                                   .tokens = tokens,
                                   .sharing = true,
                                   .codec = codec ? pe_codec_find(codec) : NULL,
                                   .cache_limit_bytes = PE_ZCACHE_NO_LIMIT,
                                   .swap_file = tokens ? -1 : fileno(file)};
    pe_host *host = NULL;
    CHECK(pe_host_new(&host, &config) == PE_OK);
    return host;
}

static void all_bookkeeping_is_counted_and_nothing_twice(void)
{
    pe_host *bytes = host_of(false, NULL), *tokens = host_of(true, NULL);
    pe_host *cached = host_of(false, "word");
    uint64_t id;
    uint64_t const base = pe_host_metadata_bytes(bytes);
    CHECK(base == 1024 / 8 * 2 + pe_sharing_bytes(&bytes->sharing) + pe_swap_bytes(&bytes->swap));
    CHECK(pe_host_metadata_bytes(tokens) == base + 1024 * sizeof(uint64_t));
    CHECK(pe_host_metadata_bytes(cached) == base + pe_zcache_bytes(cached->zcache));
    CHECK(pe_host_add_vm(bytes, 5000, 1, PE_ZCACHE_NO_LIMIT, &id) == PE_OK);
    uint64_t const one = base + pe_vm_bytes(pe_host_vm(bytes, id)) + 2 * sizeof(uint32_t);
    CHECK(pe_host_metadata_bytes(bytes) == one);
    CHECK(pe_host_add_vm(bytes, 1, 2, PE_ZCACHE_NO_LIMIT, &id) == PE_OK); /* a second salt group */
    CHECK(pe_host_metadata_bytes(bytes)
          == one + pe_vm_bytes(pe_host_vm(bytes, id)) + sizeof(uint32_t) + 1024 * sizeof(uint32_t));
    pe_host_delete(bytes);
    pe_host_delete(tokens);
    pe_host_delete(cached);
}

/* Numbers of pages come in chunks of 4096; those of a VM that left are handed out again. */
static void numbers_of_pages_lead_to_their_vm_and_no_other(void)
{
    pe_host *host = host_of(true, NULL);
    uint64_t ids[4];
    uint32_t ppn;
    pe_vm *vm;
    static const uint32_t pages[4] = {4096, 4097, 1, 8192};
    static const uint64_t bases[4] = {0, 4096, 3 * 4096, 4 * 4096};
    for (unsigned i = 0; i < 4; ++i) {
        CHECK(pe_host_add_vm(host, pages[i], 0, PE_ZCACHE_NO_LIMIT, &ids[i]) == PE_OK);
        CHECK(pe_host_vm(host, ids[i])->base == bases[i]);
    }
    for (unsigned i = 0; i < 4; ++i) {
        uint64_t const last = bases[i] + pages[i] - 1;
        CHECK(pe_host_page(host, bases[i], &vm, &ppn) && vm->id == ids[i] && ppn == 0);
        CHECK(pe_host_page(host, last, &vm, &ppn) && vm->id == ids[i] && ppn == pages[i] - 1);
    }
    CHECK(!pe_host_page(host, 4096 + 4097, &vm, &ppn)); /* in the chunk, beyond the VM */
    CHECK(!pe_host_page(host, 6 * 4096, &vm, &ppn) && host->chunk_count == 6);
    CHECK(pe_host_remove_vm(host, ids[1]) == PE_OK);
    CHECK(!pe_host_page(host, 4096, &vm, &ppn) && sound(host));
    CHECK(pe_host_add_vm(host, 8193, 0, PE_ZCACHE_NO_LIMIT, &ids[1]) == PE_OK); /* one too many */
    CHECK(pe_host_vm(host, ids[1])->base == 6 * 4096 && host->chunk_count == 9);
    CHECK(pe_host_add_vm(host, 8192, 0, PE_ZCACHE_NO_LIMIT, &ids[2]) == PE_OK); /* just fits */
    CHECK(pe_host_vm(host, ids[2])->base == 4096 && host->chunk_count == 9 && sound(host));
    CHECK(pe_host_vm(host, host->vm_count) == NULL);
    CHECK(pe_host_add_vm(host, 0, 0, PE_ZCACHE_NO_LIMIT, &ids[0]) == PE_ERR_ARGUMENT);
    pe_host_delete(host);
}

static void a_host_of_tokens_that_finds_no_memory_is_none(void)
{
    pe_host_config const config = {.frames = 64,
                                   .tokens = true,
                                   .sharing = true,
                                   .swap_file = -1,
                                   .codec = pe_codec_find("word")};
    pe_status status = PE_ERR_NO_MEMORY;
    unsigned n = 0;
    for (; status != PE_OK && n < 100; ++n) {
        pe_host *host = NULL;
        size_t const mapped = oom_mapped();
        oom_fail_after(n);
        status = pe_host_new(&host, &config);
        oom_off();
        CHECK(status == PE_OK || (status == PE_ERR_NO_MEMORY && !host && oom_mapped() == mapped));
        pe_host_delete(host);
    }
    CHECK(n > 8 && n < 100);
}

static void a_host_has_frames_and_not_too_many(void)
{
    pe_host *host = NULL;
    pe_host_config config = {.frames = 0, .tokens = true, .swap_file = -1};
    CHECK(pe_host_new(&host, &config) == PE_ERR_ARGUMENT && !host);
    config.frames = UINT32_MAX - 64;
    CHECK(pe_host_new(&host, &config) == PE_ERR_ARGUMENT && !host);
    pe_host_delete(NULL);
}

static void a_vm_s_part_of_the_cache_is_limited_by_itself(void)
{
    pe_host *host;
    uint64_t id;
    uint8_t page[PE_PAGE_BYTES];
    pe_reclaim_result won = {0};
    CHECK(small_host(&host, file, 16) == PE_OK);
    CHECK(pe_host_add_vm(host, SMALL_PAGES, 0, 1024, &id) == PE_OK && id == 2);
    for (uint32_t ppn = 0; ppn < 2; ++ppn)
        for (uint32_t vm = 0; vm < 3; vm += 2)
            CHECK(write_page(host, vm, ppn, page_of(page, (uint8_t)(40 + 2 * vm + ppn))) == PE_OK);
    for (uint32_t vm = 0; vm < 3; vm += 2)
        CHECK(pe_reclaim(host, pe_host_vm(host, vm), 2, PE_STEP_COMPRESS, &won) == PE_OK);
    CHECK(pe_host_vm(host, 0)->in_place[PE_COMPRESSED] == 2);
    CHECK(pe_host_vm(host, 2)->in_place[PE_COMPRESSED] == 1 && sound(host));
    pe_host_delete(host);
}

int main(void)
{
    file = tmpfile();
    CHECK(file);
    RUN(every_allocation_may_fail_and_nothing_is_lost);
    RUN(contents_come_back_from_every_place);
    RUN(an_error_names_the_page_it_is_about);
    RUN(a_removed_vm_gives_everything_back);
    RUN(equal_pages_of_two_salt_groups_stay_apart);
    RUN(a_batch_stops_exactly_before_the_access_that_needs_a_frame);
    RUN(a_page_number_beyond_the_vm_is_found);
    RUN(no_entry_goes_by_a_number_that_is_no_page);
    RUN(all_bookkeeping_is_counted_and_nothing_twice);
    RUN(numbers_of_pages_lead_to_their_vm_and_no_other);
    RUN(a_host_of_tokens_that_finds_no_memory_is_none);
    RUN(a_host_has_frames_and_not_too_many);
    RUN(a_vm_s_part_of_the_cache_is_limited_by_itself);
    fclose(file);
    return check_result();
}
