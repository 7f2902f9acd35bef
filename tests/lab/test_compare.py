"""A verdict is what people act on: it must count what it says it counts, and name the right policy
and the right VM. Made-up results are judged."""

import json
from fractions import Fraction

import numpy as np
import pytest
from made_up import with_stalls as result

from pageengine.lab import CostModel, compare, figures
from pageengine.lab.intervals import Interval, difference, interval
from pageengine.lab.scenario import Scenario

SCENARIO = Scenario(
    {"host": {"memory": 2**30}, "vm": [{"name": "a", "size": 2**20, "workload": {"kind": "idle"}}]}
)


def test_carried_are_the_vms_that_stall_little():
    verdict = compare.verdict(result("kvm", web=0.01, db=0.2, idle=0.0))
    assert (verdict.carried, verdict.vms) == (2, 3)
    assert (verdict.worst, verdict.worst_stall) == ("db", pytest.approx(0.2))
    assert verdict.stall == pytest.approx(0.07)
    assert verdict.worst_minute == pytest.approx(0.2)


def test_a_refused_vm_counts_as_not_carried_but_does_not_stall():
    made = result("none", web=0.01)
    made.meta["refused"] = ["db", "idle"]
    verdict = compare.verdict(made)
    assert (verdict.carried, verdict.vms, verdict.worst) == (1, 3, "web")
    assert verdict.refused == ("db", "idle") and verdict.stall == pytest.approx(0.01)


def test_memory_given_back_adds_up():
    made = result("esx6", web=0)
    verdict = compare.verdict(made)
    parts = figures.given_back(made.host)
    assert verdict.untouched > 0
    assert verdict.reclaimed + verdict.untouched == pytest.approx(
        sum(np.mean(part) for part in parts.values())
    )
    assert set(verdict.given_back) == {"sharing", "balloon", "compression", "swap"}


def test_the_best_carries_most_and_then_has_the_best_worst():
    results = {
        "kvm": result("kvm", web=0.04, db=0.2),
        "esx6": result("esx6", web=0.04, db=0.03),
        "freefirst": result("freefirst", web=0.01, db=0.049),
    }
    comparison = compare.of(results)
    assert comparison.best.policy == "esx6"
    assert comparison.sentence() == (
        "esx6 and freefirst carry most: 2 of 2 VMs; of these esx6 is best for its worst "
        "VM, web, which stalled 4 % (freefirst 4.9 %)."
    )
    assert json.loads(json.dumps(comparison.to_dict()))["best"] == "esx6"


def test_equal_policies_are_named_together():
    comparison = compare.of({name: result(name, web=0.0) for name in ("esx6", "kvm")})
    assert comparison.sentence().startswith("esx6 and kvm carry most: 1 of 1 VMs; none of")


def test_balloons_of_memory_that_nobody_touched_win_nothing():
    """Two policies hold the same; one has a balloon over what its VM never used."""
    with_balloon, without = result("a", web=0.0), result("b", web=0.0)
    size = with_balloon.vms["size"][0]
    for made, balloon in ((with_balloon, 0.5), (without, 0.0)):
        for key in ("granted", "compressed", "swapped", "guest_swapped"):
            made.vms[key][:] = 0.4 * size if key == "granted" else 0
        made.vms["balloon"][:] = balloon * size
        for key in ("saving", "compressed", "cache", "swapped"):
            made.host[key] = np.zeros(len(made.host["time"]))
        made.host["ballooned"] = np.full(len(made.host["time"]), balloon * size)
    lazy, plain = compare.of({"a": with_balloon, "b": without}).verdicts
    assert lazy.reclaimed == plain.reclaimed == 0
    assert lazy.untouched == pytest.approx(0.5 * size)
    without.vms["granted"][:] = 0.7 * size  # under the other policy it used more
    lazy, _ = compare.of({"a": with_balloon, "b": without}).verdicts
    assert lazy.untouched == pytest.approx(0.3 * size)
    assert lazy.reclaimed == pytest.approx(0.2 * size)


def by_seeds(**stalls):
    """A comparison of policies by the stall of their worst VM, one per seed."""
    return compare.of(
        {policy: [result(policy, web=stall) for stall in each] for policy, each in stalls.items()},
        seeds=range(1, 1 + len(next(iter(stalls.values())))),
    )


def test_a_difference_within_a_percent_is_no_tie_when_it_is_sure():
    sure = by_seeds(a=[0.0301, 0.0312, 0.0322], b=[0.0331, 0.0342, 0.0352])
    assert sure.best.policy == "a" and len(sure.tied) == 1
    assert sure.sentence().startswith("a and b carry most: 1 of 1 VMs; of these a is best")


def test_a_difference_that_chance_makes_is_a_tie():
    chance = by_seeds(a=[0.010, 0.040, 0.020], b=[0.040, 0.010, 0.030])
    assert {one.policy for one in chance.tied} == {"a", "b"}
    assert "not told apart by 3 seeds" in chance.sentence()
    assert chance.to_dict()["tied"] == ["a", "b"]


def test_carrying_more_comes_before_stalling_less():
    found = by_seeds(few=[0.06, 0.06, 0.06], more=[0.049, 0.0489, 0.0488])
    assert found.sentence().startswith("more carries most: 1 of 1 VMs; its worst VM, web")


def test_a_policy_that_refuses_vms_is_not_better_for_it():
    refuses, runs = result("r", web=0.0), result("k", web=0.0, db=0.3)
    refuses.meta["refused"] = ["db"]
    found = compare.of({"r": refuses, "k": runs})
    assert [one.policy for one in found.leaders] == ["k", "r"]
    assert found.sentence().endswith("VM, db, which stalled 30 % (r refused one).")


def test_the_interval_is_that_of_student():
    found = interval([1.0, 2.0, 3.0, 4.0])
    assert found.mean == 2.5 and found.half == pytest.approx(3.182 * np.sqrt(5 / 3) / 2)
    assert interval([7.0]) == Interval(7.0, None)
    assert not difference([1, 2, 3], [2, 1, 3.1]).excludes_zero
    assert difference([1, 2, 3], [0, 1, 2]).excludes_zero  # by the same in every seed


def test_a_run_that_was_cut_short_gives_no_verdict_and_is_not_counted():
    def run(scenario, *, policy, seed, progress):
        made = result(policy, web=0.0)
        if (policy, seed) == ("kvm", 2):
            made.meta["partial"] = "interrupted"
        return made

    found = compare.compare(SCENARIO, ["esx6", "kvm"], seeds=[1, 2, 3], run=run)
    assert found.partial == "interrupted" and found.best is None and found.seeds == (1,)
    assert [len(one.runs) for one in found.standings] == [1, 1]
    assert found.sentence() == "No verdict: interrupted."
    assert json.loads(json.dumps(found.to_dict()))["best"] is None


def test_runs_of_different_lengths_are_not_compared():
    longer = result("kvm", web=0.0)
    longer.host["time"] = longer.host["time"] * 2
    longer.vms["time"] = longer.vms["time"] * 2
    assert "different lengths" in compare.of({"a": result("a", web=0.0), "b": longer}).sentence()


def test_each_policy_runs_once_with_the_same_seed():
    runs = []

    def run(scenario, *, policy, seed, progress):
        runs.append((policy, seed))
        return result(policy, web=0)

    found = compare.compare(SCENARIO, ["esx6", "kvm", "esx6"], seed=5, run=run)
    assert runs == [("esx6", 5), ("kvm", 5)] and list(found.results) == ["esx6", "kvm"]


def test_one_policy_is_no_comparison():
    with pytest.raises(ValueError, match="two policies or more, got .'kvm'."):
        compare.compare(SCENARIO, ["kvm", "kvm"], run=lambda *_, **__: None)


def test_no_figure_hangs_on_the_version_of_python():
    """Python 3.12 adds fractions more exactly than 3.11; costs are added the same everywhere."""
    counts = {"faults_absent": 3, "cow_breaks": 7, "decompressions": 11, "swap_in": 13}
    model = CostModel()
    exact = sum(Fraction(getattr(model, key) * count) for key, count in counts.items())
    assert model.stall(counts) == float(exact)
