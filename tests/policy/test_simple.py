"""The simple policies are what others are compared with, so each must do its one thing and nothing
else: who pays is worked out by hand for hosts of two VMs.
"""

import pytest
from made_up_hosts import GIB, MIB, PAGE, decide, host, view

from pageengine.policy import FreeFirst, NoOvercommit, Plan, Proportional, Shares
from pageengine.policy.watermarks import Watermarks

BIG, SMALL = view("big", consumed=900 * MIB), view("small", consumed=300 * MIB)


def parts(policy, *vms, free=0):
    plan = decide(policy, host(free, *vms))
    return [plan.vms[vm.name].reclaim for vm in vms]


def test_marks_are_those_of_linux():
    marks = Watermarks()
    assert marks.marks(16 * GIB)[0] == 16 * MIB  # 4 sqrt(16 Mi) KiB
    tenth_percent = 16 * GIB // PAGE // 1000 * PAGE
    assert marks.marks(16 * GIB)[1] == 16 * MIB + tenth_percent
    assert marks.marks(MIB)[0] == 128 * 1024
    assert marks.marks(8192 * GIB)[0] == 256 * MIB


def test_proportional_takes_by_what_is_held_above_the_reservation():
    big, small = parts(Proportional(), BIG, SMALL)
    assert big == pytest.approx(3 * small, abs=8192) and small > 0
    reserved = view("small", consumed=300 * MIB, reservation=300 * MIB)
    assert parts(Proportional(), BIG, reserved)[1] == 0
    assert parts(Proportional(), BIG, SMALL, free=GIB) == [0, 0]


def test_free_first_takes_from_who_has_most_per_share():
    assert parts(FreeFirst(), BIG, SMALL)[1] == 0
    rich = view("rich", consumed=900 * MIB, shares=4000)
    assert parts(FreeFirst(), rich, SMALL)[0] == 0  # 225 MiB per 1000 shares, small has 300
    level = parts(FreeFirst(), view("big", consumed=301 * MIB), SMALL)
    assert level[0] - level[1] == pytest.approx(MIB, abs=8192)  # both end at one level


def test_shares_takes_what_is_above_the_part_that_shares_pay_for():
    poor = view("poor", consumed=1000 * MIB, shares=1000)
    rich = view("rich", consumed=1000 * MIB, shares=3000)
    plan = decide(Shares(), host(0, poor, rich, memory=2000 * MIB))
    assert plan.vms["rich"].target == GIB  # three quarters of memory are above its size
    assert plan.vms["poor"].target < GIB
    assert plan.vms["rich"].reclaim == 0 < plan.vms["poor"].reclaim
    idle = view("rich", consumed=1000 * MIB, shares=3000, active=0)
    assert decide(Shares(), host(0, poor, idle, memory=2000 * MIB)).vms == plan.vms  # no tax


def test_without_overcommitment_nothing_is_taken_and_sizes_must_fit():
    policy = NoOvercommit()
    assert parts(policy, BIG, SMALL) == [0, 0]
    assert parts(policy, view("over", limit=500 * MIB)) == [100 * MIB]
    assert parts(policy, view("new", consumed=0), BIG) == [0, 0]
    assert policy.reserve(GIB) == 0 and not policy.overcommits
    assert policy.admits(GIB, [512 * MIB, 512 * MIB]) and not policy.admits(GIB, [GIB, 4096])
    assert isinstance(decide(policy, host(0)), Plan)
    assert decide(policy, host(0, BIG)).wake_below == 0  # it keeps nothing free


@pytest.mark.parametrize("policy", [Proportional, FreeFirst, Shares])
def test_an_unknown_technique_is_refused(policy):
    with pytest.raises(ValueError, match="technique must be one of sharing, compression, swap"):
        policy(technique="magic")
