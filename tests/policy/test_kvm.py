"""What is called KVM here must be what administrators run: a baseline that is off flatters whatever
is compared with it. Each published constant is met once, from both sides where there are two.
"""

import numpy as np
import pytest
from guest_accesses import touch_in_guest
from made_up_hosts import GIB, MIB, decide, guest, host, view

import pageengine as pe
from pageengine.core.guest import Guest
from pageengine.policy import KVM
from pageengine.policy.ksm import sleep_ms, tune


def scan(plan):
    return sum(wish.scan for wish in plan.vms.values())


def test_the_kernels_own_speed_is_5000_pages_a_second_by_size():
    vms = view("a"), view("b", size=3 * GIB, limit=3 * GIB)
    plan = decide(KVM(ksm="fixed"), host(GIB, *vms))
    assert [plan.vms[n].scan for n in "ab"] == [1250.0, 3750.0]
    assert plan.scan_rule == "two-scans" and plan.again == 5.0
    off = decide(KVM(ksm="off", balloon=False), host(0, *vms, time=9e3, memo={"npages": 64.0}))
    assert scan(off) == 0.0 and off.memo == {}


@pytest.mark.parametrize(("memory", "ms"), [(16 * GIB, 10), (64 * GIB, 10), (4 * GIB, 40)])
def test_ksmtuned_sleeps_10_ms_for_16_gib(memory, ms):
    assert sleep_ms(memory) == ms
    assert sleep_ms(0) == sleep_ms(1024) > 0  # as long as it can be


def test_ksmtuned_rises_by_300_falls_by_50_each_minute_and_stops():
    full = [view(str(i), size=8 * GIB, granted=8 * GIB) for i in range(2)]
    memo, seen = {}, []
    for minute in range(8):
        snapshot = host(GIB, *full, memory=16 * GIB, time=60.0 * minute, memo=memo)
        memo = tune(snapshot)
        assert tune(host(GIB, *full, memory=16 * GIB, time=60.0 * minute + 59, memo=memo)) == memo
        seen.append(memo["npages"])
    assert seen == [0, 300, 600, 900, 1200, 1250, 1250, 1250]
    assert scan(decide(KVM(), host(GIB, *full, memory=16 * GIB, memo=memo))) == 125_000
    for minute in range(8, 35):  # 25 % free: above the 20 %, and more promised than there is
        memo = tune(host(4 * GIB, *full, memory=16 * GIB, time=60.0 * minute, memo=memo))
        seen.append(memo["npages"])
    assert seen[8:10] == [1200, 1150] and seen[-1] == 64
    idle = host(15 * GIB, view(granted=GIB), memory=16 * GIB, time=9000.0, memo=memo)
    assert tune(idle)["ksm_run"] == 0.0
    assert scan(decide(KVM(), idle)) == 0.0


def balloon(free_fraction, guest_free, ballooned=0, **more):
    vm = view(balloon_max=800 * MIB, ballooned=ballooned, guest=guest(guest_free))
    plan = decide(KVM(), host(int(free_fraction * 2 * GIB), vm, **more))
    return plan.vms["a"].balloon, plan


def whole_kib(memory):
    """MOM tells guests whole KiB."""
    return int(memory) // 1024 * 1024


def test_a_pressed_host_shrinks_guests_by_5_percent():
    assert balloon(0.19, 700 * MIB)[0] == GIB - whole_kib(0.95 * GIB)


def test_a_guest_keeps_the_hosts_free_fraction_free():
    # used 0.87 + 0.10 of its memory: shrinks by 3 % only
    assert balloon(0.10, int(0.13 * GIB))[0] == pytest.approx(0.03 * GIB, rel=1e-4)
    assert balloon(0.10, int(0.05 * GIB))[0] is None  # would have to grow


def test_a_critical_host_makes_guests_swap():
    # free 2 %: 2 - 5 = -3 % for the guest, below what it uses
    assert balloon(0.02, 0)[0] == pytest.approx(0.03 * GIB, rel=1e-4)


def test_changes_under_a_quarter_percent_are_dropped():
    assert balloon(0.10, int(0.102 * GIB))[0] is None
    assert balloon(0.10, int(0.103 * GIB))[0] is not None


def test_a_host_with_room_lets_guests_grow_without_bound():
    smaller = 400 * MIB
    small, _ = balloon(0.5, 300 * MIB, smaller)  # needs little: 5 %
    assert small == GIB - whole_kib(1.05 * (GIB - smaller))
    much, _ = balloon(0.5, 0, smaller)  # used all: 20 % on top, four times the step
    assert much == GIB - whole_kib(1.2 * (GIB - smaller))
    assert balloon(0.5, 500 * MIB)[0] is None  # has all


def test_asked_twice_in_ten_seconds_nothing_shrinks_twice():
    first, plan = balloon(0.10, 700 * MIB, time=100.0)
    assert first and balloon(0.10, 700 * MIB, time=109.0, memo=plan.memo)[0] is None
    assert balloon(0.10, 700 * MIB, time=110.0, memo=plan.memo)[0] is not None


def test_means_go_over_ten_samples_that_are_five_seconds_apart():
    """A host that falls from 50 % of free memory to none is pressed, on the mean of ten samples,
    when more than six of them see none: 50 % x 4 / 10 = 20 % is not below 20 %.
    """
    _, plan = first = balloon(0.5, 700 * MIB)
    for i in range(1, 10):  # asked again and again: only every fifth second counts
        for at in (5.0 * i, 5.0 * i + 1, 5.0 * i + 4.9):
            _, plan = balloon(0.5, 700 * MIB, time=at, memo=plan.memo)
    assert len(plan.memo["mom_free"]) == 10
    shrinks = []
    for i in range(10, 20):
        wanted, plan = balloon(0.0, 700 * MIB, time=5.0 * i, memo=plan.memo)
        shrinks.append(wanted is not None)
    # evaluated at each second sample: after 1, 3, 5, 7 and 9 of them
    assert shrinks == [False, False, False, False, False, False, True, False, True, False]
    # after a start, the mean is of as many as there are: (50 % + 0 + 0) / 3 is pressure
    _, plan = balloon(0.0, 700 * MIB, time=5.0, memo=first[1].memo)
    assert balloon(0.0, 700 * MIB, time=10.0, memo=plan.memo)[0] is not None


def test_a_guest_that_stops_talking_is_forgotten():
    _, plan = balloon(0.5, 700 * MIB)
    assert any("used a" in key for key in plan.memo)
    silent = view(balloon_max=800 * MIB)
    plan = decide(KVM(), host(GIB, silent, time=5.0, memo=plan.memo))
    assert not any("used a" in key for key in plan.memo)


def test_vms_without_statistics_are_skipped():
    plan = decide(KVM(), host(0, view(balloon_max=800 * MIB), view("b", guest=guest(GIB))))
    assert plan.vms["a"].balloon is None and plan.vms["b"].balloon is None


def test_below_the_low_watermark_all_are_swapped_in_proportion():
    low = KVM().reserve(2 * GIB)
    assert KVM().marks.marks(GIB * 16)[0] == 16 * MIB  # min_free_kbytes of 16 GiB
    vms = view("a", consumed=GIB), view("b", consumed=512 * MIB)
    plan = decide(KVM(), host(low, *vms))
    parts = [plan.vms[n].reclaim for n in "ab"]
    assert parts[0] == pytest.approx(2 * parts[1], abs=8192)
    assert sum(parts) + low >= KVM().marks.marks(2 * GIB)[2]
    assert plan.vms["a"].technique == "swap" and plan.wake_below == low
    assert decide(KVM(zswap=True), host(low, *vms)).vms["a"].technique == "ladder"
    above = decide(KVM(), host(low + 4096, *vms))
    assert not any(wish.reclaim for wish in above.vms.values())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"ksm": "fast"}, "ksm must be one of tuned, fixed, advisor, off, got 'fast'"),
        ({"pages_to_scan": 0}, "pages_to_scan must be a whole number from 1 to .* got 0"),
        ({"sleep_millisecs": 0}, "sleep_millisecs must be a number from 0.001 to 1e.12, got 0"),
        ({"scale": 0}, "scale must be above 0"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        KVM(**options)


def test_guests_under_kvm_give_free_memory_back_before_the_host_swaps():
    """Two guests use 28 MiB each of 64, and one lets go of all of it: the host has 12 % free and
    needs no swap, balloons bring it above 20 % and then go away.
    """
    with pe.Host("64 MiB", contents="tokens", seed=1, policy=KVM(ksm="off")) as its_host:
        guests = [Guest(10240), Guest(10240)]
        vms = [
            its_host.add_vm(name, "40 MiB", guest=inside)
            for name, inside in zip("ab", guests, strict=True)
        ]
        for vm, inside in zip(vms, guests, strict=True):
            touch_in_guest(vm, inside.access("memory", np.arange(7168), True))
        guests[0].release("memory", np.arange(7168))
        ballooned = []
        for _ in range(40):
            its_host.advance(5.0)
            its_host.check()
            ballooned.append(vms[0].stats.ballooned)
        assert max(ballooned) > 8 * MIB and ballooned[-1] == 0
        assert its_host.stats.free > 0.19 * 64 * MIB
        assert all(vm.stats.swapped == 0 for vm in vms)
