"""A model that is fitted on real images is scaled up with tokens, and is worth nothing if tokens
lead to other decisions than bytes. The same simulations are run on both, VMs short of memory
by every technique, and compared row by row.
"""

import functools

import numpy as np
import pytest

from pageengine.lab import GuestSpec, Simulation, VMSpec

MIB = 2**20
QUICK = ("proportional", False)
MEASURED = {"metadata"}  # of the process, not of what is simulated


@functools.cache
def simulated(contents, policy, guests):
    kinds = [
        {"kind": "zipf", "rate": 400.0, "write": 0.3},
        {"kind": "moving", "rate": 300.0},
        {"kind": "sequential", "rate": 200.0},
    ]
    guest = GuestSpec(kernel="1 MiB") if guests else None
    vms = [
        VMSpec(f"v{i}", 6 * MIB, kinds[i % 3], contents="mixed", guest=guest, start=20.0 * (i == 4))
        for i in range(5)
    ]
    run = Simulation(
        14 * MIB, vms, policy=policy, costs="nvme", seed=3, contents=contents, check_every=15
    )
    return run.run(60)


def assert_same(one, other):
    for mine, theirs in ((one.host, other.host), (one.vms, other.vms)):
        assert list(mine) == list(theirs)
        for key in mine:
            if key not in MEASURED:
                np.testing.assert_array_equal(mine[key], theirs[key], err_msg=key)
    assert one.summary == other.summary and one.events == other.events
    assert {**one.meta, "contents": ""} == {**other.meta, "contents": ""}


@pytest.mark.parametrize(
    ("policy", "guests"),
    [
        pytest.param(
            policy,
            guests,
            id=f"{policy}-{name}",
            marks=[] if (policy, guests) == QUICK else [pytest.mark.slow],
        )
        for policy in ("esx2002", "esx6", "kvm", "proportional")
        for guests, name in ((False, "plain"), (True, "guests"))
    ],
)
def test_decisions_counters_and_timelines_are_those_of_bytes(policy, guests):
    real, stand_in = (simulated(contents, policy, guests) for contents in ("bytes", "tokens"))
    assert_same(real, stand_in)
    for event in ("swap_out", "swap_in"):  # it was no idle minute
        assert np.sum(real.host[event]) > 0, event


@pytest.mark.slow
def test_sharing_and_compression_are_among_what_agrees():
    sharing, compressing = (simulated("bytes", policy, False) for policy in ("esx2002", "esx6"))
    assert np.sum(sharing.host["merged"]) > 100
    assert np.sum(compressing.host["compressions"]) > 100
