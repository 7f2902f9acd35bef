"""What policies are shown of a host that is really there: pressure, rates since the last decision,
what guests tell, how balloons get on. A policy that is tried here and put in force elsewhere must
read the same things by the same names.
"""

import numpy as np
import pytest

import pageengine as pe
from pageengine.core.guest import Guest
from pageengine.policy import Plan, VMPlan

MIB, PAGE = 2**20, 4096


class Quiet:
    """Says nothing, and remembers what it was shown."""

    def __init__(self, **wishes):
        self.asked, self.wishes = [], wishes

    def decide(self, snapshot):
        self.asked.append(snapshot)
        return Plan(again=1e6, **self.wishes)


@pytest.fixture
def host():
    options = {"contents": "tokens", "compression": None, "sharing": False}
    with pe.Host("32 MiB", policy=Quiet(), **options) as host:
        yield host


def shown(host, name="a"):
    return {view.name: view for view in host.snapshot().vms}[name]


def balloon(host, name, size):
    host.apply(Plan(vms={name: VMPlan(balloon=size)}, again=1e6))


# Pressure


def pressure(host):
    snapshot = host.snapshot()
    return snapshot.pressure_some, snapshot.pressure_full


def test_pressure_is_the_longest_and_the_shortest_wait_of_each_step(host):
    for name in "abc":
        host.add_vm(name, "1 MiB")
    host.balance()
    assert pressure(host) == (0.0, 0.0)  # no time has passed yet
    host.advance(1.0, ran={"a": 0.25, "b": 0.5, "c": 0.75})
    assert pressure(host) == (0.75, 0.25)
    host.advance(1.0, ran={"a": 1.0, "b": 0.5, "c": 1.0})
    assert pressure(host) == (0.625, 0.125)  # not of the means: steps add up
    host.advance(2.0)
    assert pressure(host) == (0.3125, 0.0625)


def test_pressure_is_counted_from_a_decision_on_and_kept_when_no_time_has_passed_since(host):
    host.add_vm("a", "1 MiB")
    host.balance()
    host.advance(2.0, ran={"a": 0.5})
    host.balance(), host.balance()
    assert [s.pressure_full for s in host.policy.asked[-2:]] == [0.75, 0.75]
    host.advance(1.0)
    assert pressure(host) == (0.0, 0.0)


def test_a_host_without_vms_is_under_no_pressure(host):
    host.advance(1.0)
    assert pressure(host) == (0.0, 0.0)


# Since the last decision


def swapped_out(host, name, pages):
    vm = host.add_vm(name, "4 MiB")
    vm.write(np.arange(pages), np.arange(1, pages + 1).astype(np.uint64) << np.uint64(6))
    assert host.reclaim(name, pages, "swap").swapped == pages
    return vm


def test_rates_of_swap_in_are_of_the_time_since_the_last_decision(host):
    a, b = (swapped_out(host, name, 64) for name in "ab")
    host.balance()
    a.touch(np.arange(32)), b.touch(np.arange(8))
    host.advance(4.0)
    assert shown(host, "a").swap_in_rate == 8 * PAGE and shown(host, "b").swap_in_rate == 2 * PAGE
    assert host.snapshot().swap_in_rate == 10 * PAGE
    host.balance(), host.balance()
    assert shown(host, "a").swap_in_rate == 8 * PAGE  # no time since: as it was shown last
    a.touch(np.arange(32, 40))  # and in no time at all: counted when time has passed
    host.balance()
    host.advance(2.0)
    assert [shown(host, name).swap_in_rate for name in "ab"] == [4 * PAGE, 0.0]


def test_looking_changes_nothing_of_what_the_next_decision_is_shown(host):
    vm = swapped_out(host, "a", 64)
    host.balance()
    vm.touch(np.arange(16))
    host.advance(1.0)
    host.snapshot()
    host.advance(1.0)
    host.balance()
    assert host.policy.asked[-1].vms[0].swap_in_rate == 8 * PAGE


def test_rates_stay_with_their_vm_when_others_leave(host):
    for name in "abc":
        swapped_out(host, name, 16)
    host.balance()
    host["c"].touch(np.arange(16))
    host.advance(1.0)
    host.balance()
    host.remove_vm("a")
    assert [view.swap_in_rate for view in host.snapshot().vms] == [0.0, 16 * PAGE]
    host.advance(1.0)
    assert host.snapshot().swap_in_rate == 0.0


# What guests tell


def access(vm, kind, ids, write=False):
    ops = vm.guest.access(kind, np.arange(ids), write)
    vm.touch(ops.ppns, (ops.flags & 1) != 0)


def test_a_guest_tells_what_is_available_and_what_it_swapped(host):
    vm = host.add_vm("a", "4 MiB", guest=Guest(1024, kernel_pages=128, swap_pages=1024))
    access(vm, "file", 256)
    access(vm, "file", 64, True)
    stats, view = vm.guest.stats, shown(host)
    assert view.guest.available == stats.free + stats.cache_clean < view.guest.total
    assert view.guest.cache == stats.cache_clean + stats.cache_dirty == MIB
    access(vm, "memory", 1200, True)
    access(vm, "memory", 1200, True)
    stats, view = vm.guest.stats, shown(host)
    assert view.guest.swap_in == stats.swap_in * PAGE == view.guest.major_faults * PAGE > 0
    assert (view.stats_age, view.driver, view.busy) == (0.0, "reporting", "")


def test_a_guest_stalls_on_its_own_for_its_part_of_the_reads(host):
    """A quarter of the reads are of the guest's own swap, the rest of the host's or of files."""
    vm = host.add_vm("a", "4 MiB", guest=Guest(1024, swap_pages=1024))
    access(vm, "memory", 1024 + 16, True)
    host.balance()
    before = vm.guest.stats
    vm.guest.access("memory", np.arange(16))
    vm.guest.access("file", np.arange(16))
    after = vm.guest.stats
    own, reads = after.swap_in - before.swap_in, after.disk_reads - before.disk_reads
    assert (own, reads) == (16, 32)
    host.reclaim("a", 32, "swap")
    vm.touch(np.arange(vm.pages))
    assert vm.stats.swap_in == 32
    host.advance(2.0, ran={"a": 1.0})
    assert shown(host).stall == 0.5 and shown(host).guest.stall == 0.5 * 16 / 64
    host.balance(), host.balance()
    assert shown(host).guest.stall == 0.125
    host.advance(1.0, ran={"a": 0.5})
    assert shown(host).stall == 0.5 and shown(host).guest.stall == 0.0


def test_counters_of_a_guest_that_starts_again_begin_anew(host):
    vm = host.add_vm("a", "4 MiB", guest=Guest(1024, swap_pages=1024))
    access(vm, "memory", 1100, True), access(vm, "memory", 1100, True)
    host.advance(1.0)
    host.balance()
    vm.reboot(0.0)
    access(vm, "memory", 1024 + 8, True), access(vm, "memory", 8)
    host.advance(1.0, ran={"a": 0.25})
    assert 0 < vm.guest.stats.swap_in < 100 and shown(host).guest.stall == 0.75


# Drivers


def test_who_is_busy_and_who_has_which_driver(host):
    host.add_vm("none", "1 MiB", driver=False, guest=Guest(256))
    host.add_vm("silent", "1 MiB", reservation="256 KiB", balloon_max="50%")
    host.add_vm("boots", "1 MiB", guest=Guest(256))
    host["boots"].reboot(3.0)
    host["silent"].block()
    views = {view.name: view for view in host.snapshot().vms}
    assert {name: view.driver for name, view in views.items()} == {
        "none": "none",
        "silent": "silent",
        "boots": "none",
    }
    assert [view.busy for view in views.values()] == ["", "pause", "boot"]
    assert [view.stats_age for view in views.values()] == [None] * 3
    assert [view.progress_age for view in views.values()] == [None, 0.0, None]
    assert views["silent"].floor == MIB // 2
    host["silent"].configure(reservation="768 KiB")
    assert shown(host, "silent").floor == 768 * 1024
    host["silent"].block(False)
    host.advance(3.0)
    views = {view.name: view for view in host.snapshot().vms}
    assert [view.busy for view in views.values()] == [""] * 3
    assert views["boots"].driver == "reporting" and views["boots"].stats_age == 0.0


@pytest.mark.parametrize("steps", [[8.5], [0.5] * 17, [3.0, 5.5]])
def test_age_of_progress_is_the_same_in_long_steps_and_in_short_ones(host, steps):
    """It is all that the driver can get in its first poll, and gets nothing in the next seven."""
    vm = host.add_vm("a", "8 MiB")
    vm.touch(np.arange(1900), True)
    balloon(host, "a", 5 * MIB)
    for seconds in steps:
        host.advance(seconds)
    view = shown(host)
    assert view.ballooned == 148 * PAGE < view.balloon_target
    assert view.progress_age == 7.5
    vm.reboot(0.0)
    assert shown(host).progress_age == 0.0


def test_a_balloon_at_its_target_makes_no_progress_and_needs_none(host):
    host.add_vm("a", "8 MiB")
    balloon(host, "a", MIB)
    assert shown(host).progress_age == 0.0  # it was told just now
    host.advance(0.75)
    assert shown(host).progress_age == 0.75
    host.advance(0.75)
    assert shown(host).ballooned == MIB and shown(host).progress_age == 0.0
    host.advance(100.0)
    balloon(host, "a", 2 * MIB)
    host.advance(0.25)
    assert shown(host).progress_age == 0.25  # since it was told, not since it was there
    host["a"].set_balloon_max("1 MiB")
    assert shown(host).progress_age == 0.0  # where it may be


def test_a_driver_that_goes_the_other_way_makes_no_progress(host):
    """Its guest took back what it gave: the balloon shrinks, and away from its target."""
    vm = host.add_vm("a", "8 MiB")
    balloon(host, "a", 4 * MIB)
    host.advance(2.0)
    vm.touch(np.arange(vm.pages), True)
    host.advance(6.0)
    assert shown(host).ballooned == 0 and shown(host).progress_age >= 5.0


def test_what_is_free_is_what_is_available_on_a_host(host):
    host.add_vm("a", "8 MiB").touch(np.arange(100), True)
    snapshot = host.snapshot()
    assert snapshot.available == snapshot.free == 32 * MIB - 100 * PAGE
