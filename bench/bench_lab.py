"""What simulating costs: epochs per second of ordinary days, and the lab against the touches alone.

The day: ten VMs of 4 GiB (tokens) on 24 GiB under ESX, five kinds of workload, epochs of 5 s.
A round is 60 epochs, after ten minutes in which the VMs have filled; "day" is 288 rounds.
"""

import numpy as np
import pytest
from beside import shortest

from pageengine import Host
from pageengine.lab import GuestSpec, Simulation, VMSpec
from pageengine.lab.workloads import Accesses

EPOCH, FILLED, EPOCHS = 5.0, 120, 60


def day(rate, epoch=EPOCH):
    """Ten VMs, two of each kind."""
    kinds = [
        {"kind": "zipf", "rate": rate},
        {"kind": "moving", "rate": rate},
        "idle",
        {"kind": "sequential", "rate": rate},
        {"kind": "heap", "rate": rate},
    ]
    vms = [VMSpec(f"v{i}", "4 GiB", kinds[i % 5], contents="mixed") for i in range(10)]
    return Simulation("24 GiB", vms, policy="esx6", costs="nvme", seed=1, epoch=epoch)


def run(simulation, epochs, first=0):
    for number in range(first, first + epochs):
        simulation._step(number)


@pytest.mark.benchmark(group="lab: a day of ten VMs")
@pytest.mark.parametrize("rate", [250, 1000])
def bench_day(benchmark, rate):
    simulation = day(rate)
    run(simulation, FILLED)
    firsts = iter(range(FILLED, 10**9, EPOCHS))
    benchmark.pedantic(lambda: run(simulation, EPOCHS, next(firsts)), rounds=5)
    best = shortest(benchmark)
    benchmark.extra_info.update(
        per_item=EPOCHS,
        unit="epoch",
        epochs_per_second=f"{EPOCHS / best:.0f}",
        day=f"{best / EPOCHS * 24 * 3600 / EPOCH:.0f} s",
        peer="bench_touches_of_a_day",
    )


@pytest.mark.benchmark(group="lab: a day of ten VMs")
@pytest.mark.parametrize("rate", [250, 1000])
def bench_touches_of_a_day(benchmark, rate):
    """What those VMs touched in a round, on a host that has room for all of it."""
    simulation = day(rate)
    run(simulation, FILLED)
    touch, touches = touching(simulation, FILLED, EPOCHS, "64 GiB")
    benchmark.pedantic(touch, rounds=5)
    per_epoch = touches // EPOCHS
    benchmark.extra_info.update(per_item=EPOCHS, unit="epoch", touches_per_epoch=per_epoch)


class WrittenDown:
    """A workload whose accesses are written down on their way."""

    def __init__(self, name, workload, into):
        self._name, self._workload, self._into = name, workload, into

    def __getattr__(self, name):
        return getattr(self._workload, name)

    def step(self, seconds, time):
        steps = self._workload.step(seconds, time)
        found = [s for s in steps if isinstance(s, Accesses)]
        self._into += [(self._name, s.ids, s.write) for s in found]
        return steps


def touching(simulation, first, epochs, memory):
    """(A function that makes the touches of the next epochs on a host that has room for all of
    them, how many there are); they were made there once.
    """
    touched = []
    for name, simulated in simulation.running.items():
        simulated.workload = WrittenDown(name, simulated.workload, touched)
    run(simulation, epochs, first)
    host = Host(memory, contents="tokens", seed=1)
    vms = {name: host.add_vm(name, each.vm.size) for name, each in simulation.running.items()}

    def touch():
        for name, ids, write in touched:
            vms[name].touch(ids, write)

    touch()
    return touch, sum(len(ids) for _, ids, _ in touched)


# A host of examples/fleet.py: 40 VMs, of which there is more than memory; epochs of 10 s, of some
# 16 slices each
LENGTH, SETTLED, SOME = 10.0, 60, 20
SLOW = {"idle": {"rate": 2.0, "fill": 50.0}}


def crowded(guest=None):
    draw = np.random.Generator(np.random.Philox(3))
    kinds = draw.choice(
        ["zipf", "moving", "idle", "heap", "sequential"], 40, p=[0.35, 0.2, 0.3, 0.1, 0.05]
    )
    vms = [
        VMSpec(
            f"m{i}",
            f"{draw.choice([4, 8, 8, 16])} MiB",
            {"kind": str(kind), "rate": 40.0, **SLOW.get(str(kind), {})},
            driver=False,
            contents="mixed",
            guest=guest,
        )
        for i, kind in enumerate(kinds)
    ]
    return Simulation("256 MiB", vms, seed=1, epoch=LENGTH, record=False)


@pytest.mark.benchmark(group="lab: a crowded host of a fleet")
@pytest.mark.parametrize("guest", [None, GuestSpec(kernel=0)], ids=["no guest", "guests"])
def bench_crowded_host(benchmark, guest):
    simulation = crowded(guest)
    run(simulation, SETTLED)
    firsts = iter(range(SETTLED, 10**9, SOME))
    benchmark.pedantic(lambda: run(simulation, SOME, next(firsts)), rounds=5)
    vms = len(simulation.running)
    benchmark.extra_info.update(
        per_item=SOME * vms,
        unit="VM and epoch",
        slices_per_epoch=f"{simulation._slice / simulation.host.time * LENGTH:.1f}",
        peer="bench_touches_of_a_crowded_host",
    )


@pytest.mark.benchmark(group="lab: a crowded host of a fleet")
def bench_touches_of_a_crowded_host(benchmark):
    """What those VMs touched in a round, slice by slice, on a host that has room for all of it."""
    simulation = crowded()
    run(simulation, SETTLED)
    touch, touches = touching(simulation, SETTLED, SOME, "1 GiB")
    benchmark.pedantic(touch, rounds=5)
    vms = len(simulation.running)
    benchmark.extra_info.update(
        per_item=SOME * vms, unit="VM and epoch", touches=f"{touches / SOME / vms:.0f}"
    )


class Steady:
    """The same touches in every epoch, so that nothing but the lab is measured."""

    in_use = needs_guest = 0

    def __init__(self, ids):
        self._steps = [Accesses(ids, False, "memory")]
        self.in_use = len(ids)

    def start(self, pages, rng):
        pass

    def step(self, seconds, time):
        return self._steps


MANY, PAGES, TWENTY = 1000, 2048, 20


@pytest.fixture(scope="module")
def touched():
    draw = np.random.default_rng(5)
    return [draw.integers(0, PAGES, 4096) for _ in range(MANY)]


@pytest.mark.benchmark(group="lab: 1000 VMs")
def bench_lab_of_1000(benchmark, touched):
    """Twenty epochs, 4096 touches per VM and epoch, nothing reclaimed."""

    def made():
        vms = [VMSpec(f"v{i}", PAGES * 4096, Steady(ids)) for i, ids in enumerate(touched)]
        simulation = Simulation("16 GiB", vms, policy="esx6", seed=1)
        simulation._step(0)  # VMs are made and their pages first touched
        return (simulation,), {}

    benchmark.pedantic(lambda simulation: run(simulation, TWENTY, 1), setup=made, rounds=3)
    benchmark.extra_info.update(per_item=TWENTY, unit="epoch", peer="bench_touches_alone")


@pytest.mark.benchmark(group="lab: 1000 VMs")
def bench_touches_alone(benchmark, touched):
    host = Host("16 GiB", contents="tokens", seed=1)
    vms = [host.add_vm(f"v{i}", PAGES * 4096) for i in range(MANY)]

    def run():
        for _ in range(TWENTY):
            for vm, ids in zip(vms, touched, strict=True):
                vm.touch(ids, False)

    run()
    benchmark.pedantic(run, rounds=3)
    benchmark.extra_info.update(per_item=TWENTY, unit="epoch")
