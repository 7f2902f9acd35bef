"""At stake: what a plan says is bytes and seconds, what is done is frames and steps, and a frame
too many on the way is never seen in a long run. Plans with numbers at the edges, on hosts so small
that every frame can be counted.
"""

import numpy as np
import pytest
from guest_accesses import touch_in_guest

import pageengine as pe
from pageengine import errors
from pageengine.control.backend import Request
from pageengine.control.vm_control import VMControl
from pageengine.core.guest import Guest
from pageengine.core.status import STATUS_NAMES
from pageengine.policy import Plan, VMPlan
from pageengine.policy.workingset import Sampling

MIB, PAGE = 2**20, 4096


class Says:
    """Answers with the plan it was given, and keeps what it was shown."""

    reserve_bytes = 0

    def __init__(self, **plan):
        self.plan, self.seen = Plan(**plan), []

    def reserve(self, memory):
        return self.reserve_bytes

    def decide(self, snapshot):
        self.seen.append(snapshot)
        return self.plan


def host_of(memory="8 MiB", policy=None, **more):
    return pe.Host(memory, contents="tokens", policy=policy or Says(again=1000.0), **more)


def fill(vm, n, size=63):
    """Pages of their own, which do not compress (63), or to a quarter (8)."""
    number = int(vm._id) * 10_000
    ppns = np.arange(n)
    vm.write(ppns, pe.tokens.make_tokens(ppns + number + 1, np.full(n, 64 * size)))


def swap(**reclaim):
    return Plan(vms={n: VMPlan(reclaim=b, technique="swap") for n, b in reclaim.items()})


# the mark


@pytest.mark.parametrize(
    ("wake", "free"), [(8 * PAGE, 7), (8 * PAGE + 1, 8), (8 * PAGE - 1, 7), (PAGE, 0), (1, 0)]
)
def test_a_policy_finds_less_free_than_the_mark_it_set(wake, free):
    policy = Says(wake_below=wake, again=1000.0)
    with host_of(policy=policy) as host:
        vm = host.add_vm("a", "8 MiB")
        host.advance(1.0)
        del policy.seen[:]
        done, status, _ = vm.try_touch(np.arange(2048), True)
        assert (2048 - done, status) == (free, "PE_NO_FRAME" if free else "PE_OK")


def test_the_reserve_of_a_policy_is_its_first_mark_and_overhead_lies_under_it():
    policy = Says(again=1000.0)
    policy.reserve_bytes = 10 * PAGE
    with host_of(policy=policy) as host:
        vm = host.add_vm("a", "8 MiB", overhead=20 * PAGE)
        done, status, _ = vm.try_touch(np.arange(2048), True)
        assert (2048 - done, status) == (29, "PE_NO_FRAME")
        host.advance(1.0)
        (seen,) = policy.seen
        assert (seen.free, seen.memory) == (9 * PAGE, 8 * MIB - 20 * PAGE)
        host.add_vm("b", "1 MiB", overhead=5 * PAGE)
        host.advance(1.0)
        assert policy.seen[-1].free == 4 * PAGE
        host.remove_vm("b")
        host.advance(1.0)
        assert policy.seen[-1].free == 9 * PAGE


@pytest.mark.parametrize("overhead", [0, 20])
def test_a_reserve_that_no_policy_can_spare_is_used_by_halves(overhead):
    """So that the policy sees free memory fall; an access fails when nothing at all is idle."""
    policy = Says(wake_below=17 * PAGE, again=1000.0)
    with host_of((100 + overhead) * PAGE, policy=policy, compression=None, swap=0) as host:
        vm = host.add_vm("a", 200 * PAGE, overhead=overhead * PAGE)
        host.advance(1.0)
        del policy.seen[:]
        with pytest.raises(errors.OutOfFrames) as stop:
            vm.touch(np.arange(200), True)
        assert stop.value.done == 100
        assert [seen.free // PAGE for seen in policy.seen] == [16, 8, 4, 2, 1, 0]
        del policy.seen[:]
        with pytest.raises(errors.OutOfFrames):
            vm.touch([150], True)
        assert [seen.free for seen in policy.seen] == [0]
        vm.report_free(np.arange(50))
        vm.touch([150], True)  # the mark is the plan's again: nobody is asked
        assert len(policy.seen) == 1


@pytest.mark.parametrize(("limit", "asked"), [(50, 0), (49, 1)])
def test_a_policy_is_asked_when_a_batch_went_over_a_limit(limit, asked):
    policy = Says(again=1000.0)
    with host_of(policy=policy, swap="1 MiB") as host:
        vm = host.add_vm("a", "1 MiB", limit=limit * PAGE)
        vm.touch(np.arange(50), True)
        assert len(policy.seen) == asked


# when it is asked


def test_an_earlier_appointment_stands():
    with host_of() as host:
        host.add_vm("a", "1 MiB")
        host.advance(1.0)
        host.apply(Plan(again=5.0))
        assert host.due == 6.0
        host.apply(Plan(again=20.0))
        assert host.due == 6.0
        host.apply(Plan(again=2.0))
        assert host.due == 3.0
        host.advance(2.0)  # the policy was asked, and wants to sleep
        assert host.policy.seen[-1].time == 3.0
        host.apply(Plan())
        assert host._controller._due == 18.0  # fifteen seconds where a plan does not say


@pytest.mark.parametrize(("more", "asked"), [(0, 2), (1, 1)])
def test_free_memory_wakes_a_policy_at_its_mark_and_not_below(more, asked):
    policy = Says(again=1000.0, wake_above=8 * MIB - 100 * PAGE + more)
    with host_of(policy=policy) as host:
        fill(host.add_vm("a", "1 MiB"), 100)
        host.advance(1.0)
        host.advance(1.0)
        assert len(policy.seen) == asked


def test_every_plan_is_told_of_so_that_no_state_is_missed():
    with host_of() as host:
        host.add_vm("a", "1 MiB")
        told = []
        host.on_plan(lambda plan: told.append(plan.state))
        for state in ("soft", "low", "high"):
            host.apply(Plan(state=state))
        assert told == ["soft", "low", "high"] and host.state == "high"
        with pytest.raises(pe.errors.PlanError):
            host.apply(Plan(again=0))
        assert len(told) == 3


@pytest.mark.parametrize("seconds", [0, -1.0, float("inf"), float("nan")])
def test_time_that_cannot_pass_is_refused(seconds):
    with host_of() as host, pytest.raises(ValueError, match="seconds must be above 0"):
        host.advance(seconds)


def test_a_vm_runs_between_nothing_and_all_of_the_time():
    policy = Says(again=1.0)
    with host_of(policy=policy) as host:
        host.add_vm("a", "1 MiB")
        for ran, stall in ((0.0, 1.0), (2.0, 0.0), (0.5, 0.75)):
            host.advance(2.0, {"a": ran})
            assert policy.seen[-1].vms[0].stall == pytest.approx(stall)
        for ran in (-1e-6, 2.0 + 1e-6):
            with pytest.raises(ValueError, match="'a' cannot have run"):
                host.advance(2.0, {"a": ran})
        host.add_vm("b", "1 MiB")
        with pytest.raises(ValueError, match="'b' cannot have run 3.0 of 2.0"):
            host.advance(2.0, {"a": 2.0, "b": 3.0})
        with pytest.raises(ValueError, match="that are not there: c"):
            host.advance(2.0, {"a": 2.0, "c": 1.0})
        for ran in (np.array([0.5, 3.0]), np.array([-1.0, 0.5]), np.array([0.5, np.nan])):
            with pytest.raises(ValueError, match="cannot have run"):
                host.advance(2.0, ran)
        for ran in (np.ones(3), np.ones((2, 1)), np.ones(2, int)):
            with pytest.raises(ValueError, match="ran must be float64 of 2 VMs, got array"):
                host.advance(2.0, ran)
        assert host.time == 6.0
        host.advance(2.0, np.array([0.5, 2.0]))
        assert [vm.stall for vm in policy.seen[-1].vms] == [0.75, 0.0]


def test_a_policy_is_told_what_the_guest_tells():
    policy = Says(again=1.0)
    with host_of("64 MiB", policy=policy) as host:
        guest = Guest(2048, swap_pages=1024, kernel_pages=64)
        vm = host.add_vm("a", "8 MiB", guest=guest)
        host.add_vm("b", "1 MiB")
        touch_in_guest(vm, guest.access("memory", np.arange(2300), True))  # more than it has
        touch_in_guest(vm, guest.access("memory", np.arange(100), True))
        guest.release("memory", np.arange(1500, 2300))
        touch_in_guest(vm, guest.access("file", np.arange(200), True))
        host.apply(Plan(vms={"a": VMPlan(balloon=MIB)}, again=1.0))
        host.advance(1.0)
        told, stats = policy.seen[-1].vms[0].guest, guest.stats
        assert policy.seen[-1].vms[1].guest is None
        assert vm.stats.ballooned == stats.ballooned == MIB
        assert told.total == 7 * MIB == stats.total - stats.ballooned
        assert told.free == stats.free > 0
        assert told.cache == stats.cache_clean + stats.cache_dirty > 0
        assert (told.swapped, told.major_faults) == (stats.swapped, stats.swap_in)
        assert told.swapped > 0 and told.major_faults >= 100
        vm.reboot(5.0)
        host.advance(1.0)
        assert policy.seen[-1].vms[0].guest is None  # its driver has not started


def test_a_scan_pass_is_over_when_every_vm_that_is_scanned_has_been_once():
    with host_of() as host:
        for name in "abc":
            fill(host.add_vm(name, 100 * PAGE), 10)
        passes = []
        host._backend.end_scan_pass = lambda: passes.append(host.time)
        wishes = {"a": VMPlan(scan=100.0), "b": VMPlan(scan=25.0), "c": VMPlan(scan=0.0)}
        host.apply(Plan(vms=wishes, again=1000.0))
        for _ in range(9):
            host.advance(1.0)
        assert passes == [4.0, 8.0]
        host.apply(Plan(vms=dict.fromkeys("abc", VMPlan(scan=0.0)), again=1000.0))
        host.advance(9.0)
        assert passes == [4.0, 8.0]  # nobody is scanned: no pass ends


def test_nobody_is_looked_at_who_has_nothing_due(monkeypatch):
    polls, asked = [], []
    poll, fraction = VMControl.poll, Sampling.fraction
    monkeypatch.setattr(VMControl, "poll", lambda k, *a: polls.append(k.vm.name) or poll(k, *a))
    monkeypatch.setattr(Sampling, "fraction", lambda s, *a: asked.append(s) or fraction(s, *a))
    with host_of() as host:
        host.add_vm("a", "1 MiB", driver=False)
        host.add_vm("b", "1 MiB")
        host.advance(1.0)
        host.apply(Plan(vms={"b": VMPlan(balloon=64 * PAGE)}, again=1000.0))
        del polls[:]
        host.advance(0.25)
        assert host.due == 2.0  # the driver's next second, not one from now
        for _ in range(11):
            host.advance(0.25)
        assert polls == ["b"]  # it was there after one poll, and is at rest
        host.apply(Plan(again=1000.0))
        seen = len(asked)
        host.apply(Plan(again=1000.0))
        assert len(asked) == seen  # estimates that cannot have changed are not asked for again
        host["a"].touch(np.arange(200), True)
        host.apply(Plan(again=1000.0))
        assert len(asked) == seen + 1


def test_guests_report_free_pages_every_two_seconds(monkeypatch):
    told = []
    monkeypatch.setattr(
        VMControl, "report_free", lambda k: told.append((k.vm.name, k.vm.host.time))
    )
    with host_of("64 MiB") as host:
        for name in "ab":
            guest = Guest(2048, swap_pages=0, kernel_pages=64) if name == "a" else None
            host.add_vm(name, "8 MiB", guest=guest)
        host.advance(3.0)
        assert told == []  # no plan asks for it
        host.apply(Plan(report_free=True, again=1000.0))
        for due in (5.0, 5.0, 5.0, 5.0, 7.0, 7.0, 7.0, 7.0):
            assert host.due == due
            host.advance(0.5)
        assert told == [("a", 5.0), ("a", 7.0)]
        host.advance(5.0)
        assert told[2:] == [("a", 12.0)]  # once a step at most; what is left of a period waits
        host["a"].reboot(1.75)
        host.advance(1.0)
        assert len(told) == 3
        host.advance(1.0)
        assert len(told) == 3  # a quarter of a second since it booted, and one before
        host.advance(1.0)
        assert len(told) == 4


# what is done


@pytest.mark.parametrize(
    ("wish", "frames"), [(1, 1), (PAGE, 1), (PAGE + 1, 2), (0, 0), (10**9, 100)]
)
def test_bytes_are_won_in_whole_frames(wish, frames):
    with host_of(swap="8 MiB") as host:
        vm = host.add_vm("a", "1 MiB")
        fill(vm, 100)
        won = host.apply(swap(a=min(wish, 100 * PAGE)))
        assert won.frames == won.swapped == frames == vm.stats.swapped // PAGE


def test_a_plan_blocks_and_lets_run():
    with host_of() as host:
        a, b = host.add_vm("a", "1 MiB"), host.add_vm("b", "1 MiB")
        wish = VMPlan(blocked=True)
        host.apply(Plan(vms={"a": wish}))
        assert (a.blocked, b.blocked) == (True, False)
        host.apply(Plan(vms={"a": wish, "b": wish}))
        assert (a.blocked, b.blocked) == (True, True)
        host.apply(Plan(vms={"a": VMPlan()}))  # of b nothing is said
        assert (a.blocked, b.blocked) == (False, True)


@pytest.mark.parametrize(("packing", "kept"), [("esx", 2), ("dense", 40)])
def test_what_is_reserved_is_out_of_reach_and_slots_have_their_room(packing, kept):
    with host_of(packing=packing, swap="8 MiB") as host:
        vm = host.add_vm("a", "2 MiB", reservation=100 * PAGE)
        fill(vm, 200, 8)

        def frames(technique):
            return host._backend._frames(Request("a", vm.size, technique))

        assert frames("swap") == 100
        assert frames("sharing") == 100
        assert frames("compression") == 100 - kept
        assert frames("ladder") == 100 - kept
        won = host.apply(swap(a=100 * PAGE))
        assert won.frames == 100 and vm.stats.consumed == 100 * PAGE
        assert frames("ladder") == 0


def test_full_swap_space_is_no_error_and_the_others_have_their_turn():
    with host_of(swap=50 * PAGE, compression=None) as host:
        for name in "ab":
            fill(host.add_vm(name, "1 MiB"), 100)
        won = host.apply(swap(a=60 * PAGE, b=60 * PAGE))
        assert won.swapped == won.frames == 50


def test_an_error_is_told_when_all_have_had_their_turn(tmp_path):
    with pe.Host("8 MiB", policy=Says(again=1000.0), compression=None, sharing=False) as host:
        for name in "ab":
            host.add_vm(name, "1 MiB").touch(np.arange(100), True)
        reclaim, asked = host._backend.reclaim_frames, []

        def fails(vm, frames, technique, brief):
            asked.append(vm.name)
            result, _ = reclaim(vm, frames, technique, brief)
            backing = next(s for s, name in STATUS_NAMES.items() if name == "PE_ERR_BACKING")
            return result, backing if vm.name == "a" else 0

        host._backend.reclaim_frames = fails
        with pytest.raises(errors.SwapError, match="'a'"):
            host.apply(swap(a=10 * PAGE, b=10 * PAGE))
        assert asked == ["a", "b"]


# what swap space can take in a step


def swapped(host):
    return [vm.stats.swapped // PAGE for vm in host.vms.values()]


def with_bandwidth(pages, **more):
    """Two VMs of 400 pages each that do not compress; pages: a second that can be written."""
    host = host_of("16 MiB", swap="16 MiB", **more)
    for name in "ab":
        fill(host.add_vm(name, "2 MiB"), 400)
    host.advance(1.0)
    host.swap_bandwidth = pages * PAGE
    return host


def test_a_step_writes_what_the_device_takes_in_it_and_each_vm_its_part():
    with with_bandwidth(100) as host:
        host.advance(1.0)
        host.apply(swap(a=30 * PAGE, b=90 * PAGE))
        assert swapped(host) == [25, 75]
        host.apply(swap(a=30 * PAGE))
        assert swapped(host) == [25, 75]
        host.advance(0.5)
        host.apply(swap(a=20 * PAGE))  # less than it could: nothing is held back
        assert swapped(host) == [45, 75]
        host.apply(swap(a=40 * PAGE))
        assert swapped(host) == [75, 75]


@pytest.mark.parametrize(("read", "left"), [(0.0, 100), (0.2, 80), (0.5, 50), (0.9, 50)])
def test_reads_take_their_time_from_writes_but_half_is_theirs(read, left):
    with with_bandwidth(100) as host:
        host.swap_was_read(read / 2)
        host.swap_was_read(read / 2)
        host.advance(1.0)
        host.apply(swap(a=300 * PAGE))
        assert swapped(host) == [left, 0]
        host.advance(1.0)  # the reads of the step before are over
        host.apply(swap(a=300 * PAGE))
        assert swapped(host) == [left + 100, 0]


def test_what_was_not_written_is_lost_but_for_a_window():
    with with_bandwidth(100) as host:
        host.advance(1.0)
        host.advance(0.01)  # 100 of the second before, of which 50 ms are kept
        host.apply(swap(a=300 * PAGE))
        assert swapped(host) == [5, 0]


def test_a_ladder_has_twice_its_part_and_pays_for_it_and_then_compresses_only():

    def ladder(pages):
        return Plan(vms={"a": VMPlan(reclaim=pages * PAGE, technique="ladder")})

    with with_bandwidth(100) as host:
        host.advance(1.0)
        assert host.apply(ladder(300)).swapped == 200
        host.advance(1.0)  # it only pays
        assert host.apply(ladder(100)).swapped == 0
        host.advance(1.0)
        assert host.apply(ladder(90)).swapped == 90


def test_what_needs_no_slot_is_not_held_back():
    with with_bandwidth(1) as host:
        fill(host["b"], 400, 8)
        compress = VMPlan(reclaim=150 * PAGE, technique="compression")
        plan = Plan(vms={"b": compress, "a": VMPlan(reclaim=300 * PAGE, technique="swap")})
        won = host.apply(plan)
        assert won.compressed == 200 and won.frames == 150 and won.swapped == 0


def test_a_vm_of_shared_pages_alone_keeps_nobody_from_writing():
    """It is asked first, and the one page that can be written falls to it: a host in want of memory
    stood still for good.
    """
    with host_of("16 MiB", swap="16 MiB") as host:
        same = pe.tokens.make_tokens(np.arange(1, 41), np.full(40, 64 * 63))
        for name in "ab":
            host.add_vm(name, "2 MiB").write(np.arange(40), same)
        host.scan()
        assert host["a"].stats.private == 0
        fill(host.add_vm("c", "2 MiB"), 40)
        host.swap_bandwidth = 20 * PAGE
        host.advance(0.05)
        won = host.apply(swap(a=PAGE, b=PAGE, c=30 * PAGE))
        assert swapped(host) == [0, 0, 1] and won.frames == 1
        assert host.apply(swap(a=PAGE, c=PAGE)).swapped == 0  # that was all


def test_a_page_can_be_written_at_last_however_slow_the_device():
    with with_bandwidth(4) as host:
        for _ in range(4):
            assert host.apply(swap(a=PAGE)).swapped == 0
            host.advance(0.0625)
        assert host.apply(swap(a=PAGE)).swapped == 1
