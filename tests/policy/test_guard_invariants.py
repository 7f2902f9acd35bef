"""Whatever a policy says and whatever guests tell, what leaves the guard keeps to every limit: a
governor of real guests is trusted with no less. Plans, hosts and limits are of any shape, also such
as no policy would make.
"""

import json
import random

import pytest
from hypothesis import given, settings, strategies as st
from made_up_hosts import MIB, PAGE, view

from pageengine.policy import GuestView, Plan, Snapshot, VMPlan
from pageengine.policy.guard import RULES, Limits, guard
from pageengine.policy.rules import check_plan

from .guarded_hosts import cases, given as in_force, least, promised, room

each = settings(max_examples=25, deadline=None)


@given(cases)
@each
def test_a_balloon_grows_to_the_floor_at_most_and_shrinks_to_the_limit_at_least(cases):
    for plan, snapshot, limits in cases:
        plan, _ = guard(plan, snapshot, limits)
        for vm in snapshot.vms:
            now, before = in_force(plan, vm), vm.balloon_target
            assert 0 <= now <= vm.size
            if now > before:
                assert vm.size - now >= least(vm, limits) - PAGE
                assert now <= vm.balloon_max
            if now < before:
                assert vm.size - now <= max(vm.limit, least(vm, limits)) + PAGE


@given(cases)
@each
def test_grants_are_never_more_than_is_free_beyond_the_reserve(cases):
    for plan, snapshot, limits in cases:
        before = sum(promised(Plan(), vm) for vm in snapshot.vms)
        plan, _ = guard(plan, snapshot, limits)
        after = sum(promised(plan, vm) for vm in snapshot.vms)
        assert after <= max(before, room(snapshot, limits))


@given(cases)
@each
def test_nothing_is_taken_by_old_statistics_or_from_who_tells_nothing(cases):
    for plan, snapshot, limits in cases:
        plan, _ = guard(plan, snapshot, limits)
        for vm in snapshot.vms:
            wish = plan.vms.get(vm.name, VMPlan())
            grows = in_force(plan, vm) > vm.balloon_target
            if (vm.stats_age or 0) > limits.stats_age or vm.driver == "stale":
                assert not grows and wish.reclaim == 0
            if limits.must_tell and (vm.guest is None or vm.stats_age is None):
                assert not grows


@given(cases)
@each
def test_who_is_busy_or_stuck_or_may_not_is_left_alone(cases):
    for plan, snapshot, limits in cases:
        plan, _ = guard(plan, snapshot, limits)
        for vm in snapshot.vms:
            wish, now = plan.vms.get(vm.name, VMPlan(blocked=vm.blocked)), in_force(plan, vm)
            if vm.busy or vm.driver == "none":
                assert now == vm.balloon_target
            if vm.busy:
                assert wish.reclaim == 0 and (vm.blocked or not wish.blocked)
            if wish.reclaim:
                assert "*" in limits.may_page_out or vm.name in limits.may_page_out
                assert vm.consumed - wish.reclaim >= vm.reservation
            if wish.blocked:
                assert "*" in limits.may_block or vm.name in limits.may_block
        assert sum(wish.scan or 0 for wish in plan.vms.values()) <= limits.scan * (1 + 1e-6)


@given(cases, st.randoms())
@each
def test_it_is_a_function_and_the_order_of_vms_is_nothing_to_it(cases, draw):
    for plan, snapshot, limits in cases:
        first = guard(plan, snapshot, limits)
        assert first == guard(plan, snapshot, limits)
        vms = list(snapshot.vms)
        draw.shuffle(vms)
        named = list(plan.vms.items())
        draw.shuffle(named)
        again, clips = guard(
            plan.__replace__(vms=dict(named)), snapshot.__replace__(vms=tuple(vms)), limits
        )
        assert again == first[0] and set(clips) == set(first[1])


@given(cases)
@each
def test_clipped_twice_is_clipped_once(cases):
    for plan, snapshot, limits in cases:
        check_plan(snapshot, plan)
        once, clips = guard(plan, snapshot, limits)
        check_plan(snapshot, once)
        assert guard(once, snapshot, limits) == (once, ())
        assert {clip.rule for clip in clips} <= RULES.keys()
        changed = {clip.vm for clip in clips if clip.vm}
        for vm in snapshot.vms:
            if vm.name not in changed and once.vms.get(vm.name) != plan.vms.get(vm.name):
                assert "scan" in {clip.rule for clip in clips}


@given(cases, st.integers(0, 4096))
@each
def test_a_larger_reserve_gives_nobody_more(cases, more):
    for plan, snapshot, limits in cases:
        larger = limits.__replace__(reserve=limits.reserve + more * MIB)
        loose, _ = guard(plan, snapshot, limits)
        tight, _ = guard(plan, snapshot, larger)
        for vm in snapshot.vms:
            assert in_force(tight, vm) >= in_force(loose, vm)


class World:
    """VMs whose drivers do what they are told, in part, late, or not at all, under a policy that
    says anything. The memo goes through JSON from one decision to the next, as through the file of
    a governor that is started anew. Orders may fail.
    """

    def __init__(self, draw, limits):
        self.draw, self.limits, self.memo, self.time = draw, limits, {}, draw.uniform(0, 50)
        self.vms = {
            f"vm{i}": view(
                f"vm{i}",
                size=size * MIB,
                consumed=size * MIB,
                limit=size * MIB,
                balloon_max=size * MIB,
                floor=MIB,
                guest=GuestView(size * MIB, size * MIB, available=size * MIB, swap_in=0),
                stats_age=0.0,
            )
            for i, size in enumerate(draw.choices([64, 1024, 16_384], k=3))
        }
        self.log = {name: [] for name in self.vms}  # (time, target before, after, bytes paged out)

    def step(self):
        draw = self.draw
        self.time += draw.choice([0.0, 0.1, 1.0, 4.0, 5.0, 10.0, 10.1, 25.0])
        away = draw.choice([None, None, None, *self.vms])
        vms = tuple(vm for name, vm in self.vms.items() if name != away)
        memory = 64 * 1024 * MIB
        snapshot = Snapshot(memory, draw.choice([0, memory]), 0, vms, self.time, memo=self.memo)
        asked = {
            vm.name: VMPlan(
                balloon=draw.choice([None, 0, vm.size, draw.randrange(vm.size)]),
                reclaim=draw.choice([0, 0, draw.randrange(vm.consumed + 1)]),
            )
            for vm in vms
        }
        plan, _ = guard(Plan(vms=asked, memo={"own": 1.0}), snapshot, self.limits)
        check_plan(snapshot, plan)
        self.memo = json.loads(json.dumps(dict(plan.memo)))
        for vm in vms:
            target = in_force(plan, vm)
            if draw.random() < 0.2:
                target = vm.balloon_target  # the order failed
            held = vm.ballooned + int((target - vm.ballooned) * draw.choice([0, 0.3, 1]))
            paged = plan.vms[vm.name].reclaim
            self.log[vm.name].append((self.time, vm.balloon_target, target, paged))
            pressed = draw.random() < 0.1
            self.vms[vm.name] = vm.__replace__(
                balloon_target=target,
                ballooned=held,
                guest=vm.guest.__replace__(available=0 if pressed else vm.size),
                progress_age=draw.choice([None, 0.0, 6.0]),
            )

    def most_taken(self, name):
        """In any window, of one VM: bytes."""
        worst, log = 0, self.log[name]
        for i, (end, _, last, _) in enumerate(log):
            paged = 0
            for begin, before, _, out in reversed(log[: i + 1]):
                if end - begin > self.limits.window:
                    break
                paged += out
                worst = max(worst, max(0, last - before) + paged)
        return worst


@given(st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_no_window_takes_more_than_the_limit_also_over_restarts(seed):
    draw = random.Random(seed)
    limits = Limits(shrink=draw.choice([64, 256, 4096]) * MIB, must_tell=draw.random() < 0.5)
    world = World(draw, limits)
    for _ in range(60):
        world.step()
    for name, vm in world.vms.items():
        assert world.most_taken(name) <= min(limits.shrink, limits.shrink_part * vm.size)


def test_what_the_limit_allows_is_really_taken():
    """The same world with a policy that takes all that it can: what comes through in 100 s is what
    ten windows allow, and no less.
    """
    vm = view("a", balloon_max=665 * MIB, guest=GuestView(2**30, 900 * MIB), stats_age=0.0)
    memo, sent = {}, []
    for second in range(101):
        snapshot = Snapshot(2**32, 2**30, 0, (vm,), float(second), memo=memo)
        plan, _ = guard(Plan(vms={"a": VMPlan(balloon=vm.balloon_max)}), snapshot, Limits())
        memo = plan.memo
        vm = vm.__replace__(balloon_target=in_force(plan, vm), ballooned=in_force(plan, vm))
        sent.append(vm.balloon_target)
    step = int(0.05 * 2**30) // PAGE * PAGE
    assert sent[0] == sent[9] == step
    assert sent[11] == 2 * step  # not at 10 s sharp: both ends belong to a window
    assert sent[100] == 10 * step


@pytest.mark.parametrize("key", ["guard.target a", "guard.taken a", "guard.swap_in a"])
def test_the_memo_of_a_vm_that_is_gone_is_forgotten_after_its_window(key):
    gone = Snapshot(2**32, 2**30, 0, (), 100.0, memo={key: (95.0, 5.0, 1.0)[:2]})
    assert (key in guard(Plan(), gone, Limits())[0].memo) == (key != "guard.swap_in a")
    later = gone.__replace__(time=106.0)
    assert guard(Plan(), later, Limits())[0].memo == {}
