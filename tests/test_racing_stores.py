"""At stake: what a store checked and what it then used are two things when another thread writes
to the array in between. A number that is no more in range leads out of the store's memory; a page
that changes between its checksum and its write is lost; a decoder that reads back what it wrote
finds something else. So stores work on copies that nobody else has.
"""

import threading
import time

import numpy as np
import pytest

from pageengine import errors, hashing
from pageengine.codec import Codec
from pageengine.frames import FrameBitmap
from pageengine.sharing import SharingTable
from pageengine.swap import SwapSpace
from pageengine.zcache import CompressionCache

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
        while time.monotonic() < end:
            calls += 1
            try:
                call()
            except refusals:
                continue
    finally:
        stop.set()
        thread.join()
    assert calls > 1


def good_and_bad(n):
    good = np.arange(n, dtype=np.uint32)
    return good, np.where(good % 3, good, OUTSIDE).astype(np.uint32)


def test_frames_that_change_while_they_are_given_back():
    n = 20_000
    bitmap = FrameBitmap(n)
    good, bad = good_and_bad(n)
    frames = good.copy()

    def call():
        bitmap.take(n)
        bitmap.give_back(frames)

    fight(frames, [good, bad, good[::-1]], call, (IndexError, ValueError))
    bitmap.check()
    assert bitmap.idle in (0, n)


def test_slots_that_change_while_they_are_read_or_given_back():
    pages = np.random.default_rng(0).integers(0, 256, (512, PAGE), np.uint8)
    with SwapSpace(512) as swap:
        held = swap.write(pages)
        good, bad = good_and_bad(512)
        slots = good.copy()
        refused = (IndexError, ValueError)
        fight(slots, [good, bad, good[::-1]], lambda: swap.read(slots), refused)

        def call():
            swap.give_back(slots)
            swap.write(pages)

        fight(slots, [good, bad], call, refused)
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


def some_pages(n=64):
    draw = np.random.default_rng(1)
    pages = np.zeros((n, PAGE), np.uint8)
    pages[:, ::3] = draw.integers(0, 5, pages[:, ::3].shape, np.uint8)
    pages[::2, 1000:] = np.resize(draw.integers(0, 256, 200, np.uint8), PAGE - 1000)
    return pages


@pytest.mark.parametrize("name", ["same", "word", "lz", "dense"])
def test_pages_that_change_while_they_are_compressed_make_blobs_that_decode(name):
    codec, pages = Codec(name), some_pages()
    noise = np.random.default_rng(2).integers(0, 256, pages.shape, np.uint8)
    shown = pages.copy()

    def call():
        codec.sizes(shown)
        blobs = [blob for blob in codec.compress(shown) if blob is not None]
        assert len(codec.decompress(blobs)) == len(blobs)

    fight(shown, [pages, noise, 0], call, ())


@pytest.mark.parametrize("name", ["same", "word", "lz", "dense"])
def test_an_output_that_changes_while_pages_are_made_misleads_no_decoder(name):
    codec, pages = Codec(name), some_pages()
    blobs = [blob for blob in codec.compress(pages) if blob is not None]
    out = np.zeros((len(blobs), PAGE), np.uint8)
    fight(out, [0, 255], lambda: codec.decompress(blobs, out), ())
    kept = [page for page, blob in zip(pages, codec.compress(pages), strict=True) if blob]
    assert np.array_equal(codec.decompress(blobs, out), np.reshape(kept, (-1, PAGE)))


@pytest.mark.parametrize("packing", ["esx", "dense"])
def test_a_cache_whose_blobs_and_pages_change_meanwhile(packing):
    cache = CompressionCache(256, codec="lz", packing=packing)
    pages = some_pages(256)
    noise = np.random.default_rng(2).integers(0, 256, pages.shape, np.uint8)
    shown = pages.copy()
    owners = np.arange(256)

    def store_and_erase():
        blobs = cache.store(shown, owners)
        cache.erase(np.unique(blobs[blobs != 2**32 - 1]))

    refused = (IndexError, ValueError, errors.CacheFull)
    fight(shown, [pages, noise], store_and_erase, refused)
    fight(owners, [np.arange(256), 2**60], store_and_erase, refused)
    cache.check()
    assert cache.stats()["blobs"] == 0
    blobs = cache.store(pages)
    good = blobs.copy()
    bad = np.where(np.arange(len(good)) % 3, good, OUTSIDE).astype(np.uint32)
    fight(blobs, [good, bad], lambda: cache.load(blobs), refused)
    fight(blobs, [good, bad], lambda: (cache.erase(blobs), cache.store(pages)), refused)
    cache.check()


def test_a_sharing_table_whose_arrays_change_meanwhile():
    n = 5000
    hashes, owners = np.arange(n, dtype=np.uint64) << np.uint64(40), np.arange(n, dtype=np.uint64)
    table = SharingTable(n)
    fight(owners, [np.arange(n), 2**60], lambda: table.hints(hashes, owners), ValueError)
    table.check()
    frames = np.arange(n, dtype=np.uint32)
    refused = (IndexError, ValueError, errors.CacheFull)

    def call():
        nonlocal table
        table = SharingTable(n)
        table.inserts(hashes, frames)

    fight(frames, [np.arange(n), OUTSIDE], call, refused)
    table.check()
    fight(hashes, [hashes.copy(), 0], lambda: table.lookup(hashes), refused)


def test_what_is_hashed_may_change_but_not_its_shape():
    pages = some_pages()

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
