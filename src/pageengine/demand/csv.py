"""Plain tables as CSV with names on the first line: a column ``time``, one ``vm``, and of ``size``,
``used``, ``active`` as many as there are.

The unit of memory is in the name of its column (``used_mib``, ``used [MiB]``, ``used (MiB)``), or
is said for all of them; without either it is bytes. Times are seconds since 1970, or ISO 8601, UTC
where no offset is written. A field that is empty was not read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from pageengine.demand import columns
from pageengine.demand.base import COLUMNS, Found, Readings
from pageengine.demand.text import lines, names_in, rows, separator_of
from pageengine.plumbing import given, reading

_ROWS = 1 << 16  # of a batch
_EMPTY = {"", "nan", "null", "none", "-"}


def recognise(path: str, head: bytes) -> bool:
    """head: the first bytes."""
    first = head.split(b"\n")[0].decode("utf-8-sig", errors="replace")
    return {*columns.NEEDED} <= columns.kinds_in(names_in(first))


def check_names(path: str, head: bytes) -> None:
    """DemandError: a first line that names some of the columns, and not all that are needed."""
    said = names_in(head.split(b"\n")[0].decode("utf-8-sig", errors="replace"))
    if columns.kinds_in(said):
        columns.chosen(said, f"{path}, line 1", None)


def read(path: str, found: Found, unit: str | None = None) -> Iterator[Readings]:
    """unit: of memory in columns whose names have none."""
    text = lines(path)
    first = next(text, "")
    names = columns.chosen(names_in(first), f"{path}, line 1", unit, found)
    numbered = rows(text, path, separator_of(first), before=1)
    while block := list(islice(numbered, _ROWS)):
        kept: dict[str, list[tuple[int, float, dict[str, float]]]] = defaultdict(list)
        for number, row in block:
            values = _row(row, names, f"{path}, line {number}", found)
            if values is not None:
                vm, time, told = values
                kept[vm].append((number, time, told))
        for vm, some in kept.items():
            yield _readings(vm, some, path)


def _row(
    row: Sequence[str], names: dict[int, tuple[str, float]], where: str, found: Found
) -> tuple[str, float, dict[str, float]] | None:
    """(VM, time, bytes by column) of one line; None where it cannot be used, which is said."""
    vm, time, told = "", float("nan"), {}
    for at, (name, factor) in names.items():
        text = row[at].strip() if at < len(row) else ""
        if name == "vm":
            vm = text
        elif name == "time":
            time = columns.moment(text)
        elif text.lower() in _EMPTY:
            told[name] = float("nan")
        else:
            try:
                told[name] = float(text) * factor
            except ValueError:
                told_ = f"{where}: {given.shown(reading.clipped(text))}"
                found.add(f"{name} that is no number: taken as not read", told_)
                told[name] = float("nan")
    if not vm:
        found.add("lines without the name of a VM: passed over", where)
        return None
    return vm, time, told


def _readings(vm: str, some: list[tuple[int, float, dict[str, float]]], path: str) -> Readings:
    place, time, told = zip(*some, strict=True)
    values = {
        name: np.array([each.get(name, np.nan) for each in told], np.float64) for name in COLUMNS
    }
    return Readings.of(vm, np.array(time, np.float64), values, np.array(place, np.int64), path)
