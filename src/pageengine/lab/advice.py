"""What a search for an end comes to: the answer, how sure it is, and what speaks against it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pageengine.lab.objective import Objective
from pageengine.lab.search import Turn
from pageengine.units import format_size


@dataclass(frozen=True)
class Advice:
    """key: what was varied. most: whether the most was sought (or the least). answers: by seed,
    None where the objective held nowhere. tried: (value, seed, figure) of every run that came to
    its end. step: how closely the answers are known. edge: whether an answer is an end of what was
    searched. mixes: VMs by group for each value. turns: where the figure falls though it
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
        return str(value) if counts(self.key) else format_size(value)

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

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "objective": str(self.objective),
            "vary": self.key,
            "most": self.most,
            "value": self.value,
            "band": self.band,
            "edge": self.edge,
            "step": self.step,
            "answers": {str(seed): value for seed, value in self.answers.items()},
            "advice": self.sentence(),
            "warnings": self.warnings(),
            "partial": self.partial,
            "mix": None if self.value is None else dict(self.mixes.get(self.value, {})),
            "turns": [
                {
                    "seed": one.seed,
                    "careful": self.at(one.careful),
                    "before": _finite(one.before),
                    "bold": self.at(one.bold),
                    "after": _finite(one.after),
                    "flips": one.flips,
                }
                for one in self.turns
            ],
            "tried": [
                {
                    "value": value,
                    "seed": seed,
                    "figure": _finite(figure),
                    "holds": self.objective.holds(figure),
                    "mix": dict(self.mixes.get(value, {})),
                }
                for value, seed, figure in self.tried
            ],
        }


def _finite(figure: float) -> float | None:
    """JSON has no infinity."""
    return figure if np.isfinite(figure) else None


def counts(key: str) -> bool:
    """Whether values of a key are numbers of VMs, and the most is sought."""
    return key.endswith(".count")
