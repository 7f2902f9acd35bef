"""What ESX does in each state is what the paper and the manuals say: which technique, from whom,
how much. Snapshots are made up; one small host is driven for real.
"""

import numpy as np
import pytest
from made_up_hosts import driven as view

import pageengine as pe
from pageengine.policy import ESX, Plan, Snapshot
from pageengine.policy.rules import check_plan
from pageengine.policy.states import PRESETS, Thresholds

MIB, GIB = 2**20, 2**30


def snapshot(free, *vms, state="", memory=2000 * MIB, **more):
    return Snapshot(memory=memory, free=free, swap_free=GIB, vms=vms, state=state, **more)


def decide(policy, *arguments, **options):
    shown = snapshot(*arguments, **options)
    plan = policy.decide(shown)
    check_plan(shown, plan)
    assert plan == policy.decide(shown)
    return plan


OLD = ESX(states="esx2002", idle_tax=0.0)


def test_nothing_is_taken_while_memory_is_free():
    plan = decide(OLD, 500 * MIB, view("a"), view("b", consumed=900 * MIB))
    assert plan.state == "high"
    assert all(p.reclaim == 0 and p.balloon == 0 and not p.blocked for p in plan.vms.values())
    assert plan.wake_below == 80 * MIB  # 4 %: soft


def test_soft_balloons_vms_above_their_target():
    plan = decide(OLD, 70 * MIB, view("a"), view("b", consumed=1024 * MIB, granted=1024 * MIB))
    assert plan.state == "soft"
    assert plan.vms["a"].balloon == 0 and plan.vms["a"].reclaim == 0
    assert plan.vms["b"].balloon == pytest.approx(62 * MIB, abs=MIB)  # 6.6 % free again
    assert plan.vms["b"].reclaim == 0


def test_soft_pages_only_where_ballooning_is_not_possible():
    full = {"consumed": 1024 * MIB, "granted": 1024 * MIB}
    plan = decide(OLD, 70 * MIB, view("a", **full, balloon_max=0), view("b", **full))
    assert plan.vms["a"].balloon == 0 and plan.vms["a"].reclaim > 0
    assert plan.vms["b"].balloon > 0 and plan.vms["b"].reclaim == 0


def test_hard_pages_and_low_blocks_who_is_above_target_too():
    vms = view("a"), view("b", consumed=1024 * MIB, granted=1024 * MIB)
    hard = decide(OLD, 30 * MIB, *vms)
    assert hard.state == "hard"
    assert hard.vms["b"].reclaim == 1024 * MIB - hard.vms["b"].target > 90 * MIB
    assert hard.vms["b"].technique == "swap"
    assert decide(ESX(states="esx5"), 20 * MIB, *vms).vms["b"].technique == "ladder"
    low = decide(OLD, 10 * MIB, *vms)
    assert low.state == "low"
    assert (low.vms["a"].blocked, low.vms["b"].blocked) == (False, True)
    assert low.again == 1.0


def test_nobody_waits_for_what_cannot_be_won():
    vms = view("a"), view("b", consumed=1024 * MIB, granted=1024 * MIB)
    first = decide(OLD, 10 * MIB, *vms)
    again = decide(OLD, 10 * MIB, *vms, state="low", memo=first.memo)
    assert again.state == "low" and not any(p.blocked for p in again.vms.values())


def test_only_who_holds_more_than_its_target_waits():
    """One that holds its target to the byte goes on; a page more, and it waits."""
    vms = view("a"), view("b", consumed=1024 * MIB, granted=1024 * MIB)
    target = decide(OLD, 10 * MIB, *vms).vms["a"].target
    for more, waits in ((0, False), (4096, True)):
        shown = view("a", consumed=target + more, granted=target + more), vms[1]
        plan = decide(OLD, 10 * MIB, *shown)
        assert plan.vms["a"].target == target
        assert (plan.vms["a"].blocked, plan.vms["b"].blocked) == (waits, True)


def test_who_waits_waits_on_while_free_memory_rises():
    vms = view("a"), view("b", consumed=1024 * MIB, granted=1024 * MIB)
    first = decide(OLD, 10 * MIB, *vms)
    assert first.memo == {"free": 10.0 * MIB}
    rose = decide(OLD, 10 * MIB + 1, *vms, state="low", memo=first.memo)
    assert rose.vms["b"].blocked and rose.memo == {"free": 10.0 * MIB + 1}
    assert decide(OLD, 10 * MIB, *vms, state="low").vms["b"].blocked  # nothing remembered
    assert decide(OLD, 10 * MIB, *vms, state="hard", memo=first.memo).vms["b"].blocked
    assert decide(OLD, 30 * MIB, *vms).memo == {}


def test_what_is_needed_is_what_is_missing_to_the_goal():
    """Free memory is to exceed the goal by the margin, and a page: 6 % of 2000 MiB, and 10 %."""
    vm = view("a", consumed=1024 * MIB, granted=1024 * MIB, balloon_max=0, shares=1)
    other = view("b", consumed=10 * MIB, granted=10 * MIB, shares=10**6)
    plan = decide(OLD, 70 * MIB, vm, other)
    goal = int(120 * MIB * 1.1) + 4096
    assert plan.vms["a"].reclaim == pytest.approx(goal - 70 * MIB, abs=1)
    assert plan.again == 15.0 and decide(OLD, 30 * MIB, vm, other).again == 1.0
    assert OLD.reserve(2000 * MIB) == 80 * MIB
    assert ESX().reserve(16 * GIB) == PRESETS["esx6"](16 * GIB).bytes[1]


def test_the_goal_is_half_of_memory_at_most():
    """On a host so small that its thresholds would be most of it."""
    policy = ESX(states=lambda memory: Thresholds(("high", "hard"), (memory, memory // 2)))
    full = {"consumed": 1000 * MIB, "granted": 1000 * MIB}
    plan = decide(policy, 10 * MIB, view("a", **full), view("b", **full))
    assert plan.state == "hard"
    assert sum(wish.reclaim for wish in plan.vms.values()) == 990 * MIB
    assert sum(wish.target for wish in plan.vms.values()) == 1000 * MIB


def test_a_balloon_shrinks_when_its_vm_deserves_more():
    plan = decide(OLD, 500 * MIB, view("a", ballooned=300 * MIB), view("b", consumed=100 * MIB))
    assert plan.vms["a"].target > 900 * MIB
    assert plan.vms["a"].balloon < 300 * MIB


def test_the_tax_takes_idle_memory_first():
    idle = view("idle", consumed=900 * MIB, granted=900 * MIB, active=10 * MIB)
    busy = view("busy", consumed=950 * MIB, granted=950 * MIB, active=1024 * MIB)
    flat = decide(ESX(states="esx2002", idle_tax=0.0), 70 * MIB, idle, busy).vms
    taxed = decide(ESX(states="esx2002", idle_tax=0.75), 70 * MIB, idle, busy).vms
    assert flat["idle"].target == pytest.approx(flat["busy"].target, abs=4096)
    assert taxed["busy"].target == 1024 * MIB
    assert taxed["busy"].balloon == 0 and taxed["idle"].balloon > 0


def test_a_vm_above_its_limit_is_brought_under_it_in_any_state():
    plan = decide(OLD, 900 * MIB, view("a", limit=500 * MIB, balloon_max=0))
    assert plan.state == "high" and plan.vms["a"].reclaim == 100 * MIB


def test_reserved_memory_is_not_taken():
    held = view("a", reservation=600 * MIB), view("b", consumed=1024 * MIB, granted=1024 * MIB)
    plan = decide(ESX(states="esx2002"), 10 * MIB, *held)
    assert plan.vms["a"].reclaim == 0 and plan.vms["a"].target >= 600 * MIB


def test_scan_rates_are_the_published_ones():
    four = [view(str(i), size=4 * GIB, limit=4 * GIB) for i in range(4)]
    rates = [p.scan for p in decide(OLD, GIB, *four, memory=16 * GIB).vms.values()]
    assert rates == [50.0] * 4
    ten = [view(str(i)) for i in range(10)]
    assert decide(OLD, GIB, *ten, memory=16 * GIB).vms["0"].scan == 20.0  # 200 on the host
    later = decide(ESX(), GIB, *four, memory=16 * GIB)
    assert later.vms["0"].scan == pytest.approx(291.3, abs=0.1)  # 4 GiB in an hour
    slow = decide(ESX(host_ghz=0.1), GIB, *four, memory=16 * GIB)  # 4 MiB/s for each GHz
    assert [p.scan for p in slow.vms.values()] == pytest.approx([102.4 / 4] * 4)
    assert decide(ESX(), GIB, memory=16 * GIB).vms == {}
    large = view("large", size=64 * GIB, limit=64 * GIB)
    assert decide(ESX(), GIB, large, memory=128 * GIB).vms["large"].scan == 1024


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"states": "esx7"}, "unknown states 'esx7'; there are esx2002, esx5, esx6"),
        ({"idle_tax": 1.0}, "idle_tax must be at least 0 and below 1, got 1.0"),
        ({"margin": -0.1}, "margin"),
        ({"host_ghz": 0}, "host_ghz"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        ESX(**options)


@pytest.mark.parametrize("contents", ["bytes", "tokens"])
def test_a_host_under_esx_keeps_memory_free_and_every_page(contents):
    with pe.Host("32 MiB", contents=contents, seed=1, policy=ESX(states="esx2002")) as host:
        draw = np.random.default_rng(0)
        vms = [host.add_vm(name, "24 MiB", reservation="4 MiB") for name in "ab"]
        for step in range(60):
            vm = vms[step % 2]
            ppns = draw.integers(0, vm.pages, 300)
            sizes = 64 * (1 + ppns % 63)
            tokens = pe.tokens.make_tokens(ppns + vm.pages * (step % 2), sizes)
            if contents == "bytes":
                vm.touch(ppns, True)
            else:
                vm.write(ppns, tokens)
            host.advance(1.0)
            host.check()
        assert isinstance(host.last_plan, Plan)
        assert host.stats.free > 0


def test_balloons_grow_beside_paging_in_hard_and_low_or_stand_still():
    few = view("a", ballooned=200 * MIB, consumed=300 * MIB)
    much = view("b", ballooned=50 * MIB, consumed=970 * MIB)
    for states, free in (
        ("esx2002", 30 * MIB),
        ("esx2002", 10 * MIB),
        ("esx6", 30 * MIB),
        ("esx6", 10 * MIB),
    ):
        plan = decide(ESX(states), free, few, much)
        assert plan.state in ("hard", "low")
        assert plan.vms["a"].balloon == 200 * MIB  # what it would get back would be paged out
        assert plan.vms["b"].balloon > 50 * MIB and plan.vms["b"].reclaim > 0
        strict = decide(ESX(states, balloon_stops=True), free, few, much)
        assert (strict.vms["a"].balloon, strict.vms["b"].balloon) == (200 * MIB, 50 * MIB)
        assert strict.vms["b"].reclaim == plan.vms["b"].reclaim


def test_a_state_is_left_upwards_when_free_memory_says_so():
    plan = decide(ESX("esx2002"), 30 * MIB, view("a", consumed=970 * MIB))
    thresholds = ESX("esx2002").thresholds(2000 * MIB)
    assert plan.state == "hard"
    assert plan.wake_above == thresholds.above("hard", 0.1)
    assert thresholds.next_state("hard", plan.wake_above, 0.1) == "soft"
    assert thresholds.next_state("hard", plan.wake_above - 1, 0.1) == "hard"
    assert decide(ESX("esx2002"), 900 * MIB, view("a", consumed=10 * MIB)).wake_above is None


def test_who_should_leave_is_said_when_working_sets_do_not_fit():
    vms = view("a", active=900 * MIB), view("b", active=1024 * MIB, consumed=1024 * MIB)
    assert decide(OLD, 70 * MIB, *vms).migrate == ()
    (advice,) = decide(OLD, 30 * MIB, *vms).migrate
    assert advice.vm == "a"


def test_what_is_reserved_is_not_lent_for_good_but_lent():
    """b has not touched what it reserved: a may use it, as long as memory is free."""
    plan = decide(
        OLD,
        500 * MIB,
        view("a", consumed=1024 * MIB),
        view("b", consumed=100 * MIB, reservation=900 * MIB),
    )
    assert plan.vms["a"].target < 1024 * MIB and plan.vms["a"].reclaim == 0
    assert plan.vms["a"].balloon == 0
