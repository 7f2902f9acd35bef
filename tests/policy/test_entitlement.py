"""Who deserves how much is the heart of the policy, and a page too many here is a page too few
there. The solver against the closed forms of facts known from the paper, and against min-funding
revocation done page by page.
"""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from pageengine.policy.entitlement import Claims, _first, _holdings, _price_inverse, entitle


def claims(shares, active, minimum=None, maximum=None):
    n = len(shares)
    return Claims(
        np.array(shares),
        np.array(active),
        np.zeros(n, int) if minimum is None else np.array(minimum),
        np.full(n, 10**6) if maximum is None else np.array(maximum),
    )


def by_revocation(c, pages, tax):
    """Page by page, as the paper has it: the next page goes to who would pay most for it."""
    k = 1 / (1 - tax)
    held = c.minimum.astype(int)
    for _ in range(pages - held.sum()):
        after = held + 1
        paid = np.minimum(after, c.active) + k * np.maximum(after - c.active, 0)
        price = np.where((after <= c.maximum) & (c.shares > 0), c.shares / paid, -1)
        best = int(np.argmax(price))
        if price[best] <= 0:
            break
        held[best] += 1
    return held


def test_equal_shares_get_equal_parts_without_the_tax():
    assert entitle(claims([2560, 2560], [5, 256], maximum=[256, 256]), 358, 0.0).tolist() == [
        179,
        179,
    ]


def test_figure_7_of_the_paper_moves_idle_memory():
    # 4 P1 - 3 A1 = P2, P2 at most 256
    for idle_active in (0, 10, 30):
        got = entitle(claims([2560, 2560], [idle_active, 256], maximum=[256, 256]), 358, 0.75)
        assert got.tolist() == [102, 256]
    got = entitle(claims([1, 1], [10, 400], maximum=[400, 400]), 358, 0.75)
    assert got[0] == pytest.approx(71.6 + 0.6 * 10, abs=1)


def test_a_fully_idle_vm_keeps_what_the_tax_leaves():
    got = entitle(claims([1, 1], [0, 10_000]), 1000, 0.75)
    assert got.tolist() == [200, 800]  # 1/4 to 1


def test_twice_the_shares_is_twice_the_memory():
    assert entitle(claims([1, 2, 1], [900, 900, 900]), 400, 0.75).tolist() == [100, 200, 100]


def test_no_shares_is_exactly_the_minimum_even_while_memory_is_free():
    got = entitle(claims([0, 1], [50, 50], minimum=[7, 0], maximum=[100, 30]), 1000, 0.75)
    assert got.tolist() == [7, 30]


def test_a_client_that_cannot_move_does_not_move_the_others():
    """All it has is reserved and active: its bends fall together."""
    got = entitle(claims([5, 1, 1], [10, 40, 40], [10, 0, 0], [10, 90, 90]), 60, 0.5)
    assert got.tolist() == [10, 25, 25]


@pytest.mark.parametrize("name", ["shares", "active", "minimum", "maximum"])
def test_claims_are_one_number_of_at_least_nothing_each(name):
    good = {key: np.array([1, 2]) for key in ("shares", "active", "minimum", "maximum")}
    for bad in (np.array([5, -1]), np.array([[1, 2]])):
        with pytest.raises(ValueError, match=f"{name} must be one number of at least 0"):
            Claims(**good | {name: bad})
    assert Claims(**{key: np.zeros(0) for key in good}).shares.size == 0
    with pytest.raises(ValueError):
        Claims(**good | {name: np.array([9])})
    with pytest.raises(ValueError):
        Claims(**good | {"maximum": np.array([1, 1])})


small = st.integers(-2, 2)


@given(st.lists(st.tuples(small, small), max_size=8), st.integers(1, 10))
def test_the_first_few_are_those_of_a_sort(keys, n):
    a, b = (np.array([key[i] for key in keys], float) for i in (0, 1))
    order = sorted(range(len(keys)), key=lambda i: (*keys[i], i))
    found = _first(a, b, np.arange(len(keys)), n)
    assert sorted(found.tolist()) == sorted(order[:n])


def test_minima_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match="add up to 30 pages and there are 20"):
        entitle(claims([1, 1], [1, 1], minimum=[10, 20], maximum=[50, 50]), 20)


def test_without_a_price_all_hold_their_most_and_who_has_no_shares_the_least():
    c = claims([0, 3], [50, 50], minimum=[7, 0], maximum=[100, 30])
    assert _holdings(c, np.inf, 4.0).tolist() == [7, 30]


client = st.tuples(
    st.integers(0, 40), st.integers(0, 60), st.integers(0, 20), st.integers(0, 60)
).map(lambda c: (c[0], c[1], c[2], c[2] + c[3]))
client |= st.tuples(st.integers(0, 40), st.integers(0, 60)).map(
    lambda c: (c[0], c[1], c[1], c[1])  # all of it reserved and active
)
some = st.lists(client, min_size=1, max_size=8)
taxes = st.sampled_from([0.0, 0.25, 0.5, 0.75, 0.9])


@given(some, st.integers(0, 300), taxes)
def test_parts_add_up_and_keep_their_bounds(clients, spare, tax):
    c = claims(*zip(*clients, strict=True))
    pages = int(c.minimum.sum()) + spare
    got = entitle(c, pages, tax)
    reachable = np.where(c.shares > 0, c.maximum, c.minimum)
    assert got.sum() == min(pages, reachable.sum())
    assert (got >= c.minimum).all() and (got <= reachable).all()


@given(some, st.integers(0, 300), taxes)
def test_the_solution_is_that_of_min_funding_revocation(clients, spare, tax):
    c = claims(*zip(*clients, strict=True))
    pages = int(c.minimum.sum()) + spare
    assert np.abs(entitle(c, pages, tax) - by_revocation(c, pages, tax)).max() <= 2


@given(some, st.integers(0, 300), taxes)
def test_the_price_is_the_one_at_which_all_pages_are_held(clients, spare, tax):
    c = claims(*zip(*clients, strict=True))
    reachable = np.where(c.shares > 0, c.maximum, c.minimum)
    total = min(int(c.minimum.sum()) + spare, int(reachable.sum()))
    k = 1 / (1 - tax)
    held = _holdings(c, _price_inverse(c, total, k), k)
    assert held.sum() == pytest.approx(total, abs=1e-6)


@given(some, st.integers(0, 300), taxes, st.data())
def test_more_shares_never_mean_fewer_pages(clients, spare, tax, data):
    c = claims(*zip(*clients, strict=True))
    i = data.draw(st.integers(0, len(clients) - 1))
    more = c.shares.copy()
    more[i] += data.draw(st.integers(1, 50))
    pages = int(c.minimum.sum()) + spare
    richer = Claims(more, c.active, c.minimum, c.maximum)
    assert entitle(richer, pages, tax)[i] >= entitle(c, pages, tax)[i]


@given(some, st.integers(0, 300), taxes)
def test_the_solution_is_that_of_bisection_to_a_page(clients, spare, tax):
    c = claims(*zip(*clients, strict=True))
    pages, k = int(c.minimum.sum()) + spare, 1 / (1 - tax)
    low, high = 0.0, 1e6
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (low, middle) if _holdings(c, middle, k).sum() > pages else (middle, high)
    assert np.abs(entitle(c, pages, tax) - _holdings(c, low, k)).max() < 1 + 1e-6
