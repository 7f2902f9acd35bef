"""At stake: pages that differ taken for equal, or a hash that depends on the computer or on where
the page lies. Results are compared with plain numpy on random, sparse and same-filled pages, and
with constants written down once.
"""

import threading

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from pageengine.stores.hashing import hash_pages, hash_tokens, pages_equal, same_filled, zero_pages

WORDS = st.integers(0, 2**64 - 1)


def pages_of(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 4096), np.uint8)


def test_hashes_are_the_ones_written_down():
    pages = np.zeros((2, 4096), np.uint8)
    pages[1] = 255
    assert hash_pages(pages).tolist() == [0xA3BF99284D452E4A, 0xE901BAE963E7F304]
    assert hash_pages(pages, salt=1)[0] == 0x42149218384DF111
    assert hash_tokens([42], salt=1)[0] == 0x07ADBC9C1799EA11


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 4095), st.integers(0, 255)), max_size=6),
    st.lists(st.tuples(st.integers(0, 4095), st.integers(0, 255)), max_size=6),
    WORDS,
)
def test_hashes_are_equal_exactly_when_pages_are(left, right, salt):
    pages = np.zeros((2, 4096), np.uint8)
    for row, changes in enumerate((left, right)):
        for place, value in changes:
            pages[row, place] = value
    hashes = hash_pages(pages, salt)
    assert (hashes[0] == hashes[1]) == np.array_equal(pages[0], pages[1])
    assert hash_pages(pages, salt ^ 1)[0] != hashes[0]
    assert pages_equal(pages, pages[::-1]).tolist() == [np.array_equal(pages[0], pages[1])] * 2
    assert zero_pages(pages).tolist() == [not page.any() for page in pages]


@settings(deadline=None)
@given(WORDS, st.integers(0, 4095), st.integers(0, 255))
def test_pages_of_one_word_are_recognised_and_one_wrong_byte_is_seen(word, place, value):
    page = np.full((1, 512), word, "<u8").view(np.uint8)
    same, words = same_filled(page)
    assert (same[0], words[0]) == (True, word)
    changed = page.copy()
    changed[0, place] = value
    expected = bool((changed == page).all())
    same, words = same_filled(changed)
    assert (same[0], words[0]) == (expected, word if expected else 0)


def test_a_batch_gives_what_single_pages_give():
    pages = pages_of(300)
    one_by_one = [hash_pages(pages[i : i + 1], 5)[0] for i in range(300)]
    assert hash_pages(pages, 5).tolist() == one_by_one
    assert hash_pages(pages[::3], 5).tolist() == one_by_one[::3]
    assert hash_pages(pages[::-1], 5).tolist() == one_by_one[::-1]
    assert len(set(one_by_one)) == 300


def test_arrays_that_are_unaligned_or_read_only_or_empty_are_fine():
    raw = np.zeros(4096 * 3 + 1, np.uint8)
    shifted = raw[1:].reshape(3, 4096)
    shifted[:] = pages_of(3)
    shifted.flags.writeable = False
    assert np.array_equal(hash_pages(shifted), hash_pages(pages_of(3)))
    wide = np.zeros((3, 5000), np.uint8)
    wide[:, 100:4196] = shifted
    assert np.array_equal(hash_pages(wide[:, 100:4196]), hash_pages(shifted))
    empty = np.empty((0, 4096), np.uint8)
    assert (
        hash_pages(empty).shape
        == zero_pages(empty).shape
        == pages_equal(empty, empty).shape
        == (0,)
    )
    assert hash_tokens([]).shape == same_filled(empty)[0].shape == (0,)


def test_results_go_to_out_when_it_is_given():
    pages, out = pages_of(4), np.empty(4, np.uint64)
    assert hash_pages(pages, out=out) is out
    assert np.array_equal(out, hash_pages(pages))


def test_tokens_of_one_salt_never_collide():
    tokens = np.concatenate([np.arange(100_000), np.arange(1, 100_000) << 40])
    assert len(np.unique(hash_tokens(tokens, 3))) == len(tokens)
    assert not np.any(hash_tokens(tokens, 3) == hash_tokens(tokens, 4))


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: hash_pages(np.zeros((2, 4095), np.uint8)), ValueError, r"\(2, 4095\)"),
        (lambda: hash_pages(np.zeros(4096, np.uint8)), ValueError, r"\(4096,\)"),
        (lambda: hash_pages(np.zeros((1, 4096))), TypeError, "float64"),
        (lambda: hash_pages(pages_of(1), salt=-1), ValueError, "-1"),
        (lambda: hash_pages(pages_of(1), salt=2**64), ValueError, str(2**64)),
        (lambda: hash_pages(pages_of(1), salt="a"), TypeError, "str"),
        (lambda: hash_pages(pages_of(2), out=np.empty(1, np.uint64)), ValueError, r"\(1,\)"),
        (lambda: hash_pages(pages_of(1), out=np.empty(1, np.int64)), TypeError, "int64"),
        (lambda: hash_pages(pages_of(1), out=[0]), TypeError, "list"),
        (lambda: hash_tokens([-1]), ValueError, "-1"),
        (lambda: hash_tokens([1.5]), TypeError, "float64"),
        (lambda: hash_tokens([[1]]), ValueError, r"\(1, 1\)"),
        (lambda: pages_equal(pages_of(1), pages_of(2)), ValueError, r"\(2, 4096\)"),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_threads_may_hash_at_the_same_time():
    pages = pages_of(500)
    expected, results = hash_pages(pages), []
    threads = [threading.Thread(target=lambda: results.append(hash_pages(pages))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4 and all(np.array_equal(expected, r) for r in results)
