"""How far may I go? The most machines, the least memory, the smallest balloon minimum with which an
objective still holds, by bisection over several seeds; and how much memory each machine needs.

The answer of each seed is where the objective begins to fail; the band is from the smallest to the
largest of them, and the advice is its careful end. It is assumed that more machines are never
better, and more memory never worse.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from pageengine.errors import AdmissionError
from pageengine.lab.objective import Objective
from pageengine.lab.results import Result
from pageengine.lab.scenario import Scenario, ScenarioError
from pageengine.policy import Plain
from pageengine.units import PAGE_BYTES, format_size

Run = Callable[..., Result]


@dataclass(frozen=True)
class Advice:
    """key: what was varied. most: whether the most was sought (or the least). answers: by seed,
    None where the objective held nowhere. tried: (value, seed, figure) of every run. step: how
    closely the answers are known. edge: whether an answer is an end of what was searched."""

    objective: Objective
    key: str
    most: bool
    low: int
    high: int
    step: int
    answers: dict[int, int | None]
    tried: list[tuple[int, int, float]] = field(default_factory=list)

    @property
    def band(self) -> tuple[int, int] | None:
        """From the smallest to the largest answer; None where some seed had none."""
        found = [value for value in self.answers.values() if value is not None]
        return (min(found), max(found)) if len(found) == len(self.answers) else None

    @property
    def value(self) -> int | None:
        """What to do: the careful end of the band."""
        if self.band is None:
            return None
        return self.band[0] if self.most else self.band[1]

    @property
    def edge(self) -> bool:
        """Whether the answer is only the end of what was searched."""
        return self.value == (self.high if self.most else self.low)

    def show(self, value: int) -> str:
        """A value of what was varied as text."""
        return str(value) if _counts(self.key) else format_size(value)

    def sentence(self) -> str:
        """What a planner takes away."""
        if self.value is None or self.band is None:
            best = min((figure for _, _, figure in self.tried), default=float("inf"))
            at_best = f"; at best it is {self.objective.show(best)}" if np.isfinite(best) else ""
            return (
                f"{self.objective} does not hold for any {self.key} from {self.show(self.low)} "
                f"to {self.show(self.high)} and every seed{at_best}."
            )
        end = "at most" if self.most else "at least"
        low, high = self.band
        band = (
            f"every one of {len(self.answers)} seeds says so"
            if low == high
            else f"{self.show(low)} to {self.show(high)} over {len(self.answers)} seeds"
        )
        more = ", and that is the end of what was searched" if self.edge else ""
        return f"{self.key}: {end} {self.show(self.value)} for {self.objective} ({band}{more})."

    def to_dict(self) -> dict:
        """For JSON."""
        return {
            "objective": str(self.objective), "vary": self.key, "most": self.most,
            "value": self.value, "band": self.band, "edge": self.edge, "step": self.step,
            "answers": self.answers, "advice": self.sentence(),
            "tried": [
                {"value": value, "seed": seed, self.objective.metric: _finite(figure)}
                for value, seed, figure in self.tried
            ],
        }  # fmt: skip


@dataclass(frozen=True)
class Curve:
    """Memory against slowdown of one machine alone: medians over the seeds, with the least and the
    most. knee: index of the size below which it becomes slow quickly; None where it never does."""

    vm: str
    sizes: np.ndarray
    slowdown: np.ndarray
    low: np.ndarray
    high: np.ndarray
    knee: int | None

    def to_dict(self) -> dict:
        """For JSON."""
        return {
            "vm": self.vm, "sizes": [int(size) for size in self.sizes],
            "slowdown": self.slowdown.tolist(), "low": self.low.tolist(),
            "high": self.high.tolist(),
            "knee": None if self.knee is None else int(self.sizes[self.knee]),
        }  # fmt: skip


def _finite(figure: float) -> float | None:
    """JSON has no infinity."""
    return figure if np.isfinite(figure) else None


def _counts(key: str) -> bool:
    return key.endswith(".count")


def bounds(scenario: Scenario, key: str) -> tuple[int, int, int]:
    """What is searched when nothing is said: (lowest, highest, step)."""
    total = sum(entry["size"] for _, entry in scenario.machines)
    if _counts(key):
        return 1, max(8, 4 * len(scenario.machines)), 1
    if key == "host.memory":
        promised = sum(e["reservation"] + e["overhead"] for _, e in scenario.machines)
        return _range(max(promised, total // 16), total + total // 8)
    name, _, option = key.removeprefix("vm.").rpartition(".")
    sizes = [e["size"] for e in scenario.entries if not name or e["name"] == name]
    if not key.startswith("vm.") or option not in ("balloon_min", "reservation", "limit"):
        raise ScenarioError(
            f"{key!r} cannot be varied: write vm.count, vm.NAME.count, host.memory, "
            "vm.NAME.balloon_min, vm.NAME.reservation or vm.NAME.limit"
        )
    if not sizes:
        raise ScenarioError(f"{key}: no [[vm]] is named {name!r}: {', '.join(scenario.groups)}")
    return _range(min(sizes) // 64 if option == "limit" else 0, min(sizes))


def _range(low: int, high: int) -> tuple[int, int, int]:
    """32 steps of whole pages."""
    step = max(PAGE_BYTES, (high - low) // 32 // PAGE_BYTES * PAGE_BYTES)
    low = -(-low // PAGE_BYTES) * PAGE_BYTES
    return low, low + -(-(high - low) // step) * step, step


def advise(
    scenario: Scenario,
    objective: str | Objective,
    key: str,
    *,
    policy: str | None = None,
    seeds: Sequence[int] = (1, 2, 3),
    low: int | None = None,
    high: int | None = None,
    run: Run | None = None,
    progress: Callable[[int, int, float | None], None] | None = None,
) -> Advice:
    """Searches for the end of ``key`` at which the objective still holds, for each seed.

    run: ``run(scenario, policy=, seed=) -> Result`` in the place of a simulation. progress is
    called with (value, seed, figure) before (figure None) and after each run.
    """
    if isinstance(objective, str):
        objective = Objective.parse(objective)
    if not seeds:
        raise ValueError("advice needs at least one seed")
    least, greatest, step = bounds(scenario, key)
    least = least if low is None else low
    greatest = greatest if high is None else high
    if least > greatest:
        raise ValueError(f"nothing to search for {key}: from {least} to {greatest}")
    if run is None:
        from pageengine.lab import build

        run = build.run
    advice = Advice(objective, key, _counts(key), least, greatest, step, {})
    last = -(-(greatest - least) // step)
    near = None
    for seed in seeds:
        trial = _Trial(advice, last, seed, progress)
        near = search(partial(trial.holds, scenario, policy=policy, run=run), last, near)
        advice.answers[seed] = None if near is None else trial.value(near)
    return advice


class _Trial:
    """The runs of one seed. Index 0 is the careful end: the fewest machines, the most memory."""

    def __init__(self, advice: Advice, last: int, seed: int, progress):
        self._advice, self._last, self._seed = advice, last, seed
        self._progress = progress or (lambda *_: None)

    def value(self, index: int) -> int:
        advice = self._advice
        steps = index if advice.most else self._last - index
        return min(advice.low + steps * advice.step, advice.high)

    def holds(self, scenario: Scenario, index: int, policy, run: Run) -> bool:
        advice, value, seed = self._advice, self.value(index), self._seed
        self._progress(value, seed, None)
        try:
            result = run(scenario.changed(advice.key, value), policy=policy, seed=seed)
            figure = advice.objective.measure(result)
        except (ScenarioError, AdmissionError):  # it does not even fit
            figure = float("inf")
        advice.tried.append((value, seed, figure))
        self._progress(value, seed, figure)
        return advice.objective.holds(figure)


def search(good: Callable[[int], bool], last: int, near: int | None = None) -> int | None:
    """The largest index from 0 to ``last`` that is good, where good ones come first; None where
    not even 0 is. near: where it is expected."""
    low, high = -1, last + 1  # good up to low, bad from high
    at, step = near, 1
    while at is not None and low < at < high:  # outward from near, in steps that double
        if good(at):
            low, at = at, min(at + step, last)
        else:
            high, at = at, max(at - step, 0)
        step *= 2
        if low >= 0 and high <= last:
            break
    while high - low > 1:
        middle = (low + high) // 2
        if good(middle):
            low = middle
        else:
            high = middle
    return low if low >= 0 else None


def curve(
    scenario: Scenario,
    name: str,
    *,
    points: int = 20,
    seeds: Sequence[int] = (1,),
    run: Run | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Curve:
    """The right-sizing curve of one [[vm]] entry: a machine of it alone on a host that has just
    that much memory for it, at ``points`` sizes up to its own."""
    if run is None:
        from pageengine.lab import build

        run = build.run
    entry = next((e for e in scenario.entries if e["name"] == name), None)
    if entry is None:
        raise ScenarioError(f"no [[vm]] is named {name!r}: {', '.join(scenario.groups)}")
    sizes = np.linspace(entry["size"] / points, entry["size"], points)
    sizes = np.maximum(sizes // PAGE_BYTES, 1).astype(np.int64) * PAGE_BYTES
    rows = np.empty((len(seeds), points))
    for column, size in enumerate(sizes):
        for row, seed in enumerate(seeds):
            result = run(alone(scenario, name, int(size)), policy=Plain(), seed=seed)
            rows[row, column] = 1 / max(float(np.mean(result.of(name)["progress"])), 1e-6)
            if progress:
                progress(column * len(seeds) + row + 1, points * len(seeds))
    median = np.median(rows, axis=0)
    return Curve(name, sizes, median, rows.min(axis=0), rows.max(axis=0), knee(sizes, median))


def alone(scenario: Scenario, name: str, memory: int) -> Scenario:
    """The scenario with this machine only, on a host with so much memory for it."""
    data = {key: value for key, value in scenario.data.items() if key not in ("event", "policy")}
    own = next(entry for entry in data["vm"] if entry["name"] == name)
    dropped = ("reservation", "limit", "start", "stop", "count", "overhead")
    data["vm"] = [{key: value for key, value in own.items() if key not in dropped}]
    reserve = -(-memory // 20 // PAGE_BYTES) * PAGE_BYTES  # what the policy keeps free
    data["host"] = {**data["host"], "memory": memory + reserve + 16 * PAGE_BYTES}
    return Scenario(data, source=scenario.source)


def knee(sizes: np.ndarray, slowdown: np.ndarray) -> int | None:
    """Index of the point farthest below the straight line between the ends of the curve of log
    slowdown; None where the machine is never 5 % slower than at its best."""
    heights = np.log(np.asarray(slowdown, dtype=float))
    x = np.asarray(sizes, dtype=float)
    if len(x) < 3 or heights[0] - heights.min() < np.log(1.05):
        return None
    span = (x - x[0]) / (x[-1] - x[0])
    below = heights[0] + (heights[-1] - heights[0]) * span - heights
    return int(np.argmax(below))
