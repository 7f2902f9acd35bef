"""Readings of many VMs, taken at whatever moments, on one grid of time.

A slot has the mean of the readings that fall into it; one without is missing and stays so. What
cannot be is passed over, and said.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from pageengine.demand.base import COLUMNS, Demand, Found, Readings
from pageengine.errors import DemandError
from pageengine.plumbing import reading

if TYPE_CHECKING:
    from numpy.typing import NDArray

CELLS_MOST = 1 << 28  # VMs times slots: 2 GiB a column
_LATEST = 1e11  # seconds since 1970: what is beyond is in another unit
_LARGEST = 2.0**60  # bytes of a VM
_SHORTEST = 1e-3  # seconds between two readings
_WRONG = {1e3: "milliseconds", 1e6: "microseconds", 1e9: "nanoseconds"}  # since 1970, per second
_NOW = (3e8, 4e9)  # seconds since 1970 that monitoring data are from: 1979 to 2096


def gather(
    readings: Iterable[Readings], found: Found, step: float | None = None, source: str = "readings"
) -> Demand:
    """All of them on one grid. step: seconds of a slot; None: the median of the times between two
    readings of a VM. source: what they are of, for errors. DemandError: nothing was read, or the
    grid would be too large.
    """
    parts: dict[str, list[Readings]] = defaultdict(list)
    for each in readings:
        parts[each.vm].append(_possible(each, found))
    series = {name: _in_order(name, some, found) for name, some in parts.items()}
    series = {name: each for name, each in series.items() if len(each[0])}
    if not series:
        said = reading.clipped("; ".join(found.lines()), 600) or "there is nothing but a head"
        raise DemandError(f"{source}: no readings of any VM ({said})")
    times = [each[0] for each in series.values()]
    if step is None:
        between = np.concatenate([np.diff(time) for time in times])
        step = float(np.median(between)) if len(between) else 300.0
        if step < _SHORTEST:
            raise DemandError(
                f"{source}: readings of a VM are {step:g} s apart in the median: times are seconds "
                "since 1970 or ISO 8601; if these are, say how long a slot is (step)"
            )
    first = min(float(time[0]) for time in times)
    last = max(float(time[-1]) for time in times)
    slots = int((last - first) // step) + 1
    room = (reading.memory() or 1 << 40) // (2 * 8 * len(COLUMNS))
    if slots * len(series) > min(CELLS_MOST, room):
        raise DemandError(
            f"{source}: {len(series)} VMs times {slots} slots of {step:g} s are too many, from "
            f"{date(first)} to {date(last)}: take out readings that are from another time, or "
            "give a longer step"
        )
    columns = np.full((len(COLUMNS), len(series), slots), np.nan)
    for row, (time, values) in enumerate(series.values()):
        at = ((time - first) // step).astype(np.int64)
        for column, told in zip(columns, values, strict=True):
            column[row] = _means(at, told, slots)
    named = dict(zip(COLUMNS, columns, strict=True))
    return Demand(tuple(series), first, step, found=found.lines(), **named)


def _possible(read: Readings, found: Found) -> Readings:
    """Without what cannot be: a moment that is none, or memory that is."""
    good = np.abs(read.time) < _LATEST
    none = ~good
    for factor, unit in _WRONG.items():
        like = none & (read.time >= _NOW[0] * factor) & (read.time <= _NOW[1] * factor)
        _say(read, like, f"times in {unit}, it seems, and not in seconds: passed over", found)
        none &= ~like
    _say(read, none, "readings without a time in seconds: passed over", found)
    told: dict[str, NDArray[np.float64]] = {}
    for name in COLUMNS:
        values = getattr(read, name).copy()
        if name == "size":
            _say(
                read, values == 0, "size 0, of a VM that is off, it seems: taken as not read", found
            )
            values[values == 0] = np.nan
        bad = (values < 0) | (values > _LARGEST)
        _say(read, bad, f"{name} that is none of memory: taken as not read", found)
        values[bad] = np.nan
        told[name] = values[good]
    return Readings.of(read.vm, read.time[good], told, read.place[good], read.path, read.counts)


def _say(read: Readings, bad: NDArray[np.bool_], what: str, found: Found) -> None:
    if bad.any():
        found.add(what, read.at(int(np.argmax(bad))), int(bad.sum()))


def _in_order(
    name: str, some: list[Readings], found: Found
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(time, columns [3, n]) of one VM, each moment once: what is known of it from several readings
    is put together, and where two say the same the last that was read holds.
    """
    if len({each.path for each in some}) > 1:
        first = next(each for each in some if each.path != some[0].path)
        found.add("VMs that are in several files: put together", f"{first.path} ({name})")
    last: dict[str, float] = {}
    for each in some:
        back = np.flatnonzero(np.diff(each.time, prepend=last.get(each.path, -np.inf)) < 0)
        last[each.path] = each.time[-1] if len(each.time) else last.get(each.path, -np.inf)
        if len(back):
            where = f"{each.at(int(back[0]))} ({name})"
            found.add("clocks that run backwards: readings put in order", where, len(back))
    time, which = np.unique(np.concatenate([each.time for each in some]), return_inverse=True)
    values = np.full((len(COLUMNS), len(time)), np.nan)
    origin = np.zeros(len(time), np.int64)
    origin[which] = np.arange(len(which))
    twice, where = 0, ""
    for column, key in zip(values, COLUMNS, strict=True):
        told = np.concatenate([getattr(each, key) for each in some])
        known = np.flatnonzero(~np.isnan(told))
        column[which[known]] = told[known]  # of several the last
        again = np.ones(len(known), bool)
        again[np.unique(which[known], return_index=True)[1]] = False
        if again.sum() > twice:
            twice, where = int(again.sum()), _place(some, int(known[again.argmax()]))
    if twice:
        found.add("two readings of one moment: the last holds", f"{where} ({name})", twice)
    _below_size(name, some, origin, values, found)
    return time, values


def _below_size(
    name: str,
    some: list[Readings],
    origin: NDArray[np.int64],
    values: NDArray[np.float64],
    found: Found,
) -> None:
    """Takes out what is above the size of its moment. origin: the number of the last reading of
    each, counted over all of ``some``.
    """
    size = values[COLUMNS.index("size")]
    for column, key in zip(values, COLUMNS, strict=True):
        beyond = np.flatnonzero(column > size)
        column[beyond] = np.nan
        if len(beyond):
            where = _place(some, int(origin[beyond[0]]))
            found.add(f"{key} above size: taken as not read", f"{where} ({name})", len(beyond))


def _place(some: list[Readings], number: int) -> str:
    """Where the reading of this number stands, counted over all of ``some``."""
    for each in some:
        if number < len(each.time):
            return each.at(number)
        number -= len(each.time)
    return ""


def date(moment: float) -> str:
    """Of seconds since 1970, as far as there are dates."""
    try:
        return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M}"
    except (ValueError, OverflowError, OSError):
        return f"{moment:g} s"


def _means(at: NDArray[np.int64], told: NDArray[np.float64], slots: int) -> NDArray[np.float64]:
    """The mean of what falls into each slot, NaN where nothing does."""
    known = np.isfinite(told)
    sums = np.bincount(at[known], told[known], minlength=slots)
    counts = np.bincount(at[known], minlength=slots)
    with np.errstate(invalid="ignore"):
        means: NDArray[np.float64] = sums / counts
    return means


def held_over(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each missing reading (NaN) as the one before it, and those before the first as that; of one
    VM or many, float64 [slots] or [VMs, slots].
    """
    known = np.isfinite(values)
    last = np.maximum.accumulate(np.where(known, np.arange(values.shape[-1]), -1), axis=-1)
    last = np.where(last < 0, known.argmax(axis=-1)[..., None], last)
    return np.take_along_axis(values, last, axis=-1)
