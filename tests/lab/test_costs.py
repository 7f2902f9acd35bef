"""All stall times come from one small table of seconds: its sum, its presets, its errors."""

import pytest

from pageengine.lab.costs import PRESETS, CostModel, make


def test_counts_become_seconds():
    costs = CostModel(swap_in=1e-3, decompressions=1e-5, faults_absent=0)
    events = {"swap_in": 3, "decompressions": 100, "faults_absent": 10**6, "accesses": 10**9}
    assert costs.stall(events) == pytest.approx(4e-3)
    assert costs.stall({}) == 0


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
        ({"swap_in": -1}, "swap_in must be seconds from 0 on, got -1"),
        ({"swap_in": "slow"}, "got 'slow'"),
    ],
)
def test_bad_costs_are_named(costs, message):
    with pytest.raises(ValueError, match=message):
        make(costs)


def test_costs_of_another_kind_are_named():
    with pytest.raises(TypeError, match="name of a preset or a table"):
        make(7)
