"""A host that is packed by what reuse times say holds too many VMs where they say too little. They
are held against an LRU that is counted, against formulas, and against long looks where a look is
short.
"""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from made_accesses import draw, seen, zipf

from pageengine.analysis.reuse import ReuseTimes, Waits, _bin, _edges
from pageengine.core.guest import Guest


def missed_by_lru(ids, size):
    """Of the second half, by the guest's own LRU."""
    guest = Guest(size, swap_pages=int(ids.max()) + 1, replacement="lru")
    half = len(ids) // 2
    guest.replay("memory", ids[:half])
    return guest.replay("memory", ids[half:]).misses / (len(ids) - half)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=60), st.integers(1, 60))
def test_the_histogram_is_that_of_a_dict(ids, piece):
    times, last, found = ReuseTimes(), {}, {}
    for at in range(0, len(ids), piece):
        times.see(ids[at : at + piece])
    for when, page in enumerate(ids):
        if page in last:
            found[when - last[page]] = found.get(when - last[page], 0) + 1
        last[page] = when
    assert {t + 1: n for t, n in enumerate(times._ended) if n} == found
    assert times.accesses == len(ids) and times.footprint == len(last)


def test_short_and_long_times_fall_into_the_bins_that_hold_them():
    powers = (2.0 ** np.linspace(8, 45, 30_000)).astype(np.int64)
    times = np.unique(np.concatenate([np.arange(1, 5000), powers, powers + 1]))
    bins = _bin(times)
    edges = _edges(int(bins.max()) + 1)
    assert (edges[bins] < times).all() and (times <= edges[bins + 1]).all()
    assert (np.diff(edges)[256:] / edges[256:-1] < 0.017).all()


@pytest.mark.parametrize("n", [30_000, 300_000])
def test_uniform_accesses_miss_what_is_not_held_in_a_short_look_too(n):
    """1 - c / pages, whatever the look: counting pages that came once as misses for ever would say
    a tenth more after three accesses a page.
    """
    sizes = np.array([1000, 3000, 5000, 8000])
    found = seen(draw(1).integers(0, 10_000, n)).curve(sizes)
    chance = 4 * np.sqrt(0.25 / n)  # four standard errors of a part of n accesses
    assert found == pytest.approx(1 - sizes / 10_000, abs=chance)


def test_a_loop_misses_everything_until_all_of_it_is_held():
    found = seen(np.tile(np.arange(1000), 20)).curve([10, 980, 1020, 5000])  # bins are of 1.6 %
    assert found == pytest.approx([1, 1, 0, 0], abs=0.02)


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0])
def test_an_lru_misses_so_much(alpha):
    ids = zipf(3, 5000, alpha, 400_000)
    sizes = np.linspace(250, 4750, 10).astype(int)
    found = seen(ids).curve(sizes)
    assert found == pytest.approx([missed_by_lru(ids, int(c)) for c in sizes], abs=0.01)


def test_a_sample_of_pages_is_near_the_whole():
    ids = zipf(4, 20_000, 0.8, 600_000)
    sizes = np.linspace(500, 19_000, 20)
    whole = seen(ids).curve(sizes)
    errors = [np.abs(seen(ids, 0.1, seed=seed).curve(sizes) - whole) for seed in range(4)]
    assert np.mean(errors) < 0.03, "which pages of the popular few are watched is chance"


def test_what_a_look_was_too_short_for_is_not_told():
    short = seen(draw(5).integers(0, 10_000, 3000))
    curve = short.curve([500, 9000, 20_000])
    assert curve[0] == pytest.approx(0.95, abs=0.01) and np.isnan(curve[1:]).all()
    assert not Waits.of(short).whole


def test_curves_fall_and_nothing_is_told_of_nothing():
    curve = seen(zipf(6, 3000, 0.9, 50_000)).curve(np.arange(0, 3200, 10))
    assert (np.diff(curve) <= 0).all() and curve[0] == 1 and curve[-1] == 0
    assert np.isnan(ReuseTimes().curve([1])[0])
    assert ReuseTimes().footprint == 0


@pytest.mark.parametrize("rate", [0, 1.5, -1, float("nan")])
def test_a_part_of_pages_is_above_0_and_at_most_1(rate):
    with pytest.raises(ValueError, match="rate"):
        ReuseTimes(rate)
