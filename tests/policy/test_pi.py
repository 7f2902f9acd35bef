"""A controller with gains is judged by its trajectory, and one wrong sign or bound gives another.
Steps are worked out by hand; the rule is told a second time guest by guest, and held against the
policy over many rounds of random hosts; and real guests are brought to what the goal says.
"""

import dataclasses
import math
import random

import numpy as np
import pytest
from guest_accesses import touch_in_guest
from made_up_hosts import GIB, MIB, PAGE, decide, guest, host, random_vm, view

import pageengine as pe
from pageengine.core.guest import Guest
from pageengine.policy import PI, GuestView
from pageengine.policy.pi import used

FINE = PI(hysteresis=0)


def big(name="a", **changes):
    """4 GiB, 1 GiB of it in use, of which a driver gives up 3."""
    base = {"size": 4 * GIB, "limit": 4 * GIB, "balloon_max": 3 * GIB}
    return view(name, **{**base, "guest": guest(3 * GIB, 4 * GIB), **changes})


def balloons(free, *vms, policy=FINE, memory=100 * GIB, **more):
    plan = decide(policy, host(free, *vms, memory=memory, **more))
    return [plan.vms[vm.name].balloon for vm in vms], plan


@pytest.mark.parametrize(
    ("percent", "balloon", "integral", "expected", "after"),
    [
        # error 0.05: 0.5 x 0.05 + 0.05 x 0.25 = 3.75 % of 4 GiB
        (15, 0, 0.0, 0.0375, 0.25),
        # the second time 0.5 x 0.05 + 0.05 x 0.5
        (15, 0, 0.25, 0.05, 0.5),
        # error 0.2 is 1 in 5 s, and 1 is the most: 0.1 + 0.05
        (0, 0, 0.0, 0.15, 1.0),
        (0, 0, 1.0, 0.15, 1.0),
        # as much the other way: error -0.1, integral -0.5: -0.05 - 0.025
        (30, 2 * GIB, 0.0, 0.5 - 0.075, -0.5),
        (60, 2 * GIB, 0.0, 0.5 - 0.25, -1.0),
        # what was wound up works on: error -0.02, 1 - 0.1: -0.01 + 0.045
        (22, 2 * GIB, 1.0, 0.535, 0.9),
    ],
)
def test_one_step_is_worked_out_by_hand(percent, balloon, integral, expected, after):
    vm = big(ballooned=balloon, guest=guest(4 * GIB - balloon, 4 * GIB - balloon))
    (told,), plan = balloons(percent * GIB, vm, memo={"pi a": integral})
    assert told == pytest.approx(expected * 4 * GIB, abs=1)
    assert plan.memo["pi a"] == pytest.approx(after)
    assert plan.again == 5.0


def test_a_round_takes_five_seconds_and_integrals_wait():
    (_,), plan = balloons(15 * GIB, big(), time=7.0)
    (told,), between = balloons(0, big(), time=11.9, memo=plan.memo)
    assert told is None
    assert between.memo["pi a"] == plan.memo["pi a"] == pytest.approx(0.25)
    (told,), _ = balloons(15 * GIB, big(), time=12.0, memo=between.memo)
    assert told == pytest.approx(0.05 * 4 * GIB, abs=1)


def test_changes_under_128_mib_are_dropped_but_at_a_bound():
    assert PI().hysteresis == 128 * MIB == PI(hysteresis="128 MiB").hysteresis
    (told,), _ = balloons(17 * GIB, big(), policy=PI())  # 2.25 % of 4 GiB: 92 MiB
    assert told is None
    (told,), _ = balloons(15 * GIB, big(), policy=PI())  # 154 MiB
    assert told == pytest.approx(153.6 * MIB, abs=1)
    # it goes by what was ordered last, though what the guest has is where it starts from
    (told,), _ = balloons(15 * GIB, big(balloon_target=100 * MIB), policy=PI())
    assert told is None
    (told,), _ = balloons(19 * GIB, big(guest=guest(20 * MIB, 4 * GIB)), policy=PI())
    assert told == 20 * MIB  # all that it does not use: a bound
    same = big(guest=guest(20 * MIB, 4 * GIB), balloon_target=20 * MIB)
    assert balloons(19 * GIB, same, policy=PI())[0] == [None]


def test_nobody_goes_under_what_it_uses_until_the_host_is_at_its_last_tenth():
    full = big(guest=guest(0, 4 * GIB))
    assert balloons(10 * GIB, full)[0] == [None]
    (told,), _ = balloons(10 * GIB - PAGE, full)
    assert told == pytest.approx(0.075 * 4 * GIB, abs=1000)  # 0.05 + 0.05 x 0.5


@pytest.mark.parametrize(
    ("changes", "most"),
    [
        ({}, 4 * GIB - int(4 * GIB * 0.33)),  # 33 % of its size
        ({"balloon_max": 2 * GIB}, 2 * GIB),
        ({"floor": 3 * GIB}, GIB),
        ({"floor": 8 * GIB}, 0),
    ],
)
def test_a_guest_keeps_a_third_and_what_its_driver_or_its_floor_says(changes, most):
    vm = big(ballooned=most, balloon_target=0, **changes)
    (told,), plan = balloons(0, vm)
    assert told == (most or None)
    # at the bound the integral is what would just keep it there: -0.5 x 0.2 / 0.05, -1 at least
    assert plan.memo["pi a"] == -1.0
    wound = decide(PI(back_calculate=False), host(0, vm, memory=100 * GIB))
    assert wound.memo["pi a"] == 1.0


def test_at_a_bound_the_integral_becomes_what_would_just_lead_there():
    vm = big(guest=guest(100 * MIB, 4 * GIB))
    (told,), plan = balloons(16 * GIB, vm, memo={"pi a": 0.5})
    assert told == 100 * MIB  # 0.02 + 0.035 of 4 GiB would be 225
    assert 0.5 * 0.04 + 0.05 * plan.memo["pi a"] == pytest.approx(100 / 4096)
    (told,), plan = balloons(30 * GIB, big(ballooned=10 * MIB, balloon_target=10 * MIB))
    assert told == 0
    assert -0.5 * 0.1 + 0.05 * plan.memo["pi a"] == pytest.approx(-10 / 4096)
    (_,), plan = balloons(30 * GIB, big(), policy=PI(ki=0), memo={"pi a": 0.5})
    assert plan.memo["pi a"] == 0.0


@pytest.mark.parametrize(
    ("stall", "part"), [(0.0999, 0), (0.10, 0), (0.30, 0.5), (0.50, 1), (1.0, 1), (None, 0)]
)
def test_stall_lowers_the_ceiling_from_ten_percent_to_fifty(stall, part):
    (told,), _ = balloons(20 * GIB, big(), pressure_some=stall)  # no error
    bottom = int(4 * GIB * 0.33)
    assert (told or 0) == pytest.approx(part * (4 * GIB - bottom), abs=1)


def test_stall_is_of_the_last_ten_seconds():
    first = balloons(20 * GIB, big(), pressure_some=0.8)[1]
    assert first.memo["pi_stall"] == 0.8
    then = balloons(20 * GIB, big(), pressure_some=0.0, time=10.0, memo=first.memo)[1]
    assert then.memo["pi_stall"] == pytest.approx(0.8 / math.e)
    halves = first.memo
    for time in (2.5, 5.0, 7.5, 10.0):
        halves = balloons(20 * GIB, big(), pressure_some=0.0, time=time, memo=halves)[1].memo
    assert halves["pi_stall"] == pytest.approx(0.8 / math.e)
    at_once = balloons(20 * GIB, big(), pressure_some=0.0, memo=first.memo)[1]
    assert at_once.memo["pi_stall"] == 0.8
    unknown = balloons(20 * GIB, big(), time=5.0, memo=first.memo)[1]
    assert "pi_stall" not in unknown.memo


def test_a_limit_is_a_ceiling_less_128_mib():
    assert balloons(20 * GIB, big(limit=3 * GIB))[0] == [GIB + 128 * MIB]
    assert balloons(20 * GIB, big(limit=4 * GIB))[0] == [None]
    assert balloons(20 * GIB, big(limit=MIB))[0] == [3 * GIB]


def test_available_memory_of_the_host_counts_where_it_is_known():
    (told,), _ = balloons(0, big(), available=15 * GIB)
    assert told == pytest.approx(0.0375 * 4 * GIB, abs=1)


def test_what_a_guest_uses():
    told = GuestView(total=GIB, free=100 * MIB, cache=50 * MIB)
    assert used(view(guest=None)) == 0
    assert used(view(guest=told)) == GIB - 150 * MIB
    assert used(view(guest=dataclasses.replace(told, available=300 * MIB))) == 724 * MIB
    assert used(view(guest=dataclasses.replace(told, available=2 * GIB))) == 0
    counts = {"driver": "counts-balloon", "ballooned": 200 * MIB}
    assert used(view(guest=told, **counts)) == GIB - 350 * MIB
    assert used(view(guest=told, **{**counts, "driver": "reporting"})) == GIB - 150 * MIB


def test_guests_that_tell_nothing_and_those_without_a_driver_are_left_alone():
    memo = {"pi a": 0.5, "pi b": 0.5, "pi c": 0.5}
    told, plan = balloons(0, big("a", guest=None), big("b", balloon_max=0), memo=memo)
    assert told == [None, None]
    assert not any(key.startswith("pi ") for key in plan.memo)


class Monitor:
    """One guest's daemon, told a second time."""

    def __init__(self):
        self.integral = 0.0

    def step(self, vm, left, stall):
        """What it orders, as memory that the guest is to have; None for nothing."""
        error = 0.20 - left
        give = min(vm.balloon_max, max(0, vm.size - vm.floor))
        bottom = max(int(vm.size * 0.33), vm.size - give)
        low = bottom
        if not left < 0.10:
            low = max(bottom, vm.guest.total - vm.guest.free - vm.guest.cache)
        high = vm.size
        if stall >= 0.10:
            high = int(vm.size - min(1.0, (stall - 0.10) / 0.40) * (vm.size - bottom))
        if vm.limit < vm.size:
            high = min(high, max(0, vm.limit - 128 * MIB))
        has = vm.size - vm.ballooned
        integral = max(-1.0, min(1.0, self.integral + error * 5))
        target = min(high, max(low, int(has - (0.5 * error + 0.05 * integral) * vm.size)))
        if (target == low and error > 0) or (target == high and error < 0):
            integral = (has - target) / (0.05 * vm.size) - 0.5 * error / 0.05
            integral = max(-1.0, min(1.0, integral))
        self.integral = integral
        last = vm.size - vm.balloon_target
        bound = target in (low, high)
        if target == last or not (abs(target - last) >= 128 * MIB or bound):
            return None
        return max(target, vm.size - give)


def test_every_guest_is_told_what_its_own_daemon_would_tell_it():
    draw, orders, policy = random.Random(6), 0, PI()
    for _ in range(300):
        memory = draw.choice([4, 16, 64]) * GIB
        vms = [random_vm(draw, f"vm{i}") for i in range(draw.randrange(1, 5))]
        vms = [dataclasses.replace(vm, guest=vm.guest or guest(0, vm.size)) for vm in vms]
        daemons, memo, time = {vm.name: Monitor() for vm in vms}, {}, draw.uniform(0, 99)
        for _ in range(12):
            left = draw.choice([0.1, 0.2, draw.random() / 4, draw.random()])
            stall = draw.choice([0.0, draw.random()])
            free = int(memory * left)
            snapshot = host(free, *vms, memory=memory, time=time, memo=memo, pressure_some=stall)
            plan = decide(policy, snapshot)
            average, memo = plan.memo["pi_stall"], plan.memo
            for at, vm in enumerate(vms):
                if vm.balloon_max == 0:
                    continue
                wish = daemons[vm.name].step(vm, free / memory, average)
                told = plan.vms[vm.name].balloon
                if wish is None or vm.size - wish == vm.balloon_target:
                    assert told is None, vm
                    continue
                assert vm.size - told == wish, vm
                orders += 1
                balloon = draw.choice([told, (told + vm.ballooned) // 2 // PAGE * PAGE])
                vms[at] = dataclasses.replace(vm, balloon_target=told, ballooned=balloon)
            time += 5.0
    assert orders > 2000


def test_real_guests_bring_the_host_to_its_fifth():
    """Two guests of 40 MiB on 64; one lets go of what it used, and reads files from then on."""
    with pe.Host("64 MiB", contents="tokens", seed=1, policy=PI(hysteresis=0)) as box:
        guests = [Guest(10240), Guest(10240)]
        vms = [
            box.add_vm(name, "40 MiB", guest=inside)
            for name, inside in zip("ab", guests, strict=True)
        ]
        for vm, inside in zip(vms, guests, strict=True):
            touch_in_guest(vm, inside.access("memory", np.arange(7168), True))
        guests[0].release("memory", np.arange(7168))
        for _ in range(60):
            touch_in_guest(vms[0], guests[0].access("file", np.arange(10240)))
            box.advance(5.0)
            box.check()
        assert box.stats.free == pytest.approx(0.2 * 64 * MIB, rel=0.01)
        assert all(vm.stats.swapped == 0 for vm in vms)
        assert vms[1].stats.ballooned <= 12 * MIB + PAGE  # it uses the rest


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"free": 0}, "free must be above 0 and below 1"),
        ({"hard": 0.2}, "hard must be 0 or more and below 0.2|hard must be .* below 0.2"),
        ({"kp": -1}, "kp must be"),
        ({"ki": -1}, "ki must be"),
        ({"least": 1.5}, "least must be"),
        ({"hysteresis": "lots"}, "hysteresis 'lots' is not a size"),
        ({"most_integral": -1}, "most_integral must be"),
        ({"scale": 0}, "scale must be"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        PI(**options)
