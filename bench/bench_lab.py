"""What simulating costs: epochs per second of ordinary days, and the lab against the touches alone.

The day: ten machines of 4 GiB (tokens) on 24 GiB under ESX, five kinds of workload, epochs of 5 s.
A round is ten minutes of it, after ten in which the machines have filled; "day" is 144 rounds.
"""

import numpy as np
import pytest

from pageengine import Host
from pageengine.lab import Simulation, VMSpec

MINUTES, EPOCH = 10, 5.0
GIB, MIB = 2**30, 2**20


def day(rate, epoch=EPOCH):
    """Ten machines, two of each kind."""
    kinds = [
        {"kind": "zipf", "rate": rate}, {"kind": "moving", "rate": rate}, "idle",
        {"kind": "sequential", "rate": rate}, {"kind": "heap", "rate": rate},
    ]  # fmt: skip
    vms = [VMSpec(f"v{i}", "4 GiB", kinds[i % 5], contents="mixed") for i in range(10)]
    return Simulation("24 GiB", vms, policy="esx6", costs="nvme", seed=1, epoch=epoch)


@pytest.mark.benchmark(group="lab: a day of ten machines")
@pytest.mark.parametrize("rate", [250, 1000])
def bench_day(benchmark, rate):
    simulation, epochs = day(rate), int(60 * MINUTES / EPOCH)
    numbers = iter(range(10**9))

    def run():
        for _ in range(epochs):
            simulation._step(next(numbers))

    run()
    benchmark.pedantic(run, rounds=3)
    best = benchmark.stats.stats.min if benchmark.stats else float("nan")
    benchmark.extra_info.update(
        per_item=epochs, unit="epoch", epochs_per_second=round(epochs / best),
        day=f"{best * 24 * 60 / MINUTES:.0f} s",
    )  # fmt: skip


class Steady:
    """The same touches in every epoch, so that nothing but the lab is measured."""

    in_use = needs_guest = 0

    def __init__(self, ids):
        from pageengine.lab.workloads import Accesses

        self._steps = [Accesses(ids, False, "memory")]
        self.in_use = len(ids)

    def start(self, pages, rng):
        pass

    def step(self, seconds, time):
        return self._steps


MANY, PAGES, EPOCHS = 1000, 2048, 20


@pytest.fixture(scope="module")
def touched():
    draw = np.random.default_rng(5)
    return [draw.integers(0, PAGES, 4096) for _ in range(MANY)]


@pytest.mark.benchmark(group="lab: 1000 machines")
def bench_lab_of_1000(benchmark, touched):
    """Twenty epochs, 4096 touches per machine and epoch, nothing reclaimed."""

    def made():
        vms = [VMSpec(f"v{i}", PAGES * 4096, Steady(ids)) for i, ids in enumerate(touched)]
        simulation = Simulation("16 GiB", vms, policy="esx6", seed=1)
        simulation._step(0)  # machines are made and their pages first touched
        return (simulation,), {}

    def run(simulation):
        for number in range(1, EPOCHS + 1):
            simulation._step(number)

    benchmark.pedantic(run, setup=made, rounds=3)
    benchmark.extra_info.update(per_item=EPOCHS, unit="epoch", peer="bench_touches_alone")


@pytest.mark.benchmark(group="lab: 1000 machines")
def bench_touches_alone(benchmark, touched):
    host = Host("16 GiB", contents="tokens", seed=1)
    vms = [host.add_vm(f"v{i}", PAGES * 4096) for i in range(MANY)]

    def run():
        for _ in range(EPOCHS):
            for vm, ids in zip(vms, touched, strict=True):
                vm.touch(ids, False)

    run()
    benchmark.pedantic(run, rounds=3)
    benchmark.extra_info.update(per_item=EPOCHS, unit="epoch")
