"""Where a search begins is told without simulating: held against closed forms, and against what the
lab simulates where a host is as near to one LRU list as a clock is.
"""

import numpy as np
import pytest

from pageengine.lab import advise, build, forecast
from pageengine.lab.forecast import Forecast
from pageengine.lab.objective import METRICS, Objective
from pageengine.lab.scenario import Scenario
from pageengine.lab.workloads import Accesses

MIB, COST, KINDS = 2**20, 1e-3, ("memory", "file", "zero")


def uniform(vms=4, memory=40 * MIB, rate=400.0, alpha=0.0, **run):
    """VMs of 16 MiB of which each touches 14.4 MiB."""
    work = {"kind": "zipf", "alpha": alpha, "rate": rate}
    host = {
        "memory": memory,
        "policy": "plain",
        "compression": "none",
        "sharing": False,
        "costs": {"swap_in": COST, "read_rate": 1e6},
    }
    vm = {"name": "u", "count": vms, "size": 16 * MIB, "workload": work, "warm": True}
    run = {"duration": 60.0, "epoch": 1.0, **run}
    return Scenario({"host": host, "run": run, "vm": [{**vm, "contents": "random"}]})


def foretold(scenario, metric="stall", work=None):
    if work:
        vms = [{**vm, "workload": work} for vm in scenario.data["vm"]]
        scenario = Scenario({**scenario.data, "vm": vms})
    return Forecast(Objective(metric, 1.0)).figure(scenario)


def closed_form(scenario):
    """(part of accesses that miss, part of time that a VM waits) of uniform touches."""
    vm = scenario.entries[0]
    held = 0.94 * scenario.host["memory"] / (0.9 * len(scenario.vms) * vm["size"])
    missed = max(0.0, 1 - held)
    each = vm["workload"]["rate"] * missed * COST
    return missed, each / (1 + each)


@pytest.mark.parametrize("vms", [3, 4, 9, 40])
def test_uniform_touches_miss_what_memory_does_not_hold(vms):
    scenario = uniform(vms)
    missed, waits = closed_form(scenario)
    assert foretold(scenario) == pytest.approx(waits, abs=0.01)
    assert foretold(scenario, "mean_stall") == pytest.approx(foretold(scenario))
    assert foretold(scenario, "slowdown") == pytest.approx(1 / (1 - waits), abs=0.02)
    swapped = vms * 400 * (1 - waits) * missed
    assert foretold(scenario, "swap_in") == pytest.approx(swapped, rel=0.05, abs=1)


def test_what_all_of_them_touch_fits_or_it_does_not():
    assert foretold(uniform(2)) == foretold(uniform(2, memory=32 * MIB)) == 0
    assert foretold(uniform(40, memory=2**30)) == 0
    assert foretold(uniform(40, memory=2**29)) > 0


@pytest.mark.parametrize("metric", METRICS)
def test_every_figure_grows_with_vms_and_falls_with_memory(metric):
    of = Forecast(Objective(metric, 1.0)).figure
    by_vms = [of(uniform(vms, alpha=0.6)) for vms in (1, 3, 5, 8, 16)]
    by_memory = [of(uniform(memory=size * MIB, alpha=0.6)) for size in (80, 50, 40, 20, 10)]
    for each in (by_vms, by_memory):
        assert (np.diff(each) >= 0).all() and each[-1] > each[0]


def test_a_run_too_short_to_miss_what_it_touched_waits_for_nothing():
    """2,000 touches of 3,686 pages each: pages that go come again after the end. Of what was there
    before nothing is known.
    """
    short = uniform(4, duration=5.0)
    cold = Scenario({**short.data, "vm": [{**vm, "warm": False} for vm in short.data["vm"]]})
    assert foretold(cold) == 0 and np.isnan(foretold(short))


def test_a_scenario_too_long_to_be_looked_at_is_told_nothing_of(monkeypatch):
    monkeypatch.setattr(forecast, "_ACCESSES", 20_000)
    assert np.isnan(foretold(uniform(4))) and np.isfinite(foretold(uniform(4, duration=40.0)))
    assert foretold(uniform(2, memory=2**30)) == 0  # whatever they do


def test_a_working_set_is_seen_in_a_vm_of_any_size():
    work = {"kind": "zipf", "alpha": 0.0, "rate": 4000.0, "memory": 4 * MIB}
    each = [
        foretold(uniform(8, memory=16 * MIB).changed("vm.u.size", size), work=work)
        for size in (2**24, 2**30, 2**36)
    ]
    assert each[0] > 0.5 and each == pytest.approx(3 * [each[0]], abs=0.02)


def test_vms_that_access_nothing_are_of_the_mean():
    scenario = uniform(4)
    silent = {**scenario.data["vm"][0], "name": "s", "workload": {"kind": "zipf", "rate": 0.0}}
    both = Scenario({**scenario.data, "vm": [*scenario.data["vm"], {**silent, "count": 12}]})
    assert foretold(both, "mean_stall") == pytest.approx(foretold(scenario, "mean_stall") / 4)
    assert foretold(both) == foretold(scenario)


def test_kinds_that_are_alike_are_looked_at_once_and_told_as_one():
    scenario = uniform(4)
    (vm,) = scenario.data["vm"]
    four = [{**vm, "count": 1, "name": f"u{number}"} for number in range(4)]
    assert foretold(Scenario({**scenario.data, "vm": four})) == foretold(scenario)
    own = [
        {**vm, "count": 1, "name": f"u{number}", "size": (16 + number) * MIB}
        for number in range(60)
    ]
    assert np.isnan(foretold(Scenario({**scenario.data, "vm": own})))  # too many for a mix


def test_what_wakes_for_one_page_at_a_time_is_not_sorted_each_time(monkeypatch):
    """A heap without a young part gives a batch for each few touches."""
    calls, see = [], forecast.ReuseTimes.see
    monkeypatch.setattr(
        forecast.ReuseTimes, "see", lambda self, ids: calls.append(len(ids)) or see(self, ids)
    )
    scenario, work = uniform(4), {"kind": "heap", "rate": 2000.0, "young": 0}
    assert np.isfinite(foretold(scenario, work=work)) and sum(calls) > 100_000 > 10_000 * len(calls)


def test_a_look_ends_when_it_is_told_to():
    scenario, asked = uniform(4, duration=600.0), []
    advice = advise.advise(
        scenario,
        "stall < 2%",
        "vm.count",
        seeds=[1],
        stop=lambda: asked.append(0) or len(asked) > 5,
    )
    assert advice.partial == "stopped" and not advice.tried and len(asked) == 6


def test_pages_of_any_kind_of_number_are_pages():
    ids = forecast._ids([Accesses(np.arange(3, dtype=np.int32), kind=kind) for kind in KINDS])
    assert ids.dtype == np.int64 and len(np.unique(ids)) == 6


@pytest.mark.parametrize("metric", METRICS)
def test_vms_that_do_nothing_wait_for_nothing(metric):
    assert foretold(uniform(4, rate=0.0), metric) == (metric == "slowdown")


@pytest.mark.slow
@pytest.mark.parametrize("vms", [4, 6, 10])
def test_the_lab_is_not_far_from_it(vms):
    scenario = uniform(vms, alpha=0.8)
    simulated = METRICS["mean_stall"].of(build.run(scenario))
    assert foretold(scenario, "mean_stall") == pytest.approx(simulated, abs=0.05)


@pytest.mark.parametrize("key, low, high", [("vm.count", 1, 33), ("host.memory", None, None)])
def test_the_search_begins_there_and_ends_where_the_other_does(key, low, high, monkeypatch):
    scenario, bounds = (
        uniform(4, duration=10.0, rate=1000.0),
        {"low": low, "high": high, "seeds": [1]},
    )
    advice = advise.advise(scenario, "stall < 20%", key, **bounds)
    monkeypatch.setattr(advise._Trials, "foretell", lambda self: None)
    other = advise.advise(scenario, "stall < 20%", key, **bounds)
    assert advice.value == other.value is not None
    assert len(advice.tried) < len(other.tried)
    tried = {value for value, _, _ in advice.tried}
    assert {advice.low, advice.high} <= tried


def test_blocks_of_files_are_other_pages_than_memory():
    """4 MiB of each: they fit in 9 MiB, and not in 7."""
    work = {"kind": "fileserver", "files": 4 * MIB, "memory": 4 * MIB, "rate": 2000.0}
    vm = {"name": "f", "size": 16 * MIB, "guest": True, "workload": work}
    data = {"run": {"duration": 60.0}, "vm": [vm]}
    two = [foretold(Scenario({"host": {"memory": size * MIB}, **data})) for size in (9, 7)]
    assert two[0] == 0 and two[1] > 0
