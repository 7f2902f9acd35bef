"""At stake: a run that is another run because its programs draw another way. Draws are held against
numpy's Generator, number by number, and so is the state that they leave.
"""

import pickle

import numpy as np
import pytest
from hypothesis import given, strategies as st

from pageengine.core.draws import Draws, Popularity, Ranks

GENERATORS = [
    lambda seed: np.random.Generator(np.random.Philox(key=[seed, 3])),
    np.random.default_rng,
    lambda seed: np.random.Generator(np.random.MT19937(seed)),
]
bounds = st.one_of(st.integers(1, 40), st.integers(1, 2**32 - 1), st.just(2**31 + 1))


def same_state(one, other):
    return one.random() == other.random() and one.integers(0, 100) == other.integers(0, 100)


@given(bounds, st.integers(0, 50), st.sampled_from(GENERATORS), st.integers(0, 2**32), st.data())
def test_draws_are_those_of_the_generator(bound, n, made, seed, data):
    mine, numpys = made(seed), made(seed)
    draws = Draws(mine)
    first, part = data.draw(st.integers(0, bound)), data.draw(st.floats(0, 1))
    for _ in range(2):
        assert np.array_equal(draws.below(bound, n), numpys.integers(0, bound, n))
        assert np.array_equal(draws.part(part, n), numpys.random(n) < part)
        size = data.draw(st.integers(1, bound))
        expected = (first + numpys.integers(0, size, n)) % bound
        assert np.array_equal(draws.window(first, size, bound, n), expected)
    assert same_state(mine, numpys)


@given(st.lists(st.integers(0, 10), min_size=1, max_size=40).filter(any), st.integers(0, 99))
def test_ranks_are_those_that_a_search_would_find(weights, seed):
    ends = np.cumsum(weights) / sum(weights)
    names = np.random.default_rng(seed).permutation(len(weights))
    mine, numpys = np.random.default_rng(seed), np.random.default_rng(seed)
    found = Draws(mine).ranks(Ranks(names, Popularity(ends)), 200)
    assert np.array_equal(found, names[np.searchsorted(ends, numpys.random(200), "right")])
    assert all(weights[rank] for rank in np.argsort(names)[found])
    assert same_state(mine, numpys)


def test_what_cannot_be_drawn_is_named():
    draws = Draws(np.random.default_rng(1))
    for first, size, pages, n in (
        (0, 0, 5, 1),
        (0, 6, 5, 1),
        (6, 1, 5, 1),
        (-1, 1, 5, 1),
        (0, 1, 2**32, 1),
        (0, 1, 5, -1),
    ):
        with pytest.raises(ValueError, match=f"no window of {size} of {pages} pages from {first}"):
            draws.window(first, size, pages, n)
    one = Popularity([1.0])
    for names in ([1, 2], [], [[1]], [-1], [2**32]):
        with pytest.raises(ValueError, match="one name, from 0 to below 2\\*\\*32, for each of 1"):
            Ranks(names, one)
    for ends in ([], [[1.0]]):
        with pytest.raises(ValueError, match="ends must be one row"):
            Popularity(ends)
    for ends in ([0.5, 0.9], [0.5, 0.4, 1.0], [-0.1, 1.0], [np.nan, 1.0]):
        with pytest.raises(ValueError, match="ends must rise from 0 to 1"):
            Popularity(ends)
    with pytest.raises(AttributeError):
        Draws(7)
    for made in (draws, one, Ranks([0], one)):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps(made)
