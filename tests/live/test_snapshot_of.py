"""A policy believes its snapshot: sums must be right, what nobody knows must not be 0, a guest that
is mute holds what it held, and the balloon's target is the one that was sent.
"""

import time

import pytest

from pageengine.errors import LiveError
from pageengine.live.readings import GuestReading, HostReading
from pageengine.live.settings import GuestSettings
from pageengine.live.snapshot import Remembered, remember, snapshot_of
from pageengine.live.watch import Seen
from pageengine.policy.base import GuestView

MIB = 1 << 20
GIB = 1 << 30
HOST = HostReading(time=100.0, memory=16 * GIB, free=1 * GIB, available=9 * GIB, swap_free=2 * GIB)
VIEW = GuestView(total=900 * MIB, free=100 * MIB, available=300 * MIB)
READING = GuestReading(
    time=100.0,
    life="1@1",
    size=GIB,
    actual=900 * MIB,
    resident=500 * MIB,
    granted=600 * MIB,
    shared=200 * MIB,
    swapped=50 * MIB,
    overhead=40 * MIB,
    active=300 * MIB,
    guest=VIEW,
    stats_age=1.5,
    driver="reporting",
    stall=0.25,
    swap_in_rate=4096.0,
)


def settings(*names, **given):
    return {n: GuestSettings(name=n, kind="qemu", at=n, **given) for n in names}


def reading(**changed):
    return GuestReading(**{**vars(READING), **changed})


def host(**changed):
    return HostReading(**{**vars(HOST), **changed})


def seen(host=HOST, states=None, **guests):
    return Seen(host=host, guests=guests, states=states or dict.fromkeys(guests, "known"))


def taken(look, agreed=None, memory=None, last=None):
    last = remember(last or {}, look)
    agreed = settings(*look.states) if agreed is None else agreed
    return snapshot_of(look, agreed, memory, last, 7.0, "soft", {"a": 1.0})


def test_all_of_a_reading_is_in_the_view():
    snapshot = taken(seen(a=READING), settings("a", shares=5, reservation=MIB, floor=256 * MIB))
    (vm,) = snapshot.vms
    assert (vm.name, vm.size, vm.shares, vm.reservation) == ("a", GIB, 5, MIB)
    assert (vm.consumed, vm.granted, vm.shared) == (500 * MIB, 600 * MIB, 200 * MIB)
    assert (vm.swapped, vm.mapped, vm.overhead) == (50 * MIB, 650 * MIB, 40 * MIB)
    assert vm.ballooned == vm.balloon_target == 124 * MIB
    assert (vm.balloon_max, vm.floor, vm.limit) == (GIB - 256 * MIB, 256 * MIB, GIB)
    assert (vm.active, vm.guest, vm.stats_age) == (300 * MIB, VIEW, 1.5)
    assert (vm.stall, vm.swap_in_rate, vm.driver, vm.busy) == (0.25, 4096.0, "reporting", "")
    assert (vm.blocked, vm.compressed, vm.progress_age) == (False, 0, 0.0)
    assert (snapshot.time, snapshot.state, snapshot.memo) == (7.0, "soft", {"a": 1.0})


def test_page_cache_of_the_host_is_free_and_overhead_is_nobodys():
    snapshot = taken(seen(a=READING, b=READING))
    assert snapshot.memory == 16 * GIB - 80 * MIB
    assert snapshot.free == snapshot.available == 9 * GIB
    assert snapshot.swap_free == 2 * GIB


@pytest.mark.parametrize("memory", [2 * GIB, 1100 * MIB, 1])
def test_a_share_of_the_host_is_all_there_is(memory):
    snapshot = taken(seen(a=READING, b=READING), memory=memory)
    assert snapshot.memory == max(0, memory - 80 * MIB)
    held = sum(vm.consumed for vm in snapshot.vms)
    assert snapshot.free == max(0, snapshot.memory - held)


def test_a_host_that_has_less_than_what_is_left_of_the_share():
    snapshot = taken(seen(host(available=5 * MIB), a=READING), memory=8 * GIB)
    assert snapshot.free == 5 * MIB


def test_what_the_host_does_not_tell():
    none = dict.fromkeys(("memory", "free", "available", "swap_free"))
    snapshot = taken(seen(host(**none), a=READING), memory=GIB)
    assert snapshot.available is None and snapshot.pressure_some is None
    assert snapshot.free == GIB - 540 * MIB
    with pytest.raises(LiveError, match="MemTotal"):
        taken(seen(host(**none), a=READING))


def test_a_guest_of_which_only_the_size_is_known_holds_all_of_it():
    vm = taken(seen(a=GuestReading(time=100.0, life="x", size=GIB))).vms[0]
    assert (vm.consumed, vm.granted, vm.ballooned, vm.shared, vm.swapped) == (GIB, GIB, 0, 0, 0)
    assert vm.active is vm.guest is vm.stats_age is vm.progress_age is vm.swap_in_rate is None
    vm = taken(seen(a=GuestReading(time=100.0, life="x", size=GIB, actual=MIB))).vms[0]
    assert (vm.consumed, vm.ballooned) == (MIB, GIB - MIB)


@pytest.mark.parametrize(("driver", "busy"), [("none", ""), ("", "boot")])
def test_without_a_driver_there_is_no_balloon_to_ask_for(driver, busy):
    vm = taken(seen(a=reading(driver=driver, busy=busy))).vms[0]
    assert (vm.balloon_max, vm.driver) == (0, driver)


def test_a_reservation_bounds_the_balloon():
    vm = taken(seen(a=READING), settings("a", reservation=700 * MIB, floor=MIB)).vms[0]
    assert vm.balloon_max == GIB - 700 * MIB
    vm = taken(seen(a=READING), settings("a", reservation=9 * GIB)).vms[0]
    assert (vm.balloon_max, vm.reservation) == (0, GIB)


def later(last, by, states=None, **guests):
    return remember(last, seen(host(time=100.0 + by), states, **guests))


@pytest.mark.parametrize("state", ["mute", "leaving", "connecting"])
def test_a_guest_that_does_not_answer_holds_what_it_held(state):
    last = remember({}, seen(a=READING, b=READING))
    look = seen(host(time=130.0), {"a": state, "b": "known"}, b=reading(time=130.0))
    before = snapshot_of(seen(a=READING, b=READING), settings("a", "b"), GIB, last, 0, "", {})
    snapshot = taken(look, settings("a", "b"), GIB, last)
    a, b = snapshot.vms
    assert (a.consumed, a.ballooned) == (500 * MIB, 124 * MIB)
    assert (a.driver, a.stats_age, b.driver, b.stats_age) == ("stale", 31.5, "reporting", 1.5)
    assert a.swap_in_rate is None
    assert (snapshot.free, snapshot.memory) == (before.free, before.memory)


def test_a_guest_that_is_absent_or_was_never_known_is_not_there():
    last = remember({}, seen(a=READING))
    assert later(last, 5.0, {"a": "absent"}) == {}
    assert later({}, 5.0, {"a": "connecting"}) == {}
    look = seen(HOST, {"a": "known"}, a=READING)
    assert taken(look, {}).vms == (), "one that is not watched any more"


def test_vms_are_in_the_order_they_were_given():
    look = seen(b=READING, a=READING)
    names = [vm.name for vm in taken(look, settings("a", "b", "c")).vms]
    assert names == ["a", "b"]


def ballooned(last, at, held, target=None):
    last = later(last, at, a=reading(time=100.0 + at, actual=GIB - held))
    if target is not None:
        last = {"a": last["a"].sent(target, 100.0 + at)}
    look = seen(host(time=100.0 + at), a=last["a"].reading)
    return last, snapshot_of(look, settings("a"), None, last, 0.0, "", {}).vms[0]


def test_the_target_is_the_one_that_was_sent_and_progress_is_towards_it():
    last, _ = ballooned({}, 0.0, 0, target=100 * MIB)
    for at, held, age in ((5, 40, 0.0), (10, 40, 5.0), (15, 30, 10.0), (20, 60, 0.0)):
        last, vm = ballooned(last, at, held * MIB)
        assert (vm.balloon_target, vm.progress_age) == (100 * MIB, age)
    last, vm = ballooned(last, 60.0, 100 * MIB - 4096)
    assert vm.progress_age == 0.0, "it is there"
    last, vm = ballooned(last, 70.0, 100 * MIB, target=0)
    last, vm = ballooned(last, 73.0, 100 * MIB)
    assert vm.progress_age == 3.0, "of the target that was sent last"


def test_in_doubt_the_target_is_the_least_that_may_be_in_force():
    """What did not arrive took nothing: limits that counted from it would take twice."""
    last, _ = ballooned({}, 0.0, 0, target=100 * MIB)
    last = {"a": last["a"].tried(300 * MIB, 101.0)}
    last, vm = ballooned(last, 61.0, 100 * MIB)
    assert (vm.balloon_target, vm.progress_age) == (100 * MIB, None)
    last = {"a": last["a"].tried(0, 162.0)}
    assert ballooned(last, 63.0, 100 * MIB)[1].balloon_target == 0
    last = {"a": last["a"].sent(0, 163.0).sent(200 * MIB, 163.0)}
    assert ballooned(last, 64.0, 100 * MIB)[1].balloon_target == 200 * MIB


def test_coming_back_to_where_it_was_is_no_progress():
    last, _ = ballooned({}, 0.0, 0, target=100 * MIB)
    last, _ = ballooned(last, 1.0, 50 * MIB)
    for at in range(2, 20, 2):
        last, _ = ballooned(last, float(at), 40 * MIB)
        last, vm = ballooned(last, at + 1.0, 50 * MIB)
    assert vm.progress_age == 18.0


def test_the_same_target_again_is_no_excuse_for_standing_still():
    last, _ = ballooned({}, 0.0, 0, target=100 * MIB)
    for at in range(1, 9):
        last, vm = ballooned(last, float(at), 0, target=100 * MIB)
    assert vm.progress_age == 8.0


def test_another_life_has_been_sent_nothing():
    last, _ = ballooned({}, 0.0, 0, target=100 * MIB)
    last = later(last, 5.0, a=reading(life="2@2"))
    assert last["a"].target is None and last["a"].life == "2@2"


def test_what_was_paused_here_is_blocked_and_what_others_paused_is_not():
    last = {"a": Remembered("1@1", READING, blocked=True)}
    look = seen(a=reading(busy="pause"))
    assert taken(look, last=last).vms[0].blocked is True
    assert taken(look).vms[0].blocked is False


@pytest.mark.slow
def test_a_hundred_guests_take_a_few_milliseconds():
    """Of which a step of 100 guests has ten, with all else that it does."""
    many = {f"g{i}": READING for i in range(100)}
    look, agreed = seen(**many), settings(*many)
    times = []
    for _ in range(30):
        start = time.process_time()
        snapshot_of(look, agreed, None, remember({}, look), 0.0, "", {})
        times.append(time.process_time() - start)
    assert min(times) < 0.005
