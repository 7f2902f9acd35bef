"""Snapshots for tests of policies."""

import dataclasses

from pageengine.policy import GuestView, Snapshot, VMView
from pageengine.policy.rules import check_plan

PAGE, MIB, GIB = 4096, 2**20, 2**30


def view(name="a", **changes):
    base = VMView(
        name=name,
        size=GIB,
        consumed=600 * MIB,
        granted=600 * MIB,
        shared=0,
        swapped=0,
        compressed=0,
        ballooned=0,
        mapped=600 * MIB,
        shares=1000,
        reservation=0,
        limit=GIB,
        blocked=False,
    )
    return dataclasses.replace(base, **changes)


def driven(name, **changes):
    """A view of a VM with a balloon driver, half of what it holds in use."""
    return view(name, **{"shares": 10240, "active": 300 * MIB, "balloon_max": 665 * MIB, **changes})


def guest(free, total=GIB):
    return GuestView(total=total, free=free)


def host(free, *vms, memory=2 * GIB, time=0.0, **more):
    return Snapshot(memory=memory, free=free, swap_free=GIB, vms=vms, time=time, **more)


def decide(policy, snapshot):
    plan = policy.decide(snapshot)
    check_plan(snapshot, plan)
    return plan


def random_vm(draw, name):
    """A VM of any size, minimum, balloon and shares, whose guest may tell nothing. Edges are
    as likely as what is between them. draw: random.Random.
    """
    unit = draw.choice([MIB, PAGE])
    size = draw.choice([256, 512, 1024, 4096, draw.randrange(64, 16_384)]) * MIB
    least = draw.choice([0, size, draw.randrange(size // unit) * unit])
    has = draw.choice([size, max(least, PAGE), draw.randrange(1, size // PAGE + 1) * PAGE])
    unused = draw.choice([0, least // 4, draw.randrange(has // PAGE + 1) * PAGE, has // 5])
    held = draw.randrange(has // PAGE + 1) * PAGE
    reservation = draw.choice([0, draw.randrange(least // PAGE + 1) * PAGE])
    return view(
        name,
        size=size,
        limit=size,
        ballooned=size - has,
        granted=held,
        consumed=held,
        mapped=held,
        shares=draw.choice([0, 1000, 1000, draw.randrange(1, 50_001)]),
        reservation=reservation,
        balloon_max=draw.choice([size - least] * 9 + [0]),
        stall=draw.choice([0.0, draw.random()]),
        guest=draw.choice([guest(unused // PAGE * PAGE, has)] * 9 + [None]),
    )


def random_host(draw, most_vms=12, **more):
    """Memory is up to half or twice what its VMs have, and free memory any part of it, often
    about the 20 % and the 5 % at which policies change their mind.
    """
    vms = [random_vm(draw, f"vm{i}") for i in range(draw.randrange(most_vms + 1))]
    has = sum(vm.size - vm.ballooned for vm in vms) or GIB
    memory = max(64 * MIB, int(has * draw.uniform(0.5, 2.0)) // PAGE * PAGE)
    near = draw.choice([0.0, 0.05, 0.2]) * memory + draw.choice([10, 30, 1000]) * MIB * draw.choice(
        [-1.0, 1.0, draw.uniform(-1.0, 1.0)]
    )
    free = draw.choice([draw.randrange(memory), near, near])
    return host(min(max(int(free) // PAGE * PAGE, 0), memory), *vms, memory=memory, **more)
