"""A verdict is what people act on: it must count what it says it counts, and name the right policy
and the right machine. Made-up results are judged."""

import json
from fractions import Fraction

import numpy as np
import pytest
from made_up import with_stalls as result

from pageengine.lab import CostModel, compare, figures
from pageengine.lab.scenario import Scenario

SCENARIO = Scenario(
    {"host": {"memory": 2**30}, "vm": [{"name": "a", "size": 2**20, "workload": {"kind": "idle"}}]}
)


def test_carried_are_the_machines_that_stall_little():
    verdict = compare.verdict(result("kvm", web=0.01, db=0.2, idle=0.0))
    assert (verdict.carried, verdict.machines) == (2, 3)
    assert (verdict.worst, verdict.worst_stall) == ("db", pytest.approx(0.2))
    assert verdict.stall == pytest.approx(0.07)
    assert verdict.worst_minute == pytest.approx(0.2)


def test_a_refused_machine_counts_as_not_carried_but_does_not_stall():
    made = result("none", web=0.01)
    made.meta["refused"] = ["db", "idle"]
    verdict = compare.verdict(made)
    assert (verdict.carried, verdict.machines, verdict.worst) == (1, 3, "web")
    assert verdict.refused == ("db", "idle") and verdict.stall == pytest.approx(0.01)


def test_memory_given_back_adds_up():
    made = result("esx6", web=0)
    verdict = compare.verdict(made)
    parts = figures.given_back(made.host)
    assert verdict.reclaimed == pytest.approx(sum(np.mean(part) for part in parts.values()))
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
        "esx6 carries most: 2 of 2 machines; its worst machine, web, stalled 4 %."
    )
    assert json.loads(json.dumps(comparison.to_dict()))["best"] == "esx6"


def test_equal_policies_are_named_together():
    comparison = compare.of({name: result(name, web=0.0) for name in ("esx6", "kvm")})
    assert comparison.sentence().startswith("esx6 and kvm carry most: 1 of 1 machines; none of")


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
