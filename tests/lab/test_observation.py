"""At stake: a number that means something else than a learner's author believes. Every field that a
policy sees is a column or is left out for a reason; what nobody can tell is no number; and the page
lists the columns as they are.
"""

import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from pageengine.lab import Simulation, VMSpec, observation
from pageengine.policy.base import GuestView, Snapshot, VMView

PAGE = (Path(__file__).parents[2] / "docs" / "gym.md").read_text()
LEFT_OUT = {
    "vms": "columns of their own",
    "memo": "what a policy remembers, and a learner is none",
    "name": "the name of the column",
    "overhead": "never changes",
    "guest": "columns of their own",
    "guest.major_faults": "only grows",
    "guest.swap_in": "only grows",
}


def test_every_field_is_shown_or_left_out():
    host = [field.name for field in fields(Snapshot)]
    vm = [field.name for field in fields(VMView)]
    vm += [f"guest.{field.name}" for field in fields(GuestView)]
    assert sorted(observation.HOST_COLUMNS) == sorted(n for n in host if n not in LEFT_OUT)
    assert sorted(observation.VM_COLUMNS) == sorted(n for n in vm if n not in LEFT_OUT)


def test_the_page_lists_the_columns_as_they_are():
    listed = dict(re.findall(r"^\| `((?:host|VM)\.[\w.]+)` \| (.*) \|$", PAGE, re.M))
    told = {f"host.{name}": each.says for name, each in observation.HOST_COLUMNS.items()}
    told |= {f"VM.{name}": each.says for name, each in observation.VM_COLUMNS.items()}
    assert listed == told


def observed(simulation, vms, seconds=100.0):
    found = observation.observe(simulation, vms, seconds)
    assert found.dtype == np.float32
    return dict(zip(observation.names(vms), found.tolist(), strict=True))


@pytest.fixture
def simulation():
    work = {"kind": "zipf", "rate": 2000, "memory": "15 MiB", "alpha": 0.1, "write": 1.0}
    specs = [
        VMSpec("a", "16 MiB", work, shares=3000, contents="random"),
        VMSpec("b", "16 MiB", "idle", shares=1000, driver=False, reservation="4 MiB"),
        VMSpec("later", "16 MiB", "idle", start=50.0),
    ]
    made = Simulation("12 MiB", specs, policy="proportional", costs="sata-ssd", seed=1)
    yield made
    made.host.close()


def test_numbers_are_parts_of_what_the_page_says(simulation):
    for _ in range(10):
        simulation.step()
    snapshot = simulation.host.snapshot()
    a = snapshot.vms[0]
    seen = observed(simulation, ("a", "b", "later"))
    close = {
        "host.free": snapshot.free / (12 * 2**20),
        "host.swap_free": snapshot.swap_free / simulation.host.stats.swap_size,
        "host.time": 0.1,
        "host.pressure_some": snapshot.pressure_some,
        "a.size": 1.0,
        "a.shares": 0.75,
        "a.consumed": a.consumed / a.size,
        "a.swap_in_rate": a.swap_in_rate / (90e3 * 4096),
        "a.stall": a.stall,
        "a.active": a.active / a.size,
        "b.reservation": 0.25,
        "b.driver": 0.0,
        "a.driver": 1.0,
    }
    assert {key: seen[key] for key in close} == pytest.approx(close, rel=1e-6)
    assert a.swapped and seen["a.swapped"] == pytest.approx(a.swapped / a.size)
    assert all(-1 <= value <= 1 for value in seen.values())


def test_what_nobody_can_tell_is_none_of_the_numbers(simulation):
    seen = observed(simulation, ("a", "b", "later"))
    assert {value for key, value in seen.items() if not key.startswith("host.")} == {-1.0}
    assert seen["host.state"] == -1.0 and seen["host.time"] == 0.0
    simulation.step()
    seen = observed(simulation, ("a", "b", "later"))
    assert seen["b.progress_age"] == -1.0  # it has no driver
    assert seen["a.guest.free"] == seen["a.guest.stall"] == -1.0  # nor a guest model
    assert seen["a.size"] > 0 and seen["later.size"] == -1.0
    assert seen["host.state"] >= 0.0


def test_looking_changes_nothing():
    def run(looks):
        work = {"kind": "zipf", "rate": 2000, "memory": "15 MiB"}
        specs = [VMSpec(name, "16 MiB", work) for name in "ab"]
        simulation = Simulation("20 MiB", specs, policy="esx6", costs="hdd", seed=2)
        for _ in range(12):
            simulation.step()
            if looks:
                observed(simulation, ("a", "b"))
        return simulation.finish()

    assert run(True).digest() == run(False).digest()
