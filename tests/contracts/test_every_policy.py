"""A plan that breaks a rule is refused as a whole, and a policy that does not win memory stops
every VM. Each policy of the table decides about made-up hosts of any shape, and lives on a
small real one for a minute; a policy is tested here by being in the table.
"""

import inspect

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import pageengine as pe
from pageengine.policy import (
    POLICIES,
    GuestView,
    Plan,
    Policy,
    Snapshot,
    VMPlan,
    VMView,
    find,
)
from pageengine.policy.rules import check_plan

PAGE, MIB = 4096, 2**20
each = pytest.mark.parametrize("name", POLICIES)


@st.composite
def views(draw, name, left):
    """A VM of any shape with at most ``left`` pages reserved."""
    size = draw(st.integers(1, 20_000))
    part = st.integers(0, size)
    reservation = draw(st.integers(0, min(size, left)))
    granted, ballooned = draw(part), draw(part)
    guest = None
    if draw(st.booleans()):
        guest = GuestView(total=(size - ballooned) * PAGE, free=draw(part) * PAGE)
    return VMView(
        name=name,
        size=size * PAGE,
        consumed=draw(st.integers(0, granted * PAGE)),
        granted=granted * PAGE,
        shared=0,
        swapped=draw(part) * PAGE,
        compressed=draw(part) * PAGE,
        ballooned=ballooned * PAGE,
        mapped=granted * PAGE,
        shares=draw(st.integers(0, 100_000)),
        reservation=reservation * PAGE,
        limit=draw(st.integers(max(1, reservation), size)) * PAGE,
        blocked=draw(st.booleans()),
        active=draw(part) * PAGE,
        balloon_max=draw(st.integers(0, size - reservation)) * PAGE,
        stall=draw(st.floats(0, 1)),
        guest=guest,
    )


@st.composite
def snapshots(draw):
    memory = draw(st.integers(64, 50_000))
    vms, left = [], memory // 2
    for i in range(draw(st.integers(0, 6))):
        vms.append(draw(views(f"vm{i}", left)))
        left -= vms[-1].reservation // PAGE
    return Snapshot(
        memory=memory * PAGE,
        free=draw(st.one_of(st.integers(0, memory), st.integers(0, 64))) * PAGE,
        swap_free=draw(st.integers(0, 2**40)),
        vms=tuple(vms),
        time=draw(st.floats(0, 10_000)),
    )


def decide_twice(name, snapshot):
    plan = find(name).decide(snapshot)
    check_plan(snapshot, plan)
    assert plan == find(name).decide(snapshot)
    return plan


@each
@given(first=snapshots(), later=st.lists(snapshots(), max_size=3))
@settings(max_examples=60, deadline=None)
def test_plans_keep_to_the_rules_and_depend_on_the_snapshot_alone(name, first, later):
    plan = decide_twice(name, first)
    for i, one in enumerate(later):
        after = Snapshot(
            **{**vars(one), "time": first.time + 30 * (i + 1), "memo": plan.memo},
        )
        plan = decide_twice(name, after)


@each
@given(snapshot=snapshots())
@settings(max_examples=40, deadline=None)
def test_what_is_above_a_limit_is_taken_or_ballooned(name, snapshot):
    plan = decide_twice(name, snapshot)
    for vm in snapshot.vms:
        over = vm.consumed - max(vm.limit, vm.reservation)
        wish = plan.vms.get(vm.name, VMPlan())
        if over > 0:
            assert wish.reclaim >= over or (wish.balloon or 0) > vm.ballooned


@each
def test_it_says_what_it_is_and_where_it_is_from(name):
    entry, policy = POLICIES[name], find(name)
    text = inspect.getdoc(type(policy))
    assert any(word in text for word in ("Source", "OSDI")), text
    assert entry.says and len(entry.says) < 80
    assert isinstance(policy, Policy)
    assert {"reservation"} <= policy.promises <= {"reservation", "limit", "entitlement"}
    assert policy.promises == entry.promises
    assert isinstance(policy.name, str)
    assert repr(policy).startswith(type(policy).__name__ + "(")
    assert 0 <= policy.reserve(64 * MIB) < 64 * MIB


@each
def test_a_host_lives_under_it_for_a_minute(name):
    """Two VMs of 24 MiB on 32 MiB, each with 4 MiB reserved, that write all over the place;
    without overcommitment, of 15 MiB.
    """
    policy = find(name)
    size = "24 MiB" if getattr(policy, "overcommits", True) else "15 MiB"
    with pe.Host("32 MiB", contents="tokens", seed=1, policy=policy) as host:
        draw = np.random.default_rng(0)
        vms = [
            host.add_vm("a", size, reservation="4 MiB"),
            host.add_vm("b", size, reservation="4 MiB", shares=100, limit="14 MiB"),
        ]
        for step in range(60):
            vm = vms[step % 2]
            ppns = draw.integers(0, vm.pages, 300)
            vm.write(ppns, pe.tokens.make_tokens(ppns + step % 2 * vm.pages, 64 * (1 + ppns % 63)))
            before = {one.name: one.stats.consumed for one in vms}
            host.advance(1.0)
            host.check()
            for one in vms:
                assert one.stats.consumed >= min(one.reservation, before[one.name])
        assert isinstance(host.last_plan, Plan)
        assert not any(one.stats.blocked for one in vms)
        if "limit" in policy.promises:  # a little over: slots are charged later
            assert vms[1].stats.consumed <= 14.5 * MIB
