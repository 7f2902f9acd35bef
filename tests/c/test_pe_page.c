/* sources: csrc/*.c csrc/codec/*.c */
/* At stake: whatever the sharing table says is a guess, and a page that trusts it is another
   VM's page. Hints and entries are forged here: of another salt group, of pages that are
   pinned, gone or changed. */
#include "check.h"
#include "small_host.h"

static FILE *file;
static pe_host *host;
static uint8_t page[PE_PAGE_BYTES];

static void begin(void)
{
    CHECK(small_host(&host, file, 16) == PE_OK);
}

static void end(void)
{
    CHECK(sound(host));
    pe_host_delete(host);
}

static void put(uint32_t vm, uint32_t ppn, uint8_t key)
{
    CHECK(write_page(host, vm, ppn, page_of(page, key)) == PE_OK);
}

static pe_scan_result scan(uint32_t vm)
{
    pe_scan_result result = {0};
    CHECK(pe_scan(host, pe_host_vm(host, vm), SMALL_PAGES, 0, &result) == PE_OK);
    return result;
}

static pe_place place(uint32_t vm, uint32_t ppn)
{
    return pe_place_of(pe_host_vm(host, vm)->map[ppn]);
}

static uint64_t hash_in_group_of(uint32_t vm, uint8_t key)
{
    return pe_hash_page_keyed(&host->groups[pe_host_vm(host, vm)->group].key, page_of(page, key));
}

static void a_hint_that_leads_to_another_salt_group_joins_nothing(void)
{
    uint64_t other;
    begin();
    CHECK(pe_host_add_vm(host, SMALL_PAGES, 77, PE_ZCACHE_NO_LIMIT, &other) == PE_OK);
    put(0, 1, 9);
    put(other, 1, 9);
    uint64_t const theirs = pe_host_vm(host, 0)->base + 1;
    CHECK(pe_sharing_hint(&host->sharing, hash_in_group_of(other, 9), theirs));
    CHECK(scan(other).merged == 0);
    CHECK(place(0, 1) == PE_PRIVATE && place(other, 1) == PE_PRIVATE);
    CHECK(host->sharing.hints == 1); /* what led astray gave way to the page's own */
    end();
}

static void a_shared_frame_of_another_salt_group_takes_nobody_in(void)
{
    begin();
    put(0, 1, 9);
    put(0, 2, 9);
    CHECK(scan(0).merged == 1);
    pe_frame const frame = pe_payload_of(pe_host_vm(host, 0)->map[1]);
    put(1, 1, 9);
    host->group_of[frame] = 5;
    CHECK(scan(1).merged == 0 && place(1, 1) == PE_PRIVATE);
    host->group_of[frame] = 0;
    CHECK(scan(1).merged == 1);
    CHECK(pe_payload_of(pe_host_vm(host, 1)->map[1]) == frame && host->sharing.mappers[frame] == 3);
    end();
}

/* What a hinted page became before an equal one came by; the second is no partner of it. */
static void check_no_partner(void (*becomes)(pe_vm *vm, uint32_t ppn))
{
    begin();
    put(0, 1, 9);
    CHECK(scan(0).hinted == 1);
    becomes(pe_host_vm(host, 0), 1);
    put(1, 1, 9);
    CHECK(scan(1).merged == 0 && place(1, 1) == PE_PRIVATE);
    CHECK(host->sharing.shared == 0 && host->sharing.hints == 1);
    end();
}

static void pinned(pe_vm *vm, uint32_t ppn)
{
    pe_vm_pin(vm, ppn, true);
}

static void swapped(pe_vm *vm, uint32_t ppn)
{
    pe_reclaim_result won = {0};
    CHECK(pe_reclaim(host, vm, 1, PE_STEP_SWAP, &won) == PE_OK && won.swapped == 1);
    CHECK(pe_place_of(vm->map[ppn]) == PE_SWAPPED);
}

static void changed(pe_vm *vm, uint32_t ppn)
{
    put(vm->id, ppn, 10);
}

static void a_hinted_page_that_is_no_partner_any_more_is_none(void)
{
    check_no_partner(pinned);
    check_no_partner(swapped);
    check_no_partner(changed);
}

static void a_hint_of_a_vm_that_left_gives_way(void)
{
    begin();
    put(0, 1, 9);
    CHECK(scan(0).hinted == 1 && pe_host_remove_vm(host, 0) == PE_OK);
    put(1, 1, 9);
    CHECK(scan(1).hinted == 1 && host->sharing.hints == 1);
    put(1, 2, 9);
    CHECK(scan(1).merged == 1);
    end();
}

static void a_page_s_own_hint_is_kept_and_only_a_scan_keeps_it(void)
{
    pe_reclaim_result won = {0};
    begin();
    put(0, 1, 9);
    CHECK(scan(0).hinted == 1 && scan(0).hinted == 0 && host->sharing.hints == 1);
    pe_scan_end_pass(host);
    CHECK(scan(0).hinted == 0 && host->sharing.hints_of[host->sharing.generation] == 1);
    pe_scan_end_pass(host);
    CHECK(pe_reclaim(host, pe_host_vm(host, 0), 1, PE_STEP_SHARE, &won) == PE_OK);
    CHECK(won.frames == 0 && host->sharing.hints_of[host->sharing.generation] == 0);
    end();
}

static void a_full_count_of_mappers_takes_nobody_in(void)
{
    begin();
    CHECK(touch_page(host, 0, 1, false) == PE_OK); /* the zero page */
    put(0, 2, 0);
    put(1, 3, 9);
    put(1, 4, 9);
    CHECK(scan(1).merged == 1);
    put(1, 5, 9);
    pe_frame const zero = host->groups[0].zero_frame;
    pe_frame const nine = pe_payload_of(pe_host_vm(host, 1)->map[3]);
    uint32_t const kept[2] = {host->sharing.mappers[zero], host->sharing.mappers[nine]};
    host->sharing.mappers[zero] = host->sharing.mappers[nine] = PE_SHARING_MAPPERS_MAX;
    CHECK(scan(0).zero_merged == 0 && place(0, 2) == PE_PRIVATE);
    CHECK(scan(1).merged == 0 && place(1, 5) == PE_PRIVATE);
    CHECK(touch_page(host, 0, 6, false) == PE_OK && place(0, 6) == PE_PRIVATE);
    host->sharing.mappers[zero] = kept[0];
    host->sharing.mappers[nine] = kept[1];
    CHECK(read_page(host, 0, 6, page) == PE_OK && pe_page_is_zero(page));
    end();
}

/* Every place of the table is a shared entry of a frame that the host does not have. */
static void fill_table(void)
{
    pe_sharing *table = &host->sharing;
    uint64_t const slots = table->buckets * 8;
    pe_frame frame = SMALL_FRAMES;
    table->frames = SMALL_FRAMES + (uint32_t)slots; /* counts have a page: there is room */
    for (uint64_t i = 0; table->shared < slots && i < 100000; ++i)
        frame += pe_sharing_insert(table, pe_mix64(i + 1), frame) == PE_OK;
    CHECK(table->shared == slots);
}

static void empty_table(void)
{
    memset(host->sharing.slots, 0, host->sharing.buckets * 8 * sizeof *host->sharing.slots);
    host->sharing.frames = SMALL_FRAMES;
    host->sharing.shared = 0;
}

static void without_room_in_the_table_a_page_of_zeroes_is_its_own(void)
{
    begin();
    uint32_t const idle = pe_frames_idle(&host->frames);
    fill_table();
    CHECK(touch_page(host, 0, 1, false) == PE_OK && place(0, 1) == PE_PRIVATE);
    CHECK(host->groups[0].zero_frame == PE_NONE && pe_frames_idle(&host->frames) == idle - 1);
    put(0, 2, 0);
    put(0, 3, 9);
    pe_scan_result const result = scan(0);
    CHECK(result.scanned == 3 && result.zero_merged == 0 && result.hinted == 0);
    CHECK(place(0, 2) == PE_PRIVATE && pe_host_vm(host, 0)->event[PE_EV_HINTED] == 0);
    empty_table();
    CHECK(scan(0).zero_merged == 2); /* one becomes the zero page, one joins it */
    end();
}

static void the_zero_page_goes_with_its_last_mapper_and_comes_again(void)
{
    begin();
    CHECK(touch_page(host, 0, 1, false) == PE_OK && touch_page(host, 0, 2, false) == PE_OK);
    pe_frame const zero = host->groups[0].zero_frame;
    CHECK(zero != PE_NONE && host->sharing.mappers[zero] == 2);
    CHECK(touch_page(host, 0, 1, true) == PE_OK && host->groups[0].zero_frame == zero);
    CHECK(touch_page(host, 0, 2, true) == PE_OK && host->groups[0].zero_frame == PE_NONE);
    CHECK(pe_payload_of(pe_host_vm(host, 0)->map[2]) == zero && host->sharing.shared == 0);
    CHECK(touch_page(host, 0, 3, false) == PE_OK && host->groups[0].zero_frame != PE_NONE);
    int64_t const ppn = 3;
    uint32_t const idle = pe_frames_idle(&host->frames);
    CHECK(pe_balloon_pages(host, pe_host_vm(host, 0), &ppn, 1) == 1);
    CHECK(host->groups[0].zero_frame == PE_NONE && pe_frames_idle(&host->frames) == idle + 1);
    end();
}

static void no_zero_page_is_made_below_the_mark(void)
{
    begin();
    host->mark = SMALL_FRAMES;
    CHECK(touch_page(host, 0, 1, false) == PE_NO_FRAME && host->sharing.shared == 0);
    host->mark = SMALL_FRAMES - 1;
    CHECK(touch_page(host, 0, 1, false) == PE_OK);
    CHECK(touch_page(host, 0, 2, false) == PE_OK); /* needs no frame */
    CHECK(touch_page(host, 0, 3, true) == PE_NO_FRAME);
    end();
}

static void each_salt_group_has_a_zero_page_of_its_own(void)
{
    uint64_t other;
    begin();
    CHECK(pe_host_add_vm(host, SMALL_PAGES, 77, PE_ZCACHE_NO_LIMIT, &other) == PE_OK);
    for (uint32_t vm = 0; vm < 3; vm += 2)
        CHECK(touch_page(host, vm, 1, false) == PE_OK);
    CHECK(host->groups[0].zero_frame != host->groups[1].zero_frame && host->sharing.shared == 2);
    CHECK(host->group_of[host->groups[1].zero_frame] == 1);
    CHECK(pe_host_remove_vm(host, other) == PE_OK && host->groups[1].vms == 0);
    CHECK(pe_host_add_vm(host, SMALL_PAGES, 88, PE_ZCACHE_NO_LIMIT, &other) == PE_OK);
    CHECK(host->group_count == 2 && host->groups[1].salt == 88 && host->groups[0].salt == 0);
    CHECK(touch_page(host, other, 1, false) == PE_OK);
    end();
}

int main(void)
{
    file = tmpfile();
    CHECK(file);
    RUN(a_hint_that_leads_to_another_salt_group_joins_nothing);
    RUN(a_shared_frame_of_another_salt_group_takes_nobody_in);
    RUN(a_hinted_page_that_is_no_partner_any_more_is_none);
    RUN(a_hint_of_a_vm_that_left_gives_way);
    RUN(a_page_s_own_hint_is_kept_and_only_a_scan_keeps_it);
    RUN(a_full_count_of_mappers_takes_nobody_in);
    RUN(without_room_in_the_table_a_page_of_zeroes_is_its_own);
    RUN(the_zero_page_goes_with_its_last_mapper_and_comes_again);
    RUN(no_zero_page_is_made_below_the_mark);
    RUN(each_salt_group_has_a_zero_page_of_its_own);
    fclose(file);
    return check_result();
}
