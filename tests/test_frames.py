"""At stake: a frame taken twice would give one page's memory to two VMs, a frame lost would
leak memory. Every call is compared with a plain set of idle frames, near word boundaries too, and
bad calls must change nothing.
"""

import copy
import pickle
import threading

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from pageengine.stores.frames import FrameBitmap

COUNTS = [1, 63, 64, 65, 4095, 4096, 4097, 262_145]


class NaiveFrames:
    """Idle frames as a set; a frame is searched word by word from the word where the last was
    taken.
    """

    def __init__(self, count):
        self.count, self.idle, self.word = count, set(range(count)), 0

    def take(self, n):
        frames = []
        while len(frames) < n and self.idle:
            ahead = [f for f in self.idle if f >= self.word * 64]
            frame = min(ahead or self.idle)
            self.idle.remove(frame)
            self.word = frame // 64
            frames.append(frame)
        return frames


@pytest.mark.parametrize("count", COUNTS)
def test_all_frames_can_be_taken_once_and_in_order(count):
    bitmap = FrameBitmap(count)
    assert (bitmap.count, bitmap.idle, bitmap.taken) == (count, count, 0)
    frames = bitmap.take(count + 5)
    assert frames.dtype == np.uint32
    assert np.array_equal(frames, np.arange(count))
    assert bitmap.idle == 0 and bitmap.taken == count
    assert bitmap.take(3).size == 0
    bitmap.check()
    bitmap.give_back(frames[::-1])
    assert bitmap.idle == count
    bitmap.check()


@pytest.mark.parametrize("count", [65, 4097, 300_000])
def test_many_at_once_are_the_frames_of_single_takes(count):
    rng = np.random.default_rng(count)
    many, single = FrameBitmap(count), FrameBitmap(count)
    taken = np.empty(0, np.uint32)
    for _ in range(60):
        n = int(rng.integers(0, min(count, 3000)))
        frames = many.take(n)
        assert np.array_equal(frames, np.concatenate([single.take() for _ in range(n)] or [frames]))
        taken = rng.permutation(np.concatenate([taken, frames]))
        back, taken = np.split(taken, [int(rng.integers(0, taken.size + 1))])
        many.give_back(back)
        for frame in back:
            single.give_back(frame)
    many.check()
    single.check()


@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 400),
    st.lists(st.tuples(st.booleans(), st.integers(0, 200), st.randoms()), max_size=30),
)
def test_it_does_what_a_set_of_idle_frames_does(count, steps):
    bitmap, naive, taken = FrameBitmap(count), NaiveFrames(count), []
    for take, n, random in steps:
        if take:
            frames = bitmap.take(n).tolist()
            assert frames == naive.take(n)
            taken += frames
        else:
            random.shuffle(taken)
            back, taken = taken[:n], taken[n:]
            bitmap.give_back(back)
            naive.idle.update(back)
        assert bitmap.idle == len(naive.idle)
        bitmap.check()
    assert [bitmap.is_idle(f) for f in range(count)] == [f in naive.idle for f in range(count)]


def test_a_full_host_with_one_gap_finds_it_wherever_it_is():
    bitmap = FrameBitmap(300_000)
    bitmap.take(300_000)
    for frame in (0, 63, 64, 4095, 4096, 262_143, 262_144, 299_999, 5):
        bitmap.give_back(frame)
        assert bitmap.take(2).tolist() == [frame]
    bitmap.check()


@pytest.mark.parametrize(
    ("frames", "error", "message"),
    [
        ([1, 100], IndexError, "frame 100 is out of range: there are 100 frames"),
        ([1, -1], IndexError, "frame -1 is out of range"),
        ([1, 2**40], IndexError, f"frame {2**40} is out of range"),
        ([1, 77], ValueError, "frame 77 is idle"),
        ([1, 2, 3, 2], ValueError, "frame 2 is named twice"),
        ([[1, 2]], ValueError, r"one-dimensional, not of shape \(1, 2\)"),
        ([1.0], TypeError, "integers, not float64"),
        (["1"], TypeError, "integers, not <U1"),
        ([True], TypeError, "integers, not bool"),
    ],
)
def test_giving_back_what_is_not_taken_is_refused_and_changes_nothing(frames, error, message):
    bitmap = FrameBitmap(100)
    bitmap.take(50)
    with pytest.raises(error, match=message):
        bitmap.give_back(frames)
    assert bitmap.idle == 50
    assert not bitmap.is_idle(1) and not bitmap.is_idle(2)
    bitmap.check()
    bitmap.give_back([1, 2])
    assert bitmap.idle == 52


@pytest.mark.parametrize("dtype", ["u1", "i2", "u4", "i8", "u8", ">u4"])
def test_frames_are_accepted_as_any_integer_array(dtype):
    bitmap = FrameBitmap(200)
    bitmap.take(100)
    bitmap.give_back(np.arange(100, dtype=dtype)[::2])
    bitmap.give_back(())
    assert bitmap.idle == 150


@pytest.mark.parametrize("count", [-1, 2**32 - 63, 2**70])
def test_a_count_that_cannot_be_is_named(count):
    with pytest.raises(ValueError, match=f"not {count}"):
        FrameBitmap(count)


def test_bad_numbers_are_refused():
    bitmap = FrameBitmap(10)
    with pytest.raises(TypeError):
        FrameBitmap("10")
    with pytest.raises(ValueError, match="n must not be negative, not -2"):
        bitmap.take(-2)
    with pytest.raises(IndexError, match="frame 10 is out of range: there are 10 frames"):
        bitmap.is_idle(10)
    assert bitmap.idle == 10


def test_it_is_made_once_and_neither_copied_nor_pickled():
    bitmap = FrameBitmap(10)
    with pytest.raises(RuntimeError):
        bitmap.__init__(20)
    assert bitmap.count == 10
    for duplicate in (copy.copy, pickle.dumps):
        with pytest.raises(TypeError):
            duplicate(bitmap)
    assert repr(bitmap) == "FrameBitmap(count=10, idle=10)"


def test_memory_is_a_thirtieth_of_a_stack_of_frame_numbers():
    count = 1_000_000
    assert FrameBitmap(count).nbytes <= count * 4 / 30


def test_threads_never_get_the_same_frame():
    bitmap, results = FrameBitmap(100_000), []

    def work():
        mine = []
        for n in range(200):
            frames = bitmap.take(n)
            bitmap.give_back(frames[::2])
            mine.append(frames[1::2])
        results.append(np.concatenate(mine))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = np.concatenate(results)
    assert np.unique(everything).size == everything.size == bitmap.taken
    bitmap.check()
