"""How much memory one VM needs: its slowdown at several sizes of memory, alone on a host, and
the knee below which it becomes slow quickly.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from pageengine.inline import bars
from pageengine.lab.ahead import Cell, ahead, quiet
from pageengine.lab.results import Result
from pageengine.lab.scenario import Scenario, ScenarioError
from pageengine.plumbing.shapes import Row
from pageengine.policy import Plain
from pageengine.units import PAGE_BYTES


class Cut(Exception):
    """A run ended before its time, so that there is no curve; the message says why."""


#: Sizes of a curve, where nothing else is said.
POINTS = 20


@dataclass(frozen=True)
class Curve:
    """Memory against slowdown of one VM alone: medians over the seeds, with the least and the
    most. knee: index of the size below which it becomes slow quickly; None where it never does."""

    vm: str
    sizes: Row[np.int64]
    slowdown: Row[np.float64]
    low: Row[np.float64]
    high: Row[np.float64]
    knee: int | None

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "vm": self.vm,
            "sizes": [int(size) for size in self.sizes],
            "slowdown": self.slowdown.tolist(),
            "low": self.low.tolist(),
            "high": self.high.tolist(),
            "knee": None if self.knee is None else int(self.sizes[self.knee]),
        }


def curve(
    scenario: Scenario,
    name: str,
    *,
    points: int = POINTS,
    seeds: Sequence[int] = (1,),
    jobs: int = 1,
    run: Callable[..., Result] | None = None,
    progress: Callable[[int, int], None] | bool | None = None,
    stop: Callable[[], bool] | None = None,
) -> Curve:
    """The right-sizing curve of one [[vm]] entry: a VM of it alone on a host that has just
    that much memory for it, at ``points`` sizes up to its own. jobs, run, stop: as for
    ``lab.advise.advise``. progress: called with (runs done, in all); True for a bar in a notebook.
    Raises Cut when a run ends before its time."""
    told = bars.callback(progress, lambda bar: bar.show)
    entry = next((e for e in scenario.entries if e["name"] == name), None)
    if entry is None:
        raise ScenarioError(f"no [[vm]] is named {name!r}: {', '.join(scenario.groups)}")
    sizes = np.linspace(entry["size"] / points, entry["size"], points)
    sizes = np.maximum(sizes // PAGE_BYTES, 1).astype(np.int64) * PAGE_BYTES
    rows = np.empty((len(seeds), points))
    policy = Plain()
    each = [alone(scenario, name, int(size)) for size in sizes]
    cells = [Cell(small, policy, seed) for small in each for seed in seeds]
    going = None if stop is None else lambda *_: not stop()
    with ahead(jobs, quiet(run)) as runs:
        for number, cell in enumerate(cells):
            runs.expect(cells[number:])
            result = runs.run(cell, going)
            if result.partial:
                raise Cut(result.why)
            column, row = divmod(number, len(seeds))
            rows[row, column] = 1 / max(float(np.mean(result.of(name)["progress"])), 1e-6)
            if told:
                told(number + 1, len(cells))
    median = np.median(rows, axis=0)
    return Curve(name, sizes, median, rows.min(axis=0), rows.max(axis=0), knee(sizes, median))


def alone(scenario: Scenario, name: str, memory: int) -> Scenario:
    """The scenario with this VM only, on a host with so much memory for it."""
    data = {key: value for key, value in scenario.data.items() if key not in ("event", "policy")}
    own = next(entry for entry in data["vm"] if entry["name"] == name)
    dropped = ("reservation", "limit", "start", "stop", "count", "overhead")
    data["vm"] = [{key: value for key, value in own.items() if key not in dropped}]
    reserve = -(-memory // 20 // PAGE_BYTES) * PAGE_BYTES  # what the policy keeps free
    data["host"] = {**data["host"], "memory": memory + reserve + 16 * PAGE_BYTES}
    return Scenario(data, source=scenario.source)


def knee(sizes: np.ndarray, slowdown: np.ndarray) -> int | None:
    """Index of the point farthest below the straight line between the ends of the curve of log
    slowdown; None where the VM is never 5 % slower than at its best."""
    heights = np.log(np.asarray(slowdown, dtype=float))
    x = np.asarray(sizes, dtype=float)
    if len(x) < 3 or heights[0] - heights.min() < np.log(1.05):
        return None
    span = (x - x[0]) / (x[-1] - x[0])
    below = heights[0] + (heights[-1] - heights[0]) * span - heights
    return int(np.argmax(below))
