"""A VM that follows what was measured: as many pages as the series says, no noise on top."""

import numpy as np
import pytest

from pageengine.core.draws import Draws
from pageengine.errors import DemandError
from pageengine.lab import Simulation, VMSpec, build
from pageengine.lab.scenario import Scenario
from pageengine.lab.workloads import make, warmed
from pageengine.lab.workloads.pace import AHEAD, Pace

MIB = 2**20
SERIES = [[0, "4 MiB"], [300, "8 MiB"], [600, "2 MiB"]]


def started(pages=4096, **options):
    workload = make({"kind": "demand", "series": SERIES, **options})
    workload.start(pages, np.random.default_rng(1))
    return workload


def touched(workload, time, seconds=60.0):
    """The distinct pages of so many seconds, step by step."""
    ids = [step.ids for number in range(int(seconds)) for step in workload.step(1.0, time + number)]
    return np.unique(np.concatenate(ids))


def test_numbers_are_read_off_as_numpy_does():
    """A straight line between readings, wherever time goes, and a bound on the next minutes."""
    rng = np.random.default_rng(3)
    time = np.cumsum(rng.integers(60, 900, 40)).astype(float)
    amount = rng.uniform(0, 3000 * 4096, 40)
    workload = started(series=np.column_stack((time, amount)), begin=time[2])
    for now in [*rng.uniform(-10, time[-1], 300), *(time - time[2])]:
        workload.step(0.0, float(now))
        expected = max(1, round(float(np.interp(now + time[2], time, amount / 4096))))
        assert abs(workload.in_use - expected) <= (1 if expected > 1 else 0), now
        ahead = np.interp(now + time[2] + np.arange(0, AHEAD), time, amount / 4096).max()
        most = workload.fastest() * workload.interval
        assert round(ahead) <= most <= round(amount.max() / 4096), now


def test_an_array_is_the_same_as_pairs_and_is_kept_as_it_was():
    numbers = np.array([[0, 4 * MIB], [300, 8 * MIB], [600, np.nan], [900, 2 * MIB]])
    pairs = [[at, size if np.isnan(size) else int(size)] for at, size in numbers.tolist()]
    one, other = started(series=numbers, interval=9.0), started(series=pairs, interval=9.0)
    numbers[:] = 0
    for now in np.arange(0.0, 1000.0, 7.0):
        assert touched(one, now, 3).tolist() == touched(other, now, 3).tolist()
    saved = one.options["series"]
    assert np.array_equal(saved, other.options["series"], equal_nan=True) and saved[1, 0] == 300


@pytest.mark.parametrize(
    ("time", "mib"), [(0, 4), (150, 6), (300, 8), (450, 5), (600, 2), (9000, 2)]
)
def test_it_touches_what_the_straight_line_says(time, mib):
    workload = started()
    workload.step(0.0, float(time))
    assert workload.in_use == mib * 256


def test_each_page_once_an_interval_and_those_that_were_active_before():
    flat = make({"kind": "demand", "series": [[0, "4 MiB"]], "interval": 32})
    flat.start(4096, np.random.default_rng(1))
    ids = np.concatenate([flat.step(1.0, float(t))[0].ids for t in range(32)])
    assert np.array_equal(np.sort(ids), np.arange(1024))
    assert touched(started(), 0.0).max() < touched(started(), 240.0).max() < 2048


def test_missing_readings_are_the_last_before_and_are_counted():
    gap = started(series=[[0, float("nan")], [300, "4 MiB"], [600, float("nan")], [900, "2 MiB"]])
    for time in (0.0, 300.0, 600.0):
        gap.step(0.0, time)
        assert gap.in_use == 1024, time
    gap.step(0.0, 750.0)
    assert gap.in_use == 768
    assert gap.notes == ["2 readings are missing: the ones before them were held"]


def test_it_starts_with_what_it_held(tmp_path):
    table = tmp_path / "vms.csv"
    table.write_text(
        "time,vm,size_mib,used_mib,active_mib\n0,a,16,8,1\n300,a,16,12,2\n0,b,16,,1\n300,b,16,,1\n"
    )

    def held(**options):
        workload = make({"kind": "demand", "file": str(table), **options})
        workload.start(4096, np.random.default_rng(1))
        (all_,) = warmed(workload, 0.0)
        return len(all_.ids), all_.ids[-1]

    assert held(vm="a") == (2048, 0), "what is active was touched last"
    assert held(vm="a", begin=300) == (3072, 0)
    assert held(vm="b") == (4096, 0), "nobody knows: all of it"
    assert held(vm="a", held="3 MiB") == (768, 0)
    with pytest.raises(ValueError, match="has 2 VMs: say which"):
        held()
    with pytest.raises(ValueError, match="unknown VM of .*'c'; there are a, b"):
        held(vm="c")


def test_a_page_may_stand_for_more_and_readings_above_the_vm_are_said():
    workload = started(scale=4)
    workload.step(0.0, 0.0)
    assert workload.in_use == 256 and not workload.notes
    small = started(pages=1024)
    small.step(0.0, 300.0)
    assert small.in_use == 1024
    assert small.notes == ["1 readings are above the VM's 1024 pages: all were touched"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "say file, and whose"),
        ({"series": SERIES, "file": "a.csv"}, "say file, and whose"),
        ({"series": SERIES, "vm": "a"}, "a series is of one VM"),
        ({"series": [[0, 1], [0, 2]]}, "must rise"),
        ({"series": []}, "must rise"),
        ({"series": [[0]]}, "a list of"),
        ({"series": [[0, float("nan")]]}, "no reading"),
        ({"series": np.zeros((0, 2))}, "must rise"),
        ({"series": np.zeros(4)}, r"numbers \[n, 2\], got float64 \[4\]"),
        ({"series": np.array([["a", "b"]])}, "got <U1"),
        ({"series": np.array([[0.0, 1.0], [np.nan, 1.0]])}, "row 1 of the series .* nan as sec"),
        ({"series": np.array([[0.0, 1.0], [9.0, -2.0]])}, "row 1 of the series .* -2 as bytes"),
        ({"series": np.array([[0.0, np.inf]])}, "row 0 of the series .* inf as bytes"),
        ({"series": np.array([[0.0, np.nan]])}, "no reading"),
    ],
)
def test_what_is_no_series_is_said(options, says):
    with pytest.raises(ValueError, match=says):
        make({"kind": "demand", **options})


def test_a_file_that_is_none_is_said(tmp_path):
    (tmp_path / "a.csv").write_text("nothing\n")
    with pytest.raises(DemandError, match="none of the kinds"):
        make({"kind": "demand", "file": str(tmp_path / "a.csv")})


def test_the_host_reads_it_exactly_in_a_scenario(tmp_path):
    """An estimate of an estimate: nothing is added to what the series says."""
    (tmp_path / "vms.csv").write_text("time,vm,size_mib,active_mib\n0,web,64,16\n900,web,64,16\n")
    (tmp_path / "lab.toml").write_text(
        '[host]\nmemory = "256 MiB"\n[run]\nduration = 600\nepoch = 60\n[[vm]]\nname = "web"\n'
        'size = "64 MiB"\nworkload = { kind = "demand", file = "vms.csv" }\ncontents = "random"\n'
    )
    web = build.run(Scenario.load(tmp_path / "lab.toml")).of("web")
    assert (web["active"][2:] == 16 * MIB).all() and (web["touched"] == 16 * MIB).all()
    assert web["granted"][0] == 64 * MIB, "it starts with all that it may hold"
    sampled = VMSpec("web", 64 * MIB, {"kind": "demand", "series": [[0, "16 MiB"]]})
    noisy = Simulation(256 * MIB, [sampled], epoch=60).run(600).of("web")
    assert np.std(noisy["active"][2:]) > 0


@pytest.mark.parametrize(
    ("told", "period"),
    [("", 150.0), ('estimator = { kind = "accessed-bits", period = 30 }\n', 30.0)],
)
def test_a_scenario_reads_as_often_as_a_vm_touches(tmp_path, told, period):
    """A reading that comes sooner would see a part of what is active and no more."""
    vm = (
        '[[vm]]\nname = "{}"\nsize = "64 MiB"\n'
        'workload = {{ kind = "demand", series = [[0, "16 MiB"]], interval = {} }}\n'
    )
    (tmp_path / "lab.toml").write_text(
        f'[host]\nmemory = "256 MiB"\n{told}[run]\nduration = 600\nepoch = 30\n'
        + vm.format("fast", 60)
        + vm.format("slow", 150)
    )
    with build.simulation(Scenario.load(tmp_path / "lab.toml")).host as host:
        assert host._new_estimator().period == period
    slow = build.run(Scenario.load(tmp_path / "lab.toml")).of("slow")
    assert np.isclose(slow["active"][-1], 16 * MIB * min(1, period / 150), rtol=0.01)


def test_a_pace_takes_no_series_that_cannot_be():
    pace, draws = Pace(0.0, 0.0), Draws(np.random.Generator(np.random.Philox(1)))
    for times, pages, interval in (
        ([], [], 1.0),
        ([0.0], [1.0, 2.0], 1.0),
        ([1.0, 1.0], [1.0, 2.0], 1.0),
        ([np.nan], [1.0], 1.0),
        ([0.0], [-1.0], 1.0),
        ([0.0], [np.nan], 1.0),
        ([0.0], [2.0**32], 1.0),
        ([0.0], [1.0], 0.0),
    ):
        with pytest.raises(ValueError, match="no series of"):
            pace.by_series(draws, np.array(times), np.array(pages), interval)
    pace.by_series(draws, np.array([0.0, 10.0]), np.array([0.0, 2.0**32 - 1]), 1.0)
    for now in (-np.inf, np.nan, np.inf, 5.0):
        pace.at(now)
        assert 1 <= pace.size < 2**32 and pace.rate == pace.size
