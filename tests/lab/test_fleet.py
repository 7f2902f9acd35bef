"""A fleet is hosts that know nothing of each other, and books of who is where. Nothing of its
result may depend on how it was run, no VM may be lost or be on two hosts, and one host must be what
a simulation is.
"""

from collections import Counter

import numpy as np
import pytest

from pageengine.errors import PageEngineError
from pageengine.lab import Admission, Fleet, FleetResult, Precopy, ResultError, Simulation, VMSpec
from pageengine.lab.events import Event
from pageengine.policy.guard import Limits

ALL = {"a": "24 MiB", "b": "24 MiB", "c": "32 MiB"}
MOVES = {"migration": Precopy(bandwidth=2**22), "admission": Admission(full=1.2, unseen=0.2)}


def specs(count=9):
    kinds = (
        {"kind": "zipf", "rate": 30, "alpha": 0.3},
        {"kind": "moving", "rate": 20},
        {"kind": "idle", "rate": 2, "fill": 60},
    )
    return [
        VMSpec(f"v{i}", "6 MiB", kinds[i % 3], contents="mixed", start=15.0 * (i % 4))
        for i in range(count)
    ]


def fleet(hosts=ALL, vms=None, **options):
    told = {"epoch": 10.0, "round": 60.0, "seed": 4, **MOVES} | options
    return Fleet(hosts, specs() if vms is None else vms, **told)


@pytest.fixture(scope="module")
def found():
    return fleet().run(480)


def test_vms_move_when_working_sets_do_not_fit(found):
    moves = found.moves
    assert len(moves["vm"]) > 0 and found.summary["moved"] == len(moves["vm"])
    for i, name in enumerate(moves["vm"]):
        own = found.vms["vm"] == name
        time, host = found.vms["time"][own], found.vms["host"][own]
        assert host[time == moves["time"][i]] == moves["source"][i]
        assert host[time == moves["time"][i] + 60] == moves["target"][i]
    assert sum(moves["bytes"]) == found.summary["bytes_moved"] > 0
    came, left = (found.grid(key)[1].sum() for key in ("came", "left"))
    assert left == len(moves["vm"]) and came == 9 + left


def test_every_vm_is_on_one_host_at_the_end_of_every_round(found):
    for time in np.unique(found.vms["time"]):
        names = found.vms["vm"][found.vms["time"] == time].tolist()
        assert sorted(names) == [f"v{i}" for i in range(9)]
    assert found.meta["refused"] == [] and not found.waiting["vms"].any()


def test_it_does_not_matter_in_which_order_hosts_are_listed(found):
    backwards = dict(reversed(ALL.items()))
    assert fleet(backwards).run(480).digest() == found.digest()
    hosts = {f"h{i}": "8 MiB" for i in (10, 9, 1)}
    assert list(fleet(hosts).memory) == ["h1", "h9", "h10"]


def test_one_host_is_a_simulation():
    events = [
        Event(100.0, "set", "v1", "shares", 100),
        Event(130.0, "policy", "", "idle_tax", 0.5),
        Event(170.0, "stop", "v2"),
        Event(300.0, "start", "v2"),
    ]
    options = {"policy": "esx6", "seed": 4, "epoch": 10.0, "events": events}
    alone = Simulation("24 MiB", specs(5), **options).run(360)
    of = fleet(1, specs(5), memory="24 MiB", record=True, **options).run(360)
    assert of.timelines["host-1"].digest() == alone.digest()
    stalls = {name: float(np.mean(alone.of(name)["stall"])) for name in ("v0", "v1")}
    for name, stall in stalls.items():  # means of rounds, of which the last alike are whole
        assert of.stalls()[name] == pytest.approx(stall, abs=0.02)


def test_what_a_vm_does_does_not_depend_on_the_host_that_it_starts_on():
    work = [VMSpec(f"v{i}", "4 MiB", {"kind": "zipf", "rate": 50}) for i in range(2)]
    there = {}
    for chosen in ("a", "b"):
        result = fleet(
            {"a": "32 MiB", "b": "64 MiB"}, work, placement=lambda vm, hosts, at=chosen: at
        ).run(60)
        there[chosen] = result.vms
    for key in ("vm", "consumed", "held", "written"):
        np.testing.assert_array_equal(there["a"][key], there["b"][key])


def test_a_vm_that_does_not_fit_waits_until_another_has_stopped():
    big = [
        VMSpec("first", "6 MiB", {"kind": "idle", "rate": 1}, reservation="6 MiB", stop=90.0),
        VMSpec("second", "6 MiB", {"kind": "idle", "rate": 1}, reservation="6 MiB"),
    ]
    result = fleet({"only": "8 MiB"}, big, admission=Admission(full=1.0, unseen=0.0)).run(240)
    where = {time: [] for time in (60.0, 120.0, 180.0, 240.0)}
    for time, name in zip(result.vms["time"], result.vms["vm"], strict=True):
        where[time].append(str(name))
    assert list(where.values()) == [["first"], [], ["second"], ["second"]]
    assert result.waiting["vms"].tolist() == [1, 1, 0, 0]


def test_a_host_that_refuses_what_the_books_allow_loses_no_vm():
    """Swap space that is promised to nobody twice is a rule of the host's own."""
    host = {"swap": "4 MiB", "reserve_swap": True}
    vms = [VMSpec(f"v{i}", "4 MiB", {"kind": "idle", "rate": 1}) for i in range(3)]
    result = fleet({"a": "16 MiB", "b": "16 MiB"}, vms, host=host).run(180)
    assert result.grid("vms")[1].tolist() == [[1, 1, 1], [0, 1, 1]]
    assert result.meta["refused"] == ["v2"] and result.waiting["vms"].tolist() == [2, 1, 1]
    assert result.grid("came")[1].tolist() == [[1, 0, 0], [0, 1, 0]]
    refused = [event["vm"] for event in result.events if "refused" in event["what"]]
    assert refused == ["v1", "v2", "v2"]


def test_moving_costs_what_the_model_says():
    """A slow link: what moves waits for it, and only so many as a round has time for."""
    slow = Precopy(bandwidth=2**17, downtime=0.3, slowdown=0.5)
    result = fleet(migration=slow).run(240)
    moves = result.moves
    assert len(moves["vm"])
    for i, name in enumerate(moves["vm"]):
        own = (result.vms["vm"] == name) & (result.vms["time"] == moves["time"][i] + 60)
        assert moves["waits"][i] >= 0.5 * (moves["seconds"][i] - moves["downtime"][i])
        assert result.vms["stall"][own][0] * 60 >= min(60, moves["waits"][i]) - 1e-6
    for key in ("source", "target"):
        for time in np.unique(moves["time"]):
            for host in ALL:
                taken = moves["seconds"][(moves[key] == host) & (moves["time"] == time)]
                assert taken.sum() <= 60


def test_no_more_leave_a_host_in_a_round_than_was_said(found):
    def most(result):
        leave = zip(result.moves["source"], result.moves["time"], strict=True)
        return max(Counter(leave).values())

    assert most(found) > 1, "or nothing is tried"
    assert most(fleet(migration=Precopy(bandwidth=2**22, per_round=1)).run(480)) == 1
    for wrong in (0, 1.5, "many"):
        with pytest.raises((TypeError, ValueError), match="per_round"):
            Precopy(per_round=wrong)


def test_without_migration_nobody_moves(found):
    stays = fleet(migration=None).run(240)
    assert len(stays.moves["vm"]) == 0 and stays.meta["migration"] is None
    assert stays.summary["full"] >= found.summary["full"]


def test_a_guard_and_every_check_of_a_host_hold_in_a_fleet():
    result = fleet(guard=Limits(), check_every=1).run(120)
    assert len(result.hosts["time"]) == 6 and not result.partial


def test_a_run_that_was_stopped_has_whole_rounds(found):
    seen = []

    def progress(now, what):
        seen.append(now)
        return now < 120

    result = fleet().run(480, progress=progress)
    assert result.partial and result.why == "stopped" and seen[-1] == 120
    whole = found.hosts["time"] <= 120
    np.testing.assert_array_equal(result.hosts["active"], found.hosts["active"][whole])
    late = fleet().run(480, max_time=0)
    assert late.why == "out of its time limit" and len(late.hosts["time"]) == 0
    assert late.summary == {} and late.stalls() == {}


def test_a_result_survives_saving(found, tmp_path):
    pytest.importorskip("pyarrow")
    loaded = FleetResult.load(found.save(tmp_path))
    assert loaded.digest() == found.digest() and loaded.names == ["a", "b", "c"]
    other = fleet(seed=5).run(60)
    other.save(tmp_path / "other")
    (tmp_path / "other" / "hosts.parquet").replace(tmp_path / "hosts.parquet")
    with pytest.raises(ResultError, match="are not what was saved with summary.json"):
        FleetResult.load(tmp_path)


def test_results_of_one_host_and_of_a_fleet_are_told_apart(found, tmp_path):
    pytest.importorskip("pyarrow")
    from pageengine.lab import Result

    with pytest.raises(ResultError, match="holds a result of a fleet"):
        Result.load(found.save(tmp_path / "fleet"))
    one = Simulation("8 MiB", [VMSpec("v", "4 MiB")]).run(2)
    with pytest.raises(ResultError, match="holds a result of one host"):
        FleetResult.load(one.save(tmp_path / "one"))


@pytest.mark.parametrize(
    "hosts, options, said",
    [
        (0, {"memory": "8 MiB"}, "hosts must be a whole number from 1"),
        (2, {}, "memory is missing"),
        ({"a": "8 MiB"}, {"memory": "8 MiB"}, "memory is that of each host"),
        ({}, {}, "a fleet has from 1 to"),
        ({"a": "8 QiB"}, {}, "memory of 'a'"),
        (ALL, {"round": 25.0}, "round must be a whole number of epochs of 10 s, got 25 s"),
        (ALL, {"placement": "spred"}, "unknown placement 'spred'.*did you mean 'spread'"),
        (ALL, {"policy": "esx9"}, "no policy 'esx9'"),
        (ALL, {"vms": [VMSpec("v", "1 MiB", "zipff")]}, "'v': unknown workload 'zipff'"),
        (ALL, {"events": [Event(1.0, "stop", "w")]}, "an event names a VM 'w'"),
        (ALL, {"admission": Precopy()}, "admission must be of Admission"),
        (ALL, {"migration": True}, "migration must be of Precopy"),
        (ALL, {"epok": 5.0}, "unknown option of a fleet 'epok'.*did you mean 'epoch'"),
        (ALL, {"costs": "tape"}, "tape"),
    ],
)
def test_what_cannot_be_is_said_before_anything_runs(hosts, options, said):
    with pytest.raises((ValueError, TypeError), match=said):
        fleet(hosts, **options)


def test_how_long_and_where_are_looked_at():
    with pytest.raises(ValueError, match="seconds must be a whole number of epochs"):
        fleet().run(15)
    with pytest.raises(ValueError, match="jobs must be a whole number from 1"):
        fleet().run(60, jobs=0)
    with pytest.raises(ValueError, match="either dask or an executor"):
        fleet().run(60, dask="local", executor=object())
    once = fleet(vms=[])
    once.run(60)
    with pytest.raises(ValueError, match="a fleet runs once"):
        once.run(60)
    assert issubclass(ResultError, PageEngineError)
