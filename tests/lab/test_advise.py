"""Advice is bought hardware or a broken promise. The search is tried on made-up hosts whose answer
is known, for every answer there can be, and counted so that it stays quick."""

import json

import numpy as np
import pytest
from hypothesis import given, strategies as some
from made_up import with_stalls as result

from pageengine.lab import advise, curve
from pageengine.lab.advise import bounds
from pageengine.lab.objective import METRICS, Objective
from pageengine.lab.scenario import Scenario, ScenarioError
from pageengine.lab.search import band, search, supposed

MIB = 2**20
SCENARIO = Scenario(
    {
        "host": {"memory": "256 MiB"},
        "vm": [
            {"name": "web", "count": 2, "size": "128 MiB", "workload": {"kind": "zipf"}},
            {"name": "db", "size": "64 MiB", "reservation": "8 MiB", "workload": {"kind": "idle"}},
        ],
    }
)


def host_that_carries(vms):
    """More VMs than ``vms[seed]`` stall."""

    def run(scenario, *, policy, seed):
        fits = len(scenario.vms) <= vms[seed]
        return result("esx6", web=0.001 if fits else 0.3)

    return run


def host_that_needs(memory):
    def run(scenario, *, policy, seed):
        fits = scenario.host["memory"] >= memory[seed]
        return result("esx6", web=0.001 if fits else 0.3)

    return run


@given(some.integers(0, 60), some.integers(-1, 60), some.none() | some.integers(0, 60))
def test_the_search_finds_the_end_from_anywhere(last, end, near):
    end = min(end, last)
    near = None if near is None else min(near, last)
    calls = []

    def good(index):
        assert 0 <= index <= last
        calls.append(index)
        return index <= end

    assert search(good, last, near) == (None if end < 0 else end)
    assert len(set(calls)) <= 2 * np.log2(last + 2) + 3


@given(some.integers(0, 60), some.integers(-1, 60), some.integers(0, 60))
def test_both_ends_are_looked_at_where_it_is_told_where_to_begin(last, end, near):
    end, near, known = min(end, last), min(near, last), {}
    found = band(lambda index, seed: index <= end, last, [1], known, near)
    assert found == {1: None if end < 0 else end} and {0, last} <= known[1].keys()
    around, whole = 2 * np.log2(abs(near - end) + 2) + 4, np.log2(last + 1) + 5
    assert len(known[1]) <= (around if 0 <= end < last and near < last else whole)


@given(some.integers(0, 60), some.integers(-1, 60))
def test_where_a_figure_should_cease_to_hold_is_found_by_halving(last, end):
    asked = []
    at = supposed(lambda index: asked.append(index) or index, lambda figure: figure <= end, last)
    assert at == max(0, min(end, last)) and len(asked) <= np.log2(last + 1) + 1
    assert supposed(lambda index: float("nan"), bool, last + 1) is None


def test_the_most_vms_with_a_band_over_seeds():
    run = host_that_carries({1: 7, 2: 9, 3: 8})
    advice = advise.advise(SCENARIO, "stall < 2%", "vm.count", run=run)
    assert (advice.value, advice.band, advice.most) == (7, (7, 9), True)
    assert advice.sentence() == "vm.count: at most 7 for stall < 2 % (7 to 9 over 3 seeds)."
    assert len(advice.tried) < 16
    assert json.loads(json.dumps(advice.to_dict()))["band"] == [7, 9]


def test_the_least_memory_is_the_largest_that_a_seed_needs():
    run = host_that_needs({1: 100 * MIB, 2: 120 * MIB, 3: 90 * MIB})
    advice = advise.advise(SCENARIO, "stall < 2%", "host.memory", run=run)
    assert not advice.most and 120 * MIB <= advice.value <= 120 * MIB + advice.step
    assert advice.band[0] <= 90 * MIB + advice.step
    assert "host.memory: at least 1" in advice.sentence()


STALLS = {192: 0.29, 256: 0.57, 320: 0.41, 384: 0.05}  # by MiB: memory that hurts


def bent(scenario, *, policy, seed):
    """More memory hurts between 192 and 384 MiB."""
    memory = scenario.host["memory"] / MIB
    return result("esx6", web=float(np.interp(memory, list(STALLS), list(STALLS.values()))))


def test_a_curve_that_is_not_monotone_is_said_to_be_so():
    low, high = 192 * MIB, 384 * MIB
    advice = advise.advise(SCENARIO, "stall < 35%", "host.memory", run=bent, low=low, high=high)
    assert 325 * MIB < advice.value < 345 * MIB  # the end from which on all that was tried holds
    above = [figure for value, _, figure in advice.tried if value >= advice.value]
    assert max(above) < 0.35 and len(above) > 3
    said = advice.warnings()[0]
    assert said.startswith("Not monotone: with seed 1 stall is 52.2 % at 245 MiB and 29 % at 192 M")
    assert advice.to_dict()["turns"][0]["flips"]


def test_a_turn_that_changes_no_answer_is_said_too():
    low, high = 192 * MIB, 384 * MIB
    advice = advise.advise(SCENARIO, "stall < 6%", "host.memory", run=bent, low=low, high=high)
    assert advice.warnings()[0].startswith("Not monotone") and not advice.turns[0].flips


def test_a_monotone_curve_is_not_called_anything_else():
    run = host_that_carries({1: 7, 2: 9, 3: 8})
    assert advise.advise(SCENARIO, "stall < 2%", "vm.count", run=run).turns == ()


def test_what_one_seed_does_not_bear_is_not_advised_though_its_own_search_passed_it_by():
    """Seed 2 fails at 5 VMs, below where it is looked for first."""

    def run(scenario, *, policy, seed):
        n = len(scenario.vms)
        return result("esx6", web=0.3 if n > 9 - (seed == 3) or (seed == 2 and n == 8) else 0.0)

    advice = advise.advise(SCENARIO, "stall < 2%", "vm.count", run=run)
    assert advice.value == 7
    tried = {(value, seed) for value, seed, _ in advice.tried}
    assert {(7, 1), (7, 2), (7, 3)} <= tried


def test_a_search_that_is_cut_short_gives_no_advice():
    runs = []

    def run(scenario, *, policy, seed):
        runs.append(seed)
        made = result("esx6", web=0.0)
        made.meta["partial"] = "interrupted" if len(runs) == 3 else ""
        return made

    advice = advise.advise(SCENARIO, "stall < 2%", "vm.count", run=run)
    assert advice.value is None and advice.partial == "interrupted"
    assert len(runs) == 3 and len(advice.tried) == 2
    assert advice.sentence() == "No advice: interrupted after 2 runs."


def test_the_mix_of_vms_is_kept_and_told():
    advice = advise.advise(
        SCENARIO, "stall < 2%", "vm.count", run=host_that_carries({1: 6}), seeds=[1]
    )
    assert advice.mixes[6] == {"web": 4, "db": 2} and advice.to_dict()["mix"] == advice.mixes[6]


def test_what_was_not_tested_is_said():
    def run(scenario, *, policy, seed):
        made = result("esx6", web=0.0, db=0.0)
        web = np.asarray(made.vms["vm"]) == "web"
        for key, part in (
            ("granted", 0.2),
            ("compressed", 0),
            ("swapped", 0),
            ("guest_swapped", 0),
            ("touched", 0.6),
        ):
            made.vms[key][web] = part * made.vms["size"][web]
            made.vms[key][~web] = (key in ("granted", "touched")) * made.vms["size"][~web]
        return made

    scenario = SCENARIO.changed("vm.web.count", 1)
    said = " ".join(
        advise.advise(scenario, "stall < 2%", "vm.count", run=run, seeds=[1], high=2).warnings()
    )
    assert "configured with; used: web 102 MiB of 512 MiB." in said
    assert "1800 s did not fill: web 102 MiB of 307 MiB" in said
    assert "one seed gives no band" in said and "db" not in said


def test_an_event_of_a_vm_that_a_count_leaves_out_is_no_matter_of_fitting():
    data = {**SCENARIO.data, "event": [{"at": 5, "stop": "web-2"}]}
    with pytest.raises(ScenarioError, match="there is no VM 'web-2'"):
        advise.advise(Scenario(data), "stall < 2%", "vm.count", run=host_that_carries({1: 9}))


def test_what_never_holds_is_said():
    advice = advise.advise(
        SCENARIO, "stall < 2%", "vm.count", run=host_that_carries({1: 0}), seeds=[1]
    )
    assert advice.value is None and advice.band is None
    assert "does not hold for any vm.count from 1 to 12" in advice.sentence()


def test_an_answer_at_the_end_of_the_search_is_said_to_be_one():
    run = host_that_carries({1: 50})
    advice = advise.advise(SCENARIO, "stall < 2%", "vm.count", run=run, seeds=[1])
    assert advice.value == 12 and advice.edge and "end of what was searched" in advice.sentence()
    wider = advise.advise(SCENARIO, "stall < 2%", "vm.count", run=run, seeds=[1], high=200)
    assert wider.value == 50 and not wider.edge


def test_what_does_not_fit_does_not_hold():
    def run(scenario, *, policy, seed):
        return result("esx6", web=0.0)

    scenario = SCENARIO.changed("vm.db.reservation", "60 MiB")
    advice = advise.advise(scenario, "stall < 2%", "vm.count", run=run, seeds=[1], high=40)
    assert advice.value == 13  # the fifth db, which is the 14th VM, breaks the promise


def test_a_word_of_each_run_is_given():
    told = []
    run = host_that_carries({1: 3})
    advise.advise(
        SCENARIO, "stall < 2%", "vm.count", run=run, seeds=[1], progress=lambda *a: told.append(a)
    )
    assert told[0][2] is None and told[1][2] is not None and len(told) % 2 == 0


@pytest.mark.parametrize(
    "key", ["vm.web.count", "host.memory", "vm.web.balloon_min", "vm.db.limit"]
)
def test_what_can_be_varied_has_bounds_of_whole_pages(key):
    low, high, step = bounds(SCENARIO, key)
    assert 0 <= low < high and step > 0
    if not key.endswith("count"):
        assert low % 4096 == step % 4096 == 0
    SCENARIO.changed(key, high)


@pytest.mark.parametrize("key", ["host.seed", "vm.web.name", "memory", "vm.nobody.limit"])
def test_what_cannot_be_varied_says_what_can(key):
    with pytest.raises(ScenarioError, match=r"vm.NAME.count|no \[\[vm\]\]"):
        bounds(SCENARIO, key)


@pytest.mark.parametrize(
    "text, limit",
    [("stall < 2%", 0.02), ("stall<0.02", 0.02), ("minute <= 10 %", 0.1), ("slowdown < 1.1", 1.1)],
)
def test_objectives_as_people_write_them(text, limit):
    objective = Objective.parse(text)
    assert objective.limit == pytest.approx(limit)
    assert objective.holds(limit) == ("<=" in text) and objective.holds(limit * 0.99)
    assert Objective.parse(str(objective)) == objective


@pytest.mark.parametrize(
    "text, says",
    [
        ("fast", "write it as 'stall < 2%'"),
        ("stal < 2%", "no figure 'stal'. did you mean 'stall'"),
        ("stall > 2%", "less is better for stall"),
        ("stall < often", "'often' is not a number"),
        ("stall < 200%", "'200%' is not a part"),
        ("", "is no objective"),
    ],
)
def test_what_is_no_objective_says_what_would_be(text, says):
    with pytest.raises(ValueError, match=says):
        Objective.parse(text)


@pytest.mark.parametrize("name", METRICS)
def test_every_figure_is_worse_in_a_worse_run(name):
    metric = METRICS[name]
    good, bad = result("a", web=0.0, db=0.0), result("b", web=0.0, db=0.4)
    bad.vms["progress"] = bad.vms["progress"] * 0.5
    bad.host["swap_in"] = bad.host["swap_in"] + 100
    assert metric.of(bad) > metric.of(good) >= 0
    assert metric.show(metric.of(bad)) and metric.says


def test_the_curve_of_a_vm_shows_its_knee():
    def run(scenario, *, policy, seed):
        memory = scenario.host["memory"] / (64 * MIB)
        made = result("plain", db=0.0)
        made.vms["progress"][:] = min(1.0, 0.1 + 2 * memory)
        assert [name for name, _ in scenario.vms] == ["db"] and scenario.events == ()
        return made

    found = curve.curve(SCENARIO, "db", run=run)
    assert isinstance(found, curve.Curve) and len(found.sizes) == 20
    assert found.sizes[-1] == 64 * MIB and np.all(found.sizes % 4096 == 0)
    assert np.all(np.diff(found.slowdown) <= 0)
    assert 0.3 < found.sizes[found.knee] / (64 * MIB) < 0.55
    json.dumps(found.to_dict())


def test_a_vm_that_never_slows_down_has_no_knee():
    assert curve.knee(np.arange(1.0, 21), np.ones(20)) is None


def test_the_knee_of_a_bent_line_is_its_bend():
    slow = np.exp(np.concatenate([np.linspace(3, 0, 8), np.zeros(12)]))
    assert curve.knee(np.arange(1.0, 21), slow) == 7
