"""A VM that follows what was measured: as many pages as the series says, no noise on top."""

import numpy as np
import pytest

from pageengine.errors import DemandError
from pageengine.lab import Simulation, VMSpec, build
from pageengine.lab.scenario import Scenario
from pageengine.lab.workloads import make, warmed

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
