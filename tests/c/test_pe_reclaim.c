/* sources: csrc/*.c csrc/codec/*.c */
/* At stake: which page goes first, what becomes of it, and how many frames that won. The hand, the
   techniques and the counts are held against what the head of pe_reclaim.c says, page by page. */
#include "check.h"
#include "oom.h"
#include "small_host.h"

static FILE *file;
static pe_host *host;
static pe_reclaim_result won;
static uint8_t page[PE_PAGE_BYTES];

static pe_vm *begin(void)
{
    CHECK(small_host(&host, file, 64) == PE_OK);
    return pe_host_vm(host, 0);
}

static void end(void)
{
    CHECK(sound(host));
    pe_host_delete(host);
}

static pe_status reclaim(uint64_t want, unsigned steps)
{
    won = (pe_reclaim_result){0};
    return pe_reclaim(host, pe_host_vm(host, 0), want, steps, &won);
}

/* Pages of their own, which no codec brings to half; as if the hand had just gone by. */
static void put_random(uint32_t first, uint32_t n)
{
    for (uint32_t ppn = first; ppn < first + n; ++ppn) {
        CHECK(write_page(host, 0, ppn, random_page(page, ppn)) == PE_OK);
        pe_host_vm(host, 0)->map[ppn] &= ~PE_ACCESSED;
    }
}

static bool all_in(pe_place place, uint32_t first, uint32_t n)
{
    bool all = true;
    for (uint32_t ppn = first; ppn < first + n; ++ppn)
        all = all && pe_place_of(pe_host_vm(host, 0)->map[ppn]) == place;
    return all;
}

static void the_hand_takes_one_page_after_the_other_and_comes_round(void)
{
    pe_vm *vm = begin();
    put_random(0, SMALL_PAGES);
    CHECK(reclaim(3, PE_STEP_SWAP) == PE_OK && won.frames == 3 && won.swapped == 3);
    CHECK(all_in(PE_SWAPPED, 0, 3) && all_in(PE_PRIVATE, 3, SMALL_PAGES - 3));
    CHECK(vm->reclaim_hand == 3 && host->swap.write_calls == 1);
    vm->reclaim_hand = SMALL_PAGES - 1;
    CHECK(reclaim(2, PE_STEP_SWAP) == PE_OK && won.swapped == 2);
    CHECK(all_in(PE_SWAPPED, SMALL_PAGES - 1, 1) && all_in(PE_SWAPPED, 0, 4));
    CHECK(all_in(PE_PRIVATE, 4, SMALL_PAGES - 5) && vm->reclaim_hand == 4);
    CHECK(reclaim(0, PE_STEP_SWAP) == PE_OK && won.frames == 0 && vm->reclaim_hand == 4);
    CHECK(reclaim(UINT64_MAX, PE_STEP_SWAP) == PE_OK && won.frames == SMALL_PAGES - 5);
    end();
}

static void an_accessed_page_has_a_second_chance_and_no_third(void)
{
    pe_vm *vm = begin();
    put_random(0, 4);
    CHECK(touch_page(host, 0, 0, false) == PE_OK && touch_page(host, 0, 2, true) == PE_OK);
    CHECK(reclaim(2, PE_STEP_SWAP) == PE_OK && won.swapped == 2);
    CHECK(all_in(PE_SWAPPED, 1, 1) && all_in(PE_SWAPPED, 3, 1) && all_in(PE_PRIVATE, 0, 1));
    CHECK(!(vm->map[0] & PE_ACCESSED) && (vm->map[0] & PE_YOUNG)); /* ages have their own */
    CHECK(touch_page(host, 0, 2, false) == PE_OK);
    CHECK(reclaim(2, PE_STEP_SWAP) == PE_OK && won.swapped == 2 && vm->in_place[PE_PRIVATE] == 0);
    end();
}

static void random_victims_have_no_second_chance(void)
{
    pe_vm *vm = begin();
    host->config.random_victims = true;
    put_random(0, SMALL_PAGES);
    for (uint32_t ppn = 0; ppn < SMALL_PAGES; ++ppn)
        vm->map[ppn] |= PE_ACCESSED;
    CHECK(reclaim(4, PE_STEP_SWAP) == PE_OK && won.swapped == 4 && vm->reclaim_hand == 0);
    CHECK(!all_in(PE_SWAPPED, 0, 4)); /* not the first four */
    for (uint32_t ppn = 0; ppn < SMALL_PAGES; ++ppn)
        CHECK((vm->map[ppn] & PE_ACCESSED) != 0);
    end();
}

static void pinned_pages_are_passed_over_and_the_search_ends(void)
{
    pe_vm *vm = begin();
    put_random(0, 2);
    pe_vm_pin(vm, 0, true);
    CHECK(reclaim(2, PE_STEP_SWAP) == PE_OK && won.frames == 1 && won.swapped == 1);
    CHECK(all_in(PE_PRIVATE, 0, 1) && all_in(PE_SWAPPED, 1, 1));
    CHECK(vm->reclaim_hand == 0); /* twice round */
    pe_vm_pin(vm, 0, false);
    CHECK(reclaim(2, PE_STEP_SWAP) == PE_OK && won.frames == 1);
    end();
}

static void a_full_cluster_is_written_at_once(void)
{
    pe_host_config const config = {.frames = 600, .tokens = true, .swap_file = -1};
    uint64_t id;
    CHECK(pe_host_new(&host, &config) == PE_OK && pe_swap_grow(&host->swap, 1024) == PE_OK);
    CHECK(pe_host_add_vm(host, 600, 0, PE_ZCACHE_NO_LIMIT, &id) == PE_OK);
    for (uint32_t ppn = 0; ppn < 600; ++ppn)
        CHECK(touch_page(host, 0, ppn, true) == PE_OK);
    CHECK(reclaim(600, PE_STEP_SWAP) == PE_OK && won.swapped == 600 && won.frames == 600);
    CHECK(host->swap.written == 600);
    end();
}

/* A page whose word blob is this long, or a little shorter. */
static void put_words(uint32_t ppn, uint32_t random_words)
{
    pe_rng rng = pe_rng_make(ppn, 5);
    memset(page, 0, sizeof page);
    for (uint32_t i = 0; i < random_words; ++i) {
        uint64_t const word = pe_rng_next(&rng);
        memcpy(page + 8 * i, &word, 8);
    }
    CHECK(write_page(host, 0, ppn, page) == PE_OK);
    pe_host_vm(host, 0)->map[ppn] &= ~PE_ACCESSED;
}

static void compressed_pages_are_counted_by_the_slots_they_take(void)
{
    pe_vm *vm = begin();
    put_words(0, 60);  /* about an eighth */
    put_words(1, 180); /* more than a quarter */
    put_random(2, 1);
    CHECK(reclaim(3, PE_STEP_COMPRESS) == PE_OK);
    CHECK(won.compressed == 2 && won.swapped == 0 && won.evicted == 0);
    CHECK(vm->event[PE_EV_COMPRESSIONS] == 2 && vm->event[PE_EV_COMPRESSED_QUARTER] == 1);
    CHECK(vm->event[PE_EV_COMPRESSED_HALF] == 1);
    CHECK(won.incompressible >= 1 && vm->event[PE_EV_INCOMPRESSIBLE] == won.incompressible);
    CHECK(all_in(PE_PRIVATE, 2, 1)); /* there is nothing else to do with it */
    pe_zcache_stats const cache = pe_zcache_of_group(host->zcache, 0);
    CHECK(cache.quarter == 1 && cache.half == 1);
    end();
}

static void tokens_are_counted_the_same_at_every_size(void)
{
    static const uint32_t units[] = {0, 1, 16, 17, 32, 33, 63};
    pe_host_config const config = {.frames = 16,
                                   .tokens = true,
                                   .swap_file = -1,
                                   .codec = pe_codec_find("word"),
                                   .cache_limit_bytes = PE_ZCACHE_NO_LIMIT};
    uint64_t id;
    size_t done;
    CHECK(pe_host_new(&host, &config) == PE_OK);
    CHECK(pe_host_add_vm(host, 8, 0, PE_ZCACHE_NO_LIMIT, &id) == PE_OK);
    for (int64_t ppn = 0; ppn < 7; ++ppn) {
        uint64_t const token = (uint64_t)(ppn + 1) << 6 | units[ppn];
        CHECK(pe_write(host, pe_host_vm(host, 0), &ppn, 1, &token, &done) == PE_OK);
    }
    CHECK(reclaim(7, PE_STEP_COMPRESS) == PE_OK && won.compressed == 5);
    CHECK(pe_host_vm(host, 0)->event[PE_EV_COMPRESSED_QUARTER] == 3); /* up to 1024 bytes */
    CHECK(pe_host_vm(host, 0)->event[PE_EV_COMPRESSED_HALF] == 2);    /* up to 2048 */
    CHECK(all_in(PE_COMPRESSED, 0, 5) && all_in(PE_PRIVATE, 5, 2));
    uint64_t const payload = 8 + 64 + 1024 + 1088 + 2048;
    CHECK(pe_zcache_total(host->zcache).payload_bytes == payload);
    end();
}

static void a_full_cache_makes_room_only_where_swap_is_allowed(void)
{
    pe_vm *vm = begin();
    for (uint32_t ppn = 0; ppn < 4; ++ppn)
        put_words(ppn, 60);
    pe_zcache_set_limit(host->zcache, 2048);
    host->config.cache_limit_bytes = 2048;
    CHECK(reclaim(4, PE_STEP_COMPRESS) == PE_OK);
    CHECK(won.compressed == 2 && won.evicted == 0 && all_in(PE_PRIVATE, 2, 2));
    CHECK(reclaim(1, PE_STEP_COMPRESS | PE_STEP_SWAP) == PE_OK);
    CHECK(won.evicted >= 1 && won.compressed >= 1 && all_in(PE_SWAPPED, 0, 1));
    CHECK(vm->event[PE_EV_CACHE_EVICTIONS] == won.evicted);
    CHECK(vm->event[PE_EV_SWAP_OUT] == won.evicted + won.swapped);
    end();
}

static void what_is_compressed_goes_on_to_swap_when_nothing_else_is_left(void)
{
    pe_vm *vm = begin();
    for (uint32_t ppn = 0; ppn < 4; ++ppn)
        put_words(ppn, 60);
    CHECK(reclaim(3, PE_STEP_COMPRESS) == PE_OK && won.frames == 3 && won.compressed == 4);
    CHECK(reclaim(1, PE_STEP_COMPRESS) == PE_OK && won.frames == 0 && won.evicted == 0);
    CHECK(reclaim(1, PE_STEP_SWAP) == PE_OK && won.evicted == 4 && won.frames == 1);
    CHECK(vm->in_place[PE_SWAPPED] == 4 && pe_zcache_total(host->zcache).frames == 0);
    end();
}

static void sharing_comes_first_and_counts_as_what_it_is(void)
{
    pe_vm *vm = begin();
    pe_scan_result scanned = {0};
    CHECK(write_page(host, 0, 0, page_of(page, 9)) == PE_OK);
    CHECK(pe_scan(host, vm, SMALL_PAGES, 0, &scanned) == PE_OK && scanned.hinted == 1);
    pe_vm_pin(vm, 0, false);
    CHECK(write_page(host, 0, 1, page_of(page, 9)) == PE_OK);
    CHECK(write_page(host, 0, 2, page_of(page, 0)) == PE_OK);
    CHECK(write_page(host, 0, 3, page_of(page, 0)) == PE_OK);
    CHECK(reclaim(4, PE_STEP_SHARE) == PE_OK);
    CHECK(won.merged == 1 && won.zero_merged == 2 && won.frames == 2);
    CHECK(vm->event[PE_EV_MERGED] == 1 && vm->event[PE_EV_ZERO_MERGED] == 2);
    CHECK(vm->event[PE_EV_SCANNED] == 1 && vm->event[PE_EV_HINTED] == 1); /* by the scan alone */
    CHECK(write_page(host, 0, 4, page_of(page, 9)) == PE_OK);
    host->config.sharing = false;
    CHECK(reclaim(1, PE_STEP_SHARE) == PE_OK && won.merged == 0);
    host->config.sharing = true;
    CHECK(reclaim(1, PE_STEP_COMPRESS) == PE_OK && won.merged == 0 && won.compressed == 1);
    end();
}

static void a_brief_search_ends_after_so_many_in_vain(void)
{
    enum { PAGES = 2 * PE_RECLAIM_VAIN_MAX };
    pe_host_config const config = {.frames = PAGES + 8,
                                   .tokens = true,
                                   .swap_file = -1,
                                   .codec = pe_codec_find("word"),
                                   .cache_limit_bytes = PE_ZCACHE_NO_LIMIT};
    uint64_t id;
    size_t done;
    CHECK(pe_host_new(&host, &config) == PE_OK);
    CHECK(pe_host_add_vm(host, PAGES, 0, PE_ZCACHE_NO_LIMIT, &id) == PE_OK);
    pe_vm *vm = pe_host_vm(host, 0);
    for (int64_t ppn = 0; ppn < PAGES; ++ppn) {
        bool const fits = ppn == 9 || ppn == 10;
        uint64_t const token = (uint64_t)(ppn + 1) << 6 | (fits ? 8 : 63);
        CHECK(pe_write(host, vm, &ppn, 1, &token, &done) == PE_OK);
        vm->map[ppn] &= ~PE_ACCESSED;
    }
    CHECK(reclaim(PAGES, PE_STEP_COMPRESS | PE_RECLAIM_BRIEF) == PE_OK);
    /* pages 0 to 8, the first that fits (whose frame is lent), the second, and so many in vain */
    CHECK(won.compressed == 2 && vm->reclaim_hand == 11 + PE_RECLAIM_VAIN_MAX);
    CHECK(reclaim(PAGES, PE_STEP_COMPRESS) == PE_OK);
    CHECK(won.incompressible == 2 * (PAGES - 2));
    end();
}

static void without_memory_for_a_blob_s_record_the_page_stays(void)
{
    pe_vm *vm = begin();
    put_words(0, 60);
    put_random(1, 1);
    oom_fail_after(0);
    CHECK(reclaim(2, PE_STEP_COMPRESS | PE_STEP_SWAP) == PE_ERR_NO_MEMORY);
    oom_off();
    CHECK(won.compressed == 0 && won.swapped == 0 && vm->in_place[PE_PRIVATE] == 2);
    CHECK(host->error_vm == 0);
    CHECK(reclaim(2, PE_STEP_COMPRESS | PE_STEP_SWAP) == PE_OK && won.frames == 2);
    end();
}

static void techniques_do_what_their_names_say(void)
{
    static const struct {
        const char *name;
        unsigned steps;
    } expected[] = {
        {"sharing", PE_STEP_SHARE},
        {"compression", PE_STEP_SHARE | PE_STEP_COMPRESS},
        {"swap", PE_STEP_SHARE | PE_STEP_SWAP},
        {"ladder", PE_STEP_SHARE | PE_STEP_COMPRESS | PE_STEP_SWAP},
    };
    for (size_t i = 0; i < PE_COUNT_OF(expected); ++i) {
        CHECK(strcmp(pe_technique_at(i)->name, expected[i].name) == 0);
        CHECK(pe_technique_at(i)->steps == expected[i].steps);
    }
    CHECK(pe_technique_at(PE_COUNT_OF(expected)) == NULL);
}

int main(void)
{
    file = tmpfile();
    CHECK(file);
    RUN(the_hand_takes_one_page_after_the_other_and_comes_round);
    RUN(an_accessed_page_has_a_second_chance_and_no_third);
    RUN(random_victims_have_no_second_chance);
    RUN(pinned_pages_are_passed_over_and_the_search_ends);
    RUN(a_full_cluster_is_written_at_once);
    RUN(compressed_pages_are_counted_by_the_slots_they_take);
    RUN(tokens_are_counted_the_same_at_every_size);
    RUN(a_full_cache_makes_room_only_where_swap_is_allowed);
    RUN(what_is_compressed_goes_on_to_swap_when_nothing_else_is_left);
    RUN(sharing_comes_first_and_counts_as_what_it_is);
    RUN(a_brief_search_ends_after_so_many_in_vain);
    RUN(without_memory_for_a_blob_s_record_the_page_stays);
    RUN(techniques_do_what_their_names_say);
    fclose(file);
    return check_result();
}
