"""What a reader of monitoring data gives, and what comes of it: readings of VMs one file after the
other, and the demand of all of them on one grid of time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pageengine.plumbing.frozen import Frozen

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: What may be known of a VM at a time, in bytes.
COLUMNS = ("size", "used", "active")


class Readings(NamedTuple):
    """Readings of one VM, in the order of the file.

    Attributes:
        vm: [text] its name
        time: [seconds] since 1970, float64 [n]
        size: [bytes] provisioned, float64 [n]; NaN where it was not read
        used: [bytes] held by it, of the same kind
        active: [bytes] in active use by the estimate of whoever monitored it, of the same kind
        place: [number] of the line, row or entry of each in its file, int64 [n]
        path: [text] of the file
        counts: [text] what place numbers: "line", "row" or "series"
    """

    vm: str
    time: NDArray[np.float64]
    size: NDArray[np.float64]
    used: NDArray[np.float64]
    active: NDArray[np.float64]
    place: NDArray[np.int64]
    path: str
    counts: str = "line"

    @classmethod
    def of(
        cls,
        vm: str,
        time: NDArray[np.float64],
        told: Mapping[str, NDArray[np.float64]],
        place: NDArray[np.int64],
        path: str,
        counts: str = "line",
    ) -> Readings:
        """told: size, used and active, as many as were read; the others are NaN."""
        unknown = np.full(len(time), np.nan)
        size, used, active = (told.get(name, unknown) for name in COLUMNS)
        return cls(vm, time, size, used, active, place, path, counts)

    def at(self, number: int) -> str:
        """Where the reading of this number stands."""
        return f"{self.path}, {self.counts} {self.place[number]}"


class Found:
    """What was wrong in a file and passed over, or mended: counted by kind, the first of each with
    its place.
    """

    def __init__(self) -> None:
        self._kinds: dict[str, tuple[int, str]] = {}

    def add(self, what: str, where: str, count: int = 1) -> None:
        """what: what was found and what was done with it. where: file and line of the first."""
        before, first = self._kinds.get(what, (0, where))
        self._kinds[what] = before + count, first

    def lines(self) -> tuple[str, ...]:
        """One line a kind."""
        return tuple(
            f"{what}: {count} ({'at' if count == 1 else 'first at'} {where})"
            for what, (count, where) in self._kinds.items()
        )


class Demand(Frozen):
    """The memory that VMs were given, held and used over time. What was not read is NaN.

    Attributes:
        names: [text each] of the VMs
        start: [seconds] since 1970, of the first slot
        step: [seconds] of a slot
        size: [bytes] provisioned, float64 [VMs, slots]
        used: [bytes] held, of the same kind
        active: [bytes] in active use, of the same kind
        found: [text each] what was wrong in the files, and what was done with it
    """

    names: tuple[str, ...]
    start: float
    step: float
    size: NDArray[np.float64]
    used: NDArray[np.float64]
    active: NDArray[np.float64]
    found: tuple[str, ...] = ()

    @property
    def slots(self) -> int:
        """How many there are."""
        return int(self.size.shape[1])

    @property
    def time(self) -> NDArray[np.float64]:
        """When each slot begins, seconds since 1970, float64 [slots]."""
        return self.start + self.step * np.arange(self.slots, dtype=np.float64)

    def between(self, begin: float, end: float) -> Demand:
        """The slots that begin at ``begin`` or later and before ``end``, seconds since 1970."""
        first, after = np.searchsorted(self.time, [begin, end])
        cut = {name: getattr(self, name)[:, first:after] for name in COLUMNS}
        return self.__replace__(start=self.start + self.step * float(first), **cut)

    def only(self, names: list[str] | tuple[str, ...]) -> Demand:
        """These VMs, in this order. KeyError: one is not among them."""
        at = {name: row for row, name in enumerate(self.names)}
        rows = [at[name] for name in names]
        kept = {name: getattr(self, name)[rows] for name in COLUMNS}
        return self.__replace__(names=tuple(names), **kept)
