"""Guests that misbehave are what a governor must live with. Each kind of fault does what it says,
on a guest model and without one, in long steps and in short ones, and no memory is lost by it.
"""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import pageengine as pe
from pageengine.core.guest import Guest
from pageengine.lab import DriverFaults, GuestSpec, VMSpec
from pageengine.policy import Plan, VMPlan

MIB, PAGE = 2**20, 4096


@pytest.fixture
def host():
    with pe.Host("256 MiB", contents="tokens") as host:
        yield host


def add(host, name="a", size="64 MiB", guest=True, balloon_max="100%", **faults):
    pages = pe.units.parse_pages(size, "size")
    model = Guest(pages, kernel_pages=256) if guest else None
    driver = DriverFaults(**faults)
    return host.add_vm(name, size, guest=model, driver=driver, balloon_max=balloon_max)


def told(host, size, *seconds, name="a"):
    """MiB in the balloon after each of these steps; it is told to hold ``size`` MiB."""
    host.apply(Plan(vms={name: VMPlan(balloon=int(size * MIB))}, again=1e6))
    found = []
    for each in seconds:
        host.advance(each)
        found.append(host[name].stats.ballooned / MIB)
    return found


def shown(host, name="a"):
    return {view.name: view for view in host.snapshot().vms}[name]


both = pytest.mark.parametrize("guest", [True, False])


# Drivers


@both
def test_a_dead_driver_never_moves(host, guest):
    vm = add(host, guest=guest, dead=True)
    assert told(host, 16, 1.0, 10.0, 100.0) == [0.0] * 3
    assert shown(host).progress_age == 111.0 and shown(host).balloon_target == 16 * MIB
    assert vm.balloon_max == 64 * MIB  # what it could do is not told
    vm.reboot(0.0)
    assert told(host, 16, 10.0) == [0.0]


@both
def test_a_sticky_driver_works_by_turns(host, guest):
    """64 MiB a second when it works: seconds 1, 2, 6, 7, 8 of its life, with 3 s."""
    add(host, size="128 MiB", guest=guest, sticky=3.0)
    assert told(host, 8, *[1.0] * 1) == [8.0]
    assert told(host, 4, 1.0) == [4.0]
    assert told(host, 0, 1.0, 1.0, 1.0, 1.0) == [4.0, 4.0, 4.0, 0.0]
    assert told(host, 5, 1.0, 1.0) == [5.0, 5.0]
    assert told(host, 6, 1.0, 1.0, 1.0, 1.0) == [5.0, 5.0, 5.0, 6.0]
    host["a"].reboot(0.0)  # its turns begin anew
    assert told(host, 3, 1.0) == [3.0]


@pytest.mark.parametrize("steps", [[10.5], [0.25] * 42, [4.0, 6.5]])
def test_turns_of_a_sticky_driver_do_not_depend_on_steps(host, steps):
    vm = add(host, size="128 MiB", guest=False, sticky=2.0)
    vm.touch(np.arange(20_000), True)  # 12768 pages can be given up, one poll's worth
    assert told(host, 1, 1.0) == [1.0]
    assert told(host, 100, *steps)[-1] == 12_768 * PAGE / MIB
    assert shown(host).progress_age == 7.5  # the driver's second 4 was the last that moved it


def test_a_sticky_driver_that_can_do_nothing_does_not_hold_up_a_long_step(host):
    vm = add(host, guest=False, sticky=5.0)
    vm.touch(np.arange(vm.pages), True)
    assert told(host, 16, 1e8) == [0.0]
    vm.report_free(np.arange(1024))
    assert told(host, 16, 10.0) == [4.0]


@both
def test_a_hidden_floor_is_what_the_guest_keeps(host, guest):
    vm = add(host, guest=guest, hidden_floor="48 MiB")
    assert told(host, 32, 1.0, 10.0) == [16.0, 16.0]
    assert shown(host).floor == 0 and shown(host).progress_age == 10.0
    assert told(host, 8, 1.0) == [8.0] and told(host, 15, 1.0) == [15.0]
    vm.set_balloon_max("4 MiB")
    assert told(host, 4, 1.0) == [4.0]


@both
def test_over_a_hidden_ceiling_the_guest_never_grows_again(host, guest):
    vm = add(host, guest=guest, hidden_ceiling="40 MiB")
    assert told(host, 8, 1.0) == [8.0] and told(host, 0, 1.0) == [8.0]  # nor while it has more
    assert told(host, 30, 1.0) == [30.0]
    assert told(host, 10, 1.0, 5.0) == [24.0, 24.0]
    assert told(host, 26, 1.0) == [26.0]
    assert shown(host).progress_age == 0.0
    vm.reboot(0.0)
    assert told(host, 0, 1.0) == [0.0]


def test_a_driver_between_a_floor_and_a_ceiling(host):
    add(host, hidden_floor="32 MiB", hidden_ceiling="32 MiB")
    assert told(host, 60, 2.0) == [32.0] and told(host, 0, 5.0) == [32.0]


def test_a_guest_that_takes_pages_back_is_not_held_by_a_ceiling(host):
    """Its driver is; what a program touches comes out of the balloon all the same."""
    vm = add(host, guest=False, hidden_ceiling="32 MiB")
    assert told(host, 48, 2.0) == [48.0]
    vm.touch(np.arange(vm.pages), True)
    assert vm.stats.ballooned == 0
    host.check()


# Statistics


def test_a_driver_that_counts_its_balloon_shows_all_memory_as_total(host):
    add(host, counts_balloon=True)
    add(host, "healthy")
    assert told(host, 16, 2.0) == [16.0] == told(host, 16, 2.0, name="healthy")
    view, healthy = shown(host), shown(host, "healthy")
    assert (view.guest.total, healthy.guest.total) == (64 * MIB, 48 * MIB)
    assert view.guest.__replace__(total=48 * MIB) == healthy.guest
    assert (view.driver, healthy.driver) == ("counts-balloon", "reporting")
    assert view.stats_age == 0.0


def test_a_silent_driver_moves_and_tells_nothing(host):
    add(host, silent=True)
    assert told(host, 16, 2.0) == [16.0]
    view = shown(host)
    assert (view.guest, view.stats_age, view.driver) == (None, None, "silent")
    assert view.progress_age == 0.0


@pytest.mark.parametrize("steps", [[4.0], [0.5] * 8])
def test_frozen_statistics_are_those_of_when_they_froze(host, steps):
    vm = add(host, freeze=6.0, freeze_for=20.0)
    told(host, 8, 6.0)
    frozen = shown(host).guest
    assert frozen.total == 56 * MIB and shown(host).stats_age == 0.0
    told(host, 16, *steps)
    assert vm.guest.stats.ballooned == 16 * MIB
    assert shown(host).guest == frozen and shown(host).stats_age == 4.0
    assert shown(host).driver == "reporting"
    host.advance(11.5)
    assert (shown(host).driver, shown(host).stats_age) == ("stale", 15.5)
    host.advance(4.5)
    view = shown(host)
    assert (view.driver, view.stats_age, view.guest.total) == ("reporting", 0.0, 48 * MIB)
    host.advance(100.0)
    assert shown(host).stats_age == 0.0


def test_statistics_freeze_anew_after_a_restart(host):
    vm = add(host, freeze=5.0)
    told(host, 8, 5.0, 45.0)
    assert shown(host).driver == "stale" and shown(host).stats_age == 45.0
    vm.reboot(10.0)
    assert shown(host).guest is None and shown(host).driver == "none"
    host.advance(12.0)
    assert shown(host).stats_age == 0.0 and shown(host).driver == "reporting"
    told(host, 4, 5.0)
    told(host, 2, 3.0)
    assert shown(host).guest.total == 60 * MIB and shown(host).stats_age == 3.0


def test_a_clock_that_stops_where_something_is_due_sees_the_moment_of_the_freeze(host):
    add(host, freeze=7.25)
    told(host, 8, 2.0)
    host.apply(Plan(vms={"a": VMPlan(balloon=4 * MIB)}, again=1e6))
    assert host.due == 3.0  # the driver's next poll, before the freeze
    times = []
    while host.time < 8.0:
        host.advance(min(15.0, host.due - host.time))
        times.append(host.time)
    assert 7.25 in times and shown(host).stats_age == host.time - 7.25


def test_looking_does_not_freeze_anything(host):
    vm = add(host, freeze=5.0)
    for _ in range(4):
        host.snapshot()
        host.advance(1.25)
        vm.touch(np.arange(64), True)
    before = shown(host).guest
    ops = vm.guest.access("memory", np.arange(512), True)
    vm.touch(ops.ppns, True)
    assert shown(host).guest == before and vm.guest.stats.free < before.free


# Who may have what


BAD = [
    ({"sticky": 0.5}, r"sticky must be a number from 1 .*got 0\.5"),
    ({"sticky": float("nan")}, "sticky must be"),
    ({"freeze": -1.0}, "freeze must be a number from 0 .*got -1"),
    ({"freeze": 1.0, "freeze_for": 0.0}, "freeze_for must be above 0"),
    ({"freeze_for": 10.0}, "freeze must say from when on"),
    ({"hidden_floor": "lots"}, "hidden_floor 'lots'"),
    ({"hidden_floor": 5000}, "hidden_floor 5000 is not a multiple of the page size 4096"),
    ({"hidden_ceiling": "1 MiB", "hidden_floor": "2 MiB"}, "1048576 must not be below .*2097152"),
    ({"dead": True, "sticky": 2.0}, "a dead driver never moves"),
    ({"dead": True, "hidden_floor": "1 MiB"}, "a dead driver never moves"),
    ({"silent": True, "freeze": 3.0}, "silent tells no statistics"),
    ({"silent": True, "counts_balloon": True}, "silent tells no statistics"),
]


@pytest.mark.parametrize(("faults", "says"), BAD)
@pytest.mark.parametrize("kind", [DriverFaults, GuestSpec])
def test_faults_that_cannot_be_are_refused(faults, says, kind):
    with pytest.raises(ValueError, match=says):
        kind(**faults)


@pytest.mark.parametrize("key", ["dead", "silent", "counts_balloon"])
def test_flags_are_true_or_false(key):
    with pytest.raises(TypeError, match=f"{key} must be True or False, got 'yes'"):
        DriverFaults(**{key: "yes"})


def test_faults_must_fit_their_virtual_machine(host):
    with pytest.raises(ValueError, match="hidden_floor 134217728 is above the size, 67108864"):
        add(host, hidden_floor="128 MiB")
    with pytest.raises(ValueError, match="a VM without a guest has none"):
        add(host, guest=False, counts_balloon=True)
    assert len(host) == 0
    for wrong, says in (
        ({"driver": DriverFaults(silent=True)}, "without a guest has none"),
        ({"driver": DriverFaults(hidden_ceiling="9 MiB")}, "hidden_ceiling 9437184 is above"),
        ({"guest": GuestSpec(dead=True), "driver": False}, "driver says that there is none"),
        ({"guest": GuestSpec(dead=True), "driver": DriverFaults()}, "driver says it as well"),
        ({"guest": GuestSpec(hidden_floor="9 MiB")}, "hidden_floor 9437184 is above"),
    ):
        with pytest.raises(ValueError, match=says):
            VMSpec("a", "8 MiB", **wrong)
    faults = DriverFaults(dead=True)
    assert VMSpec("a", "8 MiB", driver=faults, guest=GuestSpec()).balloon_driver is faults
    assert VMSpec("a", "8 MiB", guest=GuestSpec()).balloon_driver is True


# Anything

drivers = st.one_of(
    st.just({"dead": True}),
    st.fixed_dictionaries(
        {},
        optional={
            "sticky": st.floats(1, 8),
            "hidden_floor": st.integers(0, 512).map(lambda pages: pages * PAGE),
            "hidden_ceiling": st.integers(512, 1024).map(lambda pages: pages * PAGE),
        },
    ),
)
statistics = st.one_of(
    st.just({"silent": True}),
    st.fixed_dictionaries({}, optional={"counts_balloon": st.booleans()}),
    st.fixed_dictionaries({"freeze": st.floats(0, 30)}, optional={"freeze_for": st.floats(1, 30)}),
)
moves = st.one_of(
    st.tuples(st.just("advance"), st.floats(0.1, 20)),
    st.tuples(st.just("balloon"), st.floats(0, 1)),
    st.tuples(st.just("use"), st.integers(1, 900)),
    st.tuples(st.just("reclaim"), st.integers(1, 600)),
    st.tuples(st.just("reboot"), st.floats(0, 5)),
)


def move(host, vm, step):
    what, much = step
    if what == "advance":
        host.advance(much)
    elif what == "balloon":
        wish = VMPlan(balloon=int(much * vm.balloon_max))
        host.apply(Plan(vms={vm.name: wish}, again=1e6))
    elif what == "use" and vm.guest is not None:
        ops = vm.guest.access("memory", np.arange(much), True)
        vm.touch(ops.ppns, (ops.flags & 1) != 0)
    elif what == "use":
        vm.touch(np.arange(much), True)
    elif what == "reclaim":
        host.reclaim(vm, much)
    else:
        vm.reboot(much)


def keeps_to_its_faults(vm, faults, before, what):
    held = vm.size - vm.stats.ballooned
    if faults.dead:
        assert vm.stats.ballooned == 0
    if faults.hidden_floor is not None:
        assert held >= faults.hidden_floor
    if faults.hidden_ceiling is not None and what == "advance":
        assert held <= max(faults.hidden_ceiling, before)


@settings(max_examples=150, deadline=None)
@given(drivers, statistics, st.booleans(), st.lists(st.tuples(st.booleans(), moves), max_size=16))
def test_no_fault_of_a_guest_breaks_anything(wrong, lies, has_guest, walk):
    """Two VMs of 4 MiB on 6 MiB, one of them with faults; whatever happens, the host is whole."""
    faults = DriverFaults(**wrong, **(lies if has_guest else {}))
    with pe.Host("6 MiB", contents="tokens") as host:
        for name, driver in (("a", faults), ("b", True)):
            guest = Guest(1024, kernel_pages=16) if has_guest else None
            host.add_vm(name, "4 MiB", guest=guest, driver=driver, balloon_max="100%")
        for other, step in walk:
            vm = host["b" if other else "a"]
            before = {each.name: each.size - each.stats.ballooned for each in host.vms.values()}
            try:
                move(host, vm, step)
            except pe.errors.OutOfFrames:
                pass
            host.check()
            keeps_to_its_faults(host["a"], faults, before["a"], step[0])
            stats, snapshot = host.stats, host.snapshot()
            private = sum(each.stats.private for each in host.vms.values())
            assert stats.free + private + stats.shared_common + stats.cache == 6 * MIB
            for each, view in zip(host.vms.values(), snapshot.vms, strict=True):
                assert view.ballooned == each.stats.ballooned
                if each.guest is not None:
                    each.guest.check()
                    assert each.guest.stats.ballooned == each.stats.ballooned
                there = view.balloon_max > 0
                assert (view.progress_age is not None) == there
                assert (view.stats_age is None) == (view.guest is None)
                assert view.stats_age is None or 0 <= view.stats_age <= host.time
