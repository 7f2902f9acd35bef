"""Housekeeping that is wrong by a little is wrong for ever: a balloon that counts pages it lost, an
estimate that is half of the truth, a guarantee that an old plan takes away. Small hosts live
through what plans, guests and clocks do to them, and the numbers are held against what is there.
"""

import math
import threading

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import pageengine as pe
from pageengine.core.guest import Guest
from pageengine.policy import ESX, Plain, Plan, VMPlan
from pageengine.policy.workingset import ESTIMATORS

MIB = 2**20


@pytest.fixture
def host():
    with pe.Host("32 MiB", contents="tokens", seed=1) as host:
        yield host


class Recorder:
    """Always of the same mind, and remembers what it was shown."""

    def __init__(self, plan):
        self.asked, self.plan = [], plan

    def decide(self, snapshot):
        self.asked.append(snapshot)
        return self.plan


def inflate(host, vm, size):
    host.apply(Plan(vms={vm.name: VMPlan(balloon=size)}, again=1e6))
    host.advance(1.0)


# The balloon


def test_a_driver_notices_what_its_guest_took_back(host):
    vm = host.add_vm("a", "8 MiB")
    inflate(host, vm, 4 * MIB)
    vm.touch(np.arange(vm.pages), True)
    assert vm.stats.ballooned == 0 and vm.active == vm.size
    vm.report_free(np.arange(512))
    host.advance(1.0)  # the target stands: what may be taken is taken again
    assert vm.stats.ballooned == 2 * MIB
    inflate(host, vm, 0)
    assert vm.stats.ballooned == 0


def test_pages_that_a_user_gave_up_stay_given_up(host):
    vm = host.add_vm("a", "8 MiB")
    vm.balloon(pages=100)
    host.advance(5.0)
    assert vm.stats.ballooned == 100 * 4096


def test_no_balloon_takes_what_is_reserved(host):
    vm = host.add_vm("a", "8 MiB", reservation="6 MiB")
    assert vm.balloon_max == 2 * MIB
    with pytest.raises(pe.errors.PlanError, match="3 MiB, is above"):
        host.apply(Plan(vms={"a": VMPlan(balloon=3 * MIB)}))
    inflate(host, vm, 2 * MIB)
    vm.configure(reservation="7 MiB")
    host.apply(Plan(again=1e6))
    host.advance(1.0)
    assert vm.stats.ballooned == MIB
    vm.configure(reservation="8 MiB")
    host.apply(Plan(again=1e6))
    host.advance(1.0)
    assert vm.stats.ballooned == 0


def test_a_driver_is_polled_only_from_the_end_of_the_boot_on():
    def ballooned(steps):
        with pe.Host("256 MiB", contents="tokens", seed=1) as host:
            vm = host.add_vm("a", "256 MiB")
            host.apply(Plan(vms={"a": VMPlan(balloon=160 * MIB)}, again=1e6))
            vm.reboot(30)
            for seconds in steps:
                host.advance(seconds)
            return vm.stats.ballooned

    assert ballooned([32.0]) == ballooned([16.0] * 2) == ballooned([0.5] * 64) == 128 * MIB


@pytest.mark.parametrize("steps", [[12.0], [4.0] * 3, [1.0] * 12])
def test_the_driver_learns_the_same_in_long_steps_and_in_short_ones(host, steps):
    vm = host.add_vm("a", "8 MiB")
    vm.touch(np.arange(1900), True)
    host.apply(Plan(vms={"a": VMPlan(balloon=5 * MIB)}, again=1e6))
    for seconds in steps:
        host.advance(seconds)
    driver = host._backend.table["a"]._driver
    assert (driver.size, driver.slow_rate, driver.slow_polls) == (148, 512, 4)


# The estimate


@pytest.mark.parametrize("name", list(ESTIMATORS))
def test_what_is_in_the_balloon_is_not_taken_off_the_estimate_twice(name):
    with pe.Host("64 MiB", contents="tokens", estimator=name, seed=3) as host:
        vm = host.add_vm("a", "32 MiB")
        inflate(host, vm, 16 * MIB)
        rest = np.flatnonzero(vm.places != pe.Place.BALLOONED)
        for _ in range(200):
            vm.touch(rest, True)
            host.advance(1.0)
        assert vm.active == pytest.approx(16 * MIB, rel=0.01)


@pytest.mark.parametrize("name", list(ESTIMATORS))
def test_a_vm_that_is_all_balloon_has_an_estimate_too(name):
    with pe.Host("64 MiB", contents="tokens", estimator=name, seed=3) as host:
        vm = host.add_vm("a", "1 MiB", balloon_max="100%")
        inflate(host, vm, MIB)
        host.advance(100.0)
        host.advance(100.0)
        assert vm.active == 0


def test_a_decision_in_the_middle_of_a_batch_is_shown_the_stall_of_the_last(host):
    host.policy = policy = Recorder(Plan(wake_below=24 * MIB, again=10.0))
    vm = host.add_vm("a", "32 MiB")
    host.balance()
    for _ in range(4):
        host.advance(1.0, ran={"a": 0.25})
    for first in (0, 2500, 5000):
        vm.touch(np.arange(first, first + 2500), True)
    stalls = [snapshot.vms[0].stall for snapshot in policy.asked]
    assert len(stalls) > 2 and stalls == [0.0] + [0.75] * (len(stalls) - 1)
    host.advance(10.0)
    assert policy.asked[-1].vms[0].stall == 0.0


class Asked:
    """Says what it was told to when it is asked, and remembers how often it was."""

    def __init__(self, *plans):
        self.asked, self.plans = [], list(plans)

    def decide(self, snapshot):
        self.asked.append(snapshot)
        return self.plans[min(len(self.asked), len(self.plans)) - 1]


def test_a_decision_in_the_middle_of_an_advance_is_shown_who_had_his_turn():
    """The guest of "b" must read what its host has swapped out to make room for its balloon, which
    takes memory that is short. Time has passed for "a" and "b" by then, and for "c" not yet.
    """
    quiet = Plan(again=1e6, wake_below=2 * MIB, vms={"b": VMPlan(balloon=2 * MIB)})
    scans = {name: VMPlan(scan=100.0) for name in "abc"}
    helps = Plan(again=1e6, vms=scans | {"a": VMPlan(reclaim=4 * MIB, scan=100.0)})
    policy = Asked(quiet, helps)
    with pe.Host("16 MiB", contents="tokens", compression=None, policy=policy) as host:
        guest = Guest(1024)
        vms = [host.add_vm("a", "8 MiB"), host.add_vm("b", "4 MiB", guest=guest)]
        vms.append(host.add_vm("c", "8 MiB"))
        host.balance()
        ops = guest.access("memory", np.arange(1024), True)
        vms[1].write(ops.ppns, ops.ppns.astype(np.uint64) << np.uint64(6) | np.uint64(63))
        host.reclaim("b", 1024, "swap")
        for vm in vms[::2]:
            vm.touch(np.arange(1792), True)
        assert host.stats.free == 2 * MIB and len(policy.asked) == 1
        host.advance(1.0, ran={"a": 0.75, "b": 0.5, "c": 0.25})
        assert len(policy.asked) > 1  # in the middle: again is far away
        assert [view.stall for view in policy.asked[1].vms] == [0.25, 0.5, 0.0]
        assert [vm.stats.scanned for vm in vms] == [0, 0, 100]  # "c" by the rates of the new plan
        assert [view.stall for view in host.snapshot().vms] == [0.25, 0.5, 0.75]
        host.check()


# Who comes and goes


def test_what_is_kept_of_a_vm_stays_with_it_when_others_leave(host):
    tokens = np.arange(9, dtype=np.uint64) << np.uint64(6)
    for name in "abcdefg":
        host.add_vm(name, "4 MiB").write(np.arange(9), tokens)
    wishes = {name: VMPlan(balloon=MIB // 4 * i, scan=2.0 * i) for i, name in enumerate("abcdefg")}
    host.apply(Plan(vms=wishes, again=1e6))
    host.remove_vm("b"), host.remove_vm("f")
    host.add_vm("h", "4 MiB", balloon_max="1 MiB")
    host["d"].set_balloon_max("512 KiB")
    assert host["g"].balloon_target == MIB // 4 * 6 and host["h"].balloon_target == 0
    host.advance(1.0)
    expected = {"a": 0, "c": MIB // 2, "d": MIB // 2, "e": MIB, "g": MIB * 6 // 4, "h": 0}
    assert {vm.name: vm.stats.ballooned for vm in host.vms.values()} == expected
    assert {vm.name: vm.stats.scanned for vm in host.vms.values()} == {
        "a": 0,
        "c": 4,
        "d": 6,
        "e": 8,
        "g": 9,
        "h": 0,
    }
    assert host["h"].balloon_max == MIB and host["g"].balloon_max == host["g"].size * 65 // 100
    with pytest.raises(pe.errors.NoSuchVM):
        host["f"].balloon_target
    host.check()


def test_a_driver_at_rest_moves_again_when_anything_changes(host):
    vm = host.add_vm("a", "8 MiB")
    inflate(host, vm, 2 * MIB)
    host.advance(3.0)
    for change, then in (
        (lambda: vm.deflate(100), 2 * MIB),  # its guest took pages back
        (lambda: vm.configure(reservation="7 MiB"), MIB),
        (lambda: vm.configure(reservation=0), 2 * MIB),
        (lambda: vm.set_balloon_max("1 MiB"), MIB),
        (lambda: vm.set_balloon_max("3 MiB"), 2 * MIB),
        (lambda: vm.reboot(0.0), 2 * MIB),
        (lambda: host.apply(Plan(vms={"a": VMPlan(balloon=0)}, again=1e6)), 0),
    ):
        change()
        host.apply(Plan(again=1e6))
        host.advance(1.0)
        assert vm.stats.ballooned == then
        host.advance(2.0)
        assert vm.stats.ballooned == then


# Bad input


@pytest.mark.parametrize("seconds", [0, -1.0, math.nan, math.inf])
def test_time_passes_forwards_and_ends(host, seconds):
    vm = host.add_vm("a", "8 MiB")
    with pytest.raises(ValueError, match=f"seconds must be above 0 .*got {seconds}"):
        host.advance(seconds)
    assert host.time == 0 and vm.balloon_max > 0


@pytest.mark.parametrize("seconds", [-1.0, math.nan, math.inf])
def test_a_boot_ends(host, seconds):
    vm = host.add_vm("a", "8 MiB")
    with pytest.raises(ValueError, match=f"boot_seconds must be a number from 0 .*got {seconds}"):
        vm.reboot(seconds)
    assert vm.balloon_max > 0


@pytest.mark.parametrize("ran", [-0.1, 2.5, math.nan, math.inf])
def test_a_vm_runs_no_longer_than_time_passes(host, ran):
    host.add_vm("a", "8 MiB")
    with pytest.raises(ValueError, match=f"'a' cannot have run {ran} of 2.0 seconds"):
        host.advance(2.0, ran={"a": ran})
    with pytest.raises(ValueError, match=r"not there: b"):
        host.advance(2.0, ran={"b": 1.0})
    assert host.time == 0


def test_no_time_passes_on_a_closed_host(host):
    host.add_vm("a", "8 MiB")
    host.close()
    with pytest.raises(pe.errors.Closed):
        host.advance(1.0)
    assert host.time == 0


# Anything

NAMES = "abc"
steps = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(NAMES), st.integers(0, 1000), st.integers(1, 400)),
    st.tuples(st.just("apply"), st.sampled_from(NAMES), st.floats(0, 1), st.floats(0, 1)),
    st.tuples(st.just("advance"), st.sampled_from(NAMES), st.floats(0.1, 40), st.floats(0, 1)),
    st.tuples(st.just("configure"), st.sampled_from(NAMES), st.integers(0, 2), st.integers(0, 9)),
    st.tuples(st.just("reboot"), st.sampled_from(NAMES), st.floats(0, 40), st.none()),
    st.tuples(st.just("report"), st.sampled_from(NAMES), st.integers(0, 1000), st.none()),
)
techniques = st.sampled_from(["ladder", "swap", "compression", "sharing"])
rules = st.sampled_from(["hint", "two-scans"])


def take(host, step, technique, rule):
    what, name, first, second = step
    vm = host[name]
    if what == "write":
        ppns = np.arange(first, min(first + second, vm.pages))
        own = ppns % 97 + 97 * NAMES.index(name)
        vm.write(ppns, pe.tokens.make_tokens(own, 64 * (1 + own % 63)))
    elif what == "apply":
        spare = max(0, vm.stats.consumed - vm.reservation)
        wish = VMPlan(
            balloon=int(first * vm.balloon_max),
            reclaim=int(second * spare),
            technique=technique,
            scan=2000 * second,
            blocked=vm.blocked,
        )
        host.apply(
            Plan(
                vms={name: wish}, scan_rule=rule, wake_below=int(first * MIB), again=1 + 20 * second
            )
        )
    elif what == "advance":
        host.advance(first, ran={name: first * second})
    elif what == "configure":
        vm.configure(shares=second, reservation=first * MIB)
    elif what == "reboot":
        vm.reboot(first)
    else:
        vm.report_free(np.arange(first, 1024))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(steps, techniques, rules), max_size=20),
    st.booleans(),
    st.booleans(),
    st.sampled_from([Plain, ESX]),
)
def test_nobody_else_takes_a_vm_under_its_reservation(walk, sharing, small_cache, policy):
    """Three VMs of 4 MiB on 6 MiB. Whatever happens, only its own guest (by reporting pages
    free) takes a VM under what it held of its reservation; and sharing, which takes no page
    from it but makes them cheaper.
    """
    with pe.Host(
        "6 MiB",
        contents="tokens",
        seed=2,
        sharing=sharing,
        policy=policy(),
        cache_limit="512 KiB" if small_cache else None,
    ) as host:
        for name, reservation in zip(NAMES, (2, 1, 0), strict=True):
            host.add_vm(name, "4 MiB", reservation=reservation * MIB, overhead="64 KiB")
        for step, technique, rule in walk:
            before = {vm.name: vm.stats for vm in host.vms.values()}
            try:
                take(host, step, technique, rule)
            except (pe.errors.OutOfFrames, pe.errors.AdmissionError):
                pass
            host.check()
            for vm in host.vms.values():
                kept = min(before[vm.name].consumed, vm.reservation)
                gave = step[0] == "report" and step[1] == vm.name
                if not sharing and not gave:
                    assert vm.stats.consumed >= kept
                had = before[vm.name].ballooned
                assert vm.stats.ballooned <= max(had, vm.size - vm.reservation)
        assert host.snapshot().memory == 6 * MIB - 3 * 64 * 1024


# What fails


class Fails(ESTIMATORS["sampling"]):
    """Once, if it is told to; and remembers its readings."""

    fails = False

    def __init__(self):
        super().__init__()
        self.readings = []

    def observe(self, touched, marked):
        self.readings.append((touched, marked))
        if self.fails:
            self.fails = False
            raise RuntimeError("an estimator gave up")
        super().observe(touched, marked)


def test_an_estimator_that_fails_keeps_no_reading_from_others():
    made = []

    def make():
        made.append(Fails())
        return made[-1]

    with pe.Host("64 MiB", contents="tokens", estimator=make) as host:
        for name in "abc":
            host.add_vm(name, "8 MiB")
        made[1].fails, failures = True, 0
        for _ in range(61):
            for vm in host.vms.values():
                vm.touch(np.arange(vm.pages))
            try:
                host.advance(1.0)
            except RuntimeError:
                failures += 1
        assert failures == 1
        assert [each.readings for each in made] == [[(100, 100), (100, 100)]] * 3
        assert host._backend.table.elapsed.tolist() == [host._backend.table.elapsed[0]] * 3


def test_a_vm_whose_estimator_cannot_be_made_is_not_there():
    class Bad:
        kind, period, n = "sample", 60.0, -1

    makers = [ESTIMATORS["sampling"]]
    with pe.Host("64 MiB", contents="tokens", estimator=lambda: makers[0]()) as host:
        host.add_vm("a", "8 MiB")
        for broken, error in ((lambda: 1 / 0, ZeroDivisionError), (Bad, ValueError)):
            makers[0] = broken
            free = host.stats.free
            with pytest.raises(error):
                host.add_vm("b", "8 MiB", overhead="1 MiB")
            assert list(host.vms) == ["a"] and host.stats.free == free
            host.advance(1.0)
            assert [view.name for view in host.snapshot().vms] == ["a"]
        makers[0] = ESTIMATORS["sampling"]
        host.add_vm("b", "8 MiB")
        assert len(host.columns()["size"]) == 2
        host.remove_vm("b")
        host.check()


def test_looking_from_another_thread_takes_no_time_away():
    def clocks(looks):
        with pe.Host("512 MiB", contents="tokens", seed=1) as host:
            for number in range(8):
                vm = host.add_vm(f"v{number}", "16 MiB")
                vm.write(np.arange(vm.pages), np.arange(vm.pages, dtype=np.uint64) << np.uint64(6))
            scans = {name: VMPlan(scan=4096.0) for name in host.vms}
            host.apply(Plan(vms=scans, again=1e9))
            stop = threading.Event()

            def look():
                while not stop.is_set():
                    host.snapshot()

            thread = threading.Thread(target=look)
            if looks:
                thread.start()
            for _ in range(40):
                host.advance(1.0)
            stop.set()
            if looks:
                thread.join()
            keeping = host._backend.table
            return keeping.elapsed.tolist(), keeping.period.tolist(), keeping.scanned.tolist()

    assert clocks(True) == clocks(False)


def test_columns_do_not_grow_with_vms_that_left(host):
    host.add_vm("a", "1 MiB")
    for _ in range(100):
        host.add_vm("b", "1 MiB")
        host.remove_vm("b")
    assert host._backend.table._all.shape[1] == 4
