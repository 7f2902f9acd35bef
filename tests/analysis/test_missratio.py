"""A working set that is told wrongly gives memory to the wrong VM. Curves are compared with an
LRU that is simulated, and the sampled ones with those within the error that a sample has.
"""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from pageengine.analysis.missratio import MissRatios
from pageengine.core.draws import Draws, Ranks
from pageengine.lab.workloads.zipf import popularity


def lru_misses(ids, size):
    stack, misses = [], 0
    for page in ids:
        if page in stack:
            stack.remove(page)
        else:
            misses += 1
            stack = stack[-(size - 1) :] if size > 1 else []
        stack.append(page)
    return misses


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=80), st.integers(1, 80))
def test_without_sampling_the_curve_is_that_of_lru(ids, piece):
    ratios = MissRatios(16, rate=1.0, bins=16)
    for at in range(0, len(ids), piece):
        ratios.see(ids[at : at + piece])
    sizes = np.arange(1, 16)
    expected = [lru_misses(ids, size) / len(ids) for size in sizes]
    assert ratios.curve(sizes) == pytest.approx(expected)


@pytest.mark.parametrize("alpha", [0.0, 0.9])
def test_a_sample_is_near_the_truth(alpha):
    draw = np.random.Generator(np.random.Philox(key=[1, 2]))
    n, pages = 400_000, 20_000
    table = Ranks(draw.permutation(pages), popularity(pages, alpha))
    ids = Draws(draw).ranks(table, n)
    exact, sampled = MissRatios(pages, rate=1.0), MissRatios(pages, rate=0.05, seed=3)
    for part in np.array_split(ids, 20):
        exact.see(part)
        sampled.see(part)
    sizes = np.linspace(0, pages, 40)
    error = np.abs(exact.curve(sizes) - sampled.curve(sizes))
    assert error.mean() < 0.02 and error.max() < 0.06


def test_a_loop_needs_all_of_itself():
    ratios = MissRatios(4096, rate=0.5, seed=1)
    for _ in range(10):
        ratios.see(np.arange(1000))
    assert ratios.curve([900])[0] > 0.95
    assert ratios.curve([1100])[0] < 0.15
    assert 900 < ratios.working_set() < 1100


def test_memory_is_bounded_and_the_curve_survives_it():
    draw = np.random.Generator(np.random.Philox(key=[5, 6]))
    bounded, free = (MissRatios(50_000, rate=0.2, most=most, seed=2) for most in (500, 10**6))
    for _ in range(20):
        ids = draw.integers(0, 30_000, 20_000)
        bounded.see(ids)
        free.see(ids)
    assert len(bounded._stack) <= 500 and bounded.rate < 0.05
    sizes = np.linspace(0, 50_000, 20)
    assert np.abs(bounded.curve(sizes) - free.curve(sizes)).mean() < 0.03


def test_nothing_seen_is_all_missed_and_bad_values_are_named():
    assert MissRatios(10).curve([5])[0] == 1
    with pytest.raises(ValueError, match=r"rate must be .* got 0"):
        MissRatios(10, rate=0)
    with pytest.raises(ValueError, match="most 16 or more, got 10, 4096, 3"):
        MissRatios(10, most=3)
