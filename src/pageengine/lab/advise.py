"""How far may I go? The most VMs, the least memory, the smallest balloon minimum with which an
objective still holds, over several seeds.

Where misses in one memory that all share can be told from each VM alone (``lab.forecast``), the
first seed looks at both ends of the scale and around the end so foretold; else at the whole scale
coarsely; and then halves. The others begin where it ended.
The answer of each seed is the value up to which everything that was tried holds, seen from the
careful end (the fewest VMs, the most memory). The band is from the smallest to the largest of
them, and the advice is its careful end, at which every seed is tried. Nothing is assumed of the
curve: where a figure falls though it should grow, that is said (``turns``).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from pageengine.errors import AdmissionError
from pageengine.inline import bars
from pageengine.lab import untested
from pageengine.lab.advice import Advice, counts
from pageengine.lab.ahead import Cell, Runs, ahead, quiet
from pageengine.lab.forecast import Forecast
from pageengine.lab.objective import Objective
from pageengine.lab.promises import DoesNotFit
from pageengine.lab.results import Result
from pageengine.lab.scenario import Scenario, ScenarioError
from pageengine.lab.search import Turn, band, supposed, to_come, turn
from pageengine.units import PAGE_BYTES

Run = Callable[..., Result]
_LOOKED_AT = 65  # values that are tried out before anything runs
_AHEAD = 1024  # questions that may come, some of them the same, among which runs are chosen


def bounds(scenario: Scenario, key: str) -> tuple[int, int, int]:
    """What is searched when nothing is said: (lowest, highest, step)."""
    total = sum(entry["size"] for _, entry in scenario.vms)
    if counts(key):
        return 1, max(8, 4 * len(scenario.vms)), 1
    if key == "host.memory":
        promised = sum(e["reservation"] + e["overhead"] for _, e in scenario.vms)
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
    jobs: int = 1,
    run: Run | None = None,
    progress: Callable[[int, int, float | None], None] | bool | None = None,
    stop: Callable[[], bool] | None = None,
) -> Advice:
    """Searches for the end of ``key`` at which the objective still holds, for each seed.

    jobs: how many simulations run at a time, each in a process of its own; those above one run
    what is likely to be asked for next, and the advice is the same for any number. run:
    ``run(scenario, policy=, seed=) -> Result`` in the place of a simulation, here; a result that is
    marked partial ends the search, without advice. progress is called with (value, seed, figure)
    before (figure None) and after each run; True shows that in a notebook. stop: asked now and
    then; True ends the search, without advice. Raises ScenarioError for a value that cannot be,
    before anything runs.
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
    told = bars.callback(progress, lambda bar: bar.of_trials(key)) or (lambda *_: None)
    going = None if stop is None else lambda *_: not stop()
    with ahead(jobs, quiet(run)) as runs:
        trials = _Trials(scenario, advice, policy, runs, told, going)
        try:
            if run is None and scenario.fleet is None and (counts(key) or key == "host.memory"):
                trials.foretell()
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
    """The runs of all seeds. Index 0 is the careful end: the fewest VMs, the most memory."""

    def __init__(
        self,
        scenario: Scenario,
        advice: Advice,
        policy: str | None,
        runs: Runs,
        progress: Callable[[int, int, float | None], None],
        going: Callable[..., bool] | None,
    ):
        self._advice, self._policy, self._runs = advice, policy, runs
        self._progress, self._going = progress, going
        self.last = -(-(advice.high - advice.low) // advice.step)
        self.used: dict[tuple[int, int], Mapping[str, untested.Used]] = {}
        self._figures: dict[int, dict[int, float]] = {}
        self._good: dict[int, dict[int, bool]] = {}
        self._near: int | None = None  # where the first seed begins
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

    def foretell(self) -> None:
        """Chooses where the first seed begins: where the objective should cease to hold."""
        forecast = Forecast(self._advice.objective, self._watch)

        def figure(index: int) -> float:
            changed = self._at(index)
            return float("inf") if changed is None else forecast.figure(changed)

        self._near = supposed(figure, self._advice.objective.holds, self.last)

    def _watch(self) -> None:
        if self._going is not None and not self._going():
            raise _Cut("stopped")

    def search(self, seeds: Sequence[int]) -> None:
        """Finds every seed's answer."""

        def holds(index: int, seed: int) -> bool:
            return self._holds(index, seed, seeds)

        found = band(holds, self.last, seeds, self._good, self._near)
        for seed, index in found.items():
            self._advice.answers[seed] = None if index is None else self._advice.at(index)

    def _to_come(self, seeds: Sequence[int]) -> Iterator[Cell]:
        """Runs that may be asked for, the soonest first."""
        for index, seed in islice(to_come(self.last, seeds, self._good, self._near), _AHEAD):
            changed = self._at(index)
            if changed is not None:
                yield Cell(changed, self._policy, seed)

    def turn(self, seed: int) -> Turn | None:
        """Where this seed's figure falls though it should grow."""
        objective = self._advice.objective
        return turn(self._figures.get(seed, {}), objective.holds, seed, objective.limit)

    def _holds(self, index: int, seed: int, seeds: Sequence[int]) -> bool:
        advice, value = self._advice, self._advice.at(index)
        self._progress(value, seed, None)
        figure, changed = float("inf"), self._at(index)
        if changed is not None:
            self._runs.expect(self._to_come(seeds))
            try:
                result = self._runs.run(Cell(changed, self._policy, seed), self._going)
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
