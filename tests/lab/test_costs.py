"""All stall times come from one small table of seconds: its sum, its presets, its errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pageengine.lab.costs import EVENTS, PRESETS, CostModel, make


def test_counts_become_seconds():
    costs = CostModel(swap_in=1e-3, decompressions=1e-5, faults_absent=0)
    events = {"swap_in": 3, "decompressions": 100, "faults_absent": 10**6, "accesses": 10**9}
    assert costs.stall(events) == pytest.approx(4e-3)
    assert costs.stall({}) == 0


counts = st.one_of(st.just(0), st.integers(-5, 10**6))


@given(st.lists(st.lists(counts, min_size=len(EVENTS), max_size=len(EVENTS)), min_size=1))
def test_many_machines_wait_as_long_as_each_alone_bit_for_bit(rows):
    costs = CostModel(swap_in=0.1, swap_out=1 / 3, cow_breaks=1e-9, faults_absent=0.7)
    columns = dict(zip(EVENTS, np.array(rows).T, strict=True)) | {"accesses": np.ones(len(rows))}
    alone = [costs.stall(dict(zip(EVENTS, row, strict=True))) for row in rows]
    assert costs.stalls(columns).tolist() == alone


def test_slower_storage_costs_more():
    event = {"swap_in": 1}
    ranked = [PRESETS[name].stall(event) for name in ("nvme", "sata-ssd", "hdd")]
    assert ranked == sorted(ranked) and ranked[0] < ranked[2] / 50


def test_decompression_is_far_cheaper_than_a_disk():
    assert PRESETS["hdd"].decompressions * 10 < PRESETS["hdd"].swap_in


def test_costs_are_made_of_names_tables_and_models():
    assert make("hdd") is PRESETS["hdd"]
    assert make({"storage": "hdd", "cow_breaks": 5e-6}).cow_breaks == 5e-6
    assert make({"storage": "hdd"}).swap_in == PRESETS["hdd"].swap_in
    assert make(PRESETS["nvme"]) is PRESETS["nvme"]


def test_measured_costs_are_of_this_machine():
    costs = CostModel.measure("sata-ssd")
    assert costs.swap_in == PRESETS["sata-ssd"].swap_in
    for name in ("faults_absent", "cow_breaks", "decompressions"):
        assert 1e-6 < getattr(costs, name) < 1e-3


@pytest.mark.parametrize(
    ("costs", "message"),
    [
        ("nmve", "did you mean 'nvme'"),
        ({"swap_inn": 3}, "did you mean 'swap_in'"),
        ({"swap_in": -1}, "swap_in must be at least 0 and below 1000 seconds, got -1"),
    ],
)
def test_bad_costs_are_named(costs, message):
    with pytest.raises(ValueError, match=message):
        make(costs)


@pytest.mark.parametrize(
    ("costs", "message"),
    [
        (7, "name of a preset or a table"),
        ({"swap_in": "slow"}, "swap_in must be a number of seconds, got 'slow'"),
        ({"read_rate": True}, "read_rate must be a number, got True"),
    ],
)
def test_costs_of_another_kind_are_named(costs, message):
    with pytest.raises(TypeError, match=message):
        make(costs)
