"""Entitlement: how much memory each virtual machine deserves, by shares, reservation, limit and the
idle-memory tax.

OSDI 2002 sections 5.1 and 5.2: memory moves from the client with the fewest shares per page,
rho = S / (P (f + k (1 - f))) with k = 1 / (1 - tax), to the one with the most (min-funding
revocation). Its end point is where every unconstrained client pays the same price lambda. With
A = f P active pages a client holds

    P(lambda) = S / lambda                    while S / lambda <= A
                A + (S / lambda - A) / k      beyond: an idle page costs k times as much
    clamped to [reservation, limit]

Sum P(lambda) over all clients falls with lambda; as a function of x = 1 / lambda it is piecewise
linear, with at most three bends per client, so Newton's method ends within a few steps, and what
is off by rounding is less than a page. Fractions are cut off, and the pages that are missing then
go to the largest ones.
More shares never mean fewer pages: they raise what their client holds and lower what all others
do, so whoever gets ahead of it by its fraction has lost a whole page, which is one more to give.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.plumbing import given

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Claims:
    """What every client brings, arrays [n]: shares (>= 0), active, minimum and maximum pages. Of
    numbers of any type, and float64 from then on.
    """

    shares: NDArray[Any]
    active: NDArray[Any]
    minimum: NDArray[Any]
    maximum: NDArray[Any]

    def __post_init__(self) -> None:
        for name in ("shares", "active", "minimum", "maximum"):
            array = np.asarray(getattr(self, name))
            if array.dtype.kind not in "iuf":
                raise TypeError(f"{name} must be numbers, got an array of {array.dtype}")
            if array.ndim != 1 or not ((array >= 0) & (array < np.inf)).all():
                raise ValueError(f"{name} must be one number of at least 0 per client, got {array}")
            object.__setattr__(self, name, array.astype(np.float64))
        if len({len(a) for a in (self.shares, self.active, self.minimum, self.maximum)}) != 1:
            raise ValueError(
                "shares, active, minimum and maximum must have one entry per client each"
            )
        bad = np.flatnonzero(self.minimum > self.maximum)
        if bad.size:
            i = int(bad[0])
            raise ValueError(
                f"client {i}: the minimum {self.minimum[i]:.0f} is above "
                f"the maximum {self.maximum[i]:.0f}"
            )


def entitle(claims: Claims, pages: int, tax: float = 0.75) -> NDArray[np.int64]:
    """Entitled pages of every client, int64 [n]. Their sum is ``pages`` exactly, or what all can
    reach if that is less: their maxima, and for a client without shares its minimum (as in ESX,
    even while memory is free).

    tax: the idle-memory tax rate, 0 <= tax < 1 (ESX: 0.75). Raises ValueError when the minima
    exceed ``pages``.
    """
    tax, pages = given.real(tax, "the tax rate", 0, 1, "[)"), given.whole(pages, "pages")
    needed = int(claims.minimum.sum())
    if needed > pages:
        raise ValueError(f"the reservations add up to {needed} pages and there are {pages}")
    reachable = np.where(claims.shares > 0, claims.maximum, claims.minimum)
    total = min(pages, int(reachable.sum()))
    k = 1.0 / (1.0 - tax)
    x = _price_inverse(claims, total, k)
    return _whole_pages(_holdings(claims, x, k), claims, total)


def _holdings(claims: Claims, x: float, k: float) -> Numbers:
    """Pages of every client at x = 1 / lambda."""
    paid = claims.shares * x if np.isfinite(x) else np.where(claims.shares > 0, np.inf, 0.0)
    held = np.where(paid <= claims.active, paid, claims.active + (paid - claims.active) / k)
    return np.clip(held, claims.minimum, claims.maximum)


def _slope(claims: Claims, held: Numbers, k: float) -> float:
    """How fast the sum rises with x, right of where it is the sum of ``held``."""
    rate = claims.shares * ((held > claims.minimum) & (held < claims.maximum))
    return float((rate * np.where(held < claims.active, 1.0, 1.0 / k)).sum())


def _price_inverse(claims: Claims, total: int, k: float) -> float:
    """The x = 1 / lambda at which the holdings add up to ``total``; inf when all maxima together
    are less.

    Newton's method, kept between two values of which one gives too little and one too much: a
    step from within the right segment ends at its answer, and halving finds the segment where
    steps do not.
    """
    if total <= claims.minimum.sum():
        return 0.0
    low, high = 0.0, np.inf
    x = total / float(claims.shares.sum())
    while low < x < high:
        held = _holdings(claims, x, k)
        missing = total - float(held.sum())
        if abs(missing) <= 1e-12 * total:
            return x
        low, high = (x, high) if missing > 0 else (low, x)
        slope = _slope(claims, held, k)
        x = x + missing / slope if slope > 0 else low
        if not low < x < high:
            x = 2 * low if high == np.inf else (low + high) / 2
    return high


def _whole_pages(held: Numbers, claims: Claims, total: int) -> NDArray[np.int64]:
    """Rounds down, then gives the missing pages one by one: largest remainder first, then more
    shares, then order.
    """
    pages = np.floor(held + 1e-9).astype(np.int64)
    missing = total - int(pages.sum())
    if missing:
        reachable = np.where(claims.shares > 0, claims.maximum, claims.minimum)
        room = np.flatnonzero(pages < reachable if missing > 0 else pages > claims.minimum)
        sign = 1 if missing > 0 else -1
        chosen = _first(
            sign * (pages - held)[room], -sign * claims.shares[room], sign * room, abs(missing)
        )
        pages[room[chosen]] += sign
    return pages


def _first(a: Numbers, b: Numbers, c: NDArray[np.intp], n: int) -> NDArray[np.intp]:
    """Which n come first in the order of a, then b, then c."""
    if n >= len(a):
        return np.arange(len(a))
    last = np.partition(a, n - 1)[n - 1]
    before, tied = np.flatnonzero(a < last), np.flatnonzero(a == last)
    order = np.lexsort((c[tied], b[tied]))
    return np.concatenate([before, tied[order[: n - len(before)]]])
