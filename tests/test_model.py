"""The model is what the engine is held against, so a wrong model would bless a wrong engine. It is
tested here on cases small enough to be worked out by hand."""

import pytest

from .model import (
    ABSENT,
    BALLOONED,
    COMPRESSED,
    PAGE,
    PRIVATE,
    SHARED,
    SWAPPED,
    Model,
)


def write(model, vm, ppn, content):
    return model.batch(vm, [(ppn, True, content)])


def settle(model, changes, technique, compressible=lambda content: True, victims=None, **counted):
    """Moves pages {(vm, ppn): place} as a reclaim from their VMs would, if that is legal."""
    after = {vm.id: list(vm.place) for vm in model.vms.values()}
    counts = {vm.id: dict(vm.count) for vm in model.vms.values()}
    for (vm, ppn), place in changes.items():
        after[vm.id][ppn] = place
        for name, number in counted.items():
            counts[vm.id][name] += number
    victims = {vm.id for vm, _ in changes} if victims is None else victims
    model.legal_reclaim(after, counts, victims, technique, compressible)
    model.adopt(after, counts, model.cache_frames)


def test_a_first_read_maps_the_zero_page_and_a_first_write_takes_a_frame():
    model = Model(4)
    vm = model.add_vm(8)
    assert model.batch(vm, [(0, False, None), (1, False, None), (2, True, None)]) == (3, "PE_OK")
    assert vm.place[:4] == [SHARED, SHARED, PRIVATE, ABSENT]
    assert model.idle() == 2
    assert vm.count["faults_absent"] == 3


def test_a_first_read_takes_a_frame_where_nothing_is_shared():
    model = Model(4, sharing=False)
    vm = model.add_vm(8)
    model.batch(vm, [(0, False, None), (1, False, None)])
    assert vm.place[:2] == [PRIVATE, PRIVATE]
    assert model.idle() == 2


def test_a_batch_stops_before_the_access_that_has_no_frame():
    model = Model(2)
    vm = model.add_vm(8)
    batch = [(ppn, True, ppn + 1) for ppn in range(4)]
    assert model.batch(vm, batch) == (2, "PE_NO_FRAME")
    assert vm.content[:3] == [1, 2, None]
    assert vm.count["accesses"] == 2


def test_a_blocked_vm_makes_no_access_and_its_stops_are_counted():
    model = Model(2)
    vm = model.add_vm(8)
    vm.blocked = True
    assert write(model, vm, 0, 5) == (0, "PE_BLOCKED")
    assert vm.place[0] == ABSENT and vm.count["block_stops"] == 1


def test_a_scan_notes_the_first_of_equal_pages_and_merges_the_second_with_it():
    model = Model(8)
    vm, other = model.add_vm(2), model.add_vm(2)
    write(model, vm, 0, 7)
    write(model, other, 1, 7)
    assert model.idle() == 6
    moved = model.scan()
    assert (moved["scanned"], moved["merged"]) == (2, 1)
    assert vm.place[0] == other.place[1] == SHARED
    assert other.count["merged"] == 1 and vm.count["merged"] == 0
    assert model.idle() == 7 and not model.hints


def test_vms_with_different_salts_share_nothing_not_even_zeroes():
    model = Model(8)
    vm, other = model.add_vm(2, "red"), model.add_vm(2, "blue")
    for each in (vm, other):
        write(model, each, 0, 7)
        write(model, each, 1, 0)
    assert model.scan()["zero_merged"] == 2
    assert [vm.place, other.place] == [[PRIVATE, SHARED]] * 2
    assert model.idle() == 4


def test_a_hint_whose_page_has_changed_gives_way():
    model = Model(8)
    vm = model.add_vm(3)
    write(model, vm, 0, 7)
    model.scan()
    write(model, vm, 0, 8)
    write(model, vm, 1, 7)
    assert model.scan()["merged"] == 0
    write(model, vm, 2, 7)
    assert model.scan()["merged"] == 1
    assert vm.place == [PRIVATE, SHARED, SHARED]


def test_a_hint_is_forgotten_after_two_passes_that_did_not_see_its_page():
    model = Model(8)
    vm = model.add_vm(2)
    write(model, vm, 0, 7)
    model.scan(only=vm)
    vm.pinned.add(0)
    model.scan()
    model.scan()
    write(model, vm, 1, 7)
    assert model.scan(only=vm)["merged"] == 0


def test_a_write_to_a_shared_page_takes_a_frame_only_while_others_map_it():
    model = Model(2)
    vm = model.add_vm(3)
    write(model, vm, 0, 7)
    write(model, vm, 1, 7)
    model.scan()
    assert model.idle() == 1
    write(model, vm, 2, 9)
    assert write(model, vm, 0, 8) == (0, "PE_NO_FRAME")
    model.balloon(vm, [1])
    assert write(model, vm, 0, 8) == (1, "PE_OK")
    assert vm.place == [PRIVATE, BALLOONED, PRIVATE]
    assert vm.count["cow_breaks"] == 1


def test_swapped_pages_come_back_with_their_content_and_whole_writes_do_not_read_them():
    model = Model(4)
    vm = model.add_vm(3)
    for ppn in range(3):
        write(model, vm, ppn, ppn + 1)
    settle(model, {(vm, 0): SWAPPED, (vm, 1): SWAPPED}, "swap", swap_out=1)
    assert model.idle() == 3
    model.batch(vm, [(0, False, None), (1, True, 9)])
    assert vm.content == [1, 9, 3] and vm.place == [PRIVATE] * 3
    assert (vm.count["swap_in"], vm.count["discarded"]) == (1, 1)


def test_ballooned_pages_lose_their_content_and_an_access_pops_them():
    model = Model(4)
    vm = model.add_vm(4)
    write(model, vm, 0, 7)
    assert model.balloon(vm, [0, 0, 1]) == 2
    assert model.balloon(vm, pages=5) == 2
    assert model.idle() == 4
    model.batch(vm, [(0, True, None)])
    assert vm.content[0] == 0 and vm.count["balloon_pops"] == 1
    assert model.deflate(vm, 2) == 2
    assert vm.place == [PRIVATE, ABSENT, ABSENT, BALLOONED]


def test_removal_gives_everything_back_and_the_id_is_used_again():
    model = Model(4)
    vm, other = model.add_vm(4), model.add_vm(4)
    write(model, vm, 0, 7)
    write(model, other, 0, 7)
    model.scan()
    model.remove_vm(vm)
    assert model.idle() == 3
    assert model.add_vm(2).id == vm.id
    model.remove_vm(other)
    assert model.idle() == 4


@pytest.mark.parametrize(
    "content, place, technique, reason",
    [
        (0, SWAPPED, "swap", "could be shared"),
        (7, COMPRESSED, "ladder", "could be shared"),
        (6, SWAPPED, "ladder", "had a partner"),
        (8, SHARED, "ladder", "no partner"),
        (8, COMPRESSED, "swap", "private to compressed by swap"),
        (8, SWAPPED, "compression", "private to swapped by compression"),
        (9, COMPRESSED, "compression", "does not compress"),
        (8, ABSENT, "ladder", "private to absent"),
    ],
)
def test_moves_that_no_reclaim_may_make_are_named(content, place, technique, reason):
    model = Model(8)
    vm, other = model.add_vm(2), model.add_vm(3)
    for ppn, other_content in enumerate((7, 7, 6)):
        write(model, other, ppn, other_content)
    model.scan()
    write(model, vm, 0, content)
    with pytest.raises(AssertionError, match=reason):
        settle(model, {(vm, 0): place}, technique, compressible=lambda content: content != 9)


def test_pinned_pages_and_other_vms_are_no_victims():
    model = Model(8)
    vm, other = model.add_vm(2), model.add_vm(2)
    write(model, vm, 0, 8)
    with pytest.raises(AssertionError, match="private to swapped by swap"):
        settle(model, {(vm, 0): SWAPPED}, "swap", victims={other.id}, swap_out=1)
    vm.pinned.add(0)
    with pytest.raises(AssertionError, match="not for reclaim"):
        settle(model, {(vm, 0): SWAPPED}, "swap", swap_out=1)


def test_a_reclaim_that_counts_more_than_it_moved_is_caught():
    model = Model(8)
    vm = model.add_vm(3)
    write(model, vm, 0, 8)
    for wrong in ({}, {"swap_out": 2}, {"swap_out": 1, "merged": 1}, {"swap_out": 1, "scanned": 1}):
        with pytest.raises(AssertionError):
            settle(model, {(vm, 0): SWAPPED}, "swap", **wrong)
    settle(model, {(vm, 0): SWAPPED}, "swap", swap_out=1)


def test_the_numbers_of_a_host_add_up():
    model = Model(8)
    vm, other = model.add_vm(4), model.add_vm(4)
    for each in (vm, other):
        write(model, each, 0, 7)
        write(model, each, 1, 0)
        write(model, each, 2, each.id + 20)
    model.scan()
    numbers = model.host_numbers()
    assert numbers["free"] + numbers["consumed"] == numbers["memory"] == 8 * PAGE
    assert numbers["shared"] == 4 * PAGE and numbers["shared_common"] == 2 * PAGE
    assert numbers["saving"] == 2 * PAGE and numbers["zero"] == 2 * PAGE
    assert numbers["consumed"] == 4 * PAGE
