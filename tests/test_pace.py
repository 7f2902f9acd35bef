"""At stake: a program that touches other pages where a simulation draws for it than where it says
itself what it does. Steps are held against numpy's Generator, draw by draw.
"""

import pickle

import numpy as np
import pytest
from hypothesis import given, strategies as st

from pageengine.core.draws import Draws, Popularity, Ranks
from pageengine.lab.workloads.pace import Pace

steps = st.lists(st.floats(0, 30), min_size=1, max_size=12)
writes = st.sampled_from([0.0, 0.25, 1.0])


def two(seed):
    return np.random.Generator(np.random.Philox(seed)), np.random.Generator(np.random.Philox(seed))


class Due:
    """How many touches are due, as it was told to a reader."""

    def __init__(self, rate):
        self.rate, self.due = rate, 0.0

    def __call__(self, seconds):
        self.due += self.rate * seconds
        n = int(self.due)
        self.due -= n
        return n


def assert_same(found, ids, write):
    assert np.array_equal(found[0], ids) and found[0].dtype == np.int64
    assert np.array_equal(np.broadcast_to(found[1], ids.shape), np.broadcast_to(write, ids.shape))


def writing(rng, write, n):
    return rng.random(n) < write if 0 < write < 1 else write == 1


@given(steps, st.floats(0, 9), writes, st.integers(0, 2**32))
def test_by_rank_it_is_what_a_search_would_find(steps, rate, write, seed):
    (mine, numpys), pace, due = two(seed), Pace(rate, write), Due(rate)
    names, ends = np.random.default_rng(1).permutation(9), np.cumsum(np.full(9, 1 / 9))
    ends[-1] = 1.0
    pace.by_rank(Draws(mine), Ranks(names, Popularity(ends)))
    for seconds in steps:
        n, (found,) = due(seconds), pace.step(seconds)
        ids = names[np.searchsorted(ends, numpys.random(n), "right")]
        assert_same(found, ids, writing(numpys, write, n))
    assert mine.random() == numpys.random() and pace.due == due.due


@given(steps, st.floats(0, 9), writes, st.integers(1, 40), st.integers(1, 40), st.integers(0, 9))
def test_a_window_moves_on_when_its_time_is_over(steps, rate, write, size, pages, shift):
    size, pages = sorted((size, pages))
    shift = min(shift, pages)
    (mine, numpys), pace, due = two(7), Pace(rate, write), Due(rate)
    pace.in_window(Draws(mine), size, pages, shift, 2.5)
    first, since = 0, 0.0
    for seconds in steps:
        since += seconds
        while since >= 2.5:
            since -= 2.5
            first = (first + shift) % pages
        n, (found,) = due(seconds), pace.step(seconds)
        ids = (first + numpys.integers(0, size, n)) % pages
        assert_same(found, ids, writing(numpys, write, n))
        assert (pace.first, pace.since) == (first, since)
    assert mine.random() == numpys.random()


@given(steps, st.floats(0, 9), writes, st.integers(1, 40))
def test_in_order_it_begins_again(steps, rate, write, pages):
    (mine, numpys), pace, due = two(8), Pace(rate, write), Due(rate)
    pace.in_order(Draws(mine), pages)
    at = 0
    for seconds in steps:
        n, (found,) = due(seconds), pace.step(seconds)
        assert_same(found, (at + np.arange(n)) % pages, writing(numpys, write, n))
        at = (at + n) % pages
    assert mine.random() == numpys.random() and pace.first == at


@given(steps, st.floats(0, 9), st.integers(1, 40), st.integers(0, 50))
def test_with_generations_a_quarter_as_many_read_the_old_one(steps, rate, young, old):
    (mine, numpys), pace, due = two(9), Pace(rate, 0.5), Due(rate)
    pace.in_order(Draws(mine), young, generations=True)
    pace.reads = old
    at = 0
    for seconds in steps:
        n, found = due(seconds), pace.step(seconds)
        assert_same(found[0], (at + np.arange(n)) % young, True)
        assert len(found) == 1 + bool(old and n)
        if old and n:
            assert_same(found[1], young + numpys.integers(0, old, max(1, n // 4)), False)
        rounds, at = divmod(at + n, young)
        assert (pace.rounds, pace.first) == (rounds, at)
    assert mine.random() == numpys.random()


def test_what_is_no_pace_is_named_and_changes_nothing():
    pace, draws = Pace(10.0, 0.5), Draws(np.random.default_rng(1))
    with pytest.raises(ValueError, match="no next step"):
        pace.step(1.0)
    for wrong in ((0, 5), (6, 5), (1, 2**32), (1, 5, 6), (1, 5, -1), (1, 5, 1, 0.0)):
        with pytest.raises(ValueError, match="no window of"):
            pace.in_window(draws, *wrong)
    for pages in (0, 2**32):
        with pytest.raises(ValueError, match="no order"):
            pace.in_order(draws, pages)
    pace.in_order(draws, 9)
    for name, value in (("due", float("nan")), ("due", -1.0), ("due", 1e15), ("first", 9)):
        before = getattr(pace, name)
        setattr(pace, name, value)
        with pytest.raises(ValueError, match="no next step"):
            pace.step(0.0)
        setattr(pace, name, before)
    pace.due = float("inf")
    with pytest.raises(ValueError, match="are no pace"):
        pace.touches(1.0)


def test_one_that_has_not_begun_can_be_sent_elsewhere():
    pace = pickle.loads(pickle.dumps(Pace(3.5, 0.25)))
    assert (pace.rate, pace.write, pace.due) == (3.5, 0.25, 0.0)
    pace.in_order(Draws(np.random.default_rng(1)), 4)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(pace)
