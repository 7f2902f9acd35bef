"""A cache that gives back another page than was stored, or loses its order, corrupts guests or
evicts the wrong pages. It is driven beside a dict that keeps whole pages, in both packings.
"""

import numpy as np
import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from pageengine.errors import CacheFull
from pageengine.stores.codec import Codec
from pageengine.stores.zcache import GROUPS_MAX, NONE, CompressionCache

FRAMES, LIMIT = 6, 5 * 4096


def page(size, seed):
    """A page that compresses to about ``size`` bytes under the word codec."""
    words = np.zeros(512, np.uint64)
    n = max(1, (size - 128) // 8)
    words[:n] = np.random.default_rng(seed).integers(1, 2**63, n, dtype=np.uint64) * 2 + 1
    return words.view(np.uint8)


class Kept(RuleBasedStateMachine):
    PACKING = "esx"

    def __init__(self):
        super().__init__()
        self.cache = CompressionCache(FRAMES, packing=self.PACKING, limit=LIMIT)
        self.kept = {}  # blob -> (group, owner, page); in order of storing
        self.number = 0

    @rule(
        sizes=st.lists(st.sampled_from([140, 700, 1000, 1500, 2000, 3000]), max_size=5),
        group=st.integers(0, 2),
    )
    def store(self, sizes, group):
        self.number += len(sizes)
        numbers = range(self.number - len(sizes), self.number)
        pages = np.array([page(s, n) for s, n in zip(sizes, numbers, strict=True)], np.uint8)
        pages = pages.reshape(-1, 4096)
        try:
            blobs = self.cache.store(pages, list(numbers) if sizes else None, group)
        except CacheFull:
            assert sizes
            return
        assert len(blobs) <= len(sizes)
        for i, blob in enumerate(blobs.tolist()):
            fits = Codec("word").compress_page(pages[i], 2048) is not None
            assert (blob != NONE) == fits
            if fits:
                assert blob not in self.kept
                self.kept[blob] = (group, numbers[i], pages[i])

    @rule(data=st.data())
    def erase(self, data):
        if self.kept:
            gone = data.draw(st.lists(st.sampled_from(sorted(self.kept)), unique=True))
            self.cache.erase(np.array(gone, np.uint32))
            for blob in gone:
                del self.kept[blob]

    @rule(group=st.integers(0, 2))
    def evict(self, group):
        oldest = self.cache.oldest(group)
        mine = [blob for blob, kept in self.kept.items() if kept[0] == group]
        assert oldest == (mine[0] if mine else None)
        if mine:
            self.cache.erase(oldest)
            del self.kept[oldest]

    @invariant()
    def everything_is_there(self):
        self.cache.check()
        blobs = list(self.kept)
        assert self.cache.oldest() == (blobs[0] if blobs else None)
        if blobs:
            assert (self.cache.load(blobs) == [kept[2] for kept in self.kept.values()]).all()
            assert [self.cache.owner(b) for b in blobs] == [kept[1] for kept in self.kept.values()]
        stats = self.cache.stats()
        assert (
            stats["blobs"]
            == len(blobs)
            == sum(self.cache.stats(group)["blobs"] for group in range(3))
        )
        assert stats["slot_bytes"] <= LIMIT and stats["frames"] <= FRAMES


class Dense(Kept):
    PACKING = "dense"


TestEsx, TestDense = Kept.TestCase, Dense.TestCase
TestEsx.settings = TestDense.settings = settings(
    max_examples=30, stateful_step_count=25, deadline=None
)


def test_dense_classes_need_fewer_frames():
    pages = np.array([page(200 + 3 * i, i) for i in range(200)])
    used = {}
    for packing in ("esx", "dense"):
        cache = CompressionCache(200, packing=packing)
        cache.store(pages)
        used[packing] = cache.stats()["frames"]
    assert used["esx"] == 50 and used["dense"] < 35


def test_a_batch_is_short_when_the_cache_becomes_full():
    cache = CompressionCache(1)
    pages = np.array([page(900, i) for i in range(6)])
    blobs = cache.store(pages)
    assert len(blobs) == 4
    with pytest.raises(CacheFull, match="4096 bytes of slots are in use in 1 of 1 frames"):
        cache.store(pages[4:])
    assert (cache.load(blobs) == pages[:4]).all()
    cache.erase(blobs[:1])
    assert len(cache.store(pages[4:])) == 1


def test_a_group_has_a_limit_of_its_own():
    cache = CompressionCache(10)
    cache.set_limit(2048, group=7)
    pages = np.array([page(900, i) for i in range(4)])
    assert len(cache.store(pages, group=7)) == 2
    assert len(cache.store(pages, group=3)) == 4
    cache.set_limit(None, group=7)
    assert len(cache.store(pages, group=7)) == 4
    assert cache.oldest(GROUPS_MAX - 1) is None


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda c: CompressionCache(0), ValueError, "frames must be from 1"),
        (lambda c: CompressionCache(5, codec="wrod"), ValueError, "word"),
        (lambda c: CompressionCache(5, packing="loose"), ValueError, "'esx' or 'dense'"),
        (lambda c: CompressionCache(5, limit=-1), ValueError, "limit must be bytes"),
        (lambda c: c.store(np.zeros((2, 100), np.uint8)), ValueError, r"\(2, 100\)"),
        (lambda c: c.store(np.zeros((1, 4096), np.int32)), ValueError, "int32"),
        (lambda c: c.store(np.zeros((1, 4096), np.uint8), [1, 2]), ValueError, "owners must be 1"),
        (lambda c: c.store(np.zeros((1, 4096), np.uint8), [-1]), ValueError, "owners must be from"),
        (lambda c: c.store(np.zeros((1, 4096), np.uint8), group=2**16), ValueError, "group must"),
        (lambda c: c.load([3]), IndexError, r"blob 3 \(entry 0\) is not in the cache"),
        (lambda c: c.load([0.5]), TypeError, "whole numbers"),
        (lambda c: c.erase([-1]), IndexError, "from 0 to"),
        (lambda c: c.owner(99), IndexError, "blob 99"),
    ],
)
def test_bad_input_is_named(call, error, message):
    cache = CompressionCache(4)
    with pytest.raises(error, match=message):
        call(cache)
    cache.check()


def test_a_blob_named_twice_is_not_erased_at_all():
    cache = CompressionCache(4)
    (blob,) = cache.store(page(500, 1)[None])
    with pytest.raises(IndexError, match="twice"):
        cache.erase([blob, blob])
    assert cache.stats()["blobs"] == 1
