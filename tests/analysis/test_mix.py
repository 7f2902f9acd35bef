"""VMs that are put together by what each does alone: held against one LRU that they really share,
at twenty sizes, VM by VM, and against what must be so whatever they do.
"""

import numpy as np
import pytest
from made_accesses import draw, seen, zipf

from pageengine.analysis.mix import mix
from pageengine.analysis.reuse import ReuseTimes
from pageengine.core.guest import Guest

RATES = np.array([3000.0, 2000.0, 4000.0])  # accesses per second
PAGES = (4000, 4600, 12_000)


@pytest.fixture(scope="module")
def alone():
    """What each of three VMs accesses: skewed; skewed and a loop; nearly uniform."""
    n = (60 * RATES).astype(int)
    loop = 1600 + np.arange(n[1]) % 3000
    second = np.where(draw(2).random(n[1]) < 0.7, zipf(3, 1600, 0.8, n[1]), loop)
    return [zipf(1, PAGES[0], 0.9, n[0]), second, zipf(4, PAGES[2], 0.4, n[2])]


@pytest.fixture(scope="module")
def together(alone):
    """(ids, whose) in the order of time."""
    rng = draw(5)
    when = [
        (np.arange(len(ids)) + rng.random(len(ids))) / rate
        for ids, rate in zip(alone, RATES, strict=True)
    ]
    order = np.argsort(np.concatenate(when), kind="stable")
    base = np.cumsum([0, *PAGES[:2]])
    ids = np.concatenate([ids + first for ids, first in zip(alone, base, strict=True)])
    whose = np.repeat(np.arange(3), [len(ids) for ids in alone])
    return ids[order], whose[order]


def shared_lru(ids, whose, size):
    """The part of each VM's accesses that miss in the second half, by an LRU that all share."""
    guest = Guest(size, swap_pages=sum(PAGES), replacement="lru")
    half, found = len(ids) // 2, np.zeros(3)
    guest.replay("memory", ids[:half])
    cuts = np.flatnonzero(np.diff(whose[half:])) + 1 + half
    for first, after in zip([half, *cuts], [*cuts, len(ids)], strict=True):
        found[whose[first]] += guest.replay("memory", ids[first:after]).misses
    return found / np.bincount(whose[half:], minlength=3)


@pytest.mark.slow
def test_twenty_sizes_of_a_shared_lru_are_told_from_each_vm_alone(alone, together):
    sizes = np.linspace(500, 20_000, 20).astype(int)
    told = mix([seen(ids) for ids in alone], RATES, sizes)
    error = np.abs(told.missed - [shared_lru(*together, int(size)) for size in sizes])
    assert error.max() < 0.02


def test_a_shared_lru_misses_so_much(alone, together):
    told = mix([seen(ids) for ids in alone], RATES, [6000])
    assert told.missed[0] == pytest.approx(shared_lru(*together, 6000), abs=0.02)
    assert told.held.sum() == pytest.approx(6000, rel=1e-3)


def test_one_vm_alone_has_its_own_curve(alone):
    one, sizes = seen(alone[0]), np.linspace(10, 4500, 30)
    assert mix([one], [5.0], sizes).missed[:, 0] == pytest.approx(one.curve(sizes), abs=1e-6)


def test_order_and_the_unit_of_time_are_of_no_consequence(alone):
    vms, sizes = [seen(ids) for ids in alone], [3000, 9000, 15_000]
    told, turned = mix(vms, RATES, sizes), mix(vms[::-1], 7 * RATES[::-1], sizes)
    assert turned.missed[:, ::-1] == pytest.approx(told.missed, abs=1e-9)
    assert turned.age * 7 == pytest.approx(told.age, rel=1e-9)


def test_more_memory_never_hurts_and_equal_vms_get_the_same(alone):
    one = seen(alone[0])
    told = mix([one, one, seen(alone[2])], [2000, 2000, 1000], np.linspace(100, 20_500, 60))
    assert (np.diff(told.missed, axis=0) <= 1e-12).all()
    assert (np.diff(told.age[np.isfinite(told.age)]) > 0).all()
    assert (told.missed[:, 0] == told.missed[:, 1]).all()
    assert told.age[-1] == np.inf and (told.missed[-1] == 0).all()


def test_a_vm_that_stands_for_three_is_three(alone):
    one, other = seen(alone[0]), seen(alone[2])
    sizes, rates = [2000, 12_000, 23_500, 24_500], [2000.0, 1000.0]
    told = mix([one, other], rates, sizes, stall=1e-4, counts=[3, 1])
    each = mix([one, one, one, other], [2000.0, 2000.0, 2000.0, 1000.0], sizes, stall=1e-4)
    for name in ("missed", "held", "rates"):
        assert getattr(told, name) == pytest.approx(getattr(each, name)[:, 2:], rel=1e-9)
    assert told.age == pytest.approx(each.age, rel=1e-9)


@pytest.mark.parametrize("counts", [[1], [1, 0], [1, float("nan")]])
def test_each_vm_stands_for_one_at_least(counts):
    with pytest.raises(ValueError, match="counts"):
        mix([ReuseTimes(), ReuseTimes()], [1.0, 1.0], [10], counts=counts)


def test_who_waits_for_what_it_misses_makes_fewer_accesses_and_holds_less(alone):
    vms = [seen(ids) for ids in alone]
    quick, slow = (mix(vms, RATES, [8000], stall=stall) for stall in (0.0, 1e-3))
    assert (quick.rates == RATES).all()
    assert slow.rates[0] == pytest.approx(RATES / (1 + RATES * slow.missed[0] * 1e-3), rel=1e-4)
    # the third misses most, so waiting takes most of its weight
    assert slow.held[0, 2] < quick.held[0, 2] and slow.age[0] > quick.age[0]


def test_what_a_look_was_too_short_for_is_told_of_nobody(alone):
    short = seen(draw(6).integers(0, 10_000, 3000))
    told = mix([seen(alone[0]), short], [1000, 1000], [500, 9000])
    assert np.isfinite(told.missed[0]).all() and np.isnan(told.missed[1]).all()


@pytest.mark.parametrize("rates", [[1.0], [1.0, 0.0], [1.0, float("nan")], [[1.0, 2.0]]])
def test_each_vm_has_a_rate_above_0(rates):
    with pytest.raises(ValueError, match="rates"):
        mix([ReuseTimes(), ReuseTimes()], rates, [10])
