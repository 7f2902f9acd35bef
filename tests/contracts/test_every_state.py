"""Whoever is added and forgets to say what it has become would go on from a checkpoint as somebody
else. Every policy, workload and estimator is saved, made again, and goes on beside the one that was
never saved.
"""

import inspect

import numpy as np
import pytest

from pageengine.core import checkpoint
from pageengine.lab.saved import RECORDS
from pageengine.lab.workloads import WORKLOADS, Accesses, kept
from pageengine.policy import kept as policies
from pageengine.policy.table import POLICIES, UNLISTED
from pageengine.policy.workingset import ESTIMATORS

PAGES = 4096
#: Options without which a workload cannot be made, or would do nothing of interest here.
OPTIONS = {
    "toucher": {"schedule": [(0, "2 MiB"), (6, "9 MiB"), (11, "3 MiB")]},
    "boot": {"speed": "2 MiB", "then": {"kind": "heap", "rate": 700.0}},
    "fileserver": {"files": "4 MiB"},
    "idle": {"fill": 500.0},
    "moving": {"every": 3.0},
    "demand": {"series": [[0, "4 MiB"], [5, "9 MiB"], [12, "2 MiB"]], "interval": 2},
}


def through_a_file(values, tmp_path):
    checkpoint.write(tmp_path / "values", values, RECORDS)
    return checkpoint.read(tmp_path / "values", RECORDS, lambda values, _: values)


def other_than(value):
    """A value near an option's default, which it would not have by itself."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    return value * 0.75 if isinstance(value, float) else value


@pytest.mark.parametrize("name", [*POLICIES, *UNLISTED])
def test_a_policy_is_made_again_with_its_options(name, tmp_path):
    entry = (UNLISTED | POLICIES)[name]
    policy = entry()
    for option, value in entry.options.items():
        try:
            changed = entry(**{option: other_than(value)})
        except ValueError:
            continue
        again = policies.made(through_a_file(policies.described(changed), tmp_path))
        assert type(again) is type(policy) and repr(again) == repr(changed)
        assert policies.options_of(again) == policies.options_of(changed)
        assert policies.options_of(again)[option] == policies.options_of(changed)[option]


@pytest.mark.parametrize("name", [*POLICIES, *UNLISTED])
def test_a_policy_remembers_nothing_but_by_its_memo(name):
    """What is not an option, a part made of options, or what it promises, would be lost."""
    made = (UNLISTED | POLICIES)[name]()
    options = set(inspect.signature(type(made)).parameters)
    others = set(vars(made)) - options - {"marks", "scanner", "promises", "_old"}
    assert not others, f"{name} keeps {others}: policies/kept.py saves its options alone"


@pytest.fixture
def trace(tmp_path):
    path = tmp_path / "trace.csv"
    numbers = np.random.default_rng(4).integers(0, 9000, 30_000).tolist()
    path.write_text("page\n" + "\n".join(map(str, numbers)) + "\n")
    return str(path)


def started(kind, trace):
    options = OPTIONS.get(kind, {}) | ({"trace": trace, "rate": 900.0} if kind == "replay" else {})
    workload = WORKLOADS[kind](**options)
    rng = np.random.Generator(np.random.Philox(key=[3, 4]))
    workload.start(PAGES, rng)
    return workload, rng


def shown(steps):
    return [
        (
            type(step).__name__,
            step.kind,
            step.ids.tolist(),
            np.asarray(getattr(step, "write", 0)).tolist(),
        )
        for step in steps
    ]


@pytest.mark.filterwarnings("ignore::pageengine.errors.TraceWarning")
@pytest.mark.parametrize("kind", sorted(set(WORKLOADS) - {"program"}))
@pytest.mark.parametrize("moment", [0, 3, 9])
def test_a_workload_goes_on_where_it_was(kind, moment, trace, tmp_path):
    workload, rng = started(kind, trace)
    for i in range(moment):
        workload.step(1.3, 1.3 * i)
    told = through_a_file(
        {
            "told": kept.told_of(workload),
            "state": kept.state_of("vm", workload),
            "rng": rng.bit_generator.state,
        },
        tmp_path,
    )
    again = kept.revived(told["told"], lambda name: pytest.fail(f"{name} is none of the package's"))
    assert type(again) is type(workload) and again is not workload
    own = np.random.Generator(np.random.Philox(key=[3, 4]))
    again.start(PAGES, own)
    own.bit_generator.state = told["rng"]
    kept.restore("vm", again, told["state"])
    assert again.in_use == workload.in_use
    for i in range(moment, moment + 12):
        expected = shown(workload.step(1.3, 1.3 * i))
        assert shown(again.step(1.3, 1.3 * i)) == expected
    assert again.in_use == workload.in_use


def test_a_workload_that_runs_a_function_says_that_it_cannot_be_saved():
    workload = WORKLOADS["program"](batches=lambda pages, rng: iter([np.arange(9)]))
    workload.start(PAGES, np.random.default_rng(1))
    assert isinstance(workload.step(1.0, 0.0)[0], Accesses)
    with pytest.raises(TypeError, match=r"class with state\(\) and restore"):
        kept.state_of("vm", workload)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimator_knows_what_it_learned(name, tmp_path):
    estimator, rng = ESTIMATORS[name](), np.random.default_rng(2)
    for _ in range(3):
        if estimator.kind == "sample":
            estimator.observe(int(rng.integers(0, 50)), 100)
        else:
            estimator.observe(rng.integers(0, 9, 256).astype(np.uint64), 2000)
    again = ESTIMATORS[name]()
    before = again.fraction()
    again.restore(through_a_file(estimator.state(), tmp_path))
    assert again.fraction() == estimator.fraction() != before
