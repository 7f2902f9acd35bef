/* sources: csrc/pe_zcache.c csrc/pe_status.c csrc/pe_os.c */
/* A blob that overlaps another is a page that comes back wrong. Packings, limits, the order of
   storing, every allocation failing in turn, and each structure broken on purpose. */
#include "check.h"
#include "oom.h"

#include "pe_zcache_layout.h"

#include <stdlib.h>
#include <string.h>

#define FRAMES 64u

static uint8_t pool[FRAMES * PE_PAGE_BYTES];
static pe_frame next_frame;

static pe_zcache *new_cache(pe_packing packing, uint64_t limit)
{
    pe_zcache_config const config = {packing, pool, limit, NULL};
    pe_zcache *cache = NULL;
    next_frame = 0;
    CHECK(pe_zcache_new(&cache, &config) == PE_OK);
    CHECK(pe_zcache_groups(cache, 2) == PE_OK);
    return cache;
}

/* A payload of this length, all bytes of its own; the blob, or PE_NONE. */
static pe_blob store(pe_zcache *cache, uint32_t group, size_t length, uint8_t byte)
{
    uint8_t payload[PE_ZCACHE_PAYLOAD_MAX];
    bool used = false;
    pe_blob blob = PE_NONE;
    memset(payload, byte, sizeof payload);
    pe_status const status = pe_zcache_store(cache, group, byte, payload, length, next_frame, &used,
                                             &blob);
    next_frame += status == PE_OK && used;
    return status == PE_OK ? blob : PE_NONE;
}

static bool holds(const pe_zcache *cache, pe_blob blob, size_t length, uint8_t byte)
{
    size_t there;
    const uint8_t *payload = pe_zcache_payload(cache, blob, &there);
    bool right = there == length && pe_zcache_owner(cache, blob) == byte;
    for (size_t i = 0; i < length; ++i)
        right = right && payload[i] == byte;
    return right;
}

static bool whole(const pe_zcache *cache)
{
    const char *reason = "";
    return pe_zcache_check(cache, &reason);
}

static void test_a_frame_takes_four_quarters_or_two_halves(void)
{
    pe_zcache *cache = new_cache(PE_PACKING_ESX, PE_ZCACHE_NO_LIMIT);
    for (uint8_t i = 0; i < 4; ++i)
        CHECK(store(cache, 0, 1024, i) != PE_NONE);
    CHECK(next_frame == 1 && pe_zcache_needs_frame(cache, 1024));
    for (uint8_t i = 4; i < 6; ++i)
        CHECK(store(cache, 0, 1025, i) != PE_NONE);
    CHECK(next_frame == 2 && pe_zcache_needs_frame(cache, 2048));
    for (pe_blob b = 0; b < 6; ++b)
        CHECK(holds(cache, b, b < 4 ? 1024 : 1025, (uint8_t)b));
    pe_zcache_stats const stats = pe_zcache_total(cache);
    CHECK(stats.quarter == 4 && stats.half == 2 && stats.slot_bytes == 4 * 1024 + 2 * 2048);
    CHECK(whole(cache));
    pe_zcache_delete(cache);
}

static void test_dense_classes_take_as_many_as_fit(void)
{
    for (size_t length = 1; length <= PE_ZCACHE_PAYLOAD_MAX; length += 63) {
        pe_zcache *cache = new_cache(PE_PACKING_DENSE, PE_ZCACHE_NO_LIMIT);
        size_t const step = (length + 63) / 64 * 64, fit = PE_PAGE_BYTES / step;
        for (size_t i = 0; i < fit; ++i)
            CHECK(store(cache, 0, length, (uint8_t)i) != PE_NONE);
        CHECK(next_frame == 1 && pe_zcache_needs_frame(cache, length));
        for (pe_blob b = 0; b < fit; ++b)
            CHECK(holds(cache, b, length, (uint8_t)b));
        CHECK(whole(cache));
        pe_zcache_delete(cache);
    }
}

/* 1408 and 2048 bytes are both half a frame: one class, and the larger size is what a cell has. */
static void test_sizes_of_as_many_cells_are_one_class(void)
{
    pe_zcache *cache = new_cache(PE_PACKING_DENSE, PE_ZCACHE_NO_LIMIT);
    pe_blob const small = store(cache, 0, 1400, 1), large = store(cache, 0, 2000, 2);
    CHECK(next_frame == 1 && pe_zcache_total(cache).slot_bytes == 2 * 2048);
    CHECK(holds(cache, small, 1400, 1) && holds(cache, large, 2000, 2) && whole(cache));
    for (uint32_t c = 1; c < cache->classes; ++c)
        CHECK(cache->cells[c] < cache->cells[c - 1] && cache->size[c] > cache->size[c - 1]);
    CHECK(cache->cells[0] == 64 && cache->size[cache->classes - 1] == PE_ZCACHE_PAYLOAD_MAX);
    pe_zcache_delete(cache);
}

static void test_the_oldest_come_first_and_empty_frames_go_back(void)
{
    pe_zcache *cache = new_cache(PE_PACKING_ESX, PE_ZCACHE_NO_LIMIT);
    uint32_t group = 9;
    CHECK(pe_zcache_oldest_of_all(cache, &group) == PE_NONE);
    pe_blob const first = store(cache, 1, 2000, 1), second = store(cache, 0, 2000, 2);
    pe_blob const third = store(cache, 1, 2000, 3);
    CHECK(pe_zcache_oldest_of_all(cache, &group) == first && group == 1);
    CHECK(pe_zcache_oldest(cache, 0) == second && pe_zcache_oldest(cache, 7) == PE_NONE);
    CHECK(pe_zcache_erase(cache, 1, first) == PE_NONE);
    CHECK(pe_zcache_erase(cache, 0, second) == 0); /* the frame that held both */
    CHECK(pe_zcache_oldest_of_all(cache, &group) == third && group == 1);
    CHECK(pe_zcache_owner(cache, first) == UINT64_MAX);
    CHECK(whole(cache));
    CHECK(pe_zcache_erase(cache, 1, third) == 1);
    CHECK(pe_zcache_total(cache).blobs == 0 && pe_zcache_total(cache).frames == 0);
    CHECK(whole(cache));
    pe_zcache_delete(cache);
}

static void test_limits_refuse_and_change_nothing(void)
{
    pe_zcache *cache = new_cache(PE_PACKING_ESX, 8192);
    pe_zcache_set_group_limit(cache, 1, 2048);
    CHECK(store(cache, 1, 1500, 1) != PE_NONE);
    CHECK(store(cache, 1, 10, 2) == PE_NONE);
    for (uint8_t i = 0; i < 6; ++i)
        CHECK(store(cache, 0, 900, i) != PE_NONE);
    CHECK(store(cache, 0, 900, 7) == PE_NONE);
    CHECK(pe_zcache_total(cache).slot_bytes == 8192 && whole(cache));
    pe_zcache_set_limit(cache, 0);
    CHECK(whole(cache));
    pe_zcache_delete(cache);
}

static void test_limits_hold_to_the_byte(void)
{
    pe_zcache *cache = new_cache(PE_PACKING_ESX, 3 * 1024);
    pe_zcache_set_group_limit(cache, 0, 2 * 1024 - 1);
    CHECK(store(cache, 0, 100, 1) != PE_NONE);
    CHECK(store(cache, 0, 100, 2) == PE_NONE); /* a byte too much for its group */
    pe_zcache_set_group_limit(cache, 0, 2 * 1024);
    CHECK(store(cache, 0, 100, 3) != PE_NONE);
    CHECK(store(cache, 1, 1025, 4) == PE_NONE); /* and for all */
    CHECK(store(cache, 1, 1024, 5) != PE_NONE);
    CHECK(pe_zcache_of_group(cache, 0).slot_bytes == 2048);
    CHECK(pe_zcache_of_group(cache, 1).slot_bytes == 1024);
    CHECK(pe_zcache_of_group(cache, 0).payload_bytes == 200);
    CHECK(pe_zcache_of_group(cache, 2).blobs == 0 && pe_zcache_total(cache).blobs == 3);
    pe_zcache_set_limit(cache, 5 * 1024);
    CHECK(store(cache, 1, 1025, 6) != PE_NONE && pe_zcache_total(cache).half == 1);
    CHECK(pe_zcache_groups(cache, 1) == PE_OK); /* groups only come */
    CHECK(pe_zcache_of_group(cache, 1).blobs == 2 && pe_zcache_total(cache).payload_bytes == 2249);
    CHECK(whole(cache));
    pe_zcache_delete(cache);
}

static void check_order(const pe_zcache *cache, uint32_t group, const pe_blob *expected, uint32_t n)
{
    pe_blob blob = pe_zcache_oldest(cache, group);
    for (uint32_t i = 0; i < n; ++i, blob = cache->blobs[blob].next)
        CHECK(blob == expected[i]);
    CHECK(blob == PE_NONE && whole(cache));
}

static void test_a_blob_may_leave_from_anywhere(void)
{
    pe_zcache *cache = new_cache(PE_PACKING_ESX, PE_ZCACHE_NO_LIMIT);
    pe_blob b[6];
    for (uint8_t i = 0; i < 6; ++i)
        b[i] = store(cache, 0, 2000, i);
    CHECK(pe_zcache_erase(cache, 0, b[2]) == PE_NONE); /* from the middle */
    check_order(cache, 0, (pe_blob[]){b[0], b[1], b[3], b[4], b[5]}, 5);
    CHECK(!pe_zcache_needs_frame(cache, 2000)); /* a full frame that is one no more */
    CHECK(pe_zcache_erase(cache, 0, b[5]) == PE_NONE);
    check_order(cache, 0, (pe_blob[]){b[0], b[1], b[3], b[4]}, 4);
    CHECK(pe_zcache_erase(cache, 0, b[0]) == PE_NONE);
    check_order(cache, 0, (pe_blob[]){b[1], b[3], b[4]}, 3);
    CHECK(pe_zcache_erase(cache, 0, b[3]) == 1 && next_frame == 3);
    pe_blob const again = store(cache, 0, 2000, 9);
    CHECK(next_frame == 3); /* the first partly filled frame has room */
    check_order(cache, 0, (pe_blob[]){b[1], b[4], again}, 3);
    CHECK(holds(cache, again, 2000, 9) && holds(cache, b[1], 2000, 1));
    CHECK(holds(cache, b[4], 2000, 4));
    CHECK(pe_zcache_total(cache).frames == 2 && pe_zcache_total(cache).half == 3);
    pe_zcache_delete(cache);
}

static void see(void *context, pe_frame frame)
{
    *(uint64_t *)context |= UINT64_C(1) << frame;
}

static void test_records_grow_and_every_frame_is_told(void)
{
    pe_zcache *cache = new_cache(PE_PACKING_ESX, PE_ZCACHE_NO_LIMIT);
    uint64_t frames = 0;
    size_t const bytes = pe_zcache_bytes(cache);
    for (uint32_t i = 0; i < 200; ++i)
        CHECK(store(cache, i % 2, 1024, (uint8_t)i) == i);
    CHECK(next_frame == 50 && whole(cache) && pe_zcache_total(cache).frames == 50);
    size_t const records = 200 * sizeof *cache->blobs + 50 * sizeof *cache->frames;
    CHECK(pe_zcache_bytes(cache) >= bytes + records);
    for (uint32_t b = 0; b < 200; ++b)
        CHECK(holds(cache, b, 1024, (uint8_t)b));
    for (uint32_t b = 0; b < 4; ++b)
        CHECK(pe_zcache_erase(cache, b % 2, b) == (b == 3 ? 0 : PE_NONE));
    pe_zcache_each_frame(cache, see, &frames);
    CHECK(frames == (UINT64_C(1) << 50) - 2); /* all but the first */
    CHECK(pe_zcache_owner(cache, 0) == UINT64_MAX && pe_zcache_owner(cache, 999) == UINT64_MAX);
    pe_zcache_delete(cache);
}

static void test_without_a_frame_nothing_is_stored(void)
{
    pe_zcache *cache = new_cache(PE_PACKING_ESX, PE_ZCACHE_NO_LIMIT);
    uint8_t payload[8] = {0};
    bool used = true;
    pe_blob blob;
    CHECK(pe_zcache_store(cache, 0, 0, payload, 8, PE_NONE, &used, &blob) == PE_NO_FRAME);
    CHECK(pe_zcache_total(cache).blobs == 0 && whole(cache));
    pe_zcache_delete(cache);
}

static void test_tokens_are_kept_aside(void)
{
    pe_zcache_config const config = {PE_PACKING_ESX, NULL, PE_ZCACHE_NO_LIMIT, NULL};
    pe_zcache *cache;
    uint64_t const token = UINT64_C(0x123456789abcdef0);
    uint64_t back;
    size_t length;
    bool used;
    pe_blob blob;
    CHECK(pe_zcache_new(&cache, &config) == PE_OK && pe_zcache_groups(cache, 1) == PE_OK);
    CHECK(pe_zcache_store(cache, 0, 5, &token, 1900, 3, &used, &blob) == PE_OK && used);
    memcpy(&back, pe_zcache_payload(cache, blob, &length), sizeof back);
    CHECK(back == token && length == 1900);
    CHECK(pe_zcache_erase(cache, 0, blob) == 3);
    pe_zcache_delete(cache);
}

static void test_every_allocation_may_fail(void)
{
    for (unsigned fail = 0; fail < 12; ++fail) {
        pe_zcache_config const config = {PE_PACKING_DENSE, pool, PE_ZCACHE_NO_LIMIT, NULL};
        pe_zcache *cache = NULL;
        next_frame = 0;
        oom_fail_after(fail);
        if (pe_zcache_new(&cache, &config) == PE_OK) {
            if (pe_zcache_groups(cache, 3) == PE_OK)
                for (unsigned i = 0; i < 200; ++i)
                    (void)store(cache, i % 3, 1 + i * 7, (uint8_t)i);
            CHECK(whole(cache));
        }
        oom_off();
        pe_zcache_delete(cache);
    }
}

static bool names(const pe_zcache *cache, const char *rule)
{
    const char *reason = "";
    return !pe_zcache_check(cache, &reason) && strncmp(reason, rule, strlen(rule)) == 0;
}

#define BREAK(where, wrong, rule) \
    do { \
        __typeof__(where) const was = (where); \
        (where) = (wrong); \
        CHECK(names(cache, rule)); \
        (where) = was; \
        CHECK(whole(cache)); \
    } while (0)

static void test_what_is_broken_is_named(void)
{
    pe_zcache *cache = new_cache(PE_PACKING_ESX, PE_ZCACHE_NO_LIMIT);
    for (uint8_t i = 0; i < 6; ++i)
        CHECK(store(cache, 0, 1000, i) != PE_NONE);
    CHECK(whole(cache));
    BREAK(cache->frames[0].used, UINT64_C(7), "Z1");
    BREAK(cache->frames[1].used, UINT64_C(7), "Z1");
    BREAK(cache->frames[1].used, UINT64_C(0), "Z1");
    BREAK(cache->partial[0], PE_NONE, "Z2");
    BREAK(cache->frames[1].cls, 1u, "Z4");
    BREAK(cache->blobs[3].prev, 5u, "Z3");
    BREAK(cache->blobs[3].stamp, UINT64_C(0), "Z3");
    BREAK(cache->groups[0].newest, 0u, "Z3");
    BREAK(cache->groups[0].stats.quarter, UINT64_C(5), "Z4");
    BREAK(cache->blobs[2].length, (uint16_t)999, "Z4");
    BREAK(cache->total.blobs, UINT64_C(7), "Z4");
    BREAK(cache->total.frames, UINT64_C(1), "Z4");
    pe_zcache_delete(cache);
}

int main(void)
{
    RUN(test_a_frame_takes_four_quarters_or_two_halves);
    RUN(test_dense_classes_take_as_many_as_fit);
    RUN(test_sizes_of_as_many_cells_are_one_class);
    RUN(test_the_oldest_come_first_and_empty_frames_go_back);
    RUN(test_limits_refuse_and_change_nothing);
    RUN(test_limits_hold_to_the_byte);
    RUN(test_a_blob_may_leave_from_anywhere);
    RUN(test_records_grow_and_every_frame_is_told);
    RUN(test_without_a_frame_nothing_is_stored);
    RUN(test_tokens_are_kept_aside);
    RUN(test_every_allocation_may_fail);
    RUN(test_what_is_broken_is_named);
    return check_result();
}
