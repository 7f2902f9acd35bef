"""At stake: what a store checked and what it then used are two things when another thread writes
to the array in between. A number that is no more in range leads out of the store's memory; a page
that changes between its checksum and its write is lost; a decoder that reads back what it wrote
finds something else. So stores work on copies that nobody else has.
"""

import threading
import time

import numpy as np
import pytest

from pageengine.stores import hashing
from pageengine.stores.codec import Codec
from pageengine.stores.frames import FrameBitmap
from pageengine.stores.sharing import SharingTable
from pageengine.stores.swap import SwapSpace
from pageengine.stores.zcache import CompressionCache

PAGE = 4096
OUTSIDE = 2**31 + 7  # as a number of a frame, slot or blob: far outside of its store


def fight(array, values, call, refusals, seconds=0.25):
    """``call`` again and again while another thread writes ``values`` in turn into the array."""
    stop = threading.Event()

    def change():
        while not stop.is_set():
            for value in values:
                array[...] = value

    thread = threading.Thread(target=change)
    thread.start()
    calls, end = 0, time.monotonic() + seconds
    try:
        while time.monotonic() < end or calls < 3:
            calls += 1
            try:
                call()
            except refusals:
                continue
    finally:
        stop.set()
        thread.join()


def some_bad(good):
    return np.where(np.arange(len(good)) % 3, good, OUTSIDE).astype(np.uint32)


def test_frames_that_change_while_they_are_given_back():
    n = 2_000_000
    bitmap = FrameBitmap(n)
    good = np.arange(n, dtype=np.uint32)
    frames = good.copy()

    def call():
        bitmap.take(n)
        bitmap.give_back(frames)

    # half of the one and half of the other name frames twice: all is undone
    fight(frames, [good, good[::-1]], call, ValueError)
    bitmap.check()
    fight(frames, [good, some_bad(good)], call, (IndexError, ValueError))
    bitmap.check()
    assert bitmap.idle in (0, n)


def test_slots_that_change_while_they_are_read_or_given_back():
    pages = np.random.default_rng(0).integers(0, 256, (512, PAGE), np.uint8)
    with SwapSpace(512) as swap:
        held = swap.write(pages)
        good = np.resize(held, 20_000)  # more than are put in order at once
        slots = good.copy()
        refused = (IndexError, ValueError)
        fight(slots, [good, some_bad(good)], lambda: swap.read(slots), refused)
        swap.check()
        assert np.array_equal(swap.read(held), pages)
        slots = held.copy()

        def call():
            swap.give_back(slots)
            swap.write(pages)

        fight(slots, [held, held[::-1], some_bad(held)], call, refused)
        swap.check()
        assert len(swap.read(held)) == 512 and swap.free == 0


def test_pages_that_change_while_they_are_swapped_out_come_back():
    pages = np.random.default_rng(0).integers(0, 256, (512, PAGE), np.uint8)
    other = pages[::-1].copy()
    shown = pages.copy()
    with SwapSpace(512) as swap:

        def call():
            slots = swap.write(shown)
            assert swap.read(slots).shape == (512, PAGE)  # SwapCorruption otherwise
            swap.give_back(slots)

        fight(shown, [pages, other], call, ())


def some_pages(n):
    """Each of a few words, again and again: what a codec looks for."""
    draw = np.random.default_rng(1)
    words = draw.integers(0, 256, (n, 64), np.uint8)
    return np.tile(words, (1, PAGE // 64))


def are_of(made, one, other):
    """Is every byte what one of the two pages had there?"""
    return bool(((made == one) | (made == other)).all())


@pytest.mark.parametrize("name", ["same", "word", "lz", "dense"])
def test_pages_that_change_while_they_are_compressed_are_one_or_the_other(name):
    codec, pages = Codec(name), some_pages(2000)
    if name == "same":
        pages = np.tile(pages[:, :8], (1, PAGE // 8))
    other = ~pages
    shown = pages.copy()

    def call():
        codec.sizes(shown)
        blobs = codec.compress(shown)
        there = np.array([blob is not None for blob in blobs])
        made = codec.decompress([blob for blob in blobs if blob is not None])
        assert are_of(made, pages[there], other[there])

    fight(shown, [pages, other], call, ())


@pytest.mark.parametrize("name", ["word", "lz", "dense"])
def test_an_output_that_changes_while_pages_are_made_misleads_no_decoder(name):
    """The other thread writes to the start of each page, which the rest repeats."""
    codec, pages = Codec(name), some_pages(2000)
    blobs = codec.compress(pages)
    out = np.zeros(pages.shape, np.uint8)

    def call():
        codec.decompress(blobs, out)
        assert np.array_equal(out[:, 64:], pages[:, 64:])

    fight(out[:, :64], [7, 9], call, ())


@pytest.mark.parametrize("packing", ["esx", "dense"])
def test_a_cache_whose_pages_change_meanwhile(packing):
    cache = CompressionCache(2000, codec="lz", packing=packing)
    pages = some_pages(2000)
    other = ~pages
    shown, owners = pages.copy(), np.arange(2000)

    def call():
        blobs = cache.store(shown, owners)
        kept = blobs != 2**32 - 1
        assert are_of(cache.load(blobs[kept]), pages[kept], other[kept])
        cache.erase(blobs[kept])

    fight(shown, [pages, other], call, ())
    shown = pages
    fight(owners, [np.arange(2000), 2**60], call, ValueError)
    cache.check()
    assert cache.stats()["blobs"] == 0


def test_a_cache_whose_blobs_change_meanwhile():
    cache = CompressionCache(64, codec="lz")
    pages = some_pages(64)
    held = cache.store(pages)
    good = np.resize(held, 20_000)
    blobs = good.copy()
    fight(blobs, [good, some_bad(good)], lambda: cache.load(blobs), IndexError)
    assert np.array_equal(cache.load(held), pages)
    blobs = held.copy()

    def call():
        cache.erase(blobs)
        cache.store(pages)

    fight(blobs, [held, some_bad(held)], call, IndexError)
    cache.check()


def test_a_sharing_table_whose_arrays_change_meanwhile():
    n = 500_000
    hashes = (np.arange(n, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)).copy()
    owners, good = np.arange(n, dtype=np.uint64), np.arange(n, dtype=np.uint64)
    table = SharingTable(n)
    fight(owners, [good, 2**60], lambda: table.hints(hashes, owners), ValueError)
    table.check()
    kinds, found = table.lookup(hashes)
    assert (found[kinds == 1] < n).all()
    frames = np.arange(n, dtype=np.uint32)

    def call():
        SharingTable(n).inserts(hashes, frames)

    fight(frames, [good.astype(np.uint32), OUTSIDE], call, (IndexError, ValueError))
    fight(hashes, [hashes.copy(), 0], lambda: table.lookup(hashes), ())


def test_what_is_hashed_may_change_but_not_its_shape():
    pages = some_pages(64)

    class Salt:
        """Changes the array's shape while the call is under way."""

        def __index__(self):
            pages.shape = (1, pages.size)
            return 7

    with pytest.raises(ValueError, match=r"shape \(n, 4096\)|shape"):
        hashing.hash_pages(pages, salt=Salt())
    pages.shape = (64, PAGE)
    shown = pages.copy()
    out = np.empty(64, np.uint64)
    fight(shown, [0, 255], lambda: hashing.hash_pages(shown, out=out), ())
    fight(shown, [0, 255], lambda: (hashing.zero_pages(shown), hashing.same_filled(shown)), ())
    fight(shown, [0, 255], lambda: hashing.pages_equal(shown, pages), ())
