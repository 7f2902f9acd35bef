"""Simulators that embed the lab have a clock of their own. A simulation that is stepped by hand
must be the one that runs by itself, and a machine that moves must be gone here and run there. The
fleet of the examples is run with a few hosts.
"""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from pageengine.lab import Simulation, VMSpec

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


def test_a_machine_moves():
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
    with pytest.raises(ValueError, match="no machine 'vm7'; there are vm0, vm1"):
        simulation.remove("vm7")
    with pytest.raises(ValueError, match="there is a machine 'vm0' already"):
        simulation.add(VMSpec("vm0", "8 MiB", WORK))


def test_a_fleet_moves_machines_when_working_sets_do_not_fit():
    path = Path(__file__).parents[2] / "examples" / "fleet.py"
    spec = importlib.util.spec_from_file_location("fleet", path)
    fleet = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fleet)
    fleet.EPOCH, fleet.ROUND = 20.0, 600.0
    # by hand, in this process: what the workers do
    hosts = [
        Simulation(
            "48 MiB",
            [fleet.machine(10 * h + i, np.random.default_rng(10 * h + i)) for i in range(count)],
            policy="esx6",
            seed=h,
            epoch=20.0,
        )
        for h, count in enumerate((16, 2))
    ]
    for _ in range(30):
        for host in hosts:
            host.step()
    full, empty = (fleet.look(host) for host in hosts)
    assert full["advice"] and not empty["advice"]
    assert full["room"] < 0 < empty["room"]
    name = next(iter(full["advice"]))
    assert hosts[1].add(hosts[0].remove(name))
    for host in hosts:
        host.step()
        host.host.check()
    assert name in hosts[1].machines and name not in hosts[0].machines


def test_without_records_a_simulation_goes_the_same_way():
    kept = made()
    other = Simulation("12 MiB", kept.specs.values(), policy="esx6", seed=3, record=False)
    for _ in range(20):
        kept.step(), other.step()
        for name, machine in kept.machines.items():
            assert machine.vm.stats == other.machines[name].vm.stats
            assert machine.stall == other.machines[name].stall
    result = other.finish()
    assert result.summary == {} and len(result.host["time"]) == len(result.vms["vm"]) == 0
    assert len(kept.finish().host["time"]) == 20
