"""At stake: a VM that does something else because the accesses of its workload are made without
Python between. Each is run beside one whose class is not known, which steps by itself.
"""

import pickle

import numpy as np
import pytest

from pageengine.core.device import Device
from pageengine.core.guest import Guest
from pageengine.lab import GuestSpec, Simulation, VMSpec, life
from pageengine.lab.workloads import WORKLOADS, Workload, fastest

MIB = 2**20
BUILT_IN = {
    "zipf": {"rate": 700.0},
    "moving": {"rate": 500.0, "every": 3.0},
    "sequential": {"rate": 900.0, "write": 1.0},
    "idle": {"rate": 60.0, "fill": 400.0, "write": 0.0},
    "heap": {"rate": 500.0, "young": 0.2},
    "demand": {"series": [[0, "2 MiB"], [9, "4 MiB"], [12, "1 MiB"]], "interval": 2.0},
}


def simulation(made, memory, swap="24 MiB", **options):
    vms = [
        VMSpec(f"{kind}{i}", 4 * MIB, made(kind), contents="mixed", **options)
        for i in range(2)
        for kind in BUILT_IN
    ]
    return Simulation(memory, vms, policy="esx6", seed=4, host={"swap": swap})


def built_in(kind):
    return WORKLOADS[kind](**BUILT_IN[kind])


def of_its_own(kind):
    """The same, of a class that nobody knows: it could step in any way."""
    return type(f"Own{kind}", (WORKLOADS[kind],), {})(**BUILT_IN[kind])


CROWDED = {
    "room": ("40 MiB", {}),
    "limits": ("24 MiB", {"limit": 2 * MIB}),
    "out of memory": ("22 MiB", {"swap": "3 MiB"}),
    "guests": ("30 MiB", {"guest": GuestSpec(kernel="128 KiB")}),
    "guests out of memory": (
        "22 MiB",
        {"swap": "3 MiB", "guest": GuestSpec(kernel="128 KiB", swap="256 KiB")},
    ),
}


@pytest.mark.parametrize("kind", CROWDED)
def test_what_is_made_at_once_is_what_steps_are(kind):
    memory, options = CROWDED[kind]
    found = simulation(built_in, memory, **options)
    expected = simulation(of_its_own, memory, **options)
    held = 0
    for _ in range(10 if "guests" in kind else 25):
        for run in (found, expected):
            run.step()
        for one, other in zip(found.running.values(), expected.running.values(), strict=True):
            held += one.held
            waiting = [
                [None if each is None else each.tolist() for each in pair]
                for of in (one, other)
                for pair in of.memory._waiting
            ]
            half = len(one.memory._waiting)
            assert waiting[:half] == waiting[half:]
    one, other = found.finish(), expected.finish()
    for name in one.vms:
        assert np.array_equal(one.vms[name], other.vms[name]), name
    for name in one.host:
        assert np.array_equal(one.host[name], other.host[name]), name
    assert bool(held) == ("out of memory" in kind)
    assert ("guests" in kind) == bool(one.vms["guest_swapped"].any())


def test_a_guest_of_ones_own_is_asked():
    class Own(Guest):
        """Could do anything with a touch."""

        touched = 0

        def access(self, kind, ids, write=False):
            self.touched += len(ids)
            return super().access(kind, ids, write)

    run = simulation(built_in, "64 MiB", guest=GuestSpec(kernel="128 KiB"))
    run.step()
    own = Own(1024, kernel_pages=32)
    run.host["zipf0"].guest = own
    before = run.host["zipf0"].stats.accesses
    run.step()
    assert 600 < own.touched <= run.host["zipf0"].stats.accesses - before
    run.finish()


@pytest.mark.parametrize("guest", [None, GuestSpec(kernel="128 KiB")])
def test_it_is_made_at_once(monkeypatch, guest):
    """But for what fills memory at first, and rounds of a heap."""
    asked = []
    for kind in BUILT_IN:
        step = WORKLOADS[kind].step

        def kept(self, seconds, time, step=step):
            asked.append(type(self).__name__)
            return step(self, seconds, time)

        monkeypatch.setattr(WORKLOADS[kind], "step", kept)
    run = simulation(built_in, "64 MiB", guest=guest)
    for _ in range(10):
        run.step()
    assert not {"Zipf", "Moving", "Sequential", "FollowedDemand"} & set(asked) and {
        "Idle",
        "Heap",
    } <= set(asked)
    run.finish()


def test_a_workload_of_ones_own_is_asked():
    assert "step" not in vars(built_in("zipf"))
    made = built_in("zipf")
    made.step = lambda seconds, time: []
    run = Simulation("16 MiB", [VMSpec("a", 4 * MIB, made)], seed=1)
    run.step()
    assert run.host["a"].stats.accesses == 0
    run.running["a"].workload = other = built_in("zipf")
    assert isinstance(other, Workload) and run.running["a"].workload is other
    run.finish()


def test_the_fastest_are_what_workloads_say():
    run = simulation(built_in, "64 MiB")
    for _ in range(12):
        run.step()
        running = list(run.running.values())
        assert life.fastest(running) == [fastest(each.workload) for each in running]
        assert not life.any_held(running)
    run.host["zipf0"].block()
    run.step()
    assert life.any_held(running)
    run.finish()


def test_turns_are_of_each_vm_once_and_go_by_names():
    run = simulation(built_in, "64 MiB")
    run.step()
    running = list(run.running.values())
    names = [running[i].name for i in life.turns(running, 77)]
    assert sorted(names) == sorted(run.running)
    back = running[::-1]
    assert [back[i].name for i in life.turns(back, 77)] == names
    assert [running[i].name for i in life.turns(running, 78)] != names
    run.finish()


def test_lists_that_do_not_fit_are_refused():
    run = simulation(built_in, "64 MiB")
    run.step()
    running, three = list(run.running.values()), np.zeros(3)
    n = len(running)
    with pytest.raises(ValueError, match=f"{n} VMs are charged what 3 did"):
        life.charge(running, Device(1e-3), three, three, three)
    with pytest.raises(IndexError, match=f"no VM {n} among {n}"):
        life.live(running, [n], 0.0, 1.0)
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(running[0])
    gone = running[0]
    gone.leave()
    with pytest.raises(ValueError, match="no client 0"):
        life.pass_time([gone], 1.0)
    run.finish()
