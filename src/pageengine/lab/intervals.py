"""How far a mean over seeds may be from the mean over all seeds: Student's 95 % interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: Two-sided 95 % points of Student's t for 1 to 30 degrees of freedom; the last serves beyond.
_T = (
    12.706,
    4.303,
    3.182,
    2.776,
    2.571,
    2.447,
    2.365,
    2.306,
    2.262,
    2.228,
    2.201,
    2.179,
    2.160,
    2.145,
    2.131,
    2.120,
    2.110,
    2.101,
    2.093,
    2.086,
    2.080,
    2.074,
    2.069,
    2.064,
    2.060,
    2.056,
    2.052,
    2.048,
    2.045,
    2.042,
)


@dataclass(frozen=True)
class Interval:
    """mean of the values, and half the width of the 95 % interval around it; half is None for one
    value, which has no interval."""

    mean: float
    half: float | None

    @property
    def excludes_zero(self) -> bool:
        """Whether the mean is told apart from 0: without an interval, whether it is not 0."""
        return abs(self.mean) > (self.half or 0.0)


def interval(values: Sequence[float]) -> Interval:
    """Of independent values, mean +- t s / sqrt(n) with n - 1 degrees of freedom."""
    each = np.asarray(values, dtype=float)
    n = len(each)
    if n < 2:
        return Interval(float(each.mean()), None)
    half = _T[min(n - 1, len(_T)) - 1] * float(each.std(ddof=1)) / n**0.5
    return Interval(float(each.mean()), half)


def difference(ours: Sequence[float], theirs: Sequence[float]) -> Interval:
    """Of ours - theirs, run by run under the same seeds."""
    return interval(np.asarray(ours, dtype=float) - np.asarray(theirs, dtype=float))
