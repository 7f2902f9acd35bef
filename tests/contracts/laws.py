"""Overload, small and quick: what the laws of test_every_law.py are held on. A host of tokens,
equal VMs, and a load that is a multiple of its memory.
"""

import functools

import numpy as np

from pageengine.lab import GuestSpec, Simulation, VMSpec
from pageengine.policy import find

MIB = 2**20
SECONDS = 30
WORKING_SET = 24  # MiB of each VM
NAMES = tuple(f"vm{i}" for i in range(4))


def vm(name, guest=True, scale=1, **more):
    """One of equal VMs. scale: how many pages stand for one."""
    work = {"kind": "zipf", "memory": WORKING_SET * scale * MIB, "alpha": 0.3, "rate": 2500 * scale}
    return VMSpec(
        name,
        32 * scale * MIB,
        work,
        contents="own",
        guest=GuestSpec(kernel=2 * scale * MIB) if guest else None,
        **more,
    )


@functools.cache
def run(
    policy,
    load=1.5,
    guest=True,
    *,
    listed=NAMES,
    epoch=1.0,
    seed=1,
    seconds=SECONDS,
    scale=1,
    also=(),
    costs=(),
    **host,
):
    """A result. load: the working sets of four VMs over memory. listed: the VMs, in
    order. also: (name, start, stop) of one that comes and goes.
    """
    memory = int(len(NAMES) * WORKING_SET * MIB * scale / load) // 4096 * 4096
    specs = [vm(name, guest, scale) for name in listed]
    if also:
        specs.append(vm(also[0], guest, scale, start=also[1], stop=also[2]))
    simulation = Simulation(
        memory,
        specs,
        policy=find(policy),
        epoch=epoch,
        seed=seed,
        costs=dict(costs) or "nvme",
        host=host or None,
    )
    return simulation.run(seconds)


def stalls(result, since=0.0):
    """Mean stall of each VM that stays, by name, in points of a hundred."""
    found = {}
    for name in NAMES:
        if name in result.names:
            own = result.of(name)
            found[name] = 100 * float(np.mean(own["stall"][own["time"] > since]))
    return found


def mean(result, since=0.0):
    return float(np.mean([*stalls(result, since).values()]))


def worst(result, since=0.0):
    return max(stalls(result, since).values())
