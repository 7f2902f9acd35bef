"""A replay that plays another trace than the file's, or at another pace, makes a result about
nothing: which accesses, when, to which pages, and what is said where that cannot be kept.
"""

import numpy as np
import pytest

from pageengine import traces
from pageengine.errors import TraceError, TraceWarning
from pageengine.lab.scenario import Scenario, ScenarioError
from pageengine.lab.workloads import burst, fastest, make
from pageengine.lab.workloads.clock import clock_of


def started(path, pages=8, **options):
    workload = make({"kind": "replay", "trace": str(path), **options})
    workload.start(pages, np.random.default_rng(0))
    return workload


def ids(workload, seconds=1.0):
    (step,) = workload.step(seconds, 0.0)
    return step.ids.tolist()


@pytest.fixture
def three(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("page,write,vm\n" + "\n".join(f"{i},{i % 2},{i % 3}" for i in range(9)))
    return path


@pytest.fixture
def clocked(tmp_path):
    path = tmp_path / "clock.csv"
    path.write_text("page,time\n0,100\n1,100.5\n2,102\n3,102\n4,103\n")
    return path


def test_a_trace_comes_in_its_order_and_again(three):
    workload = started(three, rate=6)
    assert ids(workload) == [0, 1, 2, 3, 4, 5]
    with pytest.warns(TraceWarning, match="more pages than the VM's 8"):
        assert ids(workload) == [6, 7, 0, 0, 1, 2]
    once = started(three, rate=6, once=True, vm=1)
    assert ids(once) == [1, 4, 7]
    assert not ids(once)


def test_pages_beyond_the_vm_are_counted_and_said(three):
    workload = started(three, rate=9, pages=7)
    with pytest.warns(TraceWarning):
        workload.step(2.0, 0.0)
    assert any("4 accesses were to 2 pages beyond the VM's 7" in n for n in workload.notes)
    assert any("several VMs are played as of one" in n for n in workload.notes)
    fits = started(three, rate=9, pages=9, vm=0)
    fits.step(2.0, 0.0)
    assert fits.notes == []


def test_names_that_are_hashes_get_pages_in_the_order_of_their_first_use(tmp_path):
    path = tmp_path / "t.oracleGeneral"
    names = np.random.default_rng(1).integers(8, 2**64, 6, dtype=np.uint64)
    traces.write_oracle(path, np.concatenate([names, [2], names[::-1]]).astype(np.uint64))
    workload = started(path, rate=13)
    assert ids(workload) == [0, 1, 2, 3, 4, 5, 6, 5, 4, 3, 2, 1, 0]  # 2 is taken when it comes
    assert workload.notes == []


def test_accesses_happen_at_their_times(clocked):
    workload = started(clocked)
    assert [ids(workload, 0.5) for _ in range(7)] == [[0], [1], [], [], [2, 3], [], [4]]
    assert ids(workload, 0.25) == [] and ids(workload, 0.5) == [0]  # the mean gap is 0.75 s
    fast = started(clocked, speed=2, once=True)
    assert [ids(fast, 0.5) for _ in range(4)] == [[0, 1], [], [2, 3], [4]]
    assert ids(fast, 100.0) == []
    assert ids(started(clocked, rate=3)) == [0, 1, 2]
    assert started(clocked, speed=2).step(0.0, 0.0)[0].ids.size == 0


def test_a_vm_that_waits_makes_every_access_later(clocked):
    """Host's time goes on meanwhile; its own, and the trace, do not."""
    workload = started(clocked, once=True)
    first = workload.step(1.0, 0.0)[0].ids.tolist()
    later = workload.step(1.0, 50.0)[0].ids.tolist()
    assert (first, later) == ([0, 1], []) and ids(workload) == [2, 3]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("speed", [0.5, 1.0, 7.0])
def test_no_stretch_of_time_has_more_accesses_than_was_said(tmp_path, seed, speed):
    draw = np.random.default_rng(seed)
    gaps = draw.pareto(0.8, 2000) * draw.choice([0, 1e-3, 0.2], 2000)
    np.savez(tmp_path / "t.npz", page=np.arange(2000) % 50, time=np.cumsum(gaps))
    workload = started(tmp_path / "t.npz", pages=50, speed=speed)
    rate, more = fastest(workload), burst(workload)
    assert rate < np.inf and more < 2 * 2000 + 2
    made = 0
    while made < 5000:
        seconds = float(draw.choice([1e-3, 0.1, 3.0, 200.0]))
        n = len(workload.step(seconds, 0.0)[0].ids)
        assert n <= rate * seconds + more
        made += n


def test_times_that_go_back_are_said_and_ones_that_stand_still_are_none(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("page,time\n0,5\n1,9\n2,7\n3,9\n")
    workload = started(path, once=True)
    assert [ids(workload, 2.0) for _ in range(3)] == [[0], [], [1, 2, 3]]
    assert any("1 accesses have an earlier time" in note for note in workload.notes)
    path.write_text("page,time\n" + "1,5\n" * 2000)
    assert len(ids(started(path))) == 1000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"vm": 7}, "no accesses of vm 7; it has vm 0, 1, 2"),
        ({"vm": "web"}, "vm, the number of a VM, must be a whole number"),
        ({"rate": 3, "speed": 2}, "say one"),
        ({"speed": 2}, "has none: say rate"),
        ({"speed": 0}, "speed must be a number from"),
    ],
)
def test_what_cannot_be_played_is_said_when_it_is_made(three, options, message):
    with pytest.raises(ValueError, match=message):
        make({"kind": "replay", "trace": str(three), **options})


def test_a_trace_without_vms_has_none_of_a_number(clocked):
    with pytest.raises(TraceError, match="no column vm"):
        make({"kind": "replay", "trace": str(clocked), "vm": 0})


@pytest.mark.parametrize("where", ["vm", "event"])
def test_a_scenario_says_at_once_what_its_trace_lacks(three, where):
    from pageengine.lab import build

    bad, good = 'trace = "t.csv", vm = 7', 'trace = "t.csv", vm = 1'
    path = three.with_name("s.toml")
    path.write_text(
        '[host]\nmemory = "64 MiB"\n[run]\nduration = 5\n[[vm]]\nname = "a"\nsize = "32 MiB"\n'
        f'workload = {{ kind = "replay", {bad if where == "vm" else good} }}\n'
        '[[event]]\nat = 2\nset = "vm.a.workload"\n'
        f'to = {{ kind = "replay", {bad if where == "event" else good} }}\n'
    )
    with pytest.raises(ScenarioError, match=rf"s\.toml:{8 if where == 'vm' else 12}.*vm 7"):
        build.check(Scenario.load(path))
    path.write_text(path.read_text().replace("vm = 7", "vm = 2"))
    scenario = Scenario.load(path)
    build.check(scenario)
    assert build.run(scenario).of("a")["accesses"].sum() > 1000


def test_what_an_event_sets_must_fit_its_vm(tmp_path):
    from pageengine.lab import build

    path = tmp_path / "s.toml"
    path.write_text(
        '[host]\nmemory = "64 MiB"\n[run]\nduration = 5\n[[vm]]\nname = "a"\nsize = "32 MiB"\n'
        'workload = { kind = "idle" }\n[[event]]\nat = 2\nset = "vm.a.workload"\n'
        'to = { kind = "zipf", memory = "1 GiB" }\n'
    )
    with pytest.raises(ScenarioError, match=r"s\.toml:12: .*the VM's 8192 pages, got 262144"):
        build.check(Scenario.load(path))


def test_many_rounds_at_once_keep_to_what_was_said(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("page,time\n" + "".join(f"{i},{i / 9}\n" for i in range(10)))
    workload = started(path, pages=16)
    most = fastest(workload) * 1000 + burst(workload)
    assert 8990 <= len(workload.step(1000.0, 0.0)[0].ids) <= most < 30_000


def test_the_depth_of_a_bucket_is_its_closed_form(tmp_path):
    """n accesses at once, then one each second: at 1/s the bucket must hold n, at 4/s too."""
    path = tmp_path / "t.csv"
    path.write_text("page,time\n" + "1,7\n" * 5 + "".join(f"1,{t}\n" for t in range(8, 20)))
    clock = clock_of(traces.open(path), None)
    assert (clock.first, clock.seconds, clock.accesses, clock.back) == (7, 12, 17, 0)
    assert clock.depths[0] == clock.depths[1] == 5 and clock.bound() == (4.0, 5)
