"""What a run will take, before it is started: memory by counting, time by running its first epochs
for a moment."""

import time
from dataclasses import dataclass

from pageengine.lab import build
from pageengine.lab.scenario import Scenario
from pageengine.units import PAGE_BYTES

_PER_PAGE = 24  # place, content token, age, its part of the sharing table: measured 17 to 20
_PER_GUEST_PAGE = 28
_HOST_COLUMNS, _VM_COLUMNS = 32, 26


@dataclass(frozen=True)
class Estimate:
    """epochs: steps. memory: bytes that this program will take at most, besides what it has.
    seconds: of real time, at the speed of the first epochs; None where
    it was not tried."""

    epochs: int
    memory: int
    seconds: float | None = None


def estimate(scenario: Scenario, *, policy=None, trial: float = 0.0) -> Estimate:
    """trial: seconds of real time that may be spent on running the first epochs; 0: none."""
    epochs = max(1, round(scenario.seconds / scenario.run["epoch"]))
    pages = sum(entry["size"] for _, entry in scenario.machines) // PAGE_BYTES
    guests = sum(e["size"] for _, e in scenario.machines if e["guest"]) // PAGE_BYTES
    rows = _HOST_COLUMNS + _VM_COLUMNS * len(scenario.machines)
    memory = pages * _PER_PAGE + guests * _PER_GUEST_PAGE + epochs * rows * 8
    if scenario.host["contents"] == "bytes":
        memory += scenario.host["memory"]
    seconds = None
    if trial:
        simulation = build.simulation(scenario, policy=policy)
        began = time.monotonic()
        done = simulation.run(scenario.seconds, max_time=trial)
        took, reached = time.monotonic() - began, len(done.host["time"])
        seconds = took * epochs / max(reached, 1)
    return Estimate(epochs, memory, seconds)
