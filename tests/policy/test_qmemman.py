"""qmemman has shared out the memory of every Qubes desktop since 2010, and its answers are known to
the byte. They are given here by the policy's formula, and by the policy itself on hosts where
drivers are slow or stand still, as told by qmemman_rules.py.
"""

import dataclasses
import random

import numpy as np
import pytest
from made_up_hosts import GIB, MIB, decide, guest, host, random_host, view

from pageengine.policy import find
from pageengine.policy.qmemman import Domains, Qmemman, balance, make_room

from . import qmemman_rules as rules
from .qmemman_cases import CASES


def domains(vms):
    number, used, assigned, most = np.array(vms, np.int64).reshape(-1, 4).T
    own = number == 0  # the management domain has no least, and a boost
    return Domains(used, assigned, np.where(own, 0, 200 * MIB), most, np.where(own, 350 * MIB, 0))


def named(vms, answer):
    return [(vms[i][0], target) for i, target in zip(*map(np.ndarray.tolist, answer), strict=True)]


@pytest.mark.parametrize(("free", "vms", "targets", "room"), CASES)
def test_answers_are_the_originals_to_the_byte(free, vms, targets, room):
    assert named(vms, balance(free, domains(vms))) == targets
    assert named(vms, make_room(512 * MIB, domains(vms))) == room


def test_the_cases_have_both_branches_and_vms_at_their_most():
    low = [vms for free, vms, *_ in CASES if sum(d[2] for d in vms) + free < wishes(vms)]
    full = [1 for _, vms, targets, _ in CASES if {d[3] for d in vms} & {t for _, t in targets}]
    assert len(low) >= 10 and len(full) >= 10


def wishes(vms):
    return sum(
        min(1.3 * used + 350 * MIB, most) if not number else max(min(1.3 * used, most), 200 * MIB)
        for number, used, _, most in vms
    )


GIVER, TAKER = (1, 300 * MIB, 490 * MIB, GIB), (2, 900 * MIB, 800 * MIB, GIB)


def test_what_donors_give_is_taken_from_what_others_get_as_in_the_original():
    """With as much free as a donor has too much, the taker is even told to have 0.1 % less."""
    free = 100 * MIB
    vms = [GIVER, TAKER]
    assert named(vms, balance(free, domains(vms))) == [(1, 390 * MIB), (2, int(0.999 * 800 * MIB))]
    # only the donor is answered when that is below 0
    assert named(vms, balance(free - 1, domains(vms))) == [(1, 390 * MIB)]
    more = balance(free - 1, domains(vms), corrected=True)
    assert named(vms, more) == [(1, 390 * MIB), (2, int(0.999 * (1000 * MIB - 1)))]


def asked(vm):
    """A VM of the rules as the policy sees it."""
    tells = vm.guest is not None and vm.balloon_max > 0
    used = tells and vm.guest.total - vm.guest.free - vm.guest.cache + vm.guest.swapped
    return rules.Domain(
        used=max(0, used) if tells else None,
        has=vm.size - vm.ballooned,
        told=vm.size - vm.balloon_target,
        least=vm.size - vm.balloon_max,
        most=vm.size,
    )


def test_every_vm_is_told_what_qmemman_tells_it_while_drivers_are_slow_or_stuck():
    draw, told, stuck, waits = random.Random(7), 0, 0, 0
    for _ in range(90):
        snapshot = random_host(draw, 6, time=draw.uniform(0, 100))
        memory = sum(vm.size - vm.ballooned for vm in snapshot.vms) + 50 * MIB
        memory = max(64 * MIB, int(memory * draw.choice([1.0, 1.0, 0.9, 1.2])) // 4096 * 4096)
        held = min(memory, sum(vm.consumed for vm in snapshot.vms))
        snapshot = dataclasses.replace(snapshot, memory=memory, free=memory - held)
        oracle, policy = rules.Qmemman(), Qmemman()
        for _ in range(8):
            vms = {vm.name: asked(vm) for vm in snapshot.vms}
            unassigned = snapshot.free - sum(
                max(0, vms[vm.name].assigned - vm.consumed) for vm in snapshot.vms
            )
            expected = oracle.look(snapshot.time, unassigned, vms)
            plan = decide(policy, snapshot)
            found = {
                vm.name: vm.size - plan.vms[vm.name].balloon
                for vm in snapshot.vms
                if plan.vms[vm.name].balloon is not None
            }
            # a balloon holds from nothing to what its driver can give up
            for name, target in expected.items():
                expected[name] = min(max(target, vms[name].least), vms[name].most)
            assert found == expected, snapshot
            assert {
                n for n in vms if f"qmemman_stuck {n}" in plan.memo
            } == oracle.stuck & vms.keys()
            told, stuck = told + bool(found), stuck + bool(oracle.stuck)
            waits += oracle.since is not None
            snapshot = moved(draw, snapshot, plan)
    assert told > 200 and stuck > 5 and waits > 30


def moved(draw, snapshot, plan):
    """The host a little later: balloons have come to their targets, or some way, or nowhere."""
    vms = []
    for vm in snapshot.vms:
        target = plan.vms[vm.name].balloon
        target = vm.balloon_target if target is None else target
        way = 0.0 if vm.name == "vm0" else draw.choice([0.0, 0.5, 1.0])
        ballooned = int(vm.ballooned + way * (target - vm.ballooned)) // 4096 * 4096
        has = vm.size - ballooned
        told = vm.guest and guest(draw.choice([0, has // 3, draw.randrange(has + 1)]), has)
        held = min(vm.consumed, has)
        vms.append(
            dataclasses.replace(
                vm, ballooned=ballooned, balloon_target=target, guest=told, consumed=held
            )
        )
    free = snapshot.memory - min(snapshot.memory, sum(vm.consumed for vm in vms))
    return dataclasses.replace(
        snapshot,
        vms=tuple(vms),
        free=free,
        time=snapshot.time + draw.choice([0.25, 0.5, 1.0]),
        memo=plan.memo,
    )


def told_of(snapshot, policy=None):
    plan = decide(policy or Qmemman(), snapshot)
    return {name: wish.balloon for name, wish in plan.vms.items()}


def qube(name, used, has=GIB, **changes):
    """A VM of 1 GiB that holds all that its balloon leaves it."""
    changes = {"balloon_max": GIB, "balloon_target": GIB - has} | changes
    return view(name, ballooned=GIB - has, consumed=has, guest=guest(has - used, has), **changes)


def test_old_or_no_statistics_and_busy_vms_are_left_as_they_are_and_count_as_assigned():
    busy = qube("busy", 100 * MIB, busy="migrate")
    for left_out in (
        busy,
        qube("stale", 100 * MIB, driver="stale"),
        qube("none", 100 * MIB, driver="none"),
        dataclasses.replace(busy, busy="", guest=None),
        dataclasses.replace(busy, busy="", balloon_max=0),
    ):
        # 2.5 GiB: half a GiB free, which the other would get if all of it were free
        half = dataclasses.replace(left_out, consumed=GIB // 2)
        vms = half, qube("taker", 700 * MIB, GIB // 2)
        told = told_of(host(GIB, *vms, memory=2 * GIB))
        assert told[left_out.name] is None
        given = GIB - told["taker"] - GIB // 2
        assert 0.99 * 462 * MIB < given < 462 * MIB  # 50 MiB stay


def test_a_driver_that_counts_its_balloon_as_used_is_not_thought_to_use_it():
    plain = qube("a", 300 * MIB, GIB // 2)
    windows = dataclasses.replace(plain, driver="counts-balloon", guest=guest(212 * MIB, GIB))
    hosts = [host(600 * MIB, vm, memory=GIB + 88 * MIB) for vm in (plain, windows)]
    assert told_of(hosts[0]) == told_of(hosts[1]) != {"a": None}


@pytest.mark.parametrize(
    ("free", "used", "has", "acts"),
    [
        (35 * MIB - 4096, 700, 1000, True),  # more than 15 MiB short of 50
        (35 * MIB, 700, 1000, False),
        (66 * MIB, 700, 900, True),  # it wishes for 910, and is to get 15.08 MiB more
        (65.8 * MIB, 700, 900, False),  # 14.88
        (125.6 * MIB, 680, 900, True),  # its wish is met; 150.2 MiB to move and beyond the reserve
        (125.4 * MIB, 680, 900, False),  # 149.8
    ],
)
def test_little_is_left_alone(free, used, has, acts):
    vm, free = qube("a", used * MIB, has * MIB), int(free)
    told = told_of(host(free, vm, memory=free + has * MIB))
    assert (told["a"] is not None) == acts


def test_who_is_told_to_give_a_little_is_not_asked_and_a_wish_that_is_just_met_is_not_enough():
    def answer(free, *vms):  # (assigned, most) of VMs that wish for the least, 200 MiB
        vms = [(i + 1, 0, assigned * MIB, most * MIB) for i, (assigned, most) in enumerate(vms)]
        return named(vms, balance(free, domains(vms)))

    least = 200 * MIB
    assert answer(-11 * MIB, (210, 999)) == [(1, least)]
    assert answer(-11 * MIB, (209, 999)) == []
    assert answer(0, (300, 999), (100, 999)) == [(1, least)]  # not enough by nothing
    half = int(0.999 * (least + 0.5))
    assert answer(1, (300, 999), (100, 999)) == [(1, half), (2, half)]
    # who has all that it may have is no taker, even under its wish; others share what there is
    assert answer(0, (150, 150), (100, 999)) == [(2, int(0.999 * 100 * MIB))]


def test_those_that_give_come_first_each_in_its_turn():
    vms = [(i + 1, 300 * MIB, (900 if i % 3 else 300) * MIB, GIB) for i in range(60)]
    order = [number for number, _ in named(vms, balance(GIB, domains(vms)))]
    assert order == sorted(order, key=lambda number: ((number - 1) % 3 == 0, number))


@pytest.mark.parametrize(("too_much", "marked", "stays"), [(30, True, True), (20, True, False)])
def test_a_mark_is_for_12_mib_too_much_and_stays_for_25(too_much, marked, stays):
    told = 500 * MIB
    giver = qube("giver", 300 * MIB, GIB - told + too_much * MIB, balloon_target=told)
    taker = qube("taker", 500 * MIB, 600 * MIB)
    memory = giver.consumed + taker.consumed + 50 * MIB
    memo = {"qmemman_waits": 0.0, "qmemman_then giver": float(giver.consumed)}
    plan = decide(Qmemman(), host(50 * MIB, giver, taker, memory=memory, time=1.0, memo=memo))
    assert ("qmemman_stuck giver" in plan.memo) == marked
    plan = decide(Qmemman(), host(50 * MIB, giver, taker, memory=memory, time=2.0, memo=plan.memo))
    assert ("qmemman_stuck giver" in plan.memo) == stays


def test_who_does_not_move_while_another_waits_is_left_out_until_it_moves():
    giver, taker = qube("giver", 300 * MIB), qube("taker", 700 * MIB, 700 * MIB)
    first = decide(Qmemman(), host(50 * MIB, giver, taker, memory=1774 * MIB))
    assert first.again == 0.5 and first.vms["taker"].balloon is None
    target = first.vms["giver"].balloon
    assert target > 0
    told = dataclasses.replace(giver, balloon_target=target)
    later = {"memory": 1774 * MIB, "time": 0.5, "memo": first.memo}
    second = decide(Qmemman(), host(50 * MIB, told, taker, **later))
    assert "qmemman_stuck giver" in second.memo and second.again == 1.0
    third = host(50 * MIB, told, taker, memory=1774 * MIB, time=1.5, memo=second.memo)
    assert decide(Qmemman(), third).vms["giver"].balloon is None
    there = dataclasses.replace(told, ballooned=target, consumed=GIB - target)
    fourth = host(50 * MIB + target, there, taker, memory=1774 * MIB, time=2.5, memo=second.memo)
    plan = decide(Qmemman(), fourth)
    assert "qmemman_stuck giver" not in plan.memo
    assert plan.vms["taker"].balloon < 324 * MIB


def test_room_is_made_for_a_vm_that_is_to_start():
    vms = qube("a", 300 * MIB), qube("b", 700 * MIB), view("c")
    snapshot = host(50 * MIB, *vms, memory=4 * GIB)
    # c may still fill 424 MiB; a has 634 MiB above its wish and b 114
    room = Qmemman().room(snapshot, 100 * MIB)
    assert set(room) == {"a", "b"}
    assert sum(room.values()) == pytest.approx(1.05 * 524 * MIB, abs=2)
    assert Qmemman().room(snapshot, GIB) == {}
    assert Qmemman().room(dataclasses.replace(snapshot, free=GIB), 100 * MIB) == {}


def test_a_host_in_miniature_does_in_small_what_the_host_does():
    vms = qube("a", 300 * MIB), qube("b", 700 * MIB, 700 * MIB)
    large = told_of(host(300 * MIB, *vms, memory=2 * GIB))
    small = tuple(in_small(vm) for vm in vms)
    found = told_of(host(300 * MIB // 64, *small, memory=GIB // 32), Qmemman(miniature=1 / 64))
    assert found == {"a": pytest.approx(large["a"] / 64, abs=64), "b": None}
    assert large["b"] is None


def in_small(vm):
    amounts = ("size", "limit", "ballooned", "balloon_target", "balloon_max", "consumed")
    little = guest(vm.guest.free // 64, vm.guest.total // 64)
    return dataclasses.replace(vm, guest=little, **{k: getattr(vm, k) // 64 for k in amounts})


@pytest.mark.parametrize("factor", [0, 1.5])
def test_a_miniature_is_smaller_than_life(factor):
    with pytest.raises(ValueError, match="miniature must be above 0 and at most 1"):
        find("qmemman", miniature=factor)
