"""How far may I go? The most machines, the least memory, the smallest balloon minimum with which an
objective still holds, over several seeds.

The first seed looks at the whole scale coarsely and then halves; the others begin where it ended.
The answer of each seed is the value up to which everything that was tried holds, seen from the
careful end (the fewest machines, the most memory). The band is from the smallest to the largest of
them, and the advice is its careful end, at which every seed is tried. Nothing is assumed of the
curve: where a figure falls though it should grow, that is said (``turns``).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from pageengine.errors import AdmissionError
from pageengine.lab import build, untested
from pageengine.lab.advice import Advice, counts
from pageengine.lab.objective import Objective
from pageengine.lab.promises import DoesNotFit
from pageengine.lab.results import Result
from pageengine.lab.scenario import Scenario, ScenarioError
from pageengine.lab.search import Turn, ends, search, turn
from pageengine.units import PAGE_BYTES

Run = Callable[..., Result]
_LOOKED_AT = 65  # values that are tried out before anything runs


def bounds(scenario: Scenario, key: str) -> tuple[int, int, int]:
    """What is searched when nothing is said: (lowest, highest, step)."""
    total = sum(entry["size"] for _, entry in scenario.machines)
    if counts(key):
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
    advice = Advice(objective, key, counts(key), least, greatest, step, {})
    trials = _Trials(scenario, advice, policy, run or build.run, progress or (lambda *_: None))
    try:
        trials.search(seeds)
    except _Cut as cut:
        return replace(advice, answers={}, partial=str(cut))
    value, turns = advice.value, [trials.turn(seed) for seed in seeds]
    shown = [used for (at, _), used in trials.used.items() if value is None or at == value]
    return replace(
        advice,
        turns=tuple(one for one in turns if one is not None),
        untested=tuple(untested.warnings(shown, scenario.seconds, len(seeds))),
    )


class _Cut(Exception):
    """A run ended before its time; the message says why."""


class _Trials:
    """The runs of all seeds. Index 0 is the careful end: the fewest machines, the most memory."""

    def __init__(
        self,
        scenario: Scenario,
        advice: Advice,
        policy: str | None,
        run: Run,
        progress: Callable[[int, int, float | None], None],
    ):
        self._advice, self._policy, self._run, self._progress = advice, policy, run, progress
        self.last = -(-(advice.high - advice.low) // advice.step)
        self.used: dict[tuple[int, int], Mapping[str, untested.Used]] = {}
        self._figures: dict[int, dict[int, float]] = {}
        self._good: dict[int, dict[int, bool]] = {}
        self._scenario = scenario
        self._changed: dict[int, Scenario | None] = {}  # None: it does not even fit
        for point in range(_LOOKED_AT):  # what is wrong with a value is said before the first run
            self._at(round(self.last * point / (_LOOKED_AT - 1)))

    def _at(self, index: int) -> Scenario | None:
        if index not in self._changed:
            value = self._advice.at(index)
            try:
                changed = self._scenario.changed(self._advice.key, value)
                groups = {name: len(each) for name, each in changed.groups.items()}
                self._advice.mixes[value] = groups
            except DoesNotFit:
                changed = None
            self._changed[index] = changed
        return self._changed[index]

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
        figure, changed = float("inf"), self._at(index)
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
