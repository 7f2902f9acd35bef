"""What is taken must add up to the need, fall on those it should fall on, and never exceed what
they have; who is advised to leave must make the rest fit. Made-up columns, against plain sums.
"""

import numpy as np
from hypothesis import given, strategies as st
from made_up_hosts import driven as view

from pageengine.policy.advice import advise
from pageengine.policy.ladder import VMNumbers, inflate, plans, split

MIB, PAGE = 2**20, 4096


@given(st.lists(st.integers(0, 2**40), min_size=1, max_size=30), st.integers(0, 2**42))
def test_parts_add_up_to_the_need_within_a_page_and_are_in_proportion(weights, need):
    weights = np.array(weights, np.int64)
    parts = split(need, weights)
    total = int(weights.sum())
    assert (parts >= 0).all() and (parts <= weights).all()
    wanted = min(need, total)
    assert wanted <= parts.sum() <= wanted + PAGE
    exact = weights * (wanted / total) if total else weights
    assert np.abs(parts - exact).max() <= PAGE * (len(weights) + 1)


def test_what_a_weight_cuts_off_falls_on_the_others():
    """Else whoever is asked next, because the excess seems not to be enough, has none."""
    weights = np.array([5000, 5000, 5000], np.int64)
    assert split(14_000, weights).sum() >= 14_000
    assert split(15_000, weights).tolist() == split(10**9, weights).tolist() == weights.tolist()


def test_many_small_parts_do_not_add_up_to_a_page_from_each():
    parts = split(10 * PAGE, np.full(1000, 100 * PAGE, np.int64))
    assert parts.sum() == 10 * PAGE


def test_nothing_is_split_among_nobody():
    assert split(5, np.zeros(0, np.int64)).tolist() == []
    for need in (0, -1, -10 * PAGE):
        assert split(need, np.array([3 * PAGE, 5], np.int64)).tolist() == [0, 0]
    assert plans(VMNumbers(())) == {}


def test_a_balloon_takes_what_it_can_and_the_rest_is_paged():
    m = VMNumbers((view("a", balloon_max=500 * MIB), view("b", balloon_max=0)))
    balloon, paged = inflate(m, np.array([100 * MIB, 100 * MIB]))
    # 424 MiB were never touched: they are in the balloon before anything is won
    assert balloon.tolist() == [500 * MIB, 0]
    assert paged.tolist() == [24 * MIB, 100 * MIB]


def test_one_vm_leaves_where_one_is_enough():
    m = VMNumbers((view("a"), view("b", active=900 * MIB), view("c", active=500 * MIB)))
    assert advise(m, 1700 * MIB) == ()
    (advice,) = advise(m, 1250 * MIB)
    assert advice.vm == "c" and "450 MiB more" in advice.why and "500 MiB" in advice.why
    assert [a.vm for a in advise(m, 350 * MIB)] == ["b", "c"]


def test_what_is_reserved_counts_as_needed():
    m = VMNumbers((view("a", active=0, reservation=600 * MIB), view("b", active=500 * MIB)))
    assert [a.vm for a in advise(m, 1000 * MIB)] == ["b"]


@given(st.lists(st.integers(0, 1024), max_size=20), st.integers(0, 8000))
def test_what_stays_fits(active, memory):
    m = VMNumbers(tuple(view(str(i), active=n * MIB) for i, n in enumerate(active)))
    left = {advice.vm for advice in advise(m, memory * MIB)}
    assert sum(n for i, n in enumerate(active) if str(i) not in left) <= memory
    assert left or sum(active) <= memory
