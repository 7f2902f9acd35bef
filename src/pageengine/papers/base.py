"""What an experiment says: numbers beside published ones, claims that hold or do not, a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

#: How surely a published number is known: from the source itself, from memory or notes of it, or
#: derived here from what the source says.
MARKS = ("read", "recalled", "derived")

VERDICTS = {
    "reproduced": "every number with a tolerance lies within it",
    "shape only": "what the source says of the shape holds; it prints no number to be held to",
    "missed": "a number lies outside its tolerance, or something said does not hold",
    "not claimed": "shown for comparison; nothing is claimed of it",
}


@dataclass(frozen=True)
class Number:
    """what: is measured, in ``unit``. ours: found here. published: there; (low, high) for a range,
    None where nothing is printed. within: the largest deviation, as a part of the published number
    (beyond the range, for a range), that counts as reproduced; None: it is only shown. mark: how
    surely the published number is known.
    """

    what: str
    ours: float
    published: float | tuple[float, float] | None = None
    unit: str = ""
    within: float | None = None
    mark: str = "read"

    def __post_init__(self) -> None:
        if self.mark not in MARKS:
            raise ValueError(f"mark must be one of {MARKS}, got {self.mark!r}")
        if self.within is not None and self.published is None:
            raise ValueError(f"{self.what!r} has a tolerance and nothing to be held against")

    @property
    def deviation(self) -> float | None:
        """From the published number, as a part of it; 0 within a range."""
        if self.published is None:
            return None
        if isinstance(self.published, tuple):
            low, high = self.published
            near = min(max(self.ours, low), high)
        else:
            near = self.published
        if near == 0:
            return 0.0 if self.ours == 0 else math.copysign(math.inf, self.ours)
        return (self.ours - near) / abs(near)

    @property
    def met(self) -> bool | None:
        """Whether it lies within its tolerance; None without one."""
        if self.within is None or self.deviation is None:
            return None
        return abs(self.deviation) <= self.within


@dataclass(frozen=True)
class Claim:
    """A sentence of the source, or the answer to a question, and whether it holds here."""

    says: str
    holds: bool
    mark: str = "read"


@dataclass(frozen=True)
class PaperTable:
    """What is found where nothing was printed to be held to: rows of texts."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Outcome:
    """What an experiment found. data: what its figure is drawn from, arrays and plain values.
    answer: what it comes to, in sentences that this run's numbers are part of.
    """

    numbers: Sequence[Number] = ()
    claims: Sequence[Claim] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    answer: str = ""
    name: str = ""
    seconds: float = 0.0
    tables: Sequence[PaperTable] = ()

    @property
    def verdict(self) -> str:
        """One of VERDICTS."""
        held = [number.met for number in self.numbers if number.met is not None]
        if not all(held) or not all(claim.holds for claim in self.claims):
            return "missed"
        return "reproduced" if held else "shape only" if self.claims else "not claimed"

    def to_dict(self) -> dict[str, Any]:
        """Everything but the data of the figure, ready for JSON."""
        return {
            "name": self.name,
            "verdict": self.verdict,
            "seconds": round(self.seconds, 2),
            "numbers": [
                {**vars(number), "deviation": number.deviation, "met": number.met}
                for number in self.numbers
            ],
            "claims": [vars(claim) for claim in self.claims],
            "answer": self.answer,
            "tables": [vars(table) for table in self.tables],
        }
