"""Policies side by side on one scenario, with a verdict: how many machines each carries, what
memory it wins by which technique, what that costs in stalled time, and who pays most."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass

import numpy as np

from pageengine.lab import figures
from pageengine.lab.results import Result
from pageengine.lab.scenario import Scenario


@dataclass(frozen=True)
class Verdict:
    """One policy. carried: machines that ran and stalled less than 5 % of their time. given_back:
    bytes by technique, mean of the run. stall: mean over all machines; worst, worst_stall: who
    stalled most; worst_minute: the largest mean stall of any machine over a minute. swap_in,
    double_paging: pages per second. refused: machines that were not admitted."""

    policy: str
    machines: int
    carried: int
    given_back: Mapping[str, float]
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
    def rank(self) -> tuple:
        """Better policies come first: more carried, fewer refused, then a better worst machine, in
        whole percent."""
        return (-self.carried, len(self.refused), round(self.worst_stall, 2))


@dataclass(frozen=True)
class Comparison:
    """Results by policy, and the verdicts in the same order."""

    results: Mapping[str, Result]
    verdicts: tuple[Verdict, ...]

    @property
    def best(self) -> Verdict:
        """The policy that carries most, and of those the one whose worst machine is best off."""
        return min(self.verdicts, key=lambda verdict: verdict.rank)

    def sentence(self) -> str:
        """What a planner takes away."""
        best = self.best
        others = [v for v in self.verdicts if v.rank == best.rank and v is not best]
        names = " and ".join([best.policy, *(v.policy for v in others)])
        carry = "carries" if not others else "carry"
        whose = f"under {best.policy} the" if others else "its"
        worst = f"{whose} worst machine, {best.worst}, stalled {100 * best.worst_stall:.2g} %"
        if best.worst_stall == 0:
            worst = "none of them stalled"
        return f"{names} {carry} most: {best.carried} of {best.machines} machines; {worst}."

    def to_dict(self) -> dict:
        """For JSON."""
        verdicts = [
            {**asdict(v), "given_back": dict(v.given_back), "reclaimed": v.reclaimed}
            for v in self.verdicts
        ]
        return {"best": self.best.policy, "verdict": self.sentence(), "policies": verdicts}


def verdict(result: Result, policy: str | None = None) -> Verdict:
    """The verdict on one result."""
    stalls = figures.stalls(result)
    refused = tuple(result.meta.get("refused", ()))
    ran = [name for name in stalls if name not in refused] or list(stalls)
    worst = max(ran, key=lambda name: stalls[name], default="")
    minutes = [figures.worst_minute(result.of(name)) for name in result.names]
    return Verdict(
        policy=policy or str(result.meta.get("policy", "?")),
        machines=len(stalls),
        carried=sum(stall < figures.CARRIED_BELOW for stall in stalls.values()),
        given_back={
            name: float(np.mean(column)) if len(column) else 0.0
            for name, column in figures.given_back(result.host).items()
        },
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
    run: Callable[..., Result] | None = None,
    progress: Callable | None = None,
) -> Comparison:
    """Runs the scenario under each policy with the same seed, so under the same accesses.

    run: ``run(scenario, policy=, seed=, progress=) -> Result`` in the place of a simulation.
    """
    policies = list(dict.fromkeys(policies))
    if len(policies) < 2:
        raise ValueError(f"a comparison needs two policies or more, got {policies}")
    if run is None:
        from pageengine.lab import build

        run = build.run
    results = {
        policy: run(scenario, policy=policy, seed=seed, progress=progress) for policy in policies
    }
    return of(results)


def of(results: Mapping[str, Result]) -> Comparison:
    """The comparison of results that are there already."""
    return Comparison(dict(results), tuple(verdict(r, name) for name, r in results.items()))
