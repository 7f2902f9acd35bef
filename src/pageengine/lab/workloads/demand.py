"""A VM that uses as much memory as was measured of a real one."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.lab.workloads.base import Accesses, Paced, Release, of_pace
from pageengine.plumbing import given
from pageengine.units import PAGE_BYTES, Size, parse_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pageengine.demand import Demand

    Column = NDArray[np.float64]
INTERVAL = 60.0  # seconds in which all that is active is touched once, where nobody says
_FILES = 4  # whose demand is kept, since many VMs are of one


class FollowedDemand(Paced):
    """Touches the first a pages of its memory, all of them once per ``interval`` seconds, where a
    follows a series of readings: on a straight line from one to the next; before the first it is as
    the first, after the last as the last, and a reading that is missing is as the one before. What
    is active again is what was active before. It starts with what it held, like a VM that is warm.

    file, vm, column: monitoring data (``pageengine.demand``), whose VM, and "active", "used" or
    "size" of it; or series: [[seconds, amount], ...], or float64 [n, 2] of seconds and bytes, which
    checkpoints hold in less room and time. begin: seconds from the first reading to the host's
    time 0. held: memory that it holds when it starts; by itself what was ``used`` then, or
    all of its memory where nobody knows. scale: pages of the series that one page stands for.

    Readings are what is touched: they are an estimate already, with what their estimator missed and
    added. A host that reads them by an estimator with noise of its own has it twice; a scenario
    takes {"kind": "accessed-bits", "period": interval} therefore, which is exact.
    """

    KEPT = (*Paced.KEPT, "_next", "_now")
    PART = 1.0
    PACED = True
    starts_warm = True
    _next: int = of_pace("first")

    def __init__(
        self,
        *,
        file: str | None = None,
        vm: str | None = None,
        column: str = "active",
        series: Iterable[Any] | NDArray[Any] | None = None,
        begin: float = 0.0,
        held: Size | None = None,
        interval: float = INTERVAL,
        scale: float = 1.0,
        write: float = 0.3,
    ):
        super().__init__(rate=0.0, write=write)
        self.interval = given.seconds(interval, "interval", 1e-3)
        self.scale = float(given.real(scale, "scale", 0, 1e9, "(]"))
        self._begin = given.seconds(begin, "begin")
        self._held = None if held is None else parse_size(held, "held")
        if (file is None) == (series is None):
            raise ValueError("demand follows readings: say file, and whose (vm), or series")
        if series is not None:
            if vm is not None:
                raise ValueError("vm names a VM of a file, and a series is of one VM: say one")
            readings = _series(series)
            self.options["series"] = readings  # so that nobody changes what a checkpoint tells
            self._time, amount = readings.T.copy()
        else:
            self._time, amount, used = _of_file(given.path(file, "file"), vm, column)
            if self._held is None:
                at = self._reading(0.0)
                self._held = None if np.isnan(used[at]) else int(used[at])
        self._amount, self._missing = last_known(amount)

    def __repr__(self) -> str:
        return f"<demand of {len(self._time)} readings, all of it every {self.interval:g} s>"

    @property
    def notes(self) -> list[str]:
        """What was not as the series has it: sentences for whoever reads the result."""
        found = []
        if self._missing:
            found.append(f"{self._missing} readings are missing: the ones before them were held")
        if self._beyond:
            found.append(
                f"{self._beyond} readings are above the VM's {self.pages} pages: all were touched"
            )
        return found

    def start(self, pages: int, rng: np.random.Generator) -> None:
        super().start(pages, rng)
        wanted = self._amount / (self.scale * PAGE_BYTES)
        self._beyond = int((np.ceil(wanted) > pages).sum())
        time, wanted = self._time - self._begin, np.minimum(wanted, pages)
        self.pace.by_series(self.draws, time, wanted, self.interval)

    @property
    def in_use(self) -> int:
        """As many pages as the series says now."""
        return self.pace.size

    @in_use.setter
    def in_use(self, pages: int) -> None:
        """What the base says of all of its memory, and a checkpoint of what was read off."""

    @property
    def _now(self) -> float:
        return self.pace.now

    @_now.setter
    def _now(self, time: float) -> None:
        self.pace.at(time)

    def warm(self, time: float) -> list[Accesses | Release]:
        self.pace.at(time)
        held = self.pages
        if self._held is not None:
            held = min(held, max(self.in_use, round(self._held / (self.scale * PAGE_BYTES))))
        return [self.once_each(np.arange(held)[::-1])]  # what is active was touched last

    def step(self, seconds: float, time: float) -> list[Accesses | Release]:
        self.pace.at(time)
        return self.paced(seconds)

    def _reading(self, time: float) -> int:
        """The number of the last reading until then, or the first."""
        return max(0, int(np.searchsorted(self._time, time + self._begin, "right")) - 1)


def last_known(amount: Column) -> tuple[Column, int]:
    """(readings, float64 [n], with the last known one for each that is missing (NaN), and the first
    known one before that; how many were missing). ValueError: none is known.
    """
    from pageengine.demand.grid import held_over  # with all readers, which few VMs need

    known = np.isfinite(amount)
    if not known.any():
        raise ValueError("the series has no reading: nothing to follow")
    return held_over(amount), int(len(amount) - known.sum())


def _series(series: Iterable[Any] | NDArray[Any]) -> NDArray[np.float64]:
    """Readings, [n, 2] of seconds and bytes."""
    if isinstance(series, np.ndarray):
        readings = _looked_at(series)
    else:
        pairs = [_pair(each) for each in given.several(series, "series")]
        readings = np.array(pairs, np.float64).reshape(-1, 2)
    if not len(readings) or (np.diff(readings[:, 0]) <= 0).any():
        raise ValueError(f"the times of the series must rise, got {given.shown(series)}")
    return readings


def _looked_at(array: NDArray[Any]) -> NDArray[np.float64]:
    """A copy, looked at as every pair of a list is."""
    if array.dtype.kind not in "iuf" or array.ndim != 2 or array.shape[1] != 2:
        raise ValueError(
            f"series must be a list of [seconds, amount] or numbers [n, 2], got {array.dtype} "
            f"{list(array.shape)}"
        )
    readings = np.array(array, np.float64)
    missing = np.isnan(readings) & (False, True)
    wrong = ~missing & ~((readings >= 0) & (readings <= (given.SECONDS_MOST, given.MOST)))
    if wrong.any():
        row, column = np.argwhere(wrong)[0]
        raise ValueError(
            f"row {row} of the series must be seconds and bytes, or NaN for no reading, got "
            f"{readings[row, column]:g} as {('seconds', 'bytes')[column]}"
        )
    return readings


def _pair(told: Any) -> tuple[float, float]:
    if not isinstance(told, (list, tuple)) or len(told) != 2:
        raise ValueError(f"series must be a list of [seconds, amount], got {given.shown(told)}")
    missing = isinstance(told[1], float) and np.isnan(told[1])
    amount = np.nan if missing else float(parse_size(told[1], "amount"))
    return given.seconds(told[0], "a time of the series"), amount


def _of_file(path: str, vm: str | None, column: str) -> tuple[Column, Column, Column]:
    """(seconds from the first slot, the column, what was used) of one VM."""
    from pageengine.demand import COLUMNS

    found = _loaded(path, os.stat(path).st_mtime_ns)
    given.choice(column, "column", COLUMNS)
    if vm is None and len(found.names) > 1:
        raise ValueError(f"{path} has {len(found.names)} VMs: say which (vm)")
    name = found.names[0] if vm is None else given.text(vm, "vm")
    if name not in found.names:
        raise ValueError(given.unknown(f"VM of {path}", name, found.names))
    row = found.names.index(name)
    return found.time - found.start, getattr(found, column)[row], found.used[row]


@lru_cache(maxsize=_FILES)
def _loaded(path: str, changed: int) -> Demand:
    """changed: when the file was, so that another one is read again."""
    from pageengine.demand import load

    return load(path)
