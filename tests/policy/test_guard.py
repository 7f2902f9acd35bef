"""Each rule of the guard by itself, and each public incident that it is there for as a test of its
own: what happened to others must not happen here. (docs/guard.md names the incidents.)
"""

import re
from pathlib import Path

import pytest
from made_up_hosts import GIB, MIB, PAGE, driven, host, view

from pageengine.policy import GuestView, Plan, VMPlan
from pageengine.policy.guard import RULES, Clip, Limits, guard
from pageengine.policy.guard.guest import used

STEP = 51 * MIB + 204 * 1024 // PAGE * PAGE  # 5 % of 1 GiB, in whole pages


def telling(name="a", available=800 * MIB, **changes):
    """A guest of 1 GiB with a driver and fresh statistics. It is idle, if it is not told else."""
    held = changes.get("ballooned", 0)
    changes = {"balloon_target": held, "balloon_max": GIB, "stats_age": 1.0, **changes}
    told = {"total": GIB - held, "free": available, "available": available}
    told |= changes.pop("tells", {})
    return driven(name, progress_age=0.0, **{"guest": GuestView(**told), **changes})


def held_to(limits, vm, free=2 * GIB, others=(), time=100.0, memo=None, **wish):
    """(what holds for the VM, the clips of it as (rule, what, given)) when a policy wishes this."""
    snapshot = host(free, vm, *others, memory=4 * GIB, time=time, memo=memo or {})
    said = {vm.name: VMPlan(**wish)} if wish else {}
    plan, clips = guard(Plan(vms=said), snapshot, limits)
    found = [(clip.rule, clip.what, clip.given) for clip in clips if clip.vm in ("", vm.name)]
    return plan.vms.get(vm.name, VMPlan()), found


LOOSE = Limits(shrink=GIB, shrink_part=1.0, floor_part=0.0, margin=0.0, must_tell=False)


# What a guest keeps, and what it does not get


def test_what_is_within_all_limits_passes_as_it_is():
    vm = telling(ballooned=400 * MIB)
    plan = Plan(vms={"a": VMPlan(balloon=420 * MIB, reclaim=MIB, scan=10.0, target=500 * MIB)})
    snapshot = host(GIB, vm, memory=4 * GIB)
    found, clips = guard(plan, snapshot, Limits())
    assert clips == () and found.vms == plan.vms
    down = Plan(vms={"a": VMPlan(balloon=0)})
    assert guard(down, snapshot, Limits()) == (down, ())


@pytest.mark.parametrize(
    ("vm", "most"),
    [
        (telling(), 665),  # 35 % of its size
        (telling(floor=600 * MIB), 424),
        (telling(reservation=700 * MIB), 324),
        (telling(floor=2 * GIB, limit=256 * MIB), 697),  # 10 % and what it uses, beyond its limit
        (telling(available=400 * MIB), 297),
        (telling(tells={"available": None, "free": 300 * MIB, "cache": 100 * MIB}), 297),
    ],
    ids=["part", "agreed", "reserved", "limited", "used", "used by free and cache"],
)
def test_the_floor_holds(vm, most):
    free = Limits(shrink=GIB, shrink_part=1.0)
    wish, clips = held_to(free, vm, balloon=GIB)
    assert wish.balloon // MIB == most and wish.balloon % PAGE == 0
    assert clips == [("floor", "balloon", wish.balloon)]


def test_a_guest_that_came_to_use_more_gets_it_back_though_nobody_asks():
    vm = telling(ballooned=600 * MIB, available=100 * MIB)  # 324 MiB are used, 102 the margin
    wish, clips = held_to(Limits(), vm)
    assert 596 * MIB < wish.balloon < 598 * MIB and clips[0][0] == "floor"
    dear, _ = held_to(Limits(reserve_part=0.5), vm)
    assert dear.balloon is None


def test_nobody_grows_beyond_his_limit():
    vm = telling(ballooned=500 * MIB, limit=700 * MIB)
    wish, clips = held_to(Limits(), vm, balloon=100 * MIB, target=900 * MIB)
    assert wish.balloon == 324 * MIB and wish.target == 700 * MIB
    assert [clip[:2] for clip in clips] == [("ceiling", "balloon"), ("ceiling", "target")]


@pytest.mark.parametrize("available", [0, 60 * MIB])
@pytest.mark.parametrize("wish", [{}, {"balloon": 100 * MIB}, {"balloon": 324 * MIB}])
def test_who_uses_all_that_he_has_grows_to_his_limit_and_no_further(available, wish):
    """Pressed or not, asked for or not: a cache may grow to whatever there is."""
    vm = telling(ballooned=324 * MIB, available=available, limit=700 * MIB)
    assert held_to(Limits(), vm, **wish)[0].balloon in (None, 324 * MIB)
    vm = telling(ballooned=500 * MIB, available=available, limit=700 * MIB)
    assert 324 * MIB <= held_to(Limits(), vm, **wish)[0].balloon < 500 * MIB
    vm = telling(ballooned=100 * MIB, available=available, limit=700 * MIB)  # beyond it already
    assert held_to(Limits(), vm, **wish)[0].balloon in (None, 100 * MIB)


def test_what_is_paged_out_stops_at_floor_and_reservation():
    vm = view(consumed=600 * MIB, reservation=300 * MIB)
    free = LOOSE.__replace__(floor_part=0.5)
    assert held_to(LOOSE, vm, reclaim=400 * MIB)[0].reclaim == 300 * MIB
    wish, clips = held_to(free, vm, reclaim=400 * MIB)
    assert wish.reclaim == 88 * MIB and clips == [("floor", "reclaim", 88.0 * MIB)]
    assert held_to(free, view(consumed=MIB), reclaim=MIB)[0].reclaim == 0


# How fast


def test_balloon_and_paging_out_share_what_a_window_allows():
    vm = telling(consumed=GIB)
    wish, clips = held_to(Limits(), vm, balloon=40 * MIB, reclaim=100 * MIB)
    assert wish.balloon == 40 * MIB and 11 * MIB < wish.reclaim <= STEP - 40 * MIB
    assert [clip[:2] for clip in clips] == [("rate", "reclaim")]
    large = telling(size=16 * GIB, limit=16 * GIB, balloon_max=16 * GIB, available=9 * GIB)
    assert held_to(Limits(), large, balloon=GIB)[0].balloon == 256 * MIB


def test_what_was_paged_out_counts_for_a_window():
    vm, limits = view(consumed=GIB), Limits()
    memo = {"guard.taken a": (95.0, 40.0 * MIB)}
    assert held_to(limits, vm, memo=memo, reclaim=STEP)[0].reclaim == STEP - 40 * MIB
    assert held_to(limits, vm, memo=memo, time=105.1, reclaim=STEP)[0].reclaim == STEP
    assert held_to(limits, telling(), memo=memo, balloon=STEP)[0].balloon == STEP - 40 * MIB


def test_growing_has_no_speed_limit():
    vm = telling(ballooned=600 * MIB)
    assert held_to(Limits(), vm, balloon=0) == (VMPlan(balloon=0), [])


# Who is asked for nothing


@pytest.mark.parametrize("busy", ["boot", "migrate", "pause", "save"])
def test_a_vm_that_is_busy_is_left_alone(busy):
    vm = telling(busy=busy, ballooned=100 * MIB, available=0)  # also when it is short of memory
    wish, clips = held_to(
        LOOSE.__replace__(may_block=("a",)), vm, balloon=200 * MIB, reclaim=MIB, blocked=True
    )
    assert wish == VMPlan()
    assert {rule for rule, _, _ in clips} == {"busy"} and len(clips) == 3
    stopped = telling(busy=busy, blocked=True)
    allowed = LOOSE.__replace__(may_block=("a",))
    assert held_to(allowed, stopped, blocked=True) == (VMPlan(blocked=True), [])
    assert held_to(allowed, stopped, blocked=False) == (VMPlan(), [])


@pytest.mark.parametrize(
    ("rule", "changes"),
    [
        ("driver", {"driver": "none"}),
        ("stale", {"stats_age": 15.5}),
        ("stale", {"driver": "stale"}),
        ("silent", {"guest": None, "stats_age": None}),
        ("silent", {"stats_age": None}),
        ("silent", {"driver": "silent"}),
        ("stuck", {"progress_age": 5.5, "ballooned": 90 * MIB, "balloon_target": 100 * MIB}),
        ("gain", {"ballooned": 500 * MIB, "consumed": GIB}),
    ],
)
def test_a_balloon_that_may_not_grow_stays_where_it_is(rule, changes):
    vm = telling().__replace__(**changes)
    wish, clips = held_to(Limits(floor_part=0.0), vm, balloon=vm.balloon_target + MIB)
    assert wish.balloon is None
    assert clips == [(rule, "balloon", float(vm.balloon_target))]
    if rule not in ("driver", "stuck") and vm.balloon_target:  # back it may go at any time
        assert held_to(Limits(), vm, balloon=0) == (VMPlan(balloon=0), [])


def test_at_the_edge_a_balloon_still_grows():
    for changes in (
        {"stats_age": 15.0},
        {"progress_age": 5.0, "ballooned": 90 * MIB, "balloon_target": 100 * MIB},
        {"progress_age": 60.0, "ballooned": 100 * MIB + 1, "balloon_target": 100 * MIB},
        {"ballooned": 256 * MIB, "balloon_target": 256 * MIB, "consumed": GIB},
    ):
        vm = telling().__replace__(**changes)
        assert held_to(Limits(), vm, balloon=vm.balloon_target + MIB)[1] == []


def test_old_statistics_keep_a_guest_from_being_paged_out_and_silence_does_not():
    old = telling(stats_age=16.0, consumed=GIB)
    assert held_to(Limits(), old, reclaim=MIB) == (VMPlan(), [("stale", "reclaim", 0.0)])
    assert held_to(Limits(), view(consumed=GIB), reclaim=MIB) == (VMPlan(reclaim=MIB), [])


def test_blocking_and_paging_out_only_where_they_are_allowed():
    some = Limits(may_block=("a",), may_page_out=("b",), must_tell=False)
    a, b = view("a", consumed=GIB), view("b", consumed=GIB)
    assert held_to(some, a, blocked=True, reclaim=MIB) == (
        VMPlan(blocked=True),
        [("page-out", "reclaim", 0.0)],
    )
    assert held_to(some, b, blocked=True, reclaim=MIB) == (
        VMPlan(reclaim=MIB),
        [("block", "blocked", 0.0)],
    )
    # one that is blocked, may not be, and is not named: it runs again
    plan, clips = guard(Plan(), host(GIB, b.__replace__(blocked=True)), some)
    assert plan.vms == {"b": VMPlan()} and clips[0].rule == "block"
    # and one that may be stays so, though the guard has something else to say of it
    pressed = telling("a", ballooned=500 * MIB, available=0, blocked=True)
    assert held_to(some, pressed)[0] == VMPlan(balloon=0, blocked=True)


def test_all_scanning_together_keeps_to_its_limit():
    said = {name: VMPlan(scan=rate) for name, rate in (("a", 300.0), ("b", 100.0), ("c", 0.0))}
    snapshot = host(GIB, *map(view, "abc"))
    plan, clips = guard(Plan(vms=said), snapshot, Limits(scan=200))
    assert [wish.scan for wish in plan.vms.values()] == [150.0, 50.0, 0.0]
    assert clips == (Clip("", "scan", "scan", 400.0, 200.0),)


# Grants


def test_what_donors_are_told_to_give_is_handed_out_when_it_is_there():
    donor, taker = telling("donor"), telling("taker", ballooned=400 * MIB)
    limits = LOOSE.__replace__(reserve_part=0.0)
    said = Plan(vms={"donor": VMPlan(balloon=300 * MIB), "taker": VMPlan(balloon=100 * MIB)})
    plan, clips = guard(said, host(50 * MIB, donor, taker), limits)
    assert plan.vms["donor"].balloon == 300 * MIB
    assert plan.vms["taker"].balloon == 350 * MIB
    assert clips == (Clip("taker", "reserve", "balloon", 100.0 * MIB, 350.0 * MIB),)
    given = donor.__replace__(balloon_target=300 * MIB, ballooned=300 * MIB)
    plan, clips = guard(said, host(350 * MIB, given, taker), limits)
    assert plan.vms["taker"].balloon == 100 * MIB and clips == ()


def test_what_was_promised_before_is_not_promised_again():
    waits = telling("waits", ballooned=400 * MIB).__replace__(balloon_target=100 * MIB)
    taker = telling("taker", ballooned=400 * MIB)
    said = Plan(vms={"taker": VMPlan(balloon=0)})
    plan, _ = guard(said, host(500 * MIB, waits, taker), LOOSE.__replace__(reserve_part=0.0))
    assert plan.vms["taker"].balloon == 200 * MIB  # 300 of the 500 are promised


def test_free_memory_is_what_could_be_had_without_paging_out():
    taker = telling("taker", ballooned=400 * MIB)
    said, limits = Plan(vms={"taker": VMPlan(balloon=0)}), Limits(reserve=100 * MIB)
    for free, available, target in ((0, 300, 200), (400, 300, 200), (0, None, 400), (0, 90, 400)):
        snapshot = host(free * MIB, taker, memory=GIB, available=available and available * MIB)
        plan, _ = guard(said, snapshot, limits)
        now = plan.vms["taker"].balloon
        assert (400 * MIB if now is None else now) == target * MIB


def test_a_stuck_driver_is_given_nothing_more_and_what_it_never_took_may_be_withdrawn():
    full = telling(ballooned=300 * MIB).__replace__(balloon_target=400 * MIB, progress_age=9.0)
    wish, clips = held_to(Limits(), full, balloon=0)
    assert wish.balloon == 300 * MIB and clips == [("stuck", "balloon", 300.0 * MIB)]
    empty = full.__replace__(balloon_target=280 * MIB)
    assert held_to(Limits(), empty, balloon=0)[0].balloon is None
    assert held_to(Limits(), empty, balloon=400 * MIB)[0].balloon == 300 * MIB


# Under pressure


@pytest.mark.parametrize(
    ("tells", "pressed"),
    [
        ({"available": 51 * MIB}, True),
        ({"available": 52 * MIB}, False),
        ({"available": None, "free": 20 * MIB, "cache": 20 * MIB}, True),
        ({"stall": 0.1}, True),
        ({"stall": 0.09}, False),
        ({"swap_in": 20 * MIB}, True),
        ({"swap_in": 19 * MIB}, False),
        ({"swap_in": 0}, False),  # it booted anew
    ],
)
def test_a_guest_under_pressure_gets_all_of_its_balloon_at_once(tells, pressed):
    vm = telling(ballooned=300 * MIB, tells={"available": 600 * MIB} | tells)
    memo = {"guard.swap_in a": (90.0, 10.0 * MIB, 0.0)}
    wish, clips = held_to(LOOSE, vm, memo=memo, balloon=350 * MIB)
    assert (wish.balloon == 0) is pressed
    assert clips == ([("pressure", "balloon", 0.0)] if pressed else [])


def test_a_rate_of_swapping_is_that_of_a_second_at_least():
    vm = telling(ballooned=300 * MIB, tells={"available": 600 * MIB, "swap_in": 11 * MIB})
    for rate, target in ((0.0, None), (2.0 * MIB, 0)):
        memo = {"guard.swap_in a": (99.9, 10.0 * MIB, rate)}
        assert held_to(LOOSE, vm, memo=memo)[0].balloon == target


def test_those_under_pressure_come_first_and_the_smallest_of_them_get_all():
    vms = [
        telling("large", ballooned=500 * MIB, available=0),
        telling("small", ballooned=200 * MIB, available=0),
        telling("asks", ballooned=100 * MIB, floor=924 * MIB),
    ]
    said = Plan(vms={"asks": VMPlan(balloon=0)})
    plan, _ = guard(said, host(300 * MIB, *vms), LOOSE.__replace__(reserve_part=0.0))
    assert [plan.vms[name].balloon for name in ("small", "large", "asks")] == [0, 400 * MIB, None]


def test_idle_guests_give_what_guests_under_pressure_lack():
    vms = [
        telling("pressed", ballooned=300 * MIB, available=0),
        telling("idlest", available=900 * MIB),
        telling("idle", available=700 * MIB),
        telling("works", available=100 * MIB),
        telling("old", available=1000 * MIB, stats_age=99.0),
    ]
    limits = Limits(shrink=120 * MIB, shrink_part=1.0, reserve_part=0.0)
    plan, clips = guard(Plan(), host(100 * MIB, *vms), limits)
    assert {name: wish.balloon for name, wish in plan.vms.items()} == {
        "pressed": 200 * MIB,
        "idlest": 120 * MIB,
        "idle": 80 * MIB,
    }
    assert {(clip.vm, clip.rule) for clip in clips} >= {("idle", "donor"), ("pressed", "reserve")}
    # what is on its way is not asked for twice
    vms[1] = vms[1].__replace__(balloon_target=120 * MIB)
    vms[2] = vms[2].__replace__(balloon_target=80 * MIB)
    vms[0] = vms[0].__replace__(balloon_target=200 * MIB, ballooned=200 * MIB)
    plan, _ = guard(Plan(), host(0, *vms), limits)
    assert plan.vms == {}


# Incidents


def test_incident_vm0_30221_a_release_is_whole_though_a_shrink_was_pending():
    """A target that was computed from what the balloon held, while a request was pending, pinned
    3.1 of 4 GiB for ten minutes.
    """
    vm = telling(
        size=4 * GIB, limit=4 * GIB, balloon_max=4 * GIB, ballooned=1000 * MIB, available=60 * MIB
    )
    vm = vm.__replace__(balloon_target=3174 * MIB, progress_age=60.0)  # it cannot get there
    assert held_to(Limits(), vm, free=3 * GIB)[0].balloon == 0
    on_its_way = vm.__replace__(balloon_target=0, progress_age=0.0)
    assert held_to(Limits(), on_its_way, balloon=900 * MIB)[0].balloon is None


def test_incident_vm0_3711_no_inflation_in_one_tick():
    vm = telling(size=4 * GIB, limit=4 * GIB, balloon_max=4 * GIB, available=3 * GIB)
    assert held_to(Limits(), vm, balloon=2 * GIB)[0].balloon <= 256 * MIB


@pytest.mark.parametrize("left", [500, 1024])
def test_incident_qubes_10130_and_haos_4805_a_floor_too_low_is_no_prison(left):
    """A guest whose reporter fails stayed at 500 MB and thrashed while the host was fine."""
    vm = telling(
        size=4 * GIB,
        limit=4 * GIB,
        balloon_max=4 * GIB,
        ballooned=4 * GIB - left * MIB,
        available=5 * MIB,
    )
    wish, clips = held_to(Limits(), vm.__replace__(stats_age=3600.0), free=4 * GIB)
    assert wish.balloon == 0 and clips == [("pressure", "balloon", 0.0)]


def test_incident_arcbox_504_a_host_that_wins_nothing_by_balloons():
    """Two shrinks of 256 MiB, and the host holds as much as before: no third."""
    vm = telling(
        size=4 * GIB, limit=4 * GIB, balloon_max=4 * GIB, consumed=4 * GIB, available=3 * GIB
    )
    memo, targets = {}, []
    for step in range(6):
        snapshot = host(GIB, vm, time=11.0 * step, memo=memo)
        plan, _ = guard(Plan(vms={"a": VMPlan(balloon=2 * GIB)}), snapshot, Limits())
        memo, now = plan.memo, plan.vms["a"].balloon
        now = vm.balloon_target if now is None else now
        vm = vm.__replace__(balloon_target=now, ballooned=now)
        targets.append(now // MIB)
    assert targets == [204, 409, 409, 409, 409, 409]


def test_incident_squeezed_a_stuck_driver_does_not_keep_the_others_waiting():
    stuck = telling("stuck", ballooned=0).__replace__(balloon_target=500 * MIB, progress_age=60.0)
    taker = telling("taker", ballooned=300 * MIB)
    said = Plan(vms={"stuck": VMPlan(balloon=600 * MIB), "taker": VMPlan(balloon=0)})
    plan, _ = guard(said, host(GIB, stuck, taker), Limits())
    assert plan.vms["stuck"].balloon is None and plan.vms["taker"].balloon == 0


def test_incident_tinkoff_40_statistics_without_polling_are_old_ones():
    vm = telling(stats_age=86_400.0)
    assert held_to(Limits(), vm, balloon=40 * MIB)[0].balloon is None


def test_incident_virtio_win_772_the_balloon_is_no_used_memory():
    """A driver that counts its balloon as used would have its guest keep ever more."""
    told = {"total": GIB, "free": 200 * MIB, "available": 200 * MIB}  # 424 MiB are used
    for driver in ("counts-balloon", "reporting"):  # also before it is found out
        vm = telling(ballooned=400 * MIB, tells=told, driver=driver)
        assert held_to(Limits(), vm, balloon=430 * MIB) == (VMPlan(balloon=430 * MIB), [])


@pytest.mark.parametrize("driver", ["reporting", "counts-balloon"])
def test_what_a_guests_kernel_keeps_is_used_though_no_total_has_it(driver):
    """A guest of 128 MiB tells a total of 92."""
    told = GuestView(total=92 * MIB, free=40 * MIB, available=50 * MIB)
    assert used(view("a", size=128 * MIB, guest=told, driver=driver), told) == 78 * MIB


def test_incident_kubevirt_9_no_pressure_on_a_vm_that_migrates():
    donor = telling("donor", busy="migrate")
    pressed = telling("pressed", ballooned=300 * MIB, available=0)
    plan, _ = guard(Plan(), host(0, donor, pressed), Limits())
    assert "donor" not in plan.vms


# Limits


def test_the_page_has_the_rules_as_they_are_and_its_example_runs(capsys):
    text = (Path(__file__).parents[2] / "docs" / "guard.md").read_text()
    rows = re.findall(r"^\| `([\w-]+)` \| ([^|]+) \|$", text, re.M)
    assert dict(rows) == RULES
    exec(re.search(r"```python\n(.*?)```", text, re.DOTALL)[1], {})
    shown = capsys.readouterr().out
    assert "idle: balloon 2048 -> 205 MiB, rate" in shown and "reclaim" in shown


def test_every_rule_is_seen_by_a_test_here():
    text = open(__file__).read()
    assert [rule for rule in RULES if f'"{rule}"' not in text] == []


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"shrink": "many"}, "shrink 'many' is not a size"),
        ({"shrink_part": 1.5}, "shrink_part must be .*1, got 1.5"),
        ({"margin": "much"}, "margin 'much' is not a part"),
        ({"window": 0}, "window must be .*got 0"),
        ({"stuck": float("nan")}, "stuck must be .*got nan"),
        ({"must_tell": 1}, "must_tell must be True or False, got 1"),
        ({"may_block": "web"}, "may_block must be a list, got 'web'"),
        ({"may_block": [1]}, "a name of may_block must be a text, got 1"),
        ({"scan": -1}, "scan must be .*got -1"),
        ({"shrnk": 1}, "unexpected keyword argument 'shrnk'"),
    ],
)
def test_what_is_no_limit_is_named(named, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Limits(**named)


def test_limits_are_read_as_people_write_them():
    limits = Limits(shrink="64 MiB", shrink_part="5 %", swap_in="1 MiB", may_block=["a"])
    assert limits == Limits(shrink=64 * MIB, may_block=("a",))
    assert limits.__replace__(reserve="1 GiB").reserve == GIB
