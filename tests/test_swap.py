"""At stake: a swapped page exists nowhere else, so every byte must come back, or the error must say
which slot is lost. Pages go through a real file that is damaged, cut short, made full and made
unwritable behind the back of SwapSpace.
"""

import errno
import gc
import os
import resource

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from pageengine import errors
from pageengine.stores.swap import SwapSpace

AT_ONCE = 32  # pages that one call reads at most, to be verified while the processor has them


def some_pages(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 4096), np.uint8)


@pytest.fixture
def swap():
    with SwapSpace(1000) as space:
        yield space
        if space.slots:
            space.check()


class OtherFile:
    """Puts another file behind the descriptor for a while."""

    def __init__(self, space, path, flags):
        self.fd, self.path, self.flags = space.fileno(), path, flags

    def __enter__(self):
        self.saved = os.dup(self.fd)
        other = os.open(self.path, self.flags)
        os.dup2(other, self.fd)
        os.close(other)

    def __exit__(self, *_):
        os.dup2(self.saved, self.fd)
        os.close(self.saved)


def test_every_byte_comes_back_in_any_order(swap):
    pages = some_pages(700)
    slots = swap.write(pages)
    assert slots.dtype == np.uint32 and np.unique(slots).size == 700
    assert (swap.slots, swap.free) == (1000, 300)
    order = np.random.default_rng(1).permutation(700)
    assert np.array_equal(swap.read(slots[order]), pages[order])
    assert np.array_equal(swap.read(slots), pages)
    assert swap.free == 300


def test_a_batch_goes_out_and_comes_in_with_few_large_calls(swap):
    slots = swap.write(some_pages(1000))
    assert (swap.written_pages, swap.write_calls) == (1000, 4)
    swap.read(slots)
    assert swap.read_pages == 1000 and swap.read_calls <= 1000 / AT_ONCE + 4


def test_slots_come_in_any_order_with_as_few_calls(swap):
    pages = some_pages(1000)
    slots = swap.write(pages)
    order = np.random.default_rng(3).permutation(1000)
    assert (swap.read(slots[order]) == pages[order]).all()
    assert swap.read_pages == 1000 and swap.read_calls <= 1000 / AT_ONCE + 4
    again = np.repeat(order[:50], 2)  # the same ones twice
    assert (swap.read(slots[again]) == pages[again]).all()


def test_the_first_slot_that_fails_in_the_order_asked_for_is_named(swap):
    pages = some_pages(300)
    slots = swap.write(pages)
    order = np.random.default_rng(4).permutation(300)
    for place in (200, 120):
        os.pwrite(swap.fileno(), b"?", int(slots[order[place]]) * 4096 + 7)
        with pytest.raises(errors.SwapCorruption, match=f"slot {slots[order[place]]}"):
            swap.read(slots[order])


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 600),
    st.lists(st.tuples(st.booleans(), st.integers(0, 300), st.randoms()), max_size=12),
)
def test_it_does_what_a_dictionary_of_pages_does(slots, steps):
    held, stamp = {}, 0
    with SwapSpace(slots) as swap:
        for write, n, random in steps:
            if write and n:
                pages = np.zeros((n, 4096), np.uint8)
                pages[:, :4] = np.arange(stamp, stamp + n, dtype="<u4").view(np.uint8).reshape(n, 4)
                stamp += n
                free = slots - len(held)
                if free == 0:
                    with pytest.raises(errors.SwapFull):
                        swap.write(pages)
                    continue
                places = swap.write(pages).tolist()
                assert len(places) == min(n, free) and not held.keys() & set(places)
                held.update(zip(places, pages, strict=False))
            else:
                back = random.sample(sorted(held), min(n, len(held)))
                assert all(map(np.array_equal, swap.read(back), map(held.get, back)))
                swap.give_back(back)
                for slot in back:
                    del held[slot]
            assert swap.free == slots - len(held)
            swap.check()
        assert all(map(np.array_equal, swap.read(list(held)), held.values()))


def test_a_full_swap_space_takes_what_fits_and_then_says_so(swap):
    pages = some_pages(1200)
    slots = swap.write(pages)
    assert slots.size == 1000 and swap.free == 0
    with pytest.raises(errors.SwapFull, match="all 1000 slots are taken; 200 pages stay") as caught:
        swap.write(pages[1000:])
    assert caught.value.done == 0
    assert np.array_equal(swap.read(slots), pages[:1000])
    swap.give_back(slots[::2])
    again = swap.write(pages[1000:])
    assert again.size == 200
    assert np.array_equal(swap.read(again), pages[1000:])


@pytest.mark.parametrize("where", [0, 1, 2047, 4095])
def test_a_damaged_byte_is_reported_with_its_slot_and_the_others_stay_readable(swap, where):
    pages = some_pages(300)
    slots = swap.write(pages)
    bad = int(slots[123])
    os.pwrite(swap.fileno(), bytes([pages[123, where] ^ 1]), bad * 4096 + where)
    with pytest.raises(errors.SwapCorruption, match=f"slot {bad} does not hold"):
        swap.read(slots)
    rest = np.delete(np.arange(300), 123)
    assert np.array_equal(swap.read(slots[rest]), pages[rest])
    assert swap.free == 700
    os.pwrite(swap.fileno(), pages[123].tobytes(), bad * 4096)
    assert np.array_equal(swap.read(slots), pages)


def test_a_page_that_lies_in_the_wrong_slot_is_not_accepted(swap):
    a, b = swap.write(some_pages(2)).tolist()
    other = os.pread(swap.fileno(), 4096, b * 4096)
    os.pwrite(swap.fileno(), other, a * 4096)
    with pytest.raises(errors.SwapCorruption, match=f"slot {a} "):
        swap.read([b, a])
    swap.read([b])


def test_a_file_that_was_cut_short_names_the_first_slot_that_is_gone(swap):
    pages = some_pages(100)
    slots = swap.write(pages)
    os.truncate(swap.fileno(), 60 * 4096 + 5)
    with pytest.raises(
        errors.SwapError, match="slot 60 could not be read: the swap file ends"
    ) as caught:
        swap.read(slots)
    assert caught.value.errno == errno.EIO
    assert isinstance(caught.value, OSError)
    assert np.array_equal(swap.read(slots[:60]), pages[:60])


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_costs_nothing_that_is_held(swap):
    pages = some_pages(400)
    slots = swap.write(pages)
    with OtherFile(swap, "/dev/full", os.O_RDWR):
        with pytest.raises(
            errors.SwapError, match="300 pages could not be swapped out: No space"
        ) as caught:
            swap.write(pages[:300])
        assert caught.value.errno == errno.ENOSPC
        assert swap.free == 600
        swap.check()
    assert np.array_equal(swap.read(slots), pages)
    assert np.array_equal(swap.read(swap.write(pages[:300])), pages[:300])


def test_a_write_that_stops_half_way_loses_nothing():
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    pages = some_pages(600)
    with SwapSpace(1000) as swap:
        slots = swap.write(pages[:100])
        resource.setrlimit(resource.RLIMIT_FSIZE, (450 * 4096 + 77, hard))
        try:
            with pytest.raises(errors.SwapError) as caught:
                swap.write(pages[100:])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert caught.value.errno == errno.EFBIG
        assert swap.free == 900
        swap.check()
        assert np.array_equal(swap.read(slots), pages[:100])
        assert np.array_equal(swap.read(swap.write(pages[100:])), pages[100:])


def test_errors_of_the_system_keep_their_errno(swap, tmp_path):
    slots = swap.write(some_pages(2))
    with OtherFile(swap, tmp_path, os.O_RDONLY):
        with pytest.raises(errors.SwapError) as caught:
            swap.read(slots)
        assert caught.value.errno == errno.EISDIR
        with pytest.raises(errors.SwapError) as caught:
            swap.write(some_pages(1))
        assert caught.value.errno == errno.EBADF
    swap.read(slots)


def test_growing_keeps_what_is_there(swap):
    pages = some_pages(1000)
    slots = swap.write(pages)
    swap.grow(2500)
    swap.grow(10)
    assert (swap.slots, swap.free) == (2500, 1500)
    assert np.array_equal(swap.read(slots), pages)
    assert set(swap.write(pages).tolist()).isdisjoint(slots.tolist())


@pytest.mark.parametrize(
    ("slots", "error", "message"),
    [
        ([1000], IndexError, "slot 1000 is out of range: there are 1000 slots"),
        ([-1], IndexError, "slot -1 is out of range"),
        ([0, 999], ValueError, "slot 999 is free"),
        ([1.5], TypeError, "integers, not float64"),
    ],
)
def test_slots_that_hold_nothing_are_refused(swap, slots, error, message):
    swap.write(some_pages(3))
    for method in (swap.read, swap.give_back):
        with pytest.raises(error, match=message):
            method(slots)
    assert swap.free == 997
    with pytest.raises(ValueError, match="slot 1 is named twice"):
        swap.give_back([0, 1, 1])
    assert swap.free == 997


@pytest.mark.parametrize(
    ("pages", "error", "message"),
    [
        (np.zeros((2, 4096), np.int8), TypeError, "uint8, not int8"),
        (np.zeros((2, 4095), np.uint8), ValueError, r"not \(2, 4095\)"),
        (np.zeros(4096, np.uint8), ValueError, r"not \(4096,\)"),
    ],
)
def test_what_is_not_pages_is_refused(swap, pages, error, message):
    with pytest.raises(error, match=message):
        swap.write(pages)
    assert swap.free == 1000


def test_pages_may_lie_anywhere_in_memory(swap):
    pages = some_pages(20)[::-2]
    pages.flags.writeable = False
    assert np.array_equal(swap.read(swap.write(pages)), pages)
    assert swap.write(np.empty((0, 4096), np.uint8)).size == 0
    assert swap.read([]).shape == (0, 4096)


def test_the_file_has_no_name_and_vanishes(tmp_path):
    swap = SwapSpace(10, directory=tmp_path)
    swap.write(some_pages(10))
    assert os.listdir(tmp_path) == []
    descriptor = swap.fileno()
    assert os.fstat(descriptor).st_size == 10 * 4096
    del swap
    gc.collect()
    with pytest.raises(OSError):
        os.fstat(descriptor)


def test_a_closed_swap_space_says_so(tmp_path):
    swap = SwapSpace(10, directory=tmp_path)
    swap.write(some_pages(1))
    swap.close()
    swap.close()
    calls = [lambda: swap.write(some_pages(1)), lambda: swap.read([0]), lambda: swap.give_back([0])]
    for call in [*calls, swap.check, swap.fileno, lambda: swap.grow(20), lambda: swap.read([])]:
        with pytest.raises(errors.Closed, match="the swap space is closed"):
            call()
    assert (swap.slots, swap.free) == (0, 0)


def test_a_directory_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="missing"):
        SwapSpace(10, directory=tmp_path / "missing")
    with pytest.raises(ValueError, match="slots must be from 0 to .*, not -1"):
        SwapSpace(-1, directory=tmp_path)


def test_no_slots_at_all_is_a_swap_space_that_is_full():
    with SwapSpace(0) as swap, pytest.raises(errors.SwapFull):
        swap.write(some_pages(1))


def test_the_bookkeeping_is_small():
    with SwapSpace(1_000_000) as swap:
        assert swap.nbytes < 8.2 * 1_000_000
