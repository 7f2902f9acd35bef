"""What a run will take, before it is started: memory by counting, time by running its first epochs
for a moment."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from pageengine.lab.scenario import Scenario
from pageengine.units import PAGE_BYTES

_PER_PAGE = 24  # place, content token, age, its part of the sharing table: measured 17 to 20
_PER_GUEST_PAGE = 28
_HOST_COLUMNS, _VM_COLUMNS = 32, 26


@dataclass(frozen=True)
class Estimate:
    """epochs: steps. memory: bytes that this program will take at most, besides what it has.
    seconds: of real time; None where it was not tried."""

    epochs: int
    memory: int
    seconds: float | None = None


def estimate(scenario: Scenario, *, run: Callable | None = None, trial: float = 0.0) -> Estimate:
    """trial: seconds of real time that may be spent on trying; 0 counts only. run: ``run(scenario,
    max_time=) -> Result`` in the place of a simulation."""
    epochs = max(1, round(scenario.seconds / scenario.run["epoch"]))
    pages = sum(entry["size"] for _, entry in scenario.machines) // PAGE_BYTES
    guests = sum(e["size"] for _, e in scenario.machines if e["guest"]) // PAGE_BYTES
    rows = _HOST_COLUMNS + _VM_COLUMNS * len(scenario.machines)
    memory = pages * _PER_PAGE + guests * _PER_GUEST_PAGE + epochs * rows * 8
    if scenario.host["contents"] == "bytes":
        memory += scenario.host["memory"]
    seconds = None
    if trial:
        if run is None:
            from pageengine.lab.build import run
        began = time.monotonic()
        done = run(scenario, max_time=trial)
        took, reached = time.monotonic() - began, len(done.host["time"])
        seconds = took * epochs / max(reached, 1)
    return Estimate(epochs, memory, seconds)
