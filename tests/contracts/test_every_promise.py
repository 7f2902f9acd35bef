"""A promise that breaks in one corner breaks there for every VM on the host. What each policy
of the table says that it promises is asked of it on random hosts, and what nobody may do at all:
take while there is room, or let a VM wait for what never comes.
"""

import dataclasses

import pytest
from hypothesis import given, settings, strategies as st
from made_up_hosts import driven as view

from pageengine.policy import POLICIES, GuestView, Snapshot, VMView, find
from pageengine.policy.states import STATES

PAGE, MIB = 4096, 2**20
each = pytest.mark.parametrize("name", POLICIES)


@st.composite
def views(draw, name):
    pages = draw(st.integers(1, 2**18))

    def upto(most):
        return draw(st.integers(0, most))

    granted, reservation = upto(pages), upto(pages // draw(st.sampled_from([1, 4, 10**6])))
    swapped = upto(pages - granted)
    ballooned = upto(pages - granted - swapped)
    consumed = granted * PAGE - upto(granted * PAGE // 2)  # shared pages count in part
    guest = None
    if draw(st.booleans()):
        free = upto((pages - ballooned) * PAGE)
        guest = GuestView(total=(pages - ballooned) * PAGE, free=free)
    has_driver = draw(st.booleans())
    return VMView(
        name=name,
        size=pages * PAGE,
        consumed=consumed,
        granted=granted * PAGE,
        shared=0,
        swapped=swapped * PAGE,
        compressed=0,
        ballooned=ballooned * PAGE,
        mapped=granted * PAGE,
        shares=draw(st.sampled_from([0, 1, 1000, 10**6])),
        reservation=reservation * PAGE,
        limit=draw(st.integers(reservation, pages)) * PAGE,
        blocked=draw(st.booleans()),
        active=upto(pages) * PAGE,
        balloon_max=upto(pages - reservation) * PAGE if has_driver else 0,
        stall=draw(st.sampled_from([0.0, 0.0005, 0.2, 1.0])),
        guest=guest,
    )


@st.composite
def hosts(draw):
    vms = tuple(draw(views(f"vm{i}")) for i in range(draw(st.integers(0, 6))))
    held = sum(vm.consumed for vm in vms)
    reserved = sum(vm.reservation for vm in vms)
    least = -(-max(held, reserved, 16 * PAGE) // PAGE)
    memory = draw(st.sampled_from([least, least * 101 // 100, least * 2])) * PAGE
    state = draw(st.sampled_from(["", *STATES]))
    time = draw(st.floats(0, 1e5))
    return Snapshot(memory, memory - held, 2**40, vms, time=time, state=state)


def later(snapshot, plan, seconds):
    return dataclasses.replace(
        snapshot, time=snapshot.time + seconds, state=plan.state, memo=dict(plan.memo)
    )


@each
@given(hosts())
@settings(deadline=None, max_examples=60)
def test_promises_are_kept(name, snapshot):
    policy = find(name)
    plan = policy.decide(snapshot)
    for vm in snapshot.vms:
        wish = plan.vms.get(vm.name)
        taken = wish.reclaim if wish else 0
        if "reservation" in policy.promises and taken:
            assert vm.consumed - taken >= vm.reservation
        if "limit" in policy.promises and vm.consumed > vm.limit:
            in_balloon = max(0, (wish.balloon or 0) - vm.ballooned)
            assert vm.consumed - taken - in_balloon <= vm.limit
    if "entitlement" in policy.promises:
        richer = tuple(
            dataclasses.replace(vm, shares=vm.shares + 1000) if i == 0 else vm
            for i, vm in enumerate(snapshot.vms)
        )
        more = policy.decide(dataclasses.replace(snapshot, vms=richer))
        for vm in snapshot.vms[:1]:
            assert more.vms[vm.name].target >= plan.vms[vm.name].target


@each
def test_who_waits_does_not_wait_for_ever(name):
    """A host where nothing changes from one decision to the next, at any amount of free memory."""
    for free in (0, 1, 5, 10, 30, 60, 200):
        vms = tuple(view(str(i), active=200 * MIB) for i in range(3))
        held = sum(vm.consumed for vm in vms)
        snapshot = Snapshot(held + free * MIB, free * MIB, 0, vms)
        policy = find(name)
        for _ in range(4):
            plan = policy.decide(snapshot)
            snapshot = later(snapshot, plan, 15.0)
        assert not any(wish.blocked for wish in plan.vms.values())


@each
def test_nobody_gives_while_there_is_room(name):
    vms = tuple(view(str(i), stall=0.5) for i in range(3))
    snapshot = Snapshot(8000 * MIB, 8000 * MIB - sum(vm.consumed for vm in vms), 2**40, vms)
    plan = find(name).decide(snapshot)
    assert plan.state == "high"
    for wish in plan.vms.values():
        assert wish.reclaim == 0 and not wish.blocked and not wish.balloon
