"""What a planner asks for: "stall < 2%", "slowdown < 1.1", "swapped < 1 GiB"."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pageengine.lab import fields, figures
from pageengine.lab.results import Result
from pageengine.plumbing import given


def _number(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise ValueError("is not a number from 0")
    return number


def _part(value: str) -> float:
    return fields.part(value if "%" in value else _number(value))


@dataclass(frozen=True)
class Metric:
    """A figure of a result: how its limit is read, how it is shown, what it means."""

    of: Callable[[Result], float]
    read: Callable[[str], float]
    show: Callable[[float], str]
    says: str


def _percent(value: float) -> str:
    return f"{100 * value:.3g} %"


METRICS = {
    "stall": Metric(
        lambda result: max(figures.stalls(result).values(), default=0.0),
        _part,
        _percent,
        "share of its time that the worst VM waited for memory",
    ),
    "mean_stall": Metric(
        lambda result: float(np.mean(list(figures.stalls(result).values()) or [0.0])),
        _part,
        _percent,
        "the same, mean of all VMs",
    ),
    "minute": Metric(
        lambda result: max(
            [
                *(figures.worst_minute(result.of(name)) for name in result.names),
                1.0 if result.meta.get("refused") else 0.0,
            ]
        ),
        _part,
        _percent,
        "the same, of the worst minute of any VM",
    ),
    "slowdown": Metric(
        lambda result: max(figures.slowdowns(result).values(), default=1.0),
        _number,
        lambda value: f"{value:.3g}",
        "how many times longer the worst VM took",
    ),
    "swap_in": Metric(
        lambda result: figures.per_second(result, "swap_in"),
        _number,
        lambda value: f"{value:.3g} pages/s",
        "pages per second read back from swap",
    ),
}


@dataclass(frozen=True)
class Objective:
    """A metric that must stay under (or, with "<=", at) a limit."""

    metric: str
    limit: float
    strict: bool = True

    @classmethod
    def parse(cls, text: str) -> "Objective":
        """From "stall < 2%". Raises ValueError saying what can be asked."""
        text = given.text(text, "an objective")
        match = re.fullmatch(r"\s*(\w+)\s*(<=?|>=?|=)\s*(.+?)\s*", text)
        if not match:
            raise ValueError(f"{text!r} is no objective: write it as 'stall < 2%'")
        name, sign, limit = match.groups()
        if name not in METRICS:
            raise ValueError(f"{text!r}: no figure {name!r}. {fields.unknown(name, METRICS)}")
        if sign not in ("<", "<="):
            raise ValueError(f"{text!r}: less is better for {name}: write '{name} < {limit}'")
        try:
            value = METRICS[name].read(limit)
        except ValueError as error:
            raise ValueError(f"{text!r}: {limit!r} {error}") from None
        return cls(name, value, sign == "<")

    def measure(self, result: Result) -> float:
        """The figure of a result."""
        return METRICS[self.metric].of(result)

    def holds(self, value: float) -> bool:
        """Whether the figure is within the limit."""
        return value < self.limit if self.strict else value <= self.limit

    def show(self, value: float) -> str:
        """The figure as text."""
        return METRICS[self.metric].show(value)

    def __str__(self) -> str:
        return f"{self.metric} {'<' if self.strict else '<='} {self.show(self.limit)}"
