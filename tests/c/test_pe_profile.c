/* sources: csrc/pe_profile.c csrc/pe_os.c csrc/pe_status.c */
/* A page that fell into the wrong part of its profile would make up or lose savings. Profiles that
   are all of one sort are counted out page by page. */
#include "check.h"

#include "pe_profile.h"

#define PAGES 64

static uint8_t sizes[PE_PROFILE_STEPS];

static void make(pe_profile *self, uint64_t vm, double zero, double same, double common,
                 double within)
{
    const double marks[4] = {zero, zero + same, zero + same + common,
                             zero + same + common + within};
    for (uint32_t i = 0; i < PE_PROFILE_STEPS; i++) {
        sizes[i] = (uint8_t)(1 + i % 63);
    }
    pe_profile_init(self, 80, vm, marks, 4, sizes);
}

static void a_zero_vm_holds_zero_until_it_writes(void)
{
    pe_profile profile;
    make(&profile, 3, 1, 0, 0, 0);
    for (uint64_t ppn = 0; ppn < PAGES; ppn++) {
        CHECK(pe_profile_token(&profile, ppn, 0) == 0);
        CHECK(pe_profile_token(&profile, ppn, 1) != 0);
    }
}

static void a_same_filled_page_has_size_nought(void)
{
    pe_profile profile;
    make(&profile, 3, 0, 1, 0, 0);
    for (uint64_t ppn = 0; ppn < PAGES; ppn++) {
        uint64_t token = pe_profile_token(&profile, ppn, 0);
        CHECK(token != 0 && (token & 63) == 0);
    }
}

static void common_pages_are_equal_in_all_vms_and_own_ones_in_none(void)
{
    pe_profile a, b;
    make(&a, 0, 0, 0, 1, 0);
    make(&b, 1, 0, 0, 1, 0);
    for (uint64_t ppn = 0; ppn < PAGES; ppn++) {
        CHECK(pe_profile_token(&a, ppn, 0) == pe_profile_token(&b, ppn, 0));
        CHECK(pe_profile_token(&a, ppn, 1) != pe_profile_token(&b, ppn, 1));
    }
}

static void a_group_repeats_one_content_within_its_vm(void)
{
    pe_profile a, b;
    make(&a, 0, 0, 0, 0, 1);
    make(&b, 1, 0, 0, 0, 1);
    for (uint64_t ppn = 0; ppn < PAGES; ppn++) {
        uint64_t first = pe_profile_token(&a, ppn / 4 * 4, 0);
        CHECK(pe_profile_token(&a, ppn, 0) == first);
        CHECK(pe_profile_token(&b, ppn, 0) != first);
        CHECK((first & 63) != 0);
    }
}

static void a_batch_is_its_pages_one_by_one(void)
{
    pe_profile profile;
    make(&profile, 7, 0.2, 0.2, 0.2, 0.2);
    int64_t ppns[PAGES];
    int32_t versions[PAGES];
    uint64_t out[PAGES];
    for (int32_t i = 0; i < PAGES; i++) {
        ppns[i] = 5 * i;
        versions[i] = i % 3;
    }
    pe_profile_tokens(&profile, PAGES, ppns, versions, out);
    for (int32_t i = 0; i < PAGES; i++) {
        CHECK(out[i] == pe_profile_token(&profile, (uint64_t)(5 * i), (uint32_t)(i % 3)));
    }
    pe_profile_tokens(&profile, 0, ppns, versions, out); /* nothing, and nothing is touched */
    CHECK(out[0] == pe_profile_token(&profile, 0, 0));
}

static void what_is_written_is_what_its_version_says_unless_it_is_zeroed(void)
{
    enum { ZEROED = 8, N = 6 };
    pe_profile profile;
    make(&profile, 7, 0, 0, 1, 0);
    int64_t const ppns[N] = {3, 5, 3, 9, 5, 1};
    uint8_t const kinds[N] = {1, 1 | ZEROED, 1, 1, 1, ZEROED};
    int32_t versions[PAGES] = {0};
    uint64_t out[N];
    versions[9] = 4;
    for (int round = 0; round < 2; round++) {
        pe_profile_written(&profile, N, ppns, kinds, ZEROED, versions, out);
        for (int i = 0; i < N; i++) {
            uint32_t version = (uint32_t)versions[ppns[i]];
            uint64_t token = pe_profile_token(&profile, (uint64_t)ppns[i], version);
            CHECK(out[i] == (kinds[i] & ZEROED ? 0 : token));
        }
        pe_profile_next(N, ppns, kinds, ZEROED, versions);
        CHECK(versions[3] == round + 1 && versions[9] == round + 5);
        CHECK(versions[5] == round + 1 && versions[1] == 0 && versions[0] == 0);
    }
    pe_profile_next(0, ppns, kinds, ZEROED, versions);
    CHECK(versions[3] == 2);
}

int main(void)
{
    RUN(a_zero_vm_holds_zero_until_it_writes);
    RUN(a_same_filled_page_has_size_nought);
    RUN(common_pages_are_equal_in_all_vms_and_own_ones_in_none);
    RUN(a_group_repeats_one_content_within_its_vm);
    RUN(a_batch_is_its_pages_one_by_one);
    RUN(what_is_written_is_what_its_version_says_unless_it_is_zeroed);
    return check_result();
}
