"""A policy that bears the name of a real system is compared with that system by its users, so it
has to be that system's rule to the byte, on hosts that nobody thought of. Each rule is told a
second time, guest by guest and without columns, from the facts about the original (in the files
``*_rules.py`` here, and below where it is one formula), and held against the policy on thousands of
random hosts. One host that differs is one too many.
"""

import dataclasses
import math
import random

import numpy as np
import pytest
from made_up_hosts import GIB, MIB, PAGE, decide, guest, host, random_host, random_vm, view

from pageengine.policy import KVM, Pressure, Proxmox
from pageengine.policy.ksm import Scanner
from pageengine.policy.watermarks import Watermarks

from .ksmtuned_rules import Ksmtuned
from .mom_rules import Mom
from .proxmox_rules import Guest, targets

KIB = 1024


def told(snapshot, plan):
    """Name -> memory that the guest is to have, of those whose balloon is to move."""
    wishes = ((vm, plan.vms[vm.name].balloon) for vm in snapshot.vms)
    return {vm.name: vm.size - balloon for vm, balloon in wishes if balloon is not None}


@pytest.mark.parametrize("percent", [80, 65, 29])
def test_proxmox_tells_every_guest_what_pvestatd_tells_it(percent):
    draw, policy, told_something = random.Random(percent), Proxmox(target=percent / 100), 0
    for _ in range(1000):
        snapshot = random_host(draw)
        guests = {
            vm.name: Guest(
                has=vm.size - vm.ballooned,
                least=vm.size - vm.balloon_max,
                most=vm.size,
                shares=vm.shares,
                free=vm.guest.free if vm.guest else 0,
                driver=vm.balloon_max > 0,
            )
            for vm in snapshot.vms
        }
        used = snapshot.memory - snapshot.free
        expected = targets(guests, snapshot.memory, used, percent)
        # plans may not ask for more than a driver can give up
        expected = {name: max(has, guests[name].least) for name, has in expected.items()}
        assert told(snapshot, decide(policy, snapshot)) == expected, snapshot
        told_something += bool(expected)
    assert told_something > 400


def test_kvm_tells_every_guest_what_mom_tells_it():
    draw, told_something = random.Random(2), 0
    for _ in range(250):
        memo, mom, time = {}, Mom(), draw.uniform(0, 100)
        vms = [random_vm(draw, f"vm{i}") for i in range(draw.randrange(1, 5))]
        for _ in range(12):
            vms = [as_later(draw, vm) if draw.random() < 0.3 else vm for vm in vms]
            memory = draw.choice([4, 16]) * GIB + draw.randrange(100) * PAGE
            free = int(memory * draw.choice([0.05, 0.2, draw.random() / 4, draw.random()]))
            snapshot = host(free // PAGE * PAGE, *vms, memory=memory, time=time, memo=memo)
            plan = decide(KVM(), snapshot)
            memo = plan.memo
            expected = mom.targets(time, memory // KIB, snapshot.free // KIB, talkative(vms))
            expected = {name: kib * KIB for name, kib in expected.items()}
            assert told(snapshot, plan) == expected, snapshot
            told_something += bool(expected)
            time += draw.choice([1.0, 2.5, 5.0, 5.0, 10.0, 30.0])
    assert told_something > 700


def as_later(draw, vm):
    """The same VM with another balloon, more or less of its memory free, or silent."""
    has = draw.choice([vm.size, draw.randrange(vm.size // PAGE + 1) * PAGE])
    unused = draw.choice([0, has // 20, has // 5, draw.randrange(has + 1)]) // PAGE * PAGE
    tells = draw.choice([guest(unused, has)] * 9 + [None])
    return dataclasses.replace(vm, ballooned=vm.size - has, guest=tells)


def talkative(vms):
    """(current, unused, least, most) in KiB of those that MOM hears of."""
    return {
        vm.name: tuple(
            amount // KIB
            for amount in (vm.size - vm.ballooned, vm.guest.free, vm.size - vm.balloon_max, vm.size)
        )
        for vm in vms
        if vm.guest is not None and vm.balloon_max > 0
    }


def test_the_scanner_goes_as_fast_as_ksmtuned_lets_it():
    draw, scans = random.Random(3), 0
    for _ in range(250):
        memory = draw.randrange(64 * MIB, 512 * GIB) // PAGE * PAGE
        scanner, ksmtuned, memo = Scanner("tuned", 100, 20.0), Ksmtuned(), {"ksm_time": 0.0}
        for minute in range(1, 17):
            fifth = memory // 5 // PAGE * PAGE
            free = draw.choice([fifth, fifth - PAGE, fifth + PAGE, draw.randrange(memory)])
            held = draw.choice([memory - fifth, draw.randrange(memory), draw.randrange(2 * memory)])
            vms = [view("a", granted=held // 2 // PAGE * PAGE), view("b", granted=0)]
            vms[1] = dataclasses.replace(vms[1], granted=held // PAGE * PAGE - vms[0].granted)
            snapshot = host(free // PAGE * PAGE, *vms, memory=memory, time=60.0 * minute, memo=memo)
            rates, memo = scanner.rates(snapshot)
            expected = ksmtuned.minute(memory // KIB, snapshot.free // KIB, held // PAGE * 4)
            assert rates.sum() == pytest.approx(expected, rel=1e-12), snapshot
            scans += expected > 0
    assert 1000 < scans < 3500


def linux_marks(pages, scale):
    """min, low and high in pages, as the kernel computes them for one zone."""
    least = min(262_144, max(128, math.isqrt(pages * 4 * 16))) >> 2
    step = max(least >> 2, pages // 10_000 * scale + pages % 10_000 * scale // 10_000)
    return least, least + step, least + 2 * step


def test_watermarks_are_the_kernels_to_the_page():
    draw = random.Random(4)
    for _ in range(5000):
        pages = int(2 ** draw.uniform(12, 32))  # 16 MiB to 16 TiB
        scale = draw.choice([10, 10, 1, 100, 1000])
        marks = Watermarks(scale).marks(pages * PAGE + draw.randrange(PAGE))
        assert [mark / PAGE for mark in marks] == list(linux_marks(pages, scale)), (pages, scale)
        _, low, high = marks
        hosts = [host(free, memory=pages * PAGE) for free in (low + PAGE, low)]
        # kswapd wakes at low and stops above high
        assert [Watermarks(scale).need(one) for one in hosts] == [0, high + PAGE - low]


def test_pressure_takes_what_senpai_takes():
    draw = random.Random(5)
    for _ in range(2000):
        snapshot = random_host(draw)
        if snapshot.free < Watermarks().marks(snapshot.memory)[2]:
            continue
        plan = decide(Pressure(), snapshot)
        for vm in snapshot.vms:
            part = 0.0 if vm.stall >= 0.001 else 1 - vm.stall / 0.001
            wished = min(int(vm.consumed * 0.0005 * part), max(0, vm.consumed - vm.reservation))
            assert plan.vms[vm.name].reclaim == wished, vm


def test_kernels_take_from_vms_in_proportion():
    """Swapping in proportion is a claim about parts; here they are whole pages of what is needed,
    each within a page of its share.
    """
    draw = random.Random(6)
    for _ in range(1000):
        snapshot = dataclasses.replace(random_host(draw), free=0)
        need = Watermarks().need(snapshot)
        free_to_go = np.array([max(0, vm.consumed - vm.reservation) for vm in snapshot.vms])
        plan = decide(KVM(balloon=False), snapshot)
        parts = np.array([plan.vms[vm.name].reclaim for vm in snapshot.vms])
        shares = free_to_go * min(1.0, need / max(1, free_to_go.sum()))
        assert parts.sum() >= min(need, free_to_go.sum())
        assert (np.abs(parts - shares) <= PAGE).all() and (parts <= free_to_go).all()
