"""Hosts, plans and limits of any shape for the guard, and what it must keep to told a second time,
number by number, from the words of live operators.
"""

import random

from hypothesis import strategies as st
from made_up_hosts import MIB, PAGE, view

from pageengine.policy import GuestView, Plan, Snapshot, VMPlan
from pageengine.policy.guard import Limits

BUSY = ("", "", "", "", "boot", "migrate", "pause", "save")
DRIVERS = ("", "", "reporting", "reporting", "counts-balloon", "silent", "stale", "none")


def guest(draw, has):
    pages = has // PAGE
    return GuestView(
        total=has,
        free=draw.choice([0, has, draw.randrange(pages + 1) * PAGE]),
        cache=draw.choice([0, draw.randrange(65) * MIB]),
        available=draw.choice([None, 0, has, has // 2, draw.randrange(pages + 1) * PAGE]),
        stall=draw.choice([None, 0.0, 0.05, 0.1, 0.5]),
        swap_in=draw.choice([None, 0, draw.randrange(500) * MIB]),
    )


def vm(draw, name):
    size = draw.choice([1, 64, 1024, draw.randrange(1, 8192)]) * MIB
    held = draw.choice([0, size // 4, size // 2, draw.randrange(size // PAGE + 1) * PAGE])
    reservation = draw.choice([0, 0, size // 4, size])
    most = size - reservation
    sent = draw.choice([held, held, 0, most, draw.randrange(size + 1)])
    return view(
        name,
        size=size,
        consumed=draw.choice([size, size - held, draw.randrange(size + 1)]),
        ballooned=held,
        reservation=reservation,
        limit=draw.choice([size, size, max(reservation, size // 2)]),
        blocked=draw.random() < 0.5,
        active=draw.choice([None, draw.randrange(size + 1)]),
        balloon_target=min(sent, most),
        balloon_max=most,
        guest=draw.choice([None, guest(draw, size - held), guest(draw, size - held)]),
        stats_age=draw.choice([None, 0.0, 1.0, 5.0, 15.0, 15.1, 600.0]),
        progress_age=draw.choice([None, 0.0, 0.0, 5.0, 5.1, 60.0]),
        floor=draw.choice([0, 0, size // 4, size // 2, 2 * size]),
        busy=draw.choice(BUSY),
        driver=draw.choice(DRIVERS),
    )


def wish(draw, vm):
    """What a policy that knows no rule but those of ``check_plan`` says of a VM."""
    most = vm.balloon_max
    return VMPlan(
        target=draw.choice([None, max(vm.reservation, vm.limit // 4)]),
        balloon=draw.choice([None, 0, most, min(most, vm.ballooned), draw.randrange(most + 1)]),
        reclaim=draw.choice([0, draw.randrange(max(0, vm.consumed - vm.reservation) + 1)]),
        blocked=draw.random() < 0.5,
        scan=draw.choice([None, draw.uniform(0, 200_000)]),
    )


def memo(draw, vms):
    """What earlier decisions may have left, of VMs that are there and of one that is gone."""
    found = {"own": 2.0}
    for name in [*(vm.name for vm in vms), "gone"]:
        for key in ("guard.target ", "guard.taken "):
            if draw.random() < 0.3:
                found[key + name] = (draw.uniform(0, 1000), float(draw.randrange(100)) * MIB)
    return found


def host(draw, most_vms=5):
    """(plan, snapshot)."""
    vms = tuple(vm(draw, f"vm{i}") for i in range(draw.randrange(1, most_vms + 1)))
    memory = draw.randrange(1, 16_384) * MIB
    snapshot = Snapshot(
        memory=memory,
        free=draw.choice([memory, memory // 2, draw.randrange(memory + 1)]),
        swap_free=0,
        vms=vms,
        time=draw.uniform(100, 1000),
        available=draw.choice([None, draw.randrange(memory + 1)]),
        memo=memo(draw, vms),
    )
    plans = {one.name: wish(draw, one) for one in vms if draw.random() < 0.7}
    if sum(plan.target or 0 for plan in plans.values()) > memory:
        plans = {name: plan.__replace__(target=None) for name, plan in plans.items()}
    return Plan(vms=plans, memo={"own": 1.0, "guard.target vm0": (0.0, 0.0)}), snapshot


def limit(draw):
    return Limits(
        shrink=draw.choice([0, MIB, 256 * MIB, 4096 * MIB]),
        shrink_part=draw.choice([0.0, 0.05, 1.0]),
        floor_part=draw.choice([0.0, 0.35, 1.0]),
        margin=draw.choice([0.0, 0.1]),
        must_tell=draw.random() < 0.5,
        reserve=draw.choice([0, draw.randrange(2048) * MIB]),
        reserve_part=draw.choice([0.0, 0.05, 0.5]),
        may_block=draw.choice([(), ("*",), ("vm0",)]),
        may_page_out=draw.choice([(), ("*",), ("vm1",)]),
        scan=draw.choice([0.0, 1000.0, 1e6]),
    )


def _cases(seed):
    draw = random.Random(seed)
    return [(*host(draw), limit(draw)) for _ in range(20)]


#: Of (plan, snapshot, limits), twenty at a time.
cases = st.integers(0, 2**32).map(_cases)


def given(plan, vm):
    """The balloon target in force under a plan."""
    wish = plan.vms.get(vm.name)
    return vm.balloon_target if wish is None or wish.balloon is None else wish.balloon


def promised(plan, vm):
    """What the guest may take of the host: its balloon's size, less the least target that it may
    hear of.
    """
    return max(0, vm.ballooned - min(vm.balloon_target, given(plan, vm)))


def room(snapshot, limits):
    free = snapshot.free if snapshot.available is None else snapshot.available
    return free - max(limits.reserve, limits.reserve_part * snapshot.memory)


def least(vm, limits):
    """Memory that a guest keeps, whatever is asked of it."""
    own = min(vm.floor if vm.floor > 0 else limits.floor_part * vm.size, vm.limit)
    kept = max(own, vm.reservation)
    if vm.guest is not None:
        spare = vm.guest.available
        if spare is None:
            spare = vm.guest.free + vm.guest.cache
        kept = max(kept, vm.guest.total - spare + limits.margin * vm.size)
    return kept
