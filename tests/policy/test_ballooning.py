"""At stake: a VM that cannot be asked, taken for one that needs nothing, gives all it has. Who may
be asked and between which sizes, and what is free when some may still fill what is theirs.
"""

import numpy as np
import pytest
from made_up_hosts import GIB, MIB, guest, host, view

from pageengine.policy import GuestView, pi
from pageengine.policy.ballooning import Ballooning, Sizes, free_of, used_by
from pageengine.policy.ladder import VMNumbers

TALKS = {"balloon_max": 600 * MIB, "guest": guest(100 * MIB)}


def sizes(*vms):
    return Sizes(VMNumbers(vms))


def test_sizes_are_what_balloons_leave():
    s = sizes(view("a", ballooned=200 * MIB, balloon_target=300 * MIB), view("b"))
    assert s.now.tolist() == [824 * MIB, GIB] and s.told.tolist() == [724 * MIB, GIB]


@pytest.mark.parametrize(
    ("changes", "least", "most"),
    [
        ({"balloon_max": 600 * MIB}, 424, 1024),
        ({}, 1024, 1024),  # no driver
        ({"balloon_max": 600 * MIB, "reservation": 500 * MIB}, 500, 1024),
        ({"balloon_max": 600 * MIB, "floor": 700 * MIB}, 700, 1024),
        ({"balloon_max": 600 * MIB, "floor": 2 * GIB}, 1024, 1024),
        ({"balloon_max": 600 * MIB, "limit": 800 * MIB}, 424, 800),
        ({"balloon_max": 600 * MIB, "limit": 800 * MIB, "floor": 900 * MIB}, 900, 900),
    ],
)
def test_least_and_most(changes, least, most):
    s = sizes(view("a", **changes))
    assert (s.least[0], s.most[0]) == (least * MIB, most * MIB)


@pytest.mark.parametrize(
    ("changes", "can", "tells"),
    [
        ({}, True, True),
        ({"driver": "reporting"}, True, True),
        ({"driver": "counts-balloon"}, True, True),
        ({"driver": "silent"}, True, False),
        ({"driver": "stale"}, True, False),
        ({"guest": None}, True, False),
        ({"driver": "none"}, False, False),
        ({"balloon_max": 0}, False, False),
        ({"busy": "boot"}, False, False),
        ({"busy": "save"}, False, False),
    ],
)
def test_who_can_be_asked_and_who_tells(changes, can, tells):
    s = sizes(view("a", **(TALKS | changes)), view("b"))
    assert s.can.tolist() == [can, False] and s.tells.tolist() == [tells, False]
    asked = s.of_guests(lambda vm: vm.guest.free + 1)
    assert asked.tolist() == [100 * MIB + 1 if tells else 0, 0]


def test_what_vms_may_still_fill_is_not_free():
    vms = view("a", consumed=1000 * MIB), view("b", consumed=24 * MIB, ballooned=500 * MIB)
    s = sizes(*vms)
    assert free_of(host(900 * MIB, *vms), s, s.now) == (900 - 24 - 500) * MIB
    assert free_of(host(0, *vms), s, np.array([0, GIB])) == -1000 * MIB


@pytest.mark.parametrize(
    ("driver", "total", "expected"),
    [("reporting", 700, 160), ("", 700, 160), ("counts-balloon", 1024, 160)],
)
def test_used_is_without_caches_and_balloon_and_with_the_guests_swap(driver, total, expected):
    told = GuestView(total=total * MIB, free=500 * MIB, cache=50 * MIB, swapped=10 * MIB)
    vm = view("a", ballooned=324 * MIB, guest=told, driver=driver)
    assert used_by(vm) == expected * MIB


@pytest.mark.parametrize("balloon", [0, 16, 64, 300])
def test_what_a_guest_uses_is_the_same_however_its_driver_counts(balloon):
    """Its kernel keeps 40 MiB for itself, which no total has; balloons may be smaller than that."""
    kernel, free = 40 * MIB, 200 * MIB
    found = []
    for driver, total in (
        ("reporting", GIB - kernel - balloon * MIB),
        ("counts-balloon", GIB - kernel),
    ):
        told = GuestView(total=total, free=free, cache=0)
        vm = view("a", ballooned=balloon * MIB, guest=told, driver=driver)
        found += [used_by(vm), pi.used(vm)]
    assert found == [GIB - kernel - balloon * MIB - free] * 4


def test_balloons_are_what_sizes_leave_within_what_drivers_can_do():
    s = sizes(*(view(name, balloon_max=600 * MIB) for name in "abcd"))
    balloons = s.balloons(
        np.array([724, 100, 2000, 800]) * MIB, np.array([True, True, True, False])
    )
    assert balloons.tolist() == [300 * MIB, 600 * MIB, 0, None]


def test_amounts_in_miniature_are_never_nothing():
    assert Ballooning().amount(50 * MIB) == 50 * MIB
    assert Ballooning(miniature=1 / 64).amount(64 * MIB) == MIB
    assert Ballooning(miniature=1e-12).amount(MIB) == 1
