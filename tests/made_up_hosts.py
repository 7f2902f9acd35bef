"""Snapshots for tests of policies."""

import dataclasses

from pageengine.policy import GuestView, Snapshot, VMView
from pageengine.policy.rules import check_plan

MIB, GIB = 2**20, 2**30


def view(name="a", **changes):
    base = VMView(
        name=name, size=GIB, consumed=600 * MIB, granted=600 * MIB, shared=0, swapped=0,
        compressed=0, ballooned=0, mapped=600 * MIB, shares=1000, reservation=0, limit=GIB,
        blocked=False,
    )  # fmt: skip
    return dataclasses.replace(base, **changes)


def guest(free, total=GIB):
    return GuestView(total=total, free=free)


def host(free, *vms, memory=2 * GIB, time=0.0, **more):
    return Snapshot(memory=memory, free=free, swap_free=GIB, vms=vms, time=time, **more)


def decide(policy, snapshot):
    plan = policy.decide(snapshot)
    check_plan(snapshot, plan)
    return plan
