"""Proxmox is the one KVM distribution that balloons by itself: its rules are known to the MiB, and
are met here one by one on made-up hosts.
"""

import pytest
from made_up_hosts import GIB, MIB, decide, guest, host, view

from pageengine.policy import Proxmox


def pve(name="a", **changes):
    return view(name, **{"balloon_max": 800 * MIB, "guest": guest(0), **changes})


def balloons(used, *vms, **more):
    """Balloon targets on 10 GiB of which ``used`` are used."""
    plan = decide(Proxmox(), host(10 * GIB - used, *vms, memory=10 * GIB, **more))
    return [plan.vms[vm.name].balloon for vm in vms]


def test_80_percent_is_the_goal_with_a_dead_band_of_10_mib():
    assert balloons(8 * GIB + 10 * MIB, pve()) == [None]
    assert balloons(8 * GIB - 10 * MIB, pve(ballooned=500 * MIB)) == [None]
    assert balloons(8 * GIB + 11 * MIB, pve()) == [11 * MIB]
    assert balloons(8 * GIB - 11 * MIB, pve(ballooned=500 * MIB)) == [489 * MIB]


def test_no_vm_changes_by_more_than_100_mib_a_round():
    assert balloons(9 * GIB, pve()) == [100 * MIB]
    assert balloons(5 * GIB, pve(ballooned=500 * MIB)) == [400 * MIB]


def test_nobody_goes_under_its_minimum_or_above_its_size():
    assert balloons(9 * GIB, pve(ballooned=750 * MIB)) == [800 * MIB]
    assert balloons(5 * GIB, pve(ballooned=50 * MIB)) == [0]


def test_what_is_above_the_minima_goes_by_shares():
    # 800 MiB above the minima in all, 60 to go: 740 by 1 : 3
    a, b = pve("a", ballooned=600 * MIB, shares=1000), pve("b", ballooned=200 * MIB, shares=3000)
    first, second = balloons(8 * GIB + 60 * MIB, a, b)
    assert first == 800 * MIB - 740 * MIB // 4
    assert second == 800 * MIB - 740 * MIB * 3 // 4


def test_vms_without_shares_or_driver_do_not_take_part():
    assert balloons(9 * GIB, pve("a", shares=0), pve("b", balloon_max=0)) == [None, None]


def test_comfortable_guests_give_first_and_get_last():
    easy, tight = pve("easy", guest=guest(100 * MIB)), pve("tight", guest=guest(50 * MIB))
    assert balloons(8 * GIB + 50 * MIB, easy, tight) == [50 * MIB, None]  # a quarter of 224 MiB
    small = {"ballooned": 400 * MIB}
    easy, tight = pve("easy", guest=guest(100 * MIB), **small), pve("tight", **small)
    assert balloons(8 * GIB - 50 * MIB, easy, tight) == [None, 350 * MIB]


def test_all_take_part_where_the_first_cannot():
    easy = pve("easy", ballooned=800 * MIB, guest=guest(100 * MIB))
    assert balloons(8 * GIB + 50 * MIB, easy, pve("tight")) == [None, 50 * MIB]


def test_a_round_takes_ten_seconds():
    first = decide(Proxmox(), host(GIB, pve(), memory=10 * GIB, time=5.0))
    assert first.again == 10.0 and first.vms["a"].balloon
    assert balloons(9 * GIB, pve(), time=14.0, memo=first.memo) == [None]
    assert balloons(9 * GIB, pve(), time=15.0, memo=first.memo) == [100 * MIB]


@pytest.mark.parametrize("target", [0, 1.1])
def test_a_target_that_is_no_part_of_memory_is_refused(target):
    with pytest.raises(ValueError, match="target must be above 0 and at most 1"):
        Proxmox(target=target)
