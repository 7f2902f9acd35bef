"""At stake: a mark that is a page off, or a technique that is another, changes every figure of a
policy and no one sees it. Marks against Linux's formula worked out by hand; what each policy asks
for when free memory is just at its mark, and just above.
"""

import numpy as np
import pytest
from made_up_hosts import GIB, MIB, PAGE, decide, host, view

from pageengine.policy import (
    KVM,
    PI,
    DamonReclaim,
    FreeFirst,
    Hysteresis,
    Plain,
    Pressure,
    Proportional,
    Proxmox,
    Shares,
    Zram,
)
from pageengine.policy.headroom import Headroom
from pageengine.policy.hypeman import Hypeman
from pageengine.policy.ladder import VMNumbers, deflate, inflate, plans
from pageengine.policy.qmemman import Qmemman
from pageengine.policy.squeezed import Squeezed
from pageengine.policy.watermarks import Watermarks, by_consumption, state_of, with_limits

BUSY = view("a", consumed=900 * MIB), view("b", consumed=300 * MIB)
LOW, HIGH = Watermarks().marks(2 * GIB)[1:]


@pytest.mark.parametrize(
    ("pages", "scale", "expected"),
    [
        # 4 sqrt(1 GiB in KiB) = 4096 KiB; a step is 1/1000 of memory, which is more than min / 4
        (262_144, 10, (1024, 1024 + 262, 1024 + 2 * 262)),
        (262_144, 200, (1024, 1024 + 5242, 1024 + 2 * 5242)),
        # 64 MiB: 1024 KiB; min / 4 is more than 1/1000
        (16_384, 10, (256, 256 + 64, 256 + 128)),
        # so small that 128 KiB were half of it: a quarter, and at most a quarter a step
        (64, 10, (16, 20, 24)),
        (100, 3000, (25, 50, 75)),
        (4, 10, (1, 2, 3)),
        (12, 10, (3, 4, 5)),  # a page a step, at least
        (8192 * 262_144, 10, (65_536, 65_536 + 2_147_483, 65_536 + 2 * 2_147_483)),
    ],
)
def test_marks_are_worked_out_by_hand(pages, scale, expected):
    marks = Watermarks(scale)
    assert marks.marks(pages * PAGE) == tuple(mark * PAGE for mark in expected)
    assert marks.marks(pages * PAGE + PAGE - 1) == marks.marks(pages * PAGE)
    assert marks.low(pages * PAGE) == expected[1] * PAGE


@pytest.mark.parametrize("scale", [0, -1, 3000.5])
def test_a_scale_that_linux_refuses_is_named(scale):
    with pytest.raises(ValueError, match=f"at most 3000, got {scale}"):
        Watermarks(scale)
    assert Watermarks(3000).scale == 3000


def test_what_is_needed_begins_at_low_and_ends_a_page_above_high():
    marks = Watermarks()
    assert marks.need(host(LOW + 1)) == 0 and marks.need(host(GIB)) == 0
    assert marks.need(host(LOW)) == HIGH + PAGE - LOW
    assert marks.need(host(0)) == HIGH + PAGE
    assert (state_of(0), state_of(1)) == ("high", "hard")


TAKING = [
    (Proportional(), "swap", None),
    (FreeFirst(), "ladder", None),
    (Shares(), "ladder", None),
    (Proportional("ladder"), "ladder", None),
    (FreeFirst("swap"), "swap", None),
    (Shares("compression"), "compression", None),
    (Pressure(technique="swap"), "swap", 6.0),
    (Zram(), "compression", None),
    (Pressure(period=7.0), "ladder", 7.0),
    (KVM(), "swap", 5.0),
    (KVM(zswap=True, balloon=False), "ladder", 10.0),
    (Proxmox(), "swap", 10.0),
    (Hypeman(), "swap", 2.0),
    (Headroom(), "swap", 1.0),
    (Squeezed(), "swap", 10.0),
    (Qmemman(), "swap", 1.0),
    (PI(), "swap", 5.0),
    (Hysteresis(), "swap", 5.0),
    (DamonReclaim(), "swap", 5.0),
]


@pytest.mark.parametrize(("policy", "technique", "again"), TAKING, ids=str)
def test_policies_take_at_the_low_mark_what_is_missing_and_nothing_above_it(
    policy, technique, again
):
    memo = {"time": 0.0}  # Pressure takes its little when its time has come only
    above = decide(policy, host(LOW + 1, *BUSY, memo=memo))
    assert [above.vms[name].reclaim for name in "ab"] == [0, 0]
    plan = decide(policy, host(LOW, *BUSY, memo=memo))
    assert sum(wish.reclaim for wish in plan.vms.values()) == HIGH + PAGE - LOW
    assert (above.state, plan.state) == ("high", "hard")
    assert {wish.technique for wish in plan.vms.values()} == {technique}
    assert plan.wake_below == above.wake_below == policy.reserve(2 * GIB) == LOW
    assert plan.again == again
    assert not any(wish.blocked for wish in plan.vms.values())


@pytest.mark.parametrize(("policy", "technique", "again"), TAKING, ids=str)
def test_policies_keep_limits_and_reservations_whatever_is_free(policy, technique, again):
    over = view("over", consumed=900 * MIB, limit=500 * MIB)
    held = view("held", consumed=900 * MIB, limit=800 * MIB, reservation=800 * MIB)
    free = decide(policy, host(2 * GIB, over, held, memo={"time": 0.0}))
    assert [free.vms[name].reclaim for name in ("over", "held")] == [400 * MIB, 100 * MIB]
    none = decide(policy, host(0, over, held, memory=64 * GIB))
    assert none.vms["held"].reclaim <= 100 * MIB <= 400 * MIB <= none.vms["over"].reclaim


@pytest.mark.parametrize(("policy", "technique", "again"), TAKING, ids=str)
def test_policies_say_who_should_leave_a_host_that_is_too_small(policy, technique, again):
    vms = view("a", active=900 * MIB), view("b", active=800 * MIB)
    assert decide(policy, host(GIB, *vms)).migrate == ()
    (advice,) = decide(policy, host(GIB, *vms, memory=GIB)).migrate
    assert advice.vm == "b"


def test_parts_are_of_what_is_above_the_reservation():
    m = VMNumbers((view("a", reservation=100 * MIB), view("b", reservation=GIB, limit=GIB)))
    assert by_consumption(m, 8 * PAGE).tolist() == [8 * PAGE, 0]
    parts = with_limits(m, np.array([2000 * MIB, 5]))
    assert parts.tolist() == [500 * MIB, 0]


def test_columns_are_what_their_names_say():
    m = VMNumbers(
        (
            view("a", limit=300 * MIB, reservation=400 * MIB, consumed=450 * MIB),
            view("b", limit=2 * GIB, consumed=300 * MIB, reservation=350 * MIB),
            view("c", limit=512 * MIB),
        )
    )
    assert m.most.tolist() == [400 * MIB, GIB, 512 * MIB]
    assert m.above_reservation.tolist() == [50 * MIB, 0, 600 * MIB]
    assert m.above_limit.tolist() == [50 * MIB, 0, 88 * MIB]
    assert len(m) == 3 and m.names == ["a", "b", "c"]


def test_a_balloon_gives_back_what_its_vm_is_short_of():
    m = VMNumbers(
        (
            view("a", ballooned=300 * MIB, balloon_max=500 * MIB),
            view("b", ballooned=300 * MIB, balloon_max=200 * MIB),
        )
    )
    same, up = np.array([600 * MIB] * 2), np.array([700 * MIB] * 2)
    assert deflate(m, same).tolist() == [300 * MIB, 200 * MIB]
    assert deflate(m, up).tolist() == [200 * MIB, 200 * MIB]
    assert deflate(m, up * 2).tolist() == [0, 0]
    assert deflate(m, same // 2).tolist() == [300 * MIB, 200 * MIB]  # above its target: stays


def test_what_was_never_used_goes_into_a_balloon_first_and_wins_nothing():
    base = {"balloon_max": 800 * MIB, "granted": 500 * MIB}
    m = VMNumbers(
        (
            view("a", **base, ballooned=100 * MIB, swapped=200 * MIB, compressed=24 * MIB),
            view("b", **base, ballooned=100 * MIB),
            view("c", **base),
            view("d", balloon_max=300 * MIB, ballooned=400 * MIB, granted=GIB),
        )
    )
    part = 50 * MIB
    balloon, paged = inflate(m, np.array([part, part, 0, part]))
    assert balloon.tolist() == [100 * MIB + 200 * MIB + part, 524 * MIB + part, 0, 300 * MIB]
    assert paged.tolist() == [0, 0, 0, part]
    balloon, paged = inflate(m, np.array([600 * MIB] * 4))
    assert balloon.tolist() == [800 * MIB, 800 * MIB, 800 * MIB, 300 * MIB]
    assert paged.tolist() == [100 * MIB, 324 * MIB, 324 * MIB, 600 * MIB]


def test_plans_are_made_of_columns_and_what_is_not_given_stays_as_it_is():
    m = VMNumbers((view("a"), view("b")))
    bare = plans(m)
    assert bare["a"] == bare["b"]
    assert (bare["a"].target, bare["a"].balloon, bare["a"].scan) == (None, None, None)
    assert (bare["a"].reclaim, bare["a"].blocked, bare["a"].technique) == (0, False, "ladder")
    columns = {
        "target": [1, 2],
        "balloon": [3, 4],
        "reclaim": [5, 6],
        "scan": [7, 8],
        "blocked": [True, False],
    }
    full = plans(m, technique="swap", **{k: np.array(v) for k, v in columns.items()})
    for i, name in enumerate("ab"):
        assert {key: getattr(full[name], key) for key in columns} == {
            key: values[i] for key, values in columns.items()
        }
        assert full[name].technique == "swap"


def test_shares_hand_out_memory_less_the_high_mark_and_what_is_reserved_in_any_case():
    alike = view("a", consumed=GIB), view("b", consumed=GIB)
    plan = decide(Shares(), host(0, *alike, memory=GIB))
    pages = (GIB - Watermarks().marks(GIB)[2]) // PAGE
    assert sum(wish.target for wish in plan.vms.values()) == pages * PAGE
    held = view("a", reservation=600 * MIB - 1), view("b", reservation=424 * MIB)
    plan = decide(Shares(), host(0, *held, memory=GIB))  # all of it is reserved
    assert [plan.vms[name].target for name in "ab"] == [600 * MIB, 424 * MIB]
    low = view("a", limit=100 * MIB), view("b", limit=GIB, reservation=300 * MIB, shares=0)
    plan = decide(Shares(), host(0, *low, memory=GIB))
    assert [plan.vms[name].target for name in "ab"] == [100 * MIB, 300 * MIB]
    # one holds more than it deserves, but not as much as is needed: all give by what they hold
    few = view("a", shares=1, consumed=MIB), view("b", shares=10**6, consumed=900 * MIB)
    plan = decide(Shares(), host(0, *few))
    assert plan.vms["b"].reclaim > 0
    assert sum(wish.reclaim for wish in plan.vms.values()) == HIGH + PAGE


def test_free_first_ends_at_one_level_per_share_and_takes_no_page_too_much():
    vms = view("a", consumed=500 * MIB), view("b", consumed=900 * MIB, shares=2000)
    plan = decide(FreeFirst(), host(0, *vms, memory=64 * GIB))
    need = Watermarks().marks(64 * GIB)[2] + PAGE
    left = [vm.consumed - plan.vms[vm.name].reclaim for vm in vms]
    assert 1400 * MIB - sum(left) == need
    assert left[1] == pytest.approx(2 * left[0], abs=2 * PAGE)
    none = view("a", consumed=500 * MIB, shares=0), view("b", consumed=500 * MIB, shares=1)
    parts = [wish.reclaim for wish in decide(FreeFirst(), host(0, *none)).vms.values()]
    assert abs(parts[0] - parts[1]) <= PAGE and sum(parts) == HIGH + PAGE
    held = view("a", consumed=500 * MIB, reservation=500 * MIB), view("b", consumed=100 * MIB)
    parts = [wish.reclaim for wish in decide(FreeFirst(), host(0, *held)).vms.values()]
    assert parts == [0, HIGH + PAGE]


def test_plain_takes_at_its_low_mark_up_to_its_high_one():
    policy, memory = Plain(), 2 * GIB
    low, high = policy.reserve(memory), int(memory * 0.04)
    assert low == int(memory * 0.02)
    assert decide(policy, host(low + 1, *BUSY)).vms == {}
    plan = decide(policy, host(low, *BUSY))
    assert sum(wish.reclaim for wish in plan.vms.values()) == -(-(high - low) // PAGE) * PAGE
    assert (plan.state, plan.wake_below, plan.again) == ("low", None, None)
    even = Plain(0.02, 0.02)  # the marks are one: a byte more than the reserve, in whole pages
    assert sum(w.reclaim for w in decide(even, host(low, *BUSY)).vms.values()) >= 1
    blocked = view("a", consumed=900 * MIB, blocked=True)
    assert decide(policy, host(0, blocked)).vms["a"].blocked
