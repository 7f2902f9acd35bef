"""A workload that touches pages it does not have, or other ones on every run, spoils every figure
taken with it. Each entry of the table keeps the same promises.
"""

import numpy as np
import pytest

from pageengine import traces
from pageengine.lab.workloads import WORKLOADS, Accesses, Release, Workload, burst, fastest, make

PAGES = 4096
each = pytest.mark.parametrize("kind", list(WORKLOADS))


@pytest.fixture
def options(tmp_path):
    traces.write_oracle(tmp_path / "t.oracleGeneral", np.arange(5000) % 700)
    return {
        "replay": {"trace": str(tmp_path / "t.oracleGeneral")},
        "program": {"batches": endless},
        "toucher": {"schedule": [[0, "4 MiB"], [30, "8 MiB"], [60, "2 MiB"]]},
        "fileserver": {"files": "32 MiB"},
        "boot": {"then": {"kind": "zipf"}, "speed": "4 MiB"},
        "demand": {"series": [[0, "8 MiB"], [50, "12 MiB"], [90, "2 MiB"]], "interval": 2},
    }


def endless(pages, rng):
    while True:
        yield rng.integers(0, pages, 100), True


def run(kind, options, seed=1, seconds=90):
    workload = make({"kind": kind, **options.get(kind, {})})
    workload.start(PAGES, np.random.Generator(np.random.Philox(key=[seed, 0])))
    steps = []
    for t in range(seconds):
        steps += workload.step(1.0, float(t))
        assert 0 <= workload.in_use <= PAGES
    return workload, steps


@each
def test_the_same_seed_does_the_same(kind, options):
    one, other = run(kind, options)[1], run(kind, options)[1]
    assert len(one) == len(other)
    for a, b in zip(one, other, strict=True):
        assert type(a) is type(b) and a.kind == b.kind
        assert np.array_equal(a.ids, b.ids)
        if isinstance(a, Accesses):
            assert np.array_equal(a.write, b.write)


@each
def test_ids_are_those_of_the_vm(kind, options):
    workload, steps = run(kind, options)
    for step in steps:
        assert isinstance(step, (Accesses, Release))
        assert step.ids.dtype == np.int64 and step.ids.ndim == 1
        if len(step.ids):
            most = workload.blocks if step.kind == "file" else PAGES
            assert step.ids.min() >= 0 and step.ids.max() < most
        if isinstance(step, Accesses) and isinstance(step.write, np.ndarray):
            assert step.write.shape == step.ids.shape and step.write.dtype == bool
        if step.kind == "file":
            assert workload.needs_guest


@each
def test_the_rate_is_kept_and_fractions_add_up(kind, options):
    if kind == "demand":  # so many pages, each once in an interval
        options = {kind: {"series": [[0, 1025 * 4096]], "interval": 100}}
    workload = make({"kind": kind, **options.get(kind, {})})
    workload.rate = 10.25
    if hasattr(workload, "then"):
        workload.then.rate = 10.25
    if hasattr(workload, "fill"):
        workload.fill = 1e9
    workload.start(PAGES, np.random.Generator(np.random.Philox(key=[1, 0])))
    for t in range(20):  # what it does once at the start
        workload.step(1000.0 if getattr(workload, "booting", False) else 1.0, float(t))
    touched = sum(
        len(step.ids)
        for t in range(20, 420)
        for step in workload.step(0.1, t * 0.1)
        if isinstance(step, Accesses) and step.kind != "file"
    )
    extra = 1.4 if kind == "heap" else 1.0  # its old generation is read besides
    assert 409 <= touched <= 412 * extra


@each
@pytest.mark.parametrize("seed", range(4))
def test_no_step_has_more_touches_than_was_said(kind, options, seed):
    """Whoever cuts time into slices by what a workload may touch must be able to rely on it."""
    draw = np.random.default_rng(seed)
    workload = make({"kind": kind, **options.get(kind, {})})
    workload.start(PAGES, np.random.Generator(np.random.Philox(key=[seed, 0])))
    now, before = 0.0, np.inf
    for seconds in draw.choice([1e-4, 0.01, 0.3, 1.0, 5.0], 300) * draw.uniform(0.5, 1, 300):
        rate, most = fastest(workload), fastest(workload) * seconds + burst(workload)
        assert rate <= before, "it may be this fast from now on, and was not said to be"
        steps = workload.step(float(seconds), now)
        touched = sum(len(step.ids) for step in steps if isinstance(step, Accesses))
        assert touched <= most, (touched, most, seconds)
        now, before = now + float(seconds), rate


def test_what_may_be_touched_is_near_what_is_touched(options):
    """A bound that is far too high would have time cut into slices that nothing needs."""
    for kind in WORKLOADS:
        workload, steps = run(kind, options, seconds=400)
        touched = sum(len(step.ids) for step in steps if isinstance(step, Accesses))
        assert touched >= 0.3 * fastest(workload) * 400, kind


def test_a_workload_that_does_not_say_may_touch_anything():
    class Own:
        in_use, needs_guest = 0, False

        def start(self, pages, rng):
            pass

        def step(self, seconds, time):
            return []

    assert fastest(make(Own())) == np.inf and burst(make(Own())) == 0
    assert fastest(make({"kind": "boot", "then": Own()})) == np.inf


@each
def test_a_workload_is_what_the_protocol_says_and_says_what_it_is(kind, options):
    workload = make({"kind": kind, **options.get(kind, {})})
    assert isinstance(workload, Workload)
    assert make(workload) is workload
    assert len(WORKLOADS[kind].__doc__) > 60
    assert "rate" in WORKLOADS[kind].__doc__ or kind in repr(workload)


@each
def test_an_unknown_option_is_named_with_what_there_is(kind):
    with pytest.raises(ValueError, match=f"unknown option of {kind} 'raet'; there are "):
        make({"kind": kind, "raet": 3})


@pytest.mark.parametrize("kind", ["idle", "sequential", "zipf", "moving", "heap", "fileserver"])
@pytest.mark.parametrize(
    ("option", "value", "message"),
    [("rate", -1, "rate must be a number from 0 to 1e.09, got -1"), ("memory", "one", "memory")],
)
def test_a_bad_option_is_named(kind, option, value, message):
    with pytest.raises(ValueError, match=message):
        make({"kind": kind, option: value})


def test_an_unknown_workload_is_named_with_what_is_close():
    with pytest.raises(ValueError, match="unknown workload 'zip'.*did you mean 'zipf'"):
        make({"kind": "zip"})
    with pytest.raises(ValueError, match="a table with its kind"):
        make({"rate": 3})


def test_memory_beyond_the_vm_is_named():
    workload = make({"kind": "zipf", "memory": "1 GiB"})
    with pytest.raises(ValueError, match="from one page to the VM's 4096 pages, got 262144"):
        workload.start(PAGES, np.random.default_rng(0))
