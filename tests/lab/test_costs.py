"""All stall times come from one small table of seconds: its sum, its presets, its errors."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, strategies as st

from pageengine.core.records import Faults
from pageengine.lab.costs import EVENTS, PRESETS, REQUESTS, WRITES, CostModel, make

NO_FAULTS = Faults()


def test_counts_become_seconds():
    costs = CostModel(swap_in=1e-3, decompressions=1e-5, faults_absent=0)
    events = {"swap_in": 3, "decompressions": 100, "faults_absent": 10**6, "accesses": 10**9}
    assert costs.stall(events) == pytest.approx(4e-3)
    assert costs.stall({}) == 0


FREE = dict.fromkeys(EVENTS, 0.0)
#: Every event that a VM may wait for; whoever adds one says what it costs.
WAITED_FOR = {
    "faults_absent",
    "cow_breaks",
    "decompressions",
    "swap_in",
    "swap_out",
    "sample_faults",
    "guest_reads",
    "guest_writes",
}


@pytest.mark.parametrize("event", sorted(WAITED_FOR))
def test_each_event_is_charged_and_no_other(event):
    costs = CostModel(**FREE | {event: 0.25})
    assert costs.stall({event: 3}) == 0.75
    assert costs.stall(dict.fromkeys(WAITED_FOR, 4)) == 1.0
    assert costs.stall(dataclasses.replace(NO_FAULTS, accesses=7)) == 0
    assert costs.stalls({event: np.array([0, 2])}).tolist() == [0.0, 0.5]
    both = dict.fromkeys(EVENTS, np.array([2]))
    assert costs.stalls(both, [e for e in EVENTS if e != event]).tolist() == [0]
    assert costs.stalls(both, [event]).tolist() == [0.5]


def test_events_are_those_that_are_waited_for_and_no_other():
    assert set(EVENTS) == WAITED_FOR and len(EVENTS) == len(WAITED_FOR)
    assert set(REQUESTS) == {"swap_in", "guest_reads"}
    assert set(WRITES) == {"swap_out", "guest_writes"}


def test_faults_are_charged_by_their_names():
    costs = CostModel(**FREE | {"faults_absent": 0.5, "cow_breaks": 2.0, "swap_in": 8.0})
    faults = dataclasses.replace(NO_FAULTS, **{"cow_breaks": 3})
    assert costs.stall(faults) == 6.0


def test_the_device_is_busy_for_as_long_as_its_rates_say():
    costs = CostModel(read_rate=100.0, swap_bandwidth=4096 * 1000.0, swap_in=0.5)
    assert costs.service == 0.01 and costs.writing(3) == 0.003
    slow = CostModel(read_rate=100.0, swap_bandwidth=4096 * 10.0, swap_in=0.5)
    assert slow.service == 0.1  # a page read is a page moved
    assert CostModel(read_rate=100.0, swap_in=0.002).service == 0.002  # an idle one's answer


PUBLISHED = {
    "swap_in": (90e-6, 200e-6, 7e-3),
    "guest_reads": (80e-6, 180e-6, 7e-3),
    "swap_out": (4e-6, 10e-6, 40e-6),
    "guest_writes": (4e-6, 10e-6, 40e-6),
    "read_rate": (400e3, 90e3, 1 / 7e-3),
    "swap_bandwidth": (1000e6, 400e6, 100e6),
    "faults_absent": (1e-6,) * 3,
    "cow_breaks": (2e-6,) * 3,
    "decompressions": (20e-6,) * 3,
    "sample_faults": (1e-6,) * 3,
}


@pytest.mark.parametrize("key", sorted(PUBLISHED))
def test_presets_are_the_figures_of_their_sources(key):
    """Those that the docstring of the model gives, of NVMe, SATA flash and a disk."""
    names = ("nvme", "sata-ssd", "hdd")
    figures = [getattr(PRESETS[name], key) for name in names]
    assert figures == pytest.approx(PUBLISHED[key], rel=1e-12)
    assert [PRESETS[name].name for name in names] == list(names)


@pytest.mark.parametrize("key", ["swap_bandwidth", "read_rate"])
def test_rates_are_above_nothing(key):
    with pytest.raises(ValueError, match=f"{key} must be a number from .*, got 0"):
        CostModel(**{key: 0})


counts = st.one_of(st.just(0), st.integers(-5, 10**6))


@given(st.lists(st.lists(counts, min_size=len(EVENTS), max_size=len(EVENTS)), min_size=1))
def test_many_vms_wait_as_long_as_each_alone_bit_for_bit(rows):
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


def test_measured_costs_are_of_this_computer():
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
