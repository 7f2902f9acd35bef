"""Proactive reclaim that takes what is in use, or does not stop, is a denial of service by the
kernel. Marks and quotas are met from both sides; the quota's recurrence is worked out by hand, and
held against its closed form.
"""

import numpy as np
import pytest
from made_up_hosts import GIB, MIB, PAGE, decide, host, view

import pageengine as pe
from pageengine.policy import DamonReclaim
from pageengine.policy.damon_reclaim import LARGEST, next_quota
from pageengine.policy.workingset import IdleAge

COLD = view("a", consumed=800 * MIB, active=100 * MIB)
ON = {"damon_active": 1.0, "damon_checked": 0.0}


def taken(policy, per_mille, *vms, memory=10_000 * MIB, **more):
    """MiB taken from each, and the plan, at so many thousandths of free memory."""
    snapshot = host(memory * per_mille // 1000, *(vms or (COLD,)), memory=memory, **more)
    plan = decide(policy, snapshot)
    return [plan.vms[vm.name].reclaim / MIB for vm in snapshot.vms], plan


@pytest.mark.parametrize(
    ("per_mille", "was", "works"),
    [
        (501, False, False),
        (501, True, False),
        (500, True, True),
        (500, False, False),
        (400, False, False),
        (400, True, True),
        (399, False, True),
        (200, False, True),
        (200, True, True),
        (199, True, False),
        (199, False, False),
        (0, True, False),
    ],
)
def test_it_works_between_marks_of_free_memory(per_mille, was, works):
    memo = {"damon_active": float(was), "damon_checked": 0.0}
    got, plan = taken(DamonReclaim(), per_mille, time=5.0, memo=memo)
    assert plan.memo["damon_active"] == works
    assert plan.again == (1.0 if works else 5.0)
    if per_mille:
        assert got == [40.0 if works else 0.0]
    else:
        assert 0 < got[0] < 40  # only what the kernel's own reclaim takes


def test_while_off_it_looks_each_five_seconds_and_while_on_always():
    off = taken(DamonReclaim(), 450, time=3.0)[1]
    early = taken(DamonReclaim(), 300, time=7.9, memo=off.memo)
    assert early[0] == [0.0] and early[1].memo["damon_checked"] == 3.0
    on = taken(DamonReclaim(), 300, time=8.0, memo=early[1].memo)
    assert on[0] == [40.0] and on[1].memo["damon_checked"] == 8.0
    assert taken(DamonReclaim(), 600, time=8.5, memo=on[1].memo)[1].memo["damon_active"] == 0.0


def test_a_quota_is_of_a_second():
    first = taken(DamonReclaim(), 300)[1]
    assert taken(DamonReclaim(), 300, time=0.9, memo=first.memo)[0] == [0.0]
    assert taken(DamonReclaim(), 300, time=1.0, memo=first.memo)[0] == [40.0]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, 40),  # 10 ms at 4 MiB
        ({"quota_ms": 0}, 128),
        ({"quota_ms": 1}, 4),
        ({"bytes_per_ms": "64 MiB"}, 128),
        ({"quota": "1 MiB"}, 1),
        ({"quota": PAGE - 1}, 0),
        ({"quota": 0, "quota_ms": 0}, 700),  # all that is cold
    ],
)
def test_a_quota_has_a_size_and_a_time(options, expected):
    assert taken(DamonReclaim(**options), 300)[0] == [expected]


def test_only_what_is_cold_and_not_reserved_is_taken_in_proportion():
    vms = (
        view("a", consumed=800 * MIB, active=200 * MIB),
        view("b", consumed=400 * MIB, active=200 * MIB),
        view("busy", active=900 * MIB),
        view("unknown", active=None),
        view("kept", active=0, reservation=600 * MIB),
        view("nearly", active=0, reservation=500 * MIB),
    )
    got, plan = taken(DamonReclaim(quota="90 MiB", quota_ms=0), 300, *vms)
    assert got == [60.0, 20.0, 0.0, 0.0, 0.0, 10.0]
    assert {wish.technique for wish in plan.vms.values()} == {"swap"}
    got, plan = taken(DamonReclaim(technique="ladder"), 300, *vms)
    assert {wish.technique for wish in plan.vms.values()} == {"ladder"}


@pytest.mark.parametrize(
    ("last", "score", "expected"),
    [
        (10_000, 0, 20_000),
        (0, 0, 20_000),  # a byte at least, before too
        (1_000_000, 0, 2_000_000),
        (1_000_000, 5000, 1_500_000),
        (1_000_000, 9999, 1_000_100),
        (1_000_000, 10_000, 1_000_000),
        (1_000_000, 10_001, 999_900),
        (1_000_000, 15_000, 500_000),
        (1_000_000, 19_999, 10_000),  # 100, which is under a byte
        (1_000_000, 20_000, 10_000),
        (10**15, 2 * 10**9, 10_000),
        (15_000, 15_000, 10_000),
        (12_345, 3000, 12_345 + 8641),  # fractions are dropped
        (2**63, 0, 2**63 + 2**63 // 10_000 * 10_000),
        (2**63 + 2**40, 0, LARGEST),
        (LARGEST, 0, LARGEST),
        (LARGEST, 12_000, LARGEST - LARGEST // 10_000 * 2000),
    ],
)
def test_the_next_quota_is_worked_out_by_hand(last, score, expected):
    assert next_quota(last, score) == expected


def windows(policy, stalls, memo=None, each=1.0):
    """What is taken in each second, in bytes, with such shares of it stalled before; the memo."""
    seen, memo, time = [], dict(ON) if memo is None else memo, 0.0
    rich = view("a", size=100 * GIB, limit=100 * GIB, consumed=60 * GIB, active=0)
    for stall in stalls:
        snapshot = host(30 * GIB, rich, memory=100 * GIB, time=time, memo=memo, pressure_some=stall)
        plan = decide(policy, snapshot)
        memo, time = plan.memo, time + each
        seen.append(plan.vms["a"].reclaim)
    return seen, memo


def test_a_calm_host_is_taken_from_twice_as_fast_each_second_up_to_the_quota():
    seen, memo = windows(DamonReclaim(stall_us=10_000), [0.0] * 40)
    closed = [min(2 ** (n + 1), 40 * MIB) // PAGE * PAGE for n in range(40)]
    assert seen == closed and closed[10] == 0 < closed[11] and closed[-1] == 40 * MIB
    # it goes on to wind up behind that, as the kernel's does
    assert memo["damon_parts"] == 10_000 * 2**40
    seen, memo = windows(DamonReclaim(stall_us=10_000), [0.0] * 60)
    assert memo["damon_parts"] == LARGEST


def test_a_host_that_stalls_twice_the_goal_is_left_alone_at_once_and_found_again_slowly():
    policy = DamonReclaim(stall_us=10_000)
    _, memo = windows(policy, [0.0] * 60)
    memo = {**memo, "damon_time": 0.0, "damon_from": 0.0, "damon_checked": 0.0}
    seen, _ = windows(policy, [0.02, 0.02] + [0.0] * 13, memo)
    assert seen[0] == 0  # no second has passed
    assert seen[1] == 0 and seen[1:13] == [0] * 12  # from a byte on
    assert seen[13] == 4096 and seen[14] == 8192


def test_a_little_too_much_stall_takes_long_to_unwind():
    """A tenth above the goal: nine tenths of the last, from all that a counter holds."""
    policy, memo = DamonReclaim(stall_us=10_000), {**ON, "damon_parts": float(LARGEST)}
    seen, _ = windows(policy, [0.011] * 300, memo)
    first = next(i for i, got in enumerate(seen) if got < 40 * MIB)
    parts, steps = float(LARGEST), 1  # the first window has seen no time yet
    while parts / 10_000 >= 40 * MIB:
        parts, steps = parts * 0.9, steps + 1
    assert abs(first - steps) <= 1 and first > 150


def test_stalls_between_quotas_are_added_up():
    policy = DamonReclaim(stall_us=10_000)
    memo = {**ON, "damon_parts": 1e12, "damon_from": 0.0, "damon_time": 0.0, "damon_stalled": 0.0}
    for time, stall in ((0.25, 0.01), (0.5, 0.03), (0.75, 0.0)):
        _, plan = taken(policy, 300, time=time, memo=memo, pressure_some=stall)
        memo = plan.memo
    assert memo["damon_stalled"] == pytest.approx(10_000)
    _, plan = taken(policy, 300, time=1.0, memo=memo, pressure_some=0.02)  # 15 ms: score 15,000
    assert plan.memo["damon_parts"] == pytest.approx(5e11, rel=1e-6)
    assert plan.memo["damon_stalled"] == 0.0


def test_pressure_that_nobody_can_tell_is_no_pressure_of_zero():
    policy = DamonReclaim(stall_us=10_000)
    got, plan = taken(policy, 300)
    assert got == [40.0] and "damon_parts" not in plan.memo  # no goal: size and time alone
    memo = {**ON, "damon_parts": 1e9, "damon_from": 0.0, "damon_time": 0.0, "damon_stalled": 0.0}
    _, plan = taken(policy, 300, time=0.5, memo=memo)
    _, plan = taken(policy, 300, time=1.0, memo=plan.memo, pressure_some=0.0)
    assert plan.memo["damon_parts"] == 1e9  # half of the second is not known: no step is taken
    _, plan = taken(policy, 300, time=2.0, memo=plan.memo, pressure_some=0.0)
    assert plan.memo["damon_parts"] == 2e9


def test_a_real_host_is_brought_to_its_upper_mark_and_no_further():
    policy = DamonReclaim(quota="1 MiB")
    options = {"contents": "tokens", "seed": 1, "estimator": lambda: IdleAge(2, 1)}
    with pe.Host("64 MiB", policy=policy, **options) as box:
        cold = box.add_vm("cold", "40 MiB", driver=False)
        busy = box.add_vm("busy", "8 MiB", driver=False)
        pages = np.arange(9216)
        cold.write(pages, pe.tokens.make_tokens(pages, np.full(9216, 4032)))
        for _ in range(60):
            busy.touch(range(1536), True)
            box.advance(1.0)
            box.check()
        assert 0.5 < box.stats.free / (64 * MIB) < 0.5 + 2 / 64
        assert busy.stats.swapped == 0 and cold.stats.swapped > 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stall_us": -1}, "stall_us must not be negative"),
        ({"stall_us": 1_000_001}, "stall_us must be a whole number from 0 to 1000000"),
        ({"quota": "some"}, "quota 'some' is not a size"),
        ({"quota_ms": 1001}, "quota_ms must be"),
        ({"bytes_per_ms": -1}, "bytes_per_ms must not be negative"),
        ({"high": 1.1}, "high must be"),
        ({"mid": 0.6}, "mid must be .* 0.5"),
        ({"low": 0.5}, "low must be .* 0.4"),
        ({"technique": "x"}, "technique must be"),
        ({"scale": 0}, "scale must be"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        DamonReclaim(**options)
