"""Policies side by side on one scenario, over several seeds: every policy runs under the same
seeds, so under the same accesses. What comes of it, and who is best, says ``lab.standings``.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from pageengine.inline import bars
from pageengine.lab import build, figures
from pageengine.lab.ahead import Cell, ahead
from pageengine.lab.results import Result
from pageengine.lab.scenario import Scenario
from pageengine.lab.standings import Comparison, Standing, Verdict


def verdict(
    result: Result, policy: str | None = None, held: Mapping[str, float] | None = None
) -> Verdict:
    """The verdict on one result. held: as for ``figures.untouched``."""
    stalls = figures.stalls(result)
    refused = tuple(result.meta.get("refused", ()))
    ran = [name for name in stalls if name not in refused] or list(stalls)
    worst = max(ran, key=lambda name: stalls[name], default="")
    minutes = [figures.worst_minute(result.of(name)) for name in result.names]
    some = len(result.host["time"]) > 0
    return Verdict(
        policy=policy or str(result.meta.get("policy", "?")),
        vms=len(stalls),
        carried=sum(stall < figures.CARRIED_BELOW for stall in stalls.values()),
        given_back={
            name: float(np.mean(column)) if some else 0.0
            for name, column in figures.won(result, held).items()
        },
        untouched=float(np.mean(figures.untouched(result, held))) if some else 0.0,
        stall=float(np.mean([stalls[name] for name in ran])) if ran else 0.0,
        worst=worst,
        worst_stall=stalls.get(worst, 0.0),
        worst_minute=max(minutes, default=0.0),
        swap_in=figures.per_second(result, "swap_in"),
        double_paging=figures.per_second(result, "double_paging"),
        refused=refused,
        partial=result.partial,
    )


def compare(
    scenario: Scenario,
    policies: Iterable[str],
    *,
    seed: int | None = None,
    seeds: Sequence[int | None] = (),
    start: str | os.PathLike[str] | None = None,
    jobs: int = 1,
    run: Callable[..., Result] | None = None,
    progress: Callable[[float, str], Any] | bool | None = None,
    follow: Callable[[str, int | None], Callable[[float, str], Any]] | None = None,
) -> Comparison:
    """Runs the scenario under each policy with the same seeds, so under the same accesses.

    seed: one seed, by default the file's; seeds: several instead of it. start: a checkpoint of the
    scenario (``Simulation.save``), from whose moment on every policy governs the very same host, by
    its seed; None: from the beginning. jobs: how many simulations run at a time, each in a process
    of its own; the comparison is the same for any number. run:
    ``run(scenario, policy=, seed=, progress=) -> Result`` in the place of a simulation, here; a
    result that is marked partial ends the comparison, and only policies and seeds that are complete
    are in it. progress: as for ``Simulation.run``, of each run; True is one bar for all. follow:
    ``follow(policy, seed)``, called before each run, makes its progress. Everything is checked
    under each policy before the first run.
    """
    policies = list(dict.fromkeys(policies))
    if len(policies) < 2:
        raise ValueError(f"a comparison needs two policies or more, got {policies}")
    if run is None:
        for policy in policies:
            build.check(scenario, policy)
    chosen = list(dict.fromkeys(seeds)) or [seed]
    numbers = _numbers(chosen, scenario) if start is None else ()
    found: dict[str, list[Result]] = {policy: [] for policy in policies}
    cells = [Cell(scenario, policy, each, start) for each in chosen for policy in policies]
    told = bars.callback(progress, lambda bar: bar.of_runs(scenario.seconds, len(cells)))
    with ahead(jobs, run) as runs:
        for number, cell in enumerate(cells):
            policy = str(cell.policy)
            runs.expect(cells[number:])
            result = runs.run(cell, follow(policy, cell.seed) if follow else told)
            if result.partial:
                done = {name: results for name, results in found.items() if results}
                return replace(of(done, numbers), partial=result.why)
            found[policy].append(result)
    return of(found, numbers)


def _numbers(seeds: Iterable[int | None], scenario: Scenario) -> list[int]:
    return [scenario.host["seed"] if seed is None else seed for seed in seeds]


def of(results: Mapping[str, Result | Sequence[Result]], seeds: Sequence[int] = ()) -> Comparison:
    """The comparison of results that are there already, one or several (one per seed) by policy."""
    runs = {
        policy: (each,) if isinstance(each, Result) else tuple(each)
        for policy, each in results.items()
    }
    count = min((len(each) for each in runs.values()), default=0)
    runs = {policy: each[:count] for policy, each in runs.items()}
    seeds = tuple(seeds)[:count] or tuple(
        int(result.meta.get("seed", 0)) for result in next(iter(runs.values()), ())
    )
    standings = []
    for policy, each in runs.items():
        held = [_held([other[i] for other in runs.values()]) for i in range(count)]
        standings.append(
            Standing(
                policy,
                tuple(
                    verdict(result, policy, most) for result, most in zip(each, held, strict=True)
                ),
            )
        )
    return Comparison(runs, tuple(standings), seeds, _why_not(runs))


def _held(results: Sequence[Result]) -> dict[str, float]:
    """What each VM used at most under any of the policies."""
    found: dict[str, float] = {}
    for result in results:
        for name, held in figures.most_held(result).items():
            found[name] = max(held, found.get(name, 0.0))
    return found


def _why_not(runs: Mapping[str, Sequence[Result]]) -> str:
    every = [result for each in runs.values() for result in each]
    cut = [result for result in every if result.partial]
    if cut:
        return f"{cut[0].meta.get('policy', 'a run')} did not come to its end ({cut[0].why})"
    ends = {float(result.host["time"][-1]) for result in every if len(result.host["time"])}
    return f"runs of different lengths, {sorted(ends)} s" if len(ends) > 1 else ""
