"""At stake: the promise under faults. Whatever fails, whenever, no page comes back wrong, what was
not damaged comes back, what was is named, and the books stay in order. Here a short run of
random_faults.py; the long one is a command (docs/faults.md).
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from . import random_faults
from .faulted import Faulted, Wrong

SCRIPT = Path(random_faults.__file__)


def test_random_operations_under_faults():
    """Seeds of every week are the same: what fails here fails again."""
    done, operations, calls, reported, made = random_faults.rounds(0, count=25)
    assert done == 25 and operations > 10_000 and calls > 2_000 and reported > 50
    assert all(made.values()), made


def test_each_operation_of_a_scenario_fails_once_and_for_ever():
    said = []
    assert random_faults.sweep(said.append) > 300
    assert len(said) == 1


def test_a_round_is_repeated_by_its_seed():
    logs = []
    for _ in range(2):
        said = []
        faulted = random_faults.Round(7, tell=lambda *what, said=said: said.append(str(what))).run()
        logs.append((said, faulted.faulted.plan.log(), faulted.faulted.operations))
    assert logs[0] == logs[1] and len(logs[0][1]) > 10


# The harness itself: what must not happen is seen.


@pytest.fixture
def swapped():
    faulted = Faulted(1, 64, compression=None)
    faulted.add("web", 40)
    shadow = faulted.shadows["web"]
    faulted.write(shadow, np.arange(40), np.arange(40) + 100)
    faulted.reclaim(shadow, 30, "swap")
    yield faulted, shadow
    faulted.host.close()


def test_damage_that_no_plan_made_is_seen(swapped):
    faulted, shadow = swapped
    os.pwrite(faulted.host._engine.swap_file, b"?" * 4096 * 64, 0)
    with pytest.raises(Wrong, match="reported, and not damaged"):
        faulted.read(shadow, np.arange(40))


def test_an_error_that_no_fault_explains_is_seen(swapped):
    faulted, shadow = swapped
    os.truncate(faulted.host._engine.swap_file, 0)
    with pytest.raises(Wrong, match="no fault explains"):
        faulted.read(shadow, np.arange(40))


def test_a_page_that_is_not_what_was_written_is_seen(swapped):
    faulted, shadow = swapped
    shadow.held[3] = 7
    with pytest.raises(Wrong, match=r"'web': pages \[3\]"):
        faulted.peek(shadow, np.arange(40))


def test_damage_that_is_not_reported_is_seen(swapped, monkeypatch):
    faulted, shadow = swapped
    monkeypatch.setattr(faulted, "damaged", lambda: {"web": np.array([5])})
    with pytest.raises(Wrong, match="page 5 of 'web' is damaged and was returned"):
        faulted.settle()


def test_a_failure_tells_the_seed_that_repeats_it(monkeypatch):
    said = []

    def fails(self):
        raise Wrong("made up")

    monkeypatch.setattr(random_faults.Faulted, "settle", fails)
    with pytest.raises(Wrong, match="made up"):
        random_faults.rounds(31, count=3, tell=said.append)
    assert said == ["wrong in the round of seed 31: repeat it with --replay 31"]


def test_it_runs_as_a_command():
    command = [sys.executable, str(SCRIPT), "--minutes", "0.005", "--seed", "3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "nothing wrong" in done.stdout, done.stderr
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--replay", "3"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0 and "reclaim" in done.stdout, done.stderr
