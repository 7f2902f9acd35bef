"""Senpai's one formula, with its published constants: a VM that waits must not be pressed
on.
"""

import pytest
from made_up_hosts import GIB, MIB, decide, host, view

from pageengine.policy import Pressure


def given(stall, **more):
    vm = view(consumed=1000 * MIB, stall=stall)
    return decide(Pressure(), host(GIB, vm, **more)).vms["a"].reclaim


def test_five_in_ten_thousand_every_6_seconds_less_as_it_stalls():
    assert given(0.0) == 1000 * MIB * 5 // 10_000
    assert given(0.0005) == pytest.approx(1000 * MIB * 0.00025, abs=1)
    assert given(0.001) == given(0.5) == 0


def test_asked_early_it_takes_nothing_more():
    plan = decide(Pressure(), host(GIB, view(), time=12.0))
    assert plan.again == 6.0
    assert given(0.0, time=17.0, memo=plan.memo) == 0
    assert given(0.0, time=18.0, memo=plan.memo) > 0


def test_memory_that_is_nearly_out_is_taken_whoever_stalls():
    assert sum(w.reclaim for w in decide(Pressure(), host(0, view(stall=1.0))).vms.values()) > 0


def test_all_of_it_is_a_share_too():
    assert (Pressure(ratio=1, threshold=1).ratio, Pressure(threshold=1).threshold) == (1, 1)
    assert given(0.0005, time=6.0, memo={"time": 0.0}) > 0


@pytest.mark.parametrize(
    "options",
    [
        {"ratio": 0},
        {"ratio": 1.1},
        {"threshold": 0},
        {"threshold": 2},
        {"period": 0},
        {"technique": "x"},
    ],
)
def test_bad_options_are_named(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} must be"):
        Pressure(**options)
