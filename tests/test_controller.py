"""What a policy says must happen, as far as it can, at the time it is due, and a plan that breaks a
rule must change nothing. Plans of every kind are applied to small hosts, and time is let pass.
"""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import pageengine as pe
from pageengine.errors import AdmissionError, PlanError
from pageengine.policy import Migration, Plan, Snapshot, VMPlan

MIB = 2**20


@pytest.fixture
def host():
    with pe.Host("32 MiB", contents="tokens", seed=1) as host:
        yield host


class Recorder:
    """Does nothing, and remembers when it was asked."""

    def __init__(self, plan=None):
        self.asked, self.plan = [], plan or Plan()

    def decide(self, snapshot):
        self.asked.append(snapshot)
        return self.plan


def test_a_policy_is_asked_every_fifteen_seconds_or_when_it_wants(host):
    host.policy = Recorder()
    host.add_vm("a", "8 MiB")
    for _ in range(40):
        host.advance(1.0)
    assert [s.time for s in host.policy.asked] == [1, 16, 31]
    host.policy = Recorder(Plan(again=4.0))
    for _ in range(9):
        host.advance(1.0)
    assert [s.time for s in host.policy.asked] == [41, 45, 49]


def test_a_policy_is_asked_when_vms_come_or_change(host):
    host.policy = policy = Recorder()
    vm = host.add_vm("a", "8 MiB")
    host.advance(1.0)
    vm.configure(shares="high")
    host.advance(1.0)
    host.add_vm("b", "8 MiB")
    host.advance(1.0)
    host.remove_vm("b")
    host.advance(1.0)
    host.advance(1.0)
    assert [s.time for s in policy.asked] == [1, 2, 3, 4]


def test_what_a_policy_remembers_comes_back(host):
    host.policy = Recorder(Plan(state="soft", memo={"npages": 300.0}))
    host.balance()
    assert host.state == "soft"
    host.balance()
    first, second = host.policy.asked
    assert (first.state, dict(first.memo)) == ("", {})
    assert (second.state, dict(second.memo)) == ("soft", {"npages": 300.0})


def test_no_engine_object_is_reachable_from_a_snapshot(host):
    host.add_vm("a", "8 MiB")
    seen, left = set(), [host.snapshot()]
    while left:
        value = left.pop()
        if isinstance(value, (str, int, float, bool, type(None))):
            continue
        assert type(value).__module__.startswith(("pageengine.policy", "builtins")), value
        if id(value) in seen:
            continue
        seen.add(id(value))
        if dataclasses.is_dataclass(value):
            left += [getattr(value, f.name) for f in dataclasses.fields(value)]
        else:
            left += list(value.values()) if isinstance(value, dict) else list(value)


def test_a_balloon_moves_to_its_target_at_the_speed_of_its_driver(host):
    vm = host.add_vm("a", "24 MiB")
    host.apply(Plan(vms={"a": VMPlan(balloon=10 * MIB)}, again=1e6))
    assert vm.balloon_target == 10 * MIB and vm.stats.ballooned == 0
    host.advance(1.0)
    assert vm.stats.ballooned == 10 * MIB
    host.apply(Plan(vms={"a": VMPlan(balloon=0)}, again=1e6))
    host.advance(1.0)
    assert vm.stats.ballooned == 0
    host.check()


def test_a_vm_without_a_guest_gives_only_what_it_never_touched(host):
    vm = host.add_vm("a", "8 MiB")
    vm.touch(np.arange(1024), True)
    host.apply(Plan(vms={"a": VMPlan(balloon=5 * MIB)}, again=1e6))
    host.advance(10.0)
    assert vm.stats.ballooned == 4 * MIB
    assert (vm.places[:1024] == pe.Place.PRIVATE).all()


def test_a_reboot_pops_the_balloon_and_takes_the_driver_away(host):
    vm = host.add_vm("a", "8 MiB")
    host.apply(Plan(vms={"a": VMPlan(balloon=2 * MIB)}, again=1e6))
    host.advance(1.0)
    vm.reboot(30)
    assert vm.stats.ballooned == 0 and vm.balloon_max == 0
    host.advance(20)
    assert vm.stats.ballooned == 0
    host.advance(11)
    assert vm.stats.ballooned == 2 * MIB
    without = host.add_vm("b", "8 MiB", driver=False)
    assert without.balloon_max == 0


def test_scanning_goes_at_the_rate_of_the_plan(host):
    for name in "ab":
        vm = host.add_vm(name, "8 MiB")
        vm.write(np.arange(2048), np.arange(2048, dtype=np.uint64) << np.uint64(6) | np.uint64(9))
    host.apply(Plan(vms={"a": VMPlan(scan=100.5), "b": VMPlan(scan=50)}, again=1e6))
    for _ in range(10):
        host.advance(1.0)
    assert (host["a"].stats.scanned, host["b"].stats.scanned) == (1005, 500)
    for _ in range(30):
        host.advance(1.0)
    assert host.stats.merged > 1400
    host.check()


def test_the_two_scan_rule_passes_over_what_changed(host):
    tokens = np.arange(1, 2049, dtype=np.uint64) << np.uint64(6) | np.uint64(9)
    for name in "ab":
        host.add_vm(name, "8 MiB").write(np.arange(2048), tokens)
    first = host.scan(rule="two-scans")
    assert (first.merged, first.unstable) == (0, 4096)
    other = tokens[:100] + np.uint64(1 << 32)
    host["a"].write(np.arange(200), np.concatenate([other, tokens[100:200]]))
    second = host.scan(rule="two-scans")
    assert (second.merged, second.unstable) == (1948, 100)
    host["a"].write(np.arange(100), tokens[100:200])  # equal to shared pages
    third = host.scan(rule="two-scans")
    assert (third.merged, third.unstable) == (100, 0)
    host.check()


def test_the_mark_of_a_plan_stops_accesses_until_the_policy_was_asked(host):
    host.policy = policy = Recorder(Plan(wake_below=16 * MIB, again=1e6))
    vm = host.add_vm("a", "32 MiB")
    host.balance()
    vm.touch(np.arange(4000), True)
    assert len(policy.asked) == 1
    vm.touch(np.arange(8000), True)
    assert len(policy.asked) > 1
    assert policy.asked[1].free == 16 * MIB - 4096  # under the mark, not at it


def test_a_reported_page_is_gone_and_its_frame_idle(host):
    vm = host.add_vm("a", "8 MiB")
    vm.touch(np.arange(100), True)
    free = host.stats.free
    assert vm.report_free(np.arange(50, 200)) == 50
    assert host.stats.free == free + 50 * 4096
    assert vm.stats.reported == 50
    assert (vm.places_at([0, 60]) == [pe.Place.PRIVATE, pe.Place.ABSENT]).all()
    host.check()


def test_the_stall_is_what_a_vm_did_not_run_since_the_last_decision(host):
    host.policy = Recorder(Plan(again=10.0))
    host.add_vm("a", "8 MiB")
    host.add_vm("b", "8 MiB")
    for _ in range(12):
        host.advance(1.0, ran={"a": 0.25})
    stalls = [{v.name: v.stall for v in s.vms} for s in host.policy.asked]
    assert stalls == [{"a": 0.75, "b": 0.0}] * 2


# Rules


def snapshot_of(host):
    host.add_vm("a", "8 MiB", reservation="4 MiB").touch(np.arange(1500), True)
    host.add_vm("b", "8 MiB", driver=False)
    return host.snapshot()


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (Plan(vms={"c": VMPlan()}), "'c', and there are: a, b"),
        (Plan(vms={"a": VMPlan(target=MIB)}), "target of 'a', 1 MiB, is under its reservation, 4"),
        (Plan(vms=dict.fromkeys("ab", VMPlan(target=20 * MIB))), "add up to 40 MiB"),
        (Plan(vms={"b": VMPlan(balloon=4096)}), "balloon target of 'b', 4 KiB, is above"),
        (Plan(vms={"a": VMPlan(balloon=8 * MIB)}), "balloon target of 'a', 8 MiB, is above"),
        (Plan(vms={"a": VMPlan(reclaim=-1)}), "reclaim of 'a' is -1"),
        (Plan(vms={"a": VMPlan(reclaim=3 * MIB)}), "under its reservation"),
        (Plan(vms={"a": VMPlan(scan=float("nan"))}), "scan of 'a' is nan"),
        (Plan(vms={"a": VMPlan(technique="swop")}), "did you mean 'swap'"),
        (Plan(wake_below=32 * MIB), "wake_below, 32 MiB"),
        (Plan(again=0), "again is 0 s"),
        (Plan(scan_rule="three-scans"), "scan_rule is 'three-scans'"),
        (Plan(migrate=(Migration("aa", "full"),)), "did you mean 'a'"),
        (None, "answers with a Plan, got None"),
    ],
)
def test_a_plan_that_breaks_a_rule_is_refused_and_nothing_is_done(host, plan, message):
    snapshot_of(host)
    host.balance()
    before = host.stats, host["a"].stats, host.last_plan
    with pytest.raises(PlanError, match=message):
        host.apply(plan)
    assert (host.stats, host["a"].stats, host.last_plan) == before


# Admission


def test_overhead_is_admitted_with_the_reservations_and_never_handed_out(host):
    host.add_vm("a", "40 MiB", reservation="20 MiB", overhead="8 MiB")
    with pytest.raises(AdmissionError, match="4 MiB with 1 MiB of overhead"):
        host.add_vm("b", "8 MiB", reservation="4 MiB", overhead="1 MiB")
    assert host.snapshot().memory == 24 * MIB
    host["a"].touch(np.arange(host["a"].pages), True)
    assert host.stats.free >= 8 * MIB
    host.check()


def test_swap_space_may_be_promised():
    with pe.Host("8 MiB", swap="4 MiB", reserve_swap=True) as host:
        host.add_vm("a", "4 MiB", reservation="1 MiB")
        with pytest.raises(AdmissionError, match="may need 2 MiB of swap space.*1 MiB are not pro"):
            host.add_vm("b", "2 MiB")
        host.add_vm("b", "2 MiB", reservation="1 MiB")
        with pytest.raises(AdmissionError, match="swap space"):
            host["b"].configure(reservation=0)


def test_a_running_vm_is_changed_only_as_far_as_can_be_promised(host):
    vm = host.add_vm("a", "8 MiB", shares="low")
    assert vm.shares == 40
    vm.configure(shares="high", limit="4 MiB")
    assert (vm.shares, vm.limit) == (160, 4 * MIB)
    with pytest.raises(AdmissionError, match="limit of 'a', 4 MiB, is less than its reservation"):
        vm.configure(reservation="5 MiB")
    assert vm.reservation == 0
    with pytest.raises(ValueError, match="low, normal, high, got 'hgih'"):
        vm.configure(shares="hgih")
    with pytest.raises(ValueError, match="must not be negative, got -1"):
        vm.configure(shares=-1)


# Anything


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"),
            st.integers(0, 2047),
            st.integers(0, 8),
            st.sampled_from(["ladder", "swap", "compression", "sharing"]),
            st.floats(0.1, 40),
        ),
        max_size=12,
    )
)
def test_whatever_is_planned_the_host_stays_whole_and_reservations_hold(steps):
    with pe.Host("8 MiB", contents="tokens", seed=2) as host:
        for name in "ab":
            host.add_vm(name, "8 MiB", reservation="2 MiB")
        for name, first, mib, technique, seconds in steps:
            vm = host[name]
            ppns = np.arange(first, min(first + 700, vm.pages))
            own = ppns + 4096 * "ab".index(name)
            vm.write(ppns, pe.tokens.make_tokens(own, 64 * (1 + own % 63)))
            held = {v.name: v.consumed for v in host.snapshot().vms}
            spare = max(0, held[name] - vm.reservation)
            wish = VMPlan(
                balloon=min(mib * MIB, vm.balloon_max),
                reclaim=min(mib * MIB, spare),
                technique=technique,
                scan=mib * 100,
            )
            host.apply(Plan(vms={name: wish}))
            host.advance(seconds)
            host.check()
            after = vm.stats
            assert after.consumed + after.ballooned >= min(held[name], vm.reservation)


def test_snapshots_are_the_same_on_bytes_and_on_tokens():
    def last(contents):
        with pe.Host("8 MiB", contents=contents, seed=5) as host:
            vm = host.add_vm("a", "8 MiB")
            for k in range(30):
                vm.touch(np.arange(k * 50, k * 50 + 100), True)
                host.advance(1.0)
            return host.snapshot()

    one, other = last("bytes"), last("tokens")
    assert isinstance(one, Snapshot) and one == other
