/* sources: csrc/*.c csrc/codec/*.c */
/* At stake: a page on its way out must be in one place whatever fails: in the file, or where it
   was. A swap file that refuses, one that is full, a blob that does not decode, and a victim that
   found a partner while it waited. */
#include "check.h"
#include "small_host.h"

#include <fcntl.h>
#include <unistd.h>

static FILE *file;
static pe_host *host;
static uint8_t page[PE_PAGE_BYTES], expected[PE_PAGE_BYTES];

static pe_vm *begin(uint32_t slots)
{
    CHECK(small_host(&host, file, slots) == PE_OK);
    return pe_host_vm(host, 0);
}

static void end(void)
{
    CHECK(sound(host));
    pe_host_delete(host);
}

static void put_random(uint32_t vm, uint32_t first, uint32_t n)
{
    for (uint32_t i = 0; i < n; ++i)
        CHECK(write_page(host, vm, first + i, random_page(page, 100 * vm + first + i)) == PE_OK);
}

static bool holds_random(uint32_t vm, uint32_t first, uint32_t n)
{
    bool same = true;
    for (uint32_t i = 0; i < n; ++i)
        same = same && read_page(host, vm, first + i, page) == PE_OK
            && memcmp(page, random_page(expected, 100 * vm + first + i), PE_PAGE_BYTES) == 0;
    return same;
}

static uint32_t free_slots(void)
{
    return pe_frames_idle(&host->swap.slots);
}

/* A descriptor that cannot be written to. */
static int refusing(void)
{
    return open("/dev/null", O_RDONLY);
}

static void a_cluster_that_cannot_be_written_gives_its_slots_back(void)
{
    pe_vm *vm = begin(16);
    pe_reclaim_result won = {0};
    put_random(0, 0, 5);
    int const kept = host->swap.file;
    host->swap.file = refusing();
    host->error_vm = 9;
    CHECK(pe_reclaim(host, vm, 5, PE_STEP_SWAP, &won) == PE_ERR_BACKING);
    CHECK(won.swapped == 0 && won.frames == 0 && vm->event[PE_EV_SWAP_OUT] == 0);
    CHECK(free_slots() == 16 && vm->in_place[PE_PRIVATE] == 5 && host->error_vm == 0);
    CHECK(sound(host)); /* no page is claimed */
    (void)close(host->swap.file);
    host->swap.file = kept;
    CHECK(pe_reclaim(host, vm, 5, PE_STEP_SWAP, &won) == PE_OK && won.swapped == 5);
    CHECK(won.frames == 5 && vm->event[PE_EV_SWAP_OUT] == 5 && free_slots() == 11);
    CHECK(holds_random(0, 0, 5) && free_slots() == 16);
    end();
}

static void what_swap_space_can_take_goes_and_the_rest_stays(void)
{
    pe_vm *vm = begin(8);
    pe_slot first;
    pe_reclaim_result won = {0};
    CHECK(pe_swap_take_run(&host->swap, 8, &first) == 8);
    for (uint32_t slot = 0; slot < 8; slot += 2) /* four runs of one */
        pe_swap_give_back(&host->swap, slot);
    put_random(0, 0, 6);
    CHECK(pe_reclaim(host, vm, 6, PE_STEP_SWAP, &won) == PE_NO_SLOT);
    CHECK(won.swapped == 4 && won.frames == 4 && vm->event[PE_EV_SWAP_OUT] == 4);
    CHECK(vm->in_place[PE_SWAPPED] == 4 && vm->in_place[PE_PRIVATE] == 2 && free_slots() == 0);
    CHECK(host->swap.write_calls == 4);
    CHECK(holds_random(0, 0, 6));
    for (uint32_t slot = 1; slot < 8; slot += 2)
        pe_swap_give_back(&host->swap, slot);
    end();
}

static void a_victim_that_found_a_partner_while_it_waited_is_not_written(void)
{
    pe_vm *vm = begin(16);
    pe_scan_result scanned = {0};
    pe_reclaim_result won = {0};
    CHECK(write_page(host, 0, 3, page_of(page, 9)) == PE_OK);
    CHECK(pe_scan(host, vm, SMALL_PAGES, 0, &scanned) == PE_OK && scanned.hinted == 1);
    CHECK(write_page(host, 0, 4, page_of(page, 9)) == PE_OK);
    put_random(0, 5, 1);
    vm->reclaim_hand = 3;
    CHECK(pe_reclaim(host, vm, 3, PE_STEP_SHARE | PE_STEP_SWAP, &won) == PE_OK);
    CHECK(won.merged == 1 && won.swapped == 1 && host->swap.written == 1);
    CHECK(vm->in_place[PE_SHARED] == 2 && pe_place_of(vm->map[5]) == PE_SWAPPED);
    CHECK(won.frames == 2);
    end();
}

static pe_status squeeze(uint32_t vm, uint32_t n)
{
    pe_reclaim_result won = {0};
    return pe_reclaim(host, pe_host_vm(host, vm), n, PE_STEP_COMPRESS, &won);
}

static void put_squeezed(uint32_t vm, uint32_t first, uint32_t n)
{
    for (uint32_t i = 0; i < n; ++i)
        CHECK(write_page(host, vm, first + i, page_of(page, (uint8_t)(40 * vm + first + i + 1)))
              == PE_OK);
    CHECK(squeeze(vm, n) == PE_OK);
    CHECK(pe_host_vm(host, vm)->in_place[PE_COMPRESSED] == n);
}

static void an_eviction_that_fails_gives_its_slot_back_and_the_blob_stays(void)
{
    pe_vm *vm = begin(16);
    put_squeezed(0, 0, 3);
    int const kept = host->swap.file;
    host->swap.file = refusing();
    CHECK(pe_evict_oldest(host, vm) == PE_ERR_BACKING);
    CHECK(free_slots() == 16 && vm->in_place[PE_COMPRESSED] == 3);
    (void)close(host->swap.file);
    host->swap.file = kept;
    size_t length;
    pe_blob const oldest = pe_zcache_oldest(host->zcache, 0);
    const void *payload = pe_zcache_payload(host->zcache, oldest, &length);
    uint8_t *bytes = host->pool.bytes + ((const uint8_t *)payload - host->pool.bytes);
    uint8_t held[PE_ZCACHE_PAYLOAD_MAX];
    memcpy(held, bytes, length);
    memset(bytes, 0xff, length); /* decodes to nothing */
    CHECK(pe_evict_oldest(host, vm) == PE_ERR_CODEC);
    CHECK(free_slots() == 16 && vm->in_place[PE_COMPRESSED] == 3);
    CHECK(vm->event[PE_EV_CACHE_EVICTIONS] == 0 && vm->event[PE_EV_SWAP_OUT] == 0);
    memcpy(bytes, held, length);
    CHECK(pe_evict_oldest(host, vm) == PE_OK && free_slots() == 15);
    CHECK(vm->event[PE_EV_CACHE_EVICTIONS] == 1 && vm->event[PE_EV_SWAP_OUT] == 1);
    CHECK(pe_place_of(vm->map[0]) == PE_SWAPPED); /* the oldest */
    CHECK(read_page(host, 0, 0, page) == PE_OK);
    CHECK(memcmp(page, page_of(expected, 1), PE_PAGE_BYTES) == 0);
    end();
}

static void without_a_slot_or_a_blob_nothing_is_evicted(void)
{
    pe_vm *vm = begin(1);
    CHECK(pe_evict_oldest(host, vm) == PE_NO_SLOT && free_slots() == 1);
    put_squeezed(0, 0, 2);
    CHECK(pe_evict_oldest(host, vm) == PE_OK && pe_evict_oldest(host, vm) == PE_NO_SLOT);
    CHECK(vm->in_place[PE_COMPRESSED] == 1 && vm->in_place[PE_SWAPPED] == 1);
    end();
}

static void others_give_way_only_where_the_limit_is_that_of_all(void)
{
    pe_vm *vm = begin(16), *other = pe_host_vm(host, 1);
    put_squeezed(1, 0, 2);
    CHECK(pe_evict_oldest(host, vm) == PE_NO_SLOT && other->in_place[PE_COMPRESSED] == 2);
    uint64_t const used = pe_zcache_total(host->zcache).slot_bytes;
    host->config.cache_limit_bytes = used + PE_ZCACHE_PAYLOAD_MAX; /* one more would fit */
    CHECK(pe_evict_oldest(host, vm) == PE_NO_SLOT);
    host->config.cache_limit_bytes -= 1;
    CHECK(pe_evict_oldest(host, vm) == PE_OK);
    CHECK(other->event[PE_EV_CACHE_EVICTIONS] == 1 && vm->event[PE_EV_CACHE_EVICTIONS] == 0);
    CHECK(other->in_place[PE_SWAPPED] == 1 && pe_place_of(other->map[0]) == PE_SWAPPED);
    put_squeezed(0, 8, 1);
    CHECK(pe_evict_oldest(host, vm) == PE_OK); /* its own first, though the other's is older */
    CHECK(pe_place_of(vm->map[8]) == PE_SWAPPED && other->in_place[PE_COMPRESSED] == 1);
    end();
}

static void tokens_that_leave_the_cache_are_the_tokens_that_came(void)
{
    pe_host_config const config = {.frames = 8,
                                   .tokens = true,
                                   .swap_file = -1,
                                   .codec = pe_codec_find("word"),
                                   .cache_limit_bytes = PE_ZCACHE_NO_LIMIT};
    int64_t const ppns[3] = {0, 1, 2};
    uint64_t const tokens[3] = {UINT64_C(0x1234567890abc008), 64 + 8, 128 + 9};
    uint64_t read[3];
    uint64_t id;
    size_t done;
    CHECK(pe_host_new(&host, &config) == PE_OK && pe_swap_grow(&host->swap, 4) == PE_OK);
    CHECK(pe_host_add_vm(host, 4, 0, PE_ZCACHE_NO_LIMIT, &id) == PE_OK);
    pe_vm *vm = pe_host_vm(host, id);
    CHECK(pe_write(host, vm, ppns, 3, tokens, &done) == PE_OK && squeeze(id, 3) == PE_OK);
    for (unsigned i = 0; i < 3; ++i)
        CHECK(pe_evict_oldest(host, vm) == PE_OK);
    CHECK(vm->in_place[PE_SWAPPED] == 3 && pe_zcache_total(host->zcache).blobs == 0);
    CHECK(pe_read(host, vm, ppns, 3, read, &done) == PE_OK);
    CHECK(memcmp(read, tokens, sizeof read) == 0);
    end();
}

int main(void)
{
    file = tmpfile();
    CHECK(file);
    RUN(a_cluster_that_cannot_be_written_gives_its_slots_back);
    RUN(what_swap_space_can_take_goes_and_the_rest_stays);
    RUN(a_victim_that_found_a_partner_while_it_waited_is_not_written);
    RUN(an_eviction_that_fails_gives_its_slot_back_and_the_blob_stays);
    RUN(without_a_slot_or_a_blob_nothing_is_evicted);
    RUN(others_give_way_only_where_the_limit_is_that_of_all);
    RUN(tokens_that_leave_the_cache_are_the_tokens_that_came);
    fclose(file);
    return check_result();
}
