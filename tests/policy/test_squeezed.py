"""squeezed is the one balancer whose makers say what it must live with: drivers that are slow, stop
at times, end before their target, or are dead. Their scenarios are lived through here by the
policy, and each of its rules is met by itself on made-up hosts.
"""

import pytest
from made_up_hosts import GIB, MIB, PAGE, decide, host, view

from pageengine.policy import find
from pageengine.policy.squeezed import Squeezed

from .squeezed_scenarios import KIB, Driver, World, sticky_and_floored

TOLERANCE = 32  # KiB that may stay free when all is given back


def scenario_b():
    return (
        Driver("slow", 500, 4500, 3500, sticky=3.0, misses=4),
        Driver("quick", 500, 2500, 1500, sticky=1.5, misses=4),
    )


def scenario_c():
    return Driver("a", 1000, 2000, 1500), Driver("b", 2000, 3000, 2500)


def scenario_d():
    return Driver("a", 1000, 2000, 1500), Driver("b", 2000, 3000, 2500, floor=2250)


def scenario_e():
    return Driver("dead", 5000, 7000, 7000, dead=True), Driver("b", 5000, 11000, 6000)


def scenario_h():
    return (
        Driver("capped", 1000, 2000, 1500, ceiling=1500, misses=4),
        Driver("b", 1000, 2000, 1500, misses=4),
    )


def outcome(drivers, free, wanted, look, tells_age, misses=4, **options):
    """What comes of it: whether ``wanted`` KiB come free and stay so whatever drivers may still do,
    and all but a little can be given back.
    """
    world = World(free, *drivers, look=look, tells_age=tells_age)
    try:
        for slush, taken in ((wanted, 500), (0, 0)):
            policy = Squeezed(slush=slush * KIB, inaccuracy=misses * KIB, **options)
            if not world.settle(policy):
                return "does not end"
            may_take = sum(d.target + misses - d.has for d in drivers)
            if min(world.free, world.free - may_take) < slush:
                return "short"
            world.free -= taken
    except MemoryError:
        return "overdrawn"
    return "done" if world.free <= TOLERANCE else "not given back"


each_way = pytest.mark.parametrize("tells_age", [False, True], ids=["by memo", "told"])
each_pace = pytest.mark.parametrize("look", [1, None], ids=["each 0.1 s", "each 1 s"])


@each_way
@each_pace
@pytest.mark.parametrize(
    ("drivers", "free", "wanted", "misses", "options", "expected"),
    [
        pytest.param(sticky_and_floored, 0, 1000, 4, {}, "done", id="a: hidden floor, sticky"),
        pytest.param(scenario_b, 0, 1000, 4, {}, "done", id="b: sticky for 1.5 and 3 s"),
        pytest.param(scenario_c, 0, 1500, 0, {}, "short", id="c: not enough above the minima"),
        pytest.param(scenario_d, 0, 1000, 0, {}, "short", id="d: one stuck above its minimum"),
        pytest.param(scenario_e, 0, 1000, 0, {}, "done", id="e: one dead, one has to give"),
        pytest.param(scenario_e, 0, 1000, 0, {"two_phases": False}, "overdrawn", id="f: e at once"),
        pytest.param(
            sticky_and_floored, 0, 1000, 4, {"compensate": False}, "short", id="g: a to the byte"
        ),
        pytest.param(scenario_h, 1000, 0, 4, {}, "done", id="h: hidden ceiling"),
    ],
)
def test_the_scenarios_of_the_original_end_as_there(
    drivers, free, wanted, misses, options, expected, look, tells_age
):
    found = outcome(drivers(), free, wanted, look, tells_age, misses, **options)
    assert found == expected


def ranged(name, has, told=None, least=500, most=1000, **changes):
    """A VM of 1000 MiB that holds all that its balloon leaves it; amounts in MiB."""
    size = 1000 * MIB
    changes = {"balloon_max": size - least * MIB, "limit": most * MIB} | changes
    return view(
        name,
        size=size,
        consumed=has * MIB,
        granted=has * MIB,
        ballooned=size - has * MIB,
        balloon_target=size - (has if told is None else told) * MIB,
        **changes,
    )


def sizes(plan):
    """What is left to each VM that is told anything, in MiB."""
    return {
        name: 1000 - wish.balloon / MIB
        for name, wish in plan.vms.items()
        if wish.balloon is not None
    }


def test_all_come_to_the_same_place_between_their_bounds_and_those_that_give_are_told_first():
    vms = ranged("a", 1000), ranged("b", 400, least=200, most=600)
    # 164 MiB free: 100 above the slush; with 500 and 200 that they could give, less what their
    # drivers miss, 800 for ranges of 500 and 400
    policy = Squeezed(slush=64 * MIB, inaccuracy=0)
    assert sizes(decide(policy, host(164 * MIB, *vms))) == {
        "a": pytest.approx(500 + 500 * 8 / 9, abs=0.001)
    }
    there = ranged("a", 944), vms[1]
    found = sizes(decide(policy, host(220 * MIB, *there)))
    assert found["b"] == pytest.approx(200 + 400 * 8 / 9, abs=0.001)
    at_once = Squeezed(slush=64 * MIB, inaccuracy=0, two_phases=False)
    assert set(sizes(decide(at_once, host(164 * MIB, *vms)))) == {"a", "b"}


def test_reservation_floor_and_what_the_driver_can_give_up_are_the_least():
    base = {"least": 300}
    vms = (
        ranged("driver", 1000, **base),
        ranged("reserved", 1000, **base, reservation=400 * MIB),
        ranged("floor", 1000, **base, floor=700 * MIB),
    )
    assert sizes(decide(Squeezed(slush=4 * GIB), host(0, *vms))) == {
        "driver": 300,
        "reserved": 400,
        "floor": 700,
    }


def test_a_little_that_a_driver_misses_is_no_task():
    off = ranged("a", 600, 600, most=600)
    near = Squeezed(slush=0, inaccuracy=8192)
    vms = (view_missing(off, 8192), view_missing(off, 8193))
    done = ["squeezed_done" in decide(near, host(MIB, vm)).memo for vm in vms]
    assert done == [True, False]


def view_missing(vm, missing):
    return vm.__replace__(ballooned=vm.ballooned + missing, consumed=vm.consumed - missing)


@pytest.mark.parametrize("known", [True, False], ids=["told", "by memo"])
def test_a_stuck_vm_may_not_grow_and_the_others_give_instead(known):
    policy, memo = Squeezed(slush=100 * MIB, inaccuracy=0), {}
    stuck = ranged("stuck", 900, 600)
    for seconds in (0, 5, 6):
        age = float(seconds) if known else None
        vms = stuck.__replace__(progress_age=age), ranged("b", 900)
        plan = decide(policy, host(0, *vms, time=float(seconds), memo=memo))
        memo = plan.memo
        if seconds < 6:
            assert sizes(plan)["b"] == pytest.approx(850, abs=0.01), "both give 50"
    assert sizes(plan) == {"stuck": 600, "b": pytest.approx(800, abs=0.01)}
    # told to grow, it is held where it is
    plan = decide(policy, host(0, ranged("up", 600, 900, progress_age=6.0), ranged("b", 900)))
    assert sizes(plan)["up"] == 600


def test_a_stuck_vm_that_moves_takes_part_again():
    policy = Squeezed(slush=100 * MIB, inaccuracy=0)
    first = decide(policy, host(0, ranged("a", 900, 600, progress_age=9.0), ranged("b", 900)))
    assert first.memo["squeezed_away a"][2] == 1.0
    still = decide(policy, host(0, ranged("a", 900, 600), ranged("b", 900), memo=first.memo))
    assert set(sizes(still)) == {"b"}
    moved = decide(
        policy, host(MIB, ranged("a", 899, 600), ranged("b", 900), time=1.0, memo=still.memo)
    )
    assert sizes(moved)["a"] == pytest.approx(850, abs=1)


def test_a_round_ends_when_all_are_there_and_the_next_begins_10_seconds_later():
    policy = Squeezed(slush=100 * MIB, inaccuracy=0)
    dead = ranged("dead", 900, 900, least=899, balloon_max=101 * MIB)
    memo = {"squeezed_away dead": (900.0 * MIB, 0.0, 1.0)}
    plan = decide(policy, host(100 * MIB, dead, ranged("b", 1000), time=20.0, memo=memo))
    assert plan.again == 10 and plan.memo == {"squeezed_done": 20.0, "squeezed_refused dead": 1.0}
    short = 0, dead, ranged("b", 1000)
    plan = decide(policy, host(*short, time=29.0, memo=plan.memo))
    assert sizes(plan) == {} and plan.again == 1 and "squeezed_refused dead" in plan.memo
    plan = decide(policy, host(*short, time=30.0, memo=plan.memo))
    # the dead one counts again: without it, b would have to give no more than 100
    assert sizes(plan) == {"b": pytest.approx(500 + 500 * 401 / 601, abs=0.01)}
    assert plan.again == 1 and "squeezed_done" not in plan.memo


def test_what_a_vm_without_balloon_may_fill_is_not_free():
    idle = view("idle", size=800 * MIB, limit=800 * MIB, consumed=0)
    plan = decide(
        Squeezed(slush=0, inaccuracy=0), host(GIB, idle, ranged("b", 1000), memory=2 * GIB)
    )
    assert sizes(plan) == {}
    plan = decide(
        Squeezed(slush=0, inaccuracy=0), host(700 * MIB, idle, ranged("b", 1000), memory=2 * GIB)
    )
    assert sizes(plan) == {"b": pytest.approx(900, abs=0.01)}


@pytest.mark.parametrize("busy", ["boot", "migrate", "pause", "save"])
def test_busy_vms_are_left_alone(busy):
    vms = ranged("a", 1000, busy=busy), ranged("b", 1000)
    assert set(sizes(decide(Squeezed(), host(0, *vms)))) == {"b"}


def test_the_slush_of_a_small_host_is_a_sixteenth_of_it():
    small = host(32 * MIB, ranged("a", 480, 480, least=100), memory=512 * MIB)
    assert sizes(decide(Squeezed(inaccuracy=0), small)) == {}
    told = sizes(decide(Squeezed(slush=64 * MIB, inaccuracy=0), small))
    assert told == {"a": pytest.approx(448, abs=0.01)}


def test_sizes_are_in_whole_kib_of_the_least():
    plan = decide(Squeezed(slush=PAGE, inaccuracy=0), host(0, ranged("a", 1000), ranged("b", 999)))
    for size in sizes(plan).values():
        assert size * 1024 == int(size * 1024)


@pytest.mark.parametrize(
    ("option", "value"), [("slush", -1), ("inaccuracy", 0.5), ("two_phases", 1), ("compensate", "")]
)
def test_bad_options_are_named(option, value):
    with pytest.raises((TypeError, ValueError), match=option):
        find("squeezed", **{option: value})
