"""Simulators that embed the lab have a clock of their own. A simulation that is stepped by hand
must be the one that runs by itself, and a VM that moves must be gone here and go on there as if it
had stayed.
"""

import pickle

import numpy as np
import pytest

from pageengine.core.records import Place
from pageengine.lab import CostModel, GuestSpec, Simulation, VMSpec
from pageengine.lab.costs import EVENTS
from pageengine.lab.events import Event
from pageengine.policy.plain import Plain

WORK = {"kind": "zipf", "rate": 500}


def made(count=2):
    specs = [VMSpec(f"vm{i}", "8 MiB", WORK, contents="mixed") for i in range(count)]
    return Simulation("12 MiB", specs, policy="esx6", seed=3)


def test_step_by_step_it_is_the_same():
    stepped = made()
    for _ in range(20):
        stepped.step()
    result, run = stepped.finish(), made().run(20)
    for table in ("host", "vms"):
        for key, column in getattr(run, table).items():
            assert np.array_equal(column, getattr(result, table)[key]), key


def test_a_vm_moves():
    here, there = made(), made(0)
    for _ in range(5):
        here.step(), there.step()
    assert there.add(here.remove("vm1"))
    for _ in range(5):
        here.step(), there.step()
    there.host.check()
    left, arrived = here.finish(), there.finish()
    assert left.of("vm1")["time"][-1] == 5 and left.of("vm0")["time"][-1] == 10
    assert arrived.of("vm1")["time"].tolist() == [6, 7, 8, 9, 10]
    assert arrived.of("vm1")["granted"][-1] > 0


def test_what_is_not_there_is_named():
    simulation = made()
    simulation.step()
    with pytest.raises(ValueError, match="no VM 'vm7'; there are vm0, vm1"):
        simulation.remove("vm7")
    with pytest.raises(ValueError, match="there is a VM 'vm0' already"):
        simulation.add(VMSpec("vm0", "8 MiB", WORK))


FREE = dict.fromkeys(EVENTS, 0.0)
KINDS = {
    "zipf": WORK,
    "moving": {"kind": "moving", "rate": 300},
    "heap": {"kind": "heap", "rate": 300},
    "demand": {"kind": "demand", "series": [[0, "2 MiB"], [30, "6 MiB"]], "interval": 5.0},
    "guest": {"kind": "fileserver", "rate": 300},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("contents", ["tokens", "bytes"])
def test_what_a_vm_does_does_not_depend_on_being_moved(kind, contents):
    """It makes the same accesses and holds the same pages as one that stayed, where neither waits:
    what it still waited for is no part of what it takes along.
    """
    spec = VMSpec(
        "vm",
        "8 MiB",
        KINDS[kind],
        contents="mixed",
        guest=GuestSpec(kernel="1 MiB") if kind == "guest" else None,
    )
    here, there, stays = (
        Simulation("64 MiB", vms, seed=3, contents=contents, costs=FREE)
        for vms in ([spec], [], [spec])
    )
    for _ in range(8):
        here.step(), there.step(), stays.step()
    carried = pickle.loads(pickle.dumps(here.leave("vm")))
    assert there.add(carried.spec, carried=carried, events=carried.events)
    for _ in range(8):
        here.step(), there.step(), stays.step()
    moved, stayed = there.running["vm"], stays.running["vm"]
    there.host.check()
    ppns = np.arange(moved.vm.pages)
    np.testing.assert_array_equal(moved.vm.peek(ppns), stayed.vm.peek(ppns))
    assert moved.vm.peek(ppns).any() and moved.workload.in_use == stayed.workload.in_use
    if kind == "guest":
        assert moved.vm.guest.stats == stayed.vm.guest.stats
    arrived, whole = (each.finish().of("vm") for each in (there, stays))
    np.testing.assert_array_equal(arrived["accesses"], whole["accesses"][8:])
    np.testing.assert_array_equal(arrived["touched"], whole["touched"][8:])


def test_pages_come_to_a_host_that_is_full():
    busy = {"kind": "sequential", "rate": 2000}
    here = Simulation("16 MiB", [VMSpec("vm", "8 MiB", WORK, contents="random")], seed=3)
    there = Simulation(
        "8 MiB", [VMSpec("other", "7 MiB", busy, contents="random", reservation="6 MiB")], seed=3
    )
    for _ in range(10):
        here.step(), there.step()
    held = here.leave("vm")
    assert there.add(held.spec, carried=held)
    there.running["vm"].change("workload", {"kind": "idle", "rate": 0})
    for _ in range(20):
        there.step()
    moved = there.running["vm"]
    there.host.check()
    assert not moved.memory.waits and moved.vm.stats.swapped > 0
    np.testing.assert_array_equal(moved.vm.peek(held.ppns), held.contents)


def test_a_vm_that_moved_waits_for_none_of_its_pages():
    """They came while it ran elsewhere: however slow the device is to which others were put out."""
    slow = CostModel().of_pages(1024)
    here = Simulation("16 MiB", [VMSpec("vm", "8 MiB", WORK, contents="random")], seed=3)
    other = VMSpec("other", "7 MiB", {"kind": "sequential", "rate": 2000}, contents="random")
    there = Simulation("8 MiB", [other], policy="plain", costs=slow, seed=3)
    for _ in range(10):
        here.step(), there.step()
    held = here.leave("vm")
    assert there.add(held.spec, carried=held)
    moved = there.running["vm"]
    assert not moved.memory.waits and there.host.stats.swapped > 0
    assert there.host.swap_bandwidth, "which is as it was"
    np.testing.assert_array_equal(moved.vm.peek(held.ppns), held.contents)


@pytest.mark.parametrize("options", [{}, {"swap": 0}, {"swap": "1 MiB"}])
def test_pages_that_were_put_out_are_put_out_where_they_come(options):
    """Room is taken for what was in memory, unless there is no swap space for the rest, which then
    waits.
    """
    work = {"kind": "sequential", "rate": 500}
    specs = [VMSpec(name, "12 MiB", work, contents="random") for name in ("vm", "other")]
    here = Simulation("8 MiB", specs[:1], policy="plain")
    there = Simulation("16 MiB", specs[1:], policy="plain", host=options)
    for _ in range(40):
        here.step(), there.step()
    places = here.running["vm"].vm.places
    held = here.leave("vm")
    out = np.isin(places[held.ppns], [Place.SWAPPED, Place.COMPRESSED])
    assert 0 < out.sum() == held.put_out < len(out) and out[: held.put_out].all()
    others, room = there.running["other"].vm.stats, there.host.stats.free
    assert there.add(held.spec, carried=held)
    there.host.check()
    vm, came = there.running["vm"].vm, len(held.ppns)
    places = vm.places[held.ppns]
    if options:
        came = np.flatnonzero(places != Place.ABSENT)[-1] + 1
        assert held.put_out < came < len(out) and there.running["vm"].memory.waits
    else:
        assert (places[out] == Place.SWAPPED).all() and (places[~out] != Place.SWAPPED).any()
        taken, now = (~out).sum() * 4096, there.running["other"].vm.stats
        assert 0 < room < taken and others.granted - now.granted < taken - room
    np.testing.assert_array_equal(vm.peek(held.ppns[:came]), held.contents[:came])


class FailsOnce(Plain):
    bad = False

    def decide(self, snapshot):
        if self.bad:
            self.bad = False
            raise RuntimeError("once")
        return super().decide(snapshot)


def test_a_policy_that_fails_as_a_vm_comes_loses_none_of_its_pages():
    policy = FailsOnce()
    here = Simulation("16 MiB", [VMSpec("vm", "8 MiB", WORK, contents="random")], seed=3)
    other = VMSpec("other", "7 MiB", {"kind": "sequential", "rate": 2000}, contents="random")
    there = Simulation("8 MiB", [other], policy=policy, seed=3)
    for _ in range(10):
        here.step(), there.step()
    held, bandwidth = here.leave("vm"), there.host.swap_bandwidth
    policy.bad = True
    with pytest.raises(RuntimeError, match="once"):
        there.add(held.spec, carried=held)
    assert there.host.swap_bandwidth == bandwidth
    there.running["vm"].change("workload", {"kind": "idle", "rate": 0})
    for _ in range(20):
        there.step()
    there.host.check()
    np.testing.assert_array_equal(there.running["vm"].vm.peek(held.ppns), held.contents)


def test_what_is_to_happen_to_a_vm_goes_along():
    spec = VMSpec("vm", "4 MiB", WORK, stop=12.0)
    events = [
        Event(3.0, "set", "vm", "shares", 77),
        Event(9.0, "set", "vm", "workload", {"kind": "idle", "rate": 1}),
        Event(14.0, "start", "vm"),
    ]
    here, there = Simulation("16 MiB", [spec], events=events), Simulation("16 MiB", [])
    for _ in range(6):
        here.step(), there.step()
    held = here.leave("vm")
    assert there.add(held.spec, events=held.events, carried=held)
    for second in range(6, 16):
        here.step(), there.step()
        assert not here.running and bool(there.running) == (second < 12 or second >= 14), second
        if second == 10:
            assert there.running["vm"].vm.shares == 77 and there.host.time == 11
            assert type(there.running["vm"].workload).__name__ == "Idle"
    assert [event["what"] for event in there.finish().events] == [
        "vm starts",
        "workload of vm becomes idle",
        "vm stops",
        "vm starts",
    ]
    assert here.ended == ()


def test_a_vm_that_is_added_starts_and_stops_at_its_times():
    simulation = Simulation("16 MiB", [])
    assert simulation.add(VMSpec("late", "4 MiB", WORK, start=2.0, stop=4.0))
    there = []
    for _ in range(6):
        simulation.step()
        there.append(len(simulation.running))
    assert there == [0, 0, 1, 1, 0, 0] and simulation.ended == ("late",)
    with pytest.raises(ValueError, match="an event names a VM 'x'"):
        simulation.add(VMSpec("v", "4 MiB"), events=[Event(1.0, "stop", "x")])
    with pytest.raises(ValueError, match="'w': unknown workload"):
        simulation.add(VMSpec("w", "4 MiB", "zipff"))


def test_without_records_a_simulation_goes_the_same_way():
    kept = made()
    other = Simulation("12 MiB", kept.specs.values(), policy="esx6", seed=3, record=False)
    for _ in range(20):
        kept.step(), other.step()
        for name, simulated in kept.running.items():
            assert simulated.vm.stats == other.running[name].vm.stats
            assert simulated.stall == other.running[name].stall
    result = other.finish()
    assert result.summary == {} and len(result.host["time"]) == len(result.vms["vm"]) == 0
    assert len(kept.finish().host["time"]) == 20
