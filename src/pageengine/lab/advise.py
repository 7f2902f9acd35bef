"""How far may I go? The most machines, the least memory, the smallest balloon minimum with which an
objective still holds, over several seeds.

The first seed looks at the whole scale coarsely and then halves; the others begin where it ended.
The answer of each seed is the value up to which everything that was tried holds, seen from the
careful end (the fewest machines, the most memory). The band is from the smallest to the largest of
them, and the advice is its careful end, at which every seed is tried. Nothing is assumed of the
curve: where a figure falls though it should grow, that is said (``turns``).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pageengine.errors import AdmissionError
from pageengine.lab import build, untested
from pageengine.lab.objective import Objective
from pageengine.lab.promises import DoesNotFit
from pageengine.lab.results import Result
from pageengine.lab.scenario import Scenario, ScenarioError
from pageengine.lab.search import Turn, ends, search, turn
from pageengine.units import PAGE_BYTES, format_size

Run = Callable[..., Result]


@dataclass(frozen=True)
class Advice:
    """key: what was varied. most: whether the most was sought (or the least). answers: by seed,
    None where the objective held nowhere. tried: (value, seed, figure) of every run that came to
    its end. step: how closely the answers are known. edge: whether an answer is an end of what was
    searched. mixes: machines by group for each value. turns: where the figure falls though it
    should grow. untested: what the runs did not try, a sentence each. partial: why the search
    ended before its time, in which case there is no advice."""

    objective: Objective
    key: str
    most: bool
    low: int
    high: int
    step: int
    answers: dict[int, int | None]
    tried: list[tuple[int, int, float]] = field(default_factory=list)
    mixes: dict[int, Mapping[str, int]] = field(default_factory=dict)
    turns: tuple[Turn, ...] = ()
    untested: tuple[str, ...] = ()
    partial: str = ""

    def at(self, index: int) -> int:
        """The value at an index of the search, 0 being the careful end."""
        last = -(-(self.high - self.low) // self.step)
        steps = index if self.most else last - index
        return min(self.low + steps * self.step, self.high)

    @property
    def band(self) -> tuple[int, int] | None:
        """From the smallest to the largest answer; None where some seed had none."""
        found = [value for value in self.answers.values() if value is not None]
        if self.partial:
            return None
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
        if self.partial:
            return f"No advice: {self.partial} after {len(self.tried)} runs."
        if self.value is None or self.band is None:
            best = min((figure for _, _, figure in self.tried), default=float("inf"))
            at_best = f"; at best it is {self.objective.show(best)}" if np.isfinite(best) else ""
            return (
                f"{self.objective} does not hold for any {self.key} from {self.show(self.low)} "
                f"to {self.show(self.high)} and every seed{at_best}."
                if not any(one.flips for one in self.turns)
                else f"{self.objective} does not hold at the careful end, "
                f"{self.key} {self.show(self.at(0))}, though it does elsewhere: no advice."
            )
        end = "at most" if self.most else "at least"
        low, high = self.band
        band = f"{self.show(low)} to {self.show(high)} over {len(self.answers)} seeds"
        if low == high:
            band = f"every one of {len(self.answers)} seeds says so"
        if len(self.answers) == 1:
            band = "one seed"
        more = ", and that is the end of what was searched" if self.edge else ""
        return f"{self.key}: {end} {self.show(self.value)} for {self.objective} ({band}{more})."

    def warnings(self) -> list[str]:
        """What is to be known beside the advice: where the curve turns, and what was not tested."""
        said = []
        for one in sorted(self.turns, key=lambda one: not one.flips)[:1]:
            show, at = self.objective.show, self.at
            before = "does not fit" if not np.isfinite(one.before) else f"is {show(one.before)}"
            careful, bold = ("fewest", "more") if self.most else ("most", "less")
            said.append(
                f"Not monotone: with seed {one.seed} {self.objective.metric} {before} at "
                f"{self.show(at(one.careful))} and {show(one.after)} at {self.show(at(one.bold))}, "
                f"which is {bold}. What is advised is the end up to which everything that was "
                f"tried holds, from the {careful} on; between what was tried there may be more."
            )
        return [*said, *self.untested]

    def to_dict(self) -> dict:
        """For JSON."""
        return {
            "objective": str(self.objective), "vary": self.key, "most": self.most,
            "value": self.value, "band": self.band, "edge": self.edge, "step": self.step,
            "answers": {str(seed): value for seed, value in self.answers.items()},
            "advice": self.sentence(), "warnings": self.warnings(), "partial": self.partial,
            "mix": None if self.value is None else dict(self.mixes.get(self.value, {})),
            "turns": [
                {"seed": one.seed, "careful": self.at(one.careful), "before": _finite(one.before),
                 "bold": self.at(one.bold), "after": _finite(one.after), "flips": one.flips}
                for one in self.turns
            ],
            "tried": [
                {"value": value, "seed": seed, "figure": _finite(figure),
                 "holds": self.objective.holds(figure), "mix": dict(self.mixes.get(value, {}))}
                for value, seed, figure in self.tried
            ],
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

    run: ``run(scenario, policy=, seed=) -> Result`` in the place of a simulation; a result that is
    marked partial ends the search, without advice. progress is called with (value, seed, figure)
    before (figure None) and after each run. Raises ScenarioError for a value that cannot be, before
    anything runs.
    """
    if isinstance(objective, str):
        objective = Objective.parse(objective)
    seeds = list(dict.fromkeys(seeds))
    if not seeds:
        raise ValueError("advice needs at least one seed")
    least, greatest, step = bounds(scenario, key)
    least = least if low is None else low
    greatest = greatest if high is None else high
    if least > greatest:
        raise ValueError(f"nothing to search for {key}: from {least} to {greatest}")
    advice = Advice(objective, key, _counts(key), least, greatest, step, {})
    trials = _Trials(scenario, advice, policy, run or build.run, progress or (lambda *_: None))
    try:
        trials.search(seeds)
    except _Cut as cut:
        return replace(advice, answers={}, partial=str(cut))
    value, turns = advice.value, [trials.turn(seed) for seed in seeds]
    shown = [used for (at, _), used in trials.used.items() if value is None or at == value]
    return replace(
        advice, turns=tuple(one for one in turns if one is not None),
        untested=tuple(untested.warnings(shown, scenario.seconds, len(seeds))),
    )  # fmt: skip


class _Cut(Exception):
    """A run ended before its time; the message says why."""


class _Trials:
    """The runs of all seeds. Index 0 is the careful end: the fewest machines, the most memory."""

    def __init__(self, scenario: Scenario, advice: Advice, policy, run: Run, progress):
        self._advice, self._policy, self._run, self._progress = advice, policy, run, progress
        self.last = -(-(advice.high - advice.low) // advice.step)
        self.used: dict[tuple[int, int], Mapping[str, untested.Used]] = {}
        self._figures: dict[int, dict[int, float]] = {}
        self._good: dict[int, dict[int, bool]] = {}
        self._changed: dict[int, Scenario | None] = {}  # None: it does not even fit
        for index in range(self.last + 1):
            value = advice.at(index)
            try:
                changed = scenario.changed(advice.key, value)
                advice.mixes[value] = {name: len(each) for name, each in changed.groups.items()}
            except DoesNotFit:
                changed = None
            self._changed[index] = changed

    def search(self, seeds: Sequence[int]) -> None:
        """Finds every seed's answer; the careful end of them is tried with every seed."""
        near = None
        for seed in seeds:
            near = self._find(seed, near)
            if near is None:
                break
        else:
            self._try_together(seeds)
        for seed in seeds:
            low, _ = ends(self._good.get(seed, {}), self.last)
            self._advice.answers[seed] = None if low < 0 else self._advice.at(low)

    def _find(self, seed: int, near: int | None) -> int | None:
        known = self._good.setdefault(seed, {})
        return search(lambda index: self._holds(index, seed), self.last, near, known)

    def _try_together(self, seeds: Sequence[int]) -> None:
        index = self.last + 1
        while True:
            careful = min(ends(self._good[seed], self.last)[0] for seed in seeds)
            if careful == index or careful < 0:
                return
            index = careful
            for seed in seeds:
                self._find(seed, index)

    def turn(self, seed: int) -> Turn | None:
        """Where this seed's figure falls though it should grow."""
        objective = self._advice.objective
        return turn(self._figures.get(seed, {}), objective.holds, seed, objective.limit)

    def _holds(self, index: int, seed: int) -> bool:
        advice, value = self._advice, self._advice.at(index)
        self._progress(value, seed, None)
        figure, changed = float("inf"), self._changed[index]
        if changed is not None:
            try:
                result = self._run(changed, policy=self._policy, seed=seed)
            except AdmissionError:
                pass
            else:
                if result.partial:
                    raise _Cut(result.why)
                figure = advice.objective.measure(result)
                self.used[value, seed] = untested.used(result, changed.groups)
        advice.tried.append((value, seed, figure))
        self._figures.setdefault(seed, {})[index] = figure
        self._progress(value, seed, figure)
        return advice.objective.holds(figure)
