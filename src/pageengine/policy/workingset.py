"""Working set: estimates of how much of its memory a virtual machine uses.

An estimator gets readings of what the host can observe, and says a fraction of the VM's pages
that are not in its balloon.
It holds what it has seen so far; whoever makes the readings (``Host.advance``) asks it what kind it
needs and how often:

    kind "sample"   pages accessed of a random sample that was marked (touched, marked)
    kind "ages"     pages by idle age, uint64 [256], in units of ``period``, and the number of
                    pages; ballooned ones are in neither

Time is the VM's own: a VM that waits does not look idle.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np

from pageengine.plumbing import given
from pageengine.plumbing.kept import Kept

SHORTEST = 1e-3  # seconds of a period: readings come at most that often


@runtime_checkable
class WorkingSet(Protocol):
    """An estimator. kind: "sample" or "ages". period: seconds of the VM's time per reading."""

    kind: str
    period: float

    def observe(self, first: Any, second: int) -> None:
        """A period is over: (touched, marked), or (pages by idle age, pages)."""

    def fraction(self, touched: float = 0, marked: int = 0) -> float:
        """The estimate, 0 to 1. A "sample" estimator is told how the open period stands."""


class Sampling(Kept):
    """ESX's estimator (OSDI 2002 section 5.3): n random pages are marked for ``period`` seconds of
    the VM's time, f = touched / n. Three averages: slow, fast, and fast with the open period
    counted in; the estimate is their maximum, so that it rises at once and falls gradually.

    n: 100, period: 30 s (60 s since ESX 3). slow, fast: weights of the old value. The gains are not
    published; 0.9 and 0.1 are those of the filter the paper refers to (Kim and Noble, MobiCom 2001)
    and an assumption here. floor: least estimate (Mem.SampleActivePctMin: 1 %).
    """

    KEPT = ("slow", "fast")
    kind = "sample"

    def __init__(
        self,
        n: int = 100,
        period: float = 30.0,
        slow: float = 0.9,
        fast: float = 0.1,
        floor: float = 0.01,
    ):
        self.n, self.period = given.whole(n, "n", 1), _period(period)
        self._slow_weight = given.real(slow, "slow", 0, 1, "[)")
        self._fast_weight = given.real(fast, "fast", 0, 1, "[)")
        self._floor = given.real(floor, "floor", 0, 1, "[)")
        self.slow: float | None = None
        self.fast: float | None = None

    def __repr__(self) -> str:
        return f"Sampling(n={self.n}, period={self.period})"

    def observe(self, first: Any, second: int) -> None:
        if second == 0:
            return
        f = first / second
        self.slow = f if self.slow is None else _mix(self._slow_weight, self.slow, f)
        self.fast = f if self.fast is None else _mix(self._fast_weight, self.fast, f)

    def fraction(self, touched: float = 0, marked: int = 0) -> float:
        """Before the first period is over nothing is known, and everything counts as in use."""
        if self.slow is None or self.fast is None:
            return 1.0
        running = _mix(self._fast_weight, self.fast, touched / marked) if marked else 0.0
        return max(self.slow, self.fast, running, self._floor)


class AccessedBits(Kept):
    """Every page's accessed bit, read and cleared once per ``period`` (60 s): exact for that
    window, at the cost of a walk over all pages. What Linux's page_idle and kstaled do.
    """

    KEPT = ("_fraction",)
    kind = "ages"

    def __init__(self, period: float = 60.0):
        self.period = _period(period)
        self._fraction = 1.0

    def __repr__(self) -> str:
        return f"AccessedBits(period={self.period})"

    def observe(self, first: Any, second: int) -> None:
        self._fraction = float(first[0]) / second

    def fraction(self, touched: float = 0, marked: int = 0) -> float:
        return self._fraction


class IdleAge(Kept):
    """Pages accessed within the last ``seconds`` (120 s, the working set of Google's far memory,
    ASPLOS 2019), from idle ages that advance once per ``period``.
    """

    KEPT = ("_fraction",)
    kind = "ages"

    def __init__(self, seconds: float = 120.0, period: float = 30.0):
        self.period = _period(period)
        self.seconds = given.real(seconds, "seconds")
        if not period <= self.seconds <= 255 * period:
            raise ValueError(
                f"seconds must be from one to 255 periods ({period} to {255 * period}), "
                f"got {self.seconds}"
            )
        self._fraction = 1.0

    def __repr__(self) -> str:
        return f"IdleAge(seconds={self.seconds}, period={self.period})"

    def observe(self, first: Any, second: int) -> None:
        young = int(np.ceil(self.seconds / self.period))
        self._fraction = float(np.sum(first[:young])) / second

    def fraction(self, touched: float = 0, marked: int = 0) -> float:
        return self._fraction


#: What ``Host(estimator=...)`` knows by name.
ESTIMATORS = {"sampling": Sampling, "accessed-bits": AccessedBits, "idle-age": IdleAge}


def _mix(weight: float, old: float, new: float) -> float:
    return weight * old + (1 - weight) * new


def _period(period: Any) -> float:
    return given.real(period, "the period", SHORTEST, given.SECONDS_MOST, unit="seconds")
