/* sources: csrc/pe_pool.c csrc/pe_os.c csrc/pe_status.c */
/* At stake: resident memory must follow the frames that are in use, and a frame that was released
   must read as zero. Resident pages are counted by the system itself. */
#include "check.h"
#include "oom.h"
#include "pe_os.h"
#include "pe_pool.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FRAMES 1000u

static uint32_t resident(const pe_pool *pool)
{
    unsigned char pages[FRAMES];
    uint32_t n = 0;
    if (sysconf(_SC_PAGESIZE) != PE_PAGE_BYTES
        || mincore(pool->bytes, (size_t)FRAMES * PE_PAGE_BYTES, (void *)pages) != 0) {
        return PE_NONE;
    }
    for (uint32_t i = 0; i < FRAMES; i++) {
        n += pages[i] & 1;
    }
    return n;
}

static bool is_filled(const pe_pool *pool, pe_frame frame, uint8_t value)
{
    const uint8_t *page = pe_pool_page(pool, frame);
    return page[0] == value && memcmp(page, page + 1, PE_PAGE_BYTES - 1) == 0;
}

static void memory_is_resident_only_where_frames_were_used(void)
{
    pe_pool pool;
    uint64_t idle[(FRAMES + 63) / 64];
    CHECK(pe_pool_init_in(&pool, FRAMES, NULL) == PE_OK);
    bool counted = resident(&pool) != PE_NONE;
    CHECK(!counted || resident(&pool) == 0);
    for (pe_frame f = 0; f < FRAMES; f += 3) {
        memset(pe_pool_page_to_fill(&pool, f), 0x5a, PE_PAGE_BYTES);
    }
    CHECK(!counted || resident(&pool) == 334);
    memset(idle, 0, sizeof idle);
    CHECK(pe_pool_release(&pool, idle) == 0);
    for (pe_frame f = 0; f < 600; f++) {
        idle[f / 64] |= UINT64_C(1) << (f % 64);
    }
    CHECK(pe_pool_release(&pool, idle) == 200);
    CHECK(!counted || resident(&pool) == 134);
    CHECK(pe_pool_release(&pool, idle) == 0);
    bool right = true;
    for (pe_frame f = 0; f < FRAMES; f += 3) {
        right = right && is_filled(&pool, f, f < 600 ? 0 : 0x5a);
    }
    CHECK(right);
    pe_pool_fini(&pool);
    pe_pool_fini(&pool);
}

static void runs_of_frames_are_released_across_words(void)
{
    static const struct {
        pe_frame first, end;
    } runs[] = {{0, 64}, {0, 1}, {63, 65}, {10, 500}, {999, 1000}, {0, 1000}, {64, 128}};
    for (size_t i = 0; i < PE_COUNT_OF(runs); i++) {
        pe_pool pool;
        uint64_t idle[(FRAMES + 63) / 64];
        memset(idle, 0, sizeof idle);
        CHECK(pe_pool_init_in(&pool, FRAMES, NULL) == PE_OK);
        for (pe_frame f = 0; f < FRAMES; f++) {
            memset(pe_pool_page_to_fill(&pool, f), 1, PE_PAGE_BYTES);
            bool in_run = f >= runs[i].first && f < runs[i].end;
            idle[f / 64] |= (uint64_t)in_run << (f % 64);
        }
        CHECK(pe_pool_release(&pool, idle) == runs[i].end - runs[i].first);
        bool right = true;
        for (pe_frame f = 0; f < FRAMES; f++) {
            bool in_run = f >= runs[i].first && f < runs[i].end;
            right = right && is_filled(&pool, f, in_run ? 0 : 1);
        }
        CHECK(right);
        pe_pool_fini(&pool);
    }
}

static void a_zeroed_frame_is_zero_whatever_was_there(void)
{
    pe_pool pool;
    uint64_t idle[(FRAMES + 63) / 64];
    memset(idle, 0xff, sizeof idle);
    CHECK(pe_pool_init_in(&pool, FRAMES, NULL) == PE_OK);
    CHECK(pe_pool_page_zeroed(&pool, 70) == pool.bytes + 70 * PE_PAGE_BYTES);
    CHECK(is_filled(&pool, 70, 0));
    pe_pool_page(&pool, 70)[5] = 9; /* written after it was handed out: must be known as touched */
    CHECK(is_filled(&pool, 70, 0) == false);
    CHECK(pe_pool_page_zeroed(&pool, 70)[5] == 0);
    pe_pool_page(&pool, 70)[4095] = 9;
    CHECK(pe_pool_release(&pool, idle) == 1);
    CHECK(is_filled(&pool, 70, 0));
    memset(pe_pool_page_to_fill(&pool, 71), 7, PE_PAGE_BYTES);
    memset(pe_pool_page_to_fill(&pool, 72), 8, PE_PAGE_BYTES);
    (void)pe_pool_page_zeroed(&pool, 70); /* its neighbours are used as before */
    (void)pe_pool_page_zeroed(&pool, 71);
    CHECK(is_filled(&pool, 71, 0));
    CHECK(is_filled(&pool, 72, 8) && pe_pool_release(&pool, idle) == 3);
    CHECK(is_filled(&pool, 72, 0));
    pe_pool_fini(&pool);
}

static void failing_allocations_leave_a_zeroed_pool(void)
{
    for (unsigned n = 0; n < 2; n++) {
        pe_pool pool, zero;
        memset(&zero, 0, sizeof zero);
        oom_fail_after(n);
        CHECK(pe_pool_init_in(&pool, FRAMES, NULL) == PE_ERR_NO_MEMORY);
        oom_off();
        CHECK(memcmp(&pool, &zero, sizeof zero) == 0);
        pe_pool_fini(&pool);
    }
    pe_pool none;
    CHECK(pe_pool_init_in(&none, 0, NULL) == PE_OK && pe_pool_release(&none, NULL) == 0);
    pe_pool_fini(&none);
}

static void parts_of_pages_are_cleared_too(void)
{
    size_t bytes = 10 * (size_t)PE_PAGE_BYTES;
    for (int huge = 0; huge < 2; huge++) {
        uint8_t *memory = pe_os_map(bytes, huge != 0);
        CHECK(memory != NULL);
        memset(memory, 7, bytes);
        pe_os_release(memory + 100, 3 * PE_PAGE_BYTES);
        pe_os_release(memory + 5 * PE_PAGE_BYTES + 8, 16);
        pe_os_release(memory, 0);
        bool right = true;
        for (size_t i = 0; i < bytes; i++) {
            bool gone = (i >= 100 && i < 100 + 3 * PE_PAGE_BYTES)
                     || (i >= 5 * PE_PAGE_BYTES + 8 && i < 5 * PE_PAGE_BYTES + 24);
            right = right && memory[i] == (gone ? 0 : 7);
        }
        CHECK(right);
        pe_os_unmap(memory, bytes);
    }
    pe_os_unmap(NULL, bytes);
}

int main(void)
{
    RUN(memory_is_resident_only_where_frames_were_used);
    RUN(runs_of_frames_are_released_across_words);
    RUN(a_zeroed_frame_is_zero_whatever_was_there);
    RUN(failing_allocations_leave_a_zeroed_pool);
    RUN(parts_of_pages_are_cleared_too);
    return check_result();
}
