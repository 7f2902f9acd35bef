/* The moves of one page that several rooms make.

   Every function here leaves each invariant of pe_check true when it returns; when two stores are
   concerned, the step that may fail comes first. Who changes what:

     a frame's last mapper leaves     sharing.remove(hash) -> zero page forgotten -> release
     a partner is found               sharing.attach (may refuse) -> page map -> release(own frame)
     a hint is its partner            sharing.promote -> attach twice -> both page maps ->
                                      release(own frame)

   A candidate counts only when it is of the same salt group, private, not pinned, and equal byte by
   byte; so a stale hint, a reused page number or a hash collision can cost time but never join
   unequal pages, nor pages of two salt groups. A pinned page may be read-shared by no one: it is
   left alone.

   The zero page is the one shared frame that is known without the table (it is in the table as
   well, like every other, so that check needs no exception). */
#include "pe_page.h"

#include "pe_content.h"

pe_frame pe_page_take_frame(pe_host *host)
{
    if (pe_frames_idle(&host->frames) <= host->mark)
        return PE_NONE;
    return pe_frames_take(&host->frames);
}

static void remove_entry(pe_host *host, const pe_vm *vm, pe_frame frame)
{
    pe_group *group = &host->groups[vm->group];
    uint64_t const hash = pe_content_hash(host, frame, group);
    bool const found = pe_sharing_remove(&host->sharing, hash, frame);
    pe_assert(found);
    (void)found;
    if (group->zero_frame == frame)
        group->zero_frame = PE_NONE;
}

void pe_page_unshare(pe_host *host, const pe_vm *vm, pe_frame frame)
{
    pe_assert(host->sharing.mappers[frame] == 1);
    remove_entry(host, vm, frame);
}

void pe_page_unmap_shared(pe_host *host, const pe_vm *vm, pe_frame frame)
{
    if (host->sharing.mappers[frame] > 1) {
        (void)pe_sharing_detach(&host->sharing, frame);
        return;
    }
    remove_entry(host, vm, frame);
    pe_page_release_frame(host, frame);
}

void pe_page_erase_blob(pe_host *host, const pe_vm *vm, pe_blob blob)
{
    pe_frame const emptied = pe_zcache_erase(host->zcache, vm->index, blob);
    if (emptied != PE_NONE)
        pe_page_release_frame(host, emptied);
}

void pe_page_drop(pe_host *host, pe_vm *vm, uint32_t ppn)
{
    uint64_t const word = vm->map[ppn];
    switch (pe_place_of(word)) {
    case PE_ABSENT:
    case PE_BALLOONED: return;
    case PE_PRIVATE: pe_page_release_frame(host, pe_payload_of(word)); return;
    case PE_SHARED: pe_page_unmap_shared(host, vm, pe_payload_of(word)); return;
    case PE_COMPRESSED: pe_page_erase_blob(host, vm, pe_payload_of(word)); return;
    case PE_SWAPPED: pe_swap_give_back(&host->swap, pe_payload_of(word)); return;
    }
}

static void set_group(pe_host *host, pe_frame frame, uint32_t group)
{
    if (host->group_of[frame] != group) /* most hosts have one group: leave the memory untouched */
        host->group_of[frame] = group;
}

/* Makes a frame of zeroes the group's zero page with one mapper. */
static pe_status install_zero_page(pe_host *host, pe_vm *vm, pe_frame frame)
{
    pe_group *group = &host->groups[vm->group];
    pe_assert(group->zero_frame == PE_NONE);
    pe_status status = pe_sharing_insert(&host->sharing, group->zero_hash, frame);
    if (status != PE_OK)
        return status;
    status = pe_sharing_attach(&host->sharing, frame);
    pe_assert(status == PE_OK);
    set_group(host, frame, vm->group);
    group->zero_frame = frame;
    return status;
}

pe_status pe_page_map_zero(pe_host *host, pe_vm *vm, uint32_t ppn)
{
    pe_group *group = &host->groups[vm->group];
    pe_status status;
    if (group->zero_frame != PE_NONE) {
        status = pe_sharing_attach(&host->sharing, group->zero_frame);
    } else {
        pe_frame const frame = pe_page_take_frame(host);
        if (frame == PE_NONE)
            return PE_NO_FRAME;
        pe_content_zero(host, frame);
        status = install_zero_page(host, vm, frame);
        if (status != PE_OK)
            pe_page_release_frame(host, frame);
    }
    if (status == PE_OK)
        pe_vm_put_zero(vm, ppn, group->zero_frame);
    return status;
}

/* The page leaves its private frame for a shared one that it was just attached to. */
static void move_to_shared(pe_host *host, pe_vm *vm, uint32_t ppn, pe_frame shared)
{
    pe_frame const own = pe_payload_of(vm->map[ppn]);
    pe_assert(pe_place_of(vm->map[ppn]) == PE_PRIVATE && own != shared);
    pe_vm_put(vm, ppn, PE_SHARED, shared);
    pe_page_release_frame(host, own);
}

static pe_partner share_zero(pe_host *host, pe_vm *vm, uint32_t ppn, pe_partners with)
{
    pe_frame const own = pe_payload_of(vm->map[ppn]);
    pe_frame const zero = host->groups[vm->group].zero_frame;
    if (zero == PE_NONE) {
        if (with == PE_PARTNERS_SHARED || install_zero_page(host, vm, own) != PE_OK)
            return PE_PARTNER_NONE;
        pe_vm_put_zero(vm, ppn, own);
        return PE_PARTNER_BECAME_ZERO;
    }
    if (pe_sharing_attach(&host->sharing, zero) != PE_OK)
        return PE_PARTNER_NONE;
    pe_vm_put_zero(vm, ppn, zero);
    pe_page_release_frame(host, own);
    return PE_PARTNER_ZERO;
}

/* The hinted page, if it is a partner for this one: its frame is then shared by both. */
static bool share_with_hint(pe_host *host, pe_vm *vm, uint32_t ppn, pe_frame equal,
                            const pe_sharing_cursor *hint)
{
    pe_vm *other;
    uint32_t other_ppn;
    if (!pe_host_page(host, hint->id, &other, &other_ppn) || other->group != vm->group)
        return false;
    uint64_t const word = other->map[other_ppn];
    if (pe_place_of(word) != PE_PRIVATE || (word & PE_PINNED))
        return false;
    pe_frame const frame = pe_payload_of(word);
    if (frame != equal && !pe_content_equal(host, frame, pe_payload_of(vm->map[ppn])))
        return false;
    pe_sharing_promote(&host->sharing, hint, frame);
    pe_status const first = pe_sharing_attach(&host->sharing, frame);
    pe_status const second = pe_sharing_attach(&host->sharing, frame);
    pe_assert(first == PE_OK && second == PE_OK);
    (void)first, (void)second;
    set_group(host, frame, vm->group);
    pe_vm_put(other, other_ppn, PE_SHARED, frame);
    move_to_shared(host, vm, ppn, frame);
    return true;
}

pe_partner pe_page_share(pe_host *host, pe_vm *vm, uint32_t ppn, uint64_t hash, pe_frame equal,
                         pe_partners with, pe_sharing_cursor *hint)
{
    pe_frame const own = pe_payload_of(vm->map[ppn]);
    const pe_group *group = &host->groups[vm->group];
    pe_assert(pe_place_of(vm->map[ppn]) == PE_PRIVATE);
    hint->kind = PE_ENTRY_EMPTY;
    if (hash == group->zero_hash
        && ((equal != PE_NONE && equal == group->zero_frame) || pe_content_is_zero(host, own)))
        return share_zero(host, vm, ppn, with);
    pe_sharing_cursor cursor = pe_sharing_find(hash);
    while (pe_sharing_next(&host->sharing, &cursor)) {
        if (cursor.kind == PE_ENTRY_SHARED) {
            pe_frame const frame = (pe_frame)cursor.id;
            if (host->group_of[frame] != vm->group
                || (frame != equal && !pe_content_equal(host, frame, own))
                || pe_sharing_attach(&host->sharing, frame) != PE_OK)
                continue;
            move_to_shared(host, vm, ppn, frame);
            return PE_PARTNER_MERGED;
        }
        if (with == PE_PARTNERS_SHARED)
            continue;
        if (cursor.id == vm->base + ppn) {
            *hint = cursor;
            return PE_PARTNER_SELF;
        }
        if ((with == PE_PARTNERS_ALL || pe_sharing_is_of_this_pass(&host->sharing, &cursor))
            && share_with_hint(host, vm, ppn, equal, &cursor))
            return PE_PARTNER_MERGED;
        *hint = cursor;
    }
    return PE_PARTNER_NONE;
}
