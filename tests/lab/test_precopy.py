"""What a move costs decides whether it is worth it. The model of pre-copy is held against its
closed form, against what bounds it, and against cases that can be done in the head.
"""

import math

import pytest
from hypothesis import given, strategies as st

from pageengine.lab.fleet import Precopy

GIB = 2**30
amounts = st.floats(1e6, 1e12)


def closed_form(held, ratio, most_left):
    """(bytes sent, bytes of the last round): M r**n is sent while the VM stands still, for the
    first n for which that is little enough.
    """
    rounds = max(0, math.ceil(math.log(most_left / held) / math.log(ratio)))
    return held * (1 - ratio ** (rounds + 1)) / (1 - ratio), held * ratio**rounds, rounds + 1


@pytest.mark.parametrize("ratio", [0.1, 0.35, 0.6, 0.65])
@pytest.mark.parametrize("held", [1 * GIB, 64 * GIB])
def test_it_is_the_closed_form_where_a_vm_writes_everywhere(held, ratio):
    model = Precopy(bandwidth=10**9, downtime=0.05)
    cost = model.cost(held, ratio * 10**9, held)
    sent, last, rounds = closed_form(held, ratio, 0.05 * 10**9)
    assert cost.bytes == pytest.approx(sent, rel=1e-9)
    assert cost.downtime == pytest.approx(last / 10**9)
    assert cost.rounds == rounds
    assert cost.seconds == pytest.approx(sent / 10**9)
    assert cost.waits == pytest.approx(0.12 * (cost.seconds - cost.downtime) + cost.downtime)


def test_a_vm_that_writes_nothing_is_sent_once():
    cost = Precopy(bandwidth=10**9, downtime=0.3).cost(10 * 10**9, 0.0, 10**9)
    assert (cost.bytes, cost.seconds, cost.downtime, cost.rounds) == (10 * 10**9, 10.0, 0.0, 2)
    assert cost.waits == pytest.approx(1.2)


def test_a_small_one_is_sent_while_it_stands_still():
    cost = Precopy(bandwidth=10**9, downtime=0.3).cost(10**8, 10**9, 10**8)
    assert cost.rounds == 1 and cost.downtime == cost.seconds == cost.waits == pytest.approx(0.1)


def test_what_it_writes_over_and_over_is_sent_once_a_round():
    # the link is slower than it writes, but it writes the same 0.5 GB again and again
    cost = Precopy(bandwidth=10**9, downtime=0.1, rounds=4, most=100).cost(8e9, 4e9, 0.5e9)
    assert cost.rounds == 5 and cost.bytes == pytest.approx(8e9 + 4 * 0.5e9)
    assert cost.downtime == pytest.approx(0.5)


def test_copying_that_comes_to_no_end_is_ended():
    cost = Precopy(bandwidth=10**9, downtime=0.1).cost(8e9, 4e9, 8e9)
    assert cost.bytes == pytest.approx(5 * 8e9)  # more than three times, and the last round
    assert cost.downtime == pytest.approx(8)


@given(amounts, st.floats(0, 1e11), amounts)
def test_what_bounds_it(held, dirty, writes):
    model = Precopy()
    cost = model.cost(held, dirty, writes)
    assert cost.bytes >= int(held) and 1 <= cost.rounds <= 30
    assert cost.bytes <= held * (model.most + 2) + 1
    assert 0 <= cost.downtime <= cost.seconds and cost.waits <= cost.seconds + 1e-9
    slower = model.cost(held, 2 * dirty, writes)
    assert slower.downtime >= cost.downtime or slower.rounds > cost.rounds


@pytest.mark.parametrize(
    "options, said",
    [
        ({"bandwidth": 0}, "bandwidth must be more than nothing"),
        ({"bandwidth": "fast"}, "bandwidth"),
        ({"downtime": -1}, "downtime must be"),
        ({"rounds": 0}, "rounds must be"),
        ({"most": 0.5}, "most must be"),
        ({"slowdown": 1.5}, "slowdown must be"),
    ],
)
def test_what_cannot_be_is_named(options, said):
    with pytest.raises(ValueError, match=said):
        Precopy(**options)
