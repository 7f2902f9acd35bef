"""What a comparison of policies comes to: how many VMs each carries, what memory it wins by
which technique, what that costs in stalled time, who pays most; and the verdict.

Differences between policies are taken seed by seed. One counts when its 95 % interval (Student's t)
does not include 0; a single seed has no interval, and then every difference counts.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pageengine.lab.intervals import Interval, difference, interval
from pageengine.lab.results import Result

#: What the verdict goes by, in this order.
OBJECTIVE = "most VMs carried, then the least stalled worst VM"


@dataclass(frozen=True)
class Verdict:
    """One run. carried: VMs that ran and stalled less than 5 % of their time. given_back:
    bytes by technique, mean of the run, without untouched: bytes in balloons that nobody had
    touched. stall: mean over all VMs; worst, worst_stall: who stalled most; worst_minute: the
    largest mean stall of any VM over a minute. swap_in, double_paging: pages per second.
    refused: VMs that were not admitted."""

    policy: str
    vms: int
    carried: int
    given_back: Mapping[str, float]
    untouched: float
    stall: float
    worst: str
    worst_stall: float
    worst_minute: float
    swap_in: float
    double_paging: float
    refused: tuple[str, ...] = ()
    partial: bool = False

    @property
    def reclaimed(self) -> float:
        """Bytes given back by all techniques."""
        return float(sum(self.given_back.values()))

    @property
    def judged_stall(self) -> float:
        """The stall that the verdict goes by: a VM that was refused stalls all the time."""
        return 1.0 if self.refused else self.worst_stall


@dataclass(frozen=True)
class Standing:
    """One policy over all seeds."""

    policy: str
    runs: tuple[Verdict, ...]

    def each(self, name: str) -> list[float]:
        """A figure of every run."""
        return [float(getattr(run, name)) for run in self.runs]

    def interval(self, name: str) -> Interval:
        """Its mean over the seeds, and how sure that is."""
        return interval(self.each(name))

    @property
    def worst(self) -> str:
        """The VM that stalled most, most often."""
        names = [run.worst for run in self.runs]
        return max(dict.fromkeys(names), key=names.count)

    @property
    def given_back(self) -> dict[str, float]:
        """Bytes by technique, mean of all runs."""
        keys = self.runs[0].given_back
        return {key: float(np.mean([run.given_back[key] for run in self.runs])) for key in keys}


@dataclass(frozen=True)
class Comparison:
    """runs: results by policy, one per seed. partial: why there is no verdict; empty where every
    run came to its end, and all are of the same length."""

    runs: Mapping[str, tuple[Result, ...]]
    standings: tuple[Standing, ...]
    seeds: tuple[int, ...] = ()
    partial: str = ""

    def _repr_html_(self) -> str:
        from pageengine.lab import shows  # where there is a notebook only

        return shows.comparison_html(self)

    def __repr__(self) -> str:
        return f"<Comparison of {', '.join(self.runs)} on seeds {list(self.seeds)}>"

    @property
    def results(self) -> dict[str, Result]:
        """The results of the first seed."""
        return {policy: runs[0] for policy, runs in self.runs.items()}

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdicts on the first seed."""
        return tuple(standing.runs[0] for standing in self.standings)

    @property
    def leaders(self) -> list[Standing]:
        """The policies that carry most, as far as the seeds tell; the one whose worst VM
        stalls least first."""
        if self.partial:
            return []
        most = max(self.standings, key=lambda one: one.interval("carried").mean)
        carry = [
            one
            for one in self.standings
            if not difference(most.each("carried"), one.each("carried")).excludes_zero
        ]
        return sorted(carry, key=lambda one: one.interval("judged_stall").mean)

    @property
    def tied(self) -> list[Standing]:
        """Of the leaders, those that are not told apart from the first."""
        found = self.leaders
        return [
            one
            for one in found
            if not difference(found[0].each("judged_stall"), one.each("judged_stall")).excludes_zero
        ]

    @property
    def best(self) -> Standing | None:
        """The first of the leaders; None without a verdict."""
        return self.leaders[0] if self.leaders else None

    def sentence(self) -> str:
        """What a planner takes away: OBJECTIVE, and how sure it is."""
        if self.partial:
            return f"No verdict: {self.partial}."
        best, leaders, tied = self.leaders[0], self.leaders, self.tied
        names = " and ".join(one.policy for one in leaders)
        carry = "carries" if len(leaders) == 1 else "carry"
        text = (
            f"{names} {carry} most: {best.interval('carried').mean:.3g} of {best.runs[0].vms} VMs; "
        )
        if all(one.interval("judged_stall").mean == 0 for one in leaders):
            return text + "none of them stalled."
        if len(leaders) == 1:
            return text + f"its worst VM, {best.worst}, {_stalled(best)}."
        each = ", ".join(f"{one.policy} {_percent(one)}" for one in leaders if one is not best)
        if len(tied) > 1:
            return text + (
                f"their worst VMs are not told apart by {self._by}: {best.policy} "
                f"{_percent(best)}, {each}."
            )
        return text + (
            f"of these {best.policy} is best for its worst VM, {best.worst}, which "
            f"{_stalled(best)} ({each})."
        )

    @property
    def _by(self) -> str:
        return f"{len(self.seeds)} seeds" if len(self.seeds) > 1 else "this seed"

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        policies = [
            {
                "policy": one.policy,
                "worst": one.worst,
                **{key: vars(one.interval(key)) for key in _FIGURES},
                "given_back": one.given_back,
                "runs": [
                    {
                        "seed": seed,
                        **asdict(run),
                        "given_back": dict(run.given_back),
                        "refused": list(run.refused),
                        "reclaimed": run.reclaimed,
                    }
                    for seed, run in zip(self.seeds, one.runs, strict=True)
                ],
            }
            for one in self.standings
        ]
        return {
            "objective": OBJECTIVE,
            "seeds": list(self.seeds),
            "partial": self.partial,
            "best": self.best.policy if self.best else None,
            "tied": [one.policy for one in self.tied] if self.best else [],
            "verdict": self.sentence(),
            "policies": policies,
        }


_FIGURES = (
    "carried",
    "stall",
    "worst_stall",
    "worst_minute",
    "swap_in",
    "double_paging",
    "reclaimed",
    "untouched",
)


def _percent(one: Standing) -> str:
    if all(run.refused for run in one.runs):
        return "refused one"
    found = one.interval("judged_stall")
    half = "" if found.half is None else f" ± {100 * found.half:.2g}"
    return f"{100 * found.mean:.3g}{half} %"


def _stalled(one: Standing) -> str:
    return "was refused" if all(run.refused for run in one.runs) else f"stalled {_percent(one)}"
