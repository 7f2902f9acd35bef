"""Results that differ between computers or Pythons cannot be compared or published. Two runs are
held to digests that were written down once: every bit of their timelines, events and summaries.

A deliberate change of what the lab does changes them: run this file as a script, and put what it
prints into DIGESTS, in a commit that says why.
"""

import pytest

from pageengine.lab import GuestSpec, Simulation, VMSpec
from pageengine.lab.events import Event

DIGESTS = {
    "esx6": "42359033dd7140424b52c43fc3e52a548571126e1674399df129613b1683be83",
    "kvm": "0f732be2ba9c20353b2247fb0f5bb94e6f8655b4718a4ccceb04182a2516e3d9",
}

KINDS = ("zipf", "moving", "heap", "sequential")


def result(policy, estimator):
    """Four VMs with guests on a host too small for them; one leaves, one gets more shares."""
    guest = GuestSpec(kernel="2 MiB")
    specs = [
        VMSpec(
            kind,
            "32 MiB",
            {"kind": kind, "rate": 3000},
            guest=guest,
            contents="mixed",
            reservation="4 MiB",
            stop=60.0 if kind == "heap" else None,
        )
        for kind in KINDS
    ]
    return Simulation(
        "96 MiB",
        specs,
        policy=policy,
        costs="sata-ssd",
        seed=11,
        host={"estimator": estimator},
        events=[Event(40.0, "set", "zipf", "shares", "high")],
    ).run(90)


RUNS = [("esx6", "sampling"), ("kvm", "idle-age")]


@pytest.mark.parametrize("policy, estimator", RUNS)
def test_a_run_is_the_same_bit_for_bit_on_every_computer(policy, estimator):
    found = result(policy, estimator)
    summary = found.summary  # there was something to decide
    assert summary["swap_out"] + summary["ballooned_most"] > 0
    assert found.digest() == DIGESTS[policy]


if __name__ == "__main__":
    for policy, estimator in RUNS:
        print(f"    {policy!r}: {result(policy, estimator).digest()!r},")
