"""The Grid Workloads Archive's T-12 (Bitbrains): a folder of one CSV file per VM, or one such file.

A header, then rows of 11 columns that a semicolon and a tab separate. Of these the timestamp (in
seconds, whatever the header says), the memory provisioned and the memory usage count, both in KB of
1024 bytes. Usage is what the hypervisor's own estimate held to be in active use (Shen, van Beek,
Iosup: CCGrid 2015), so it is ``active`` here, and what VMs held was not recorded.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from pageengine.demand.base import Found, Readings
from pageengine.demand.text import lines
from pageengine.errors import DemandError
from pageengine.plumbing import reading
from pageengine.units import KIB

if TYPE_CHECKING:
    from numpy.typing import NDArray

    _Table = tuple[NDArray[np.float64], NDArray[np.int64]]

_FIRST = "Timestamp [ms];"
_AT_ONCE = 1 << 26  # bytes of a file that is parsed at once
_TIME, _SIZE, _ACTIVE, _COLUMNS = 0, 5, 6, 11


def recognise(path: str, head: bytes) -> bool:
    """head: the first bytes; of a folder those of its first CSV file."""
    return head.lstrip().startswith(_FIRST.encode())


def read(path: str, found: Found) -> Iterator[Readings]:
    """One VM per file, by the file's name."""
    if not os.path.isdir(path):
        yield _read_one(path, found)
        return
    names = sorted(name for name in os.listdir(path) if name.lower().endswith(".csv"))
    for name in sorted(names, key=lambda name: (len(name), name)):  # 2.csv before 10.csv
        yield _read_one(os.path.join(path, name), found)


def _read_one(path: str, found: Found) -> Readings:
    table, places = _at_once(path) or _by_line(path, found)
    time, size, active = table.T
    vm = os.path.splitext(os.path.basename(path))[0]
    told = {"size": size * KIB, "active": active * KIB}
    return Readings.of(vm, time, told, places, path)


def _at_once(path: str) -> _Table | None:
    """(columns [n, 3], lines) of a file in which every line is as it should be; else None."""
    if reading.regular(path, DemandError).st_size > _AT_ONCE:
        return None
    with open(path, "rb") as file:
        data = file.read(_AT_ONCE)
    skipped = int(data.lstrip().startswith(_FIRST.encode()))
    count = data.count(b"\n") - skipped
    if count < 1:
        return None
    try:
        table = np.loadtxt(
            io.StringIO(data.decode("utf-8-sig")),
            delimiter=";",
            comments=None,
            skiprows=skipped,
            usecols=(_TIME, _SIZE, _ACTIVE),
            ndmin=2,
        )
    except ValueError:
        return None
    places = np.arange(1 + skipped, 1 + skipped + count)
    return (table, places) if len(table) == count else None


def _by_line(path: str, found: Found) -> _Table:
    rows, places = [], []
    for number, line in enumerate(lines(path), 1):
        if number == 1 and line.lstrip().startswith(_FIRST):
            continue
        fields = line.split(";")
        try:
            row = float(fields[_TIME]), float(fields[_SIZE]), float(fields[_ACTIVE])
        except (ValueError, IndexError):
            if line.strip():
                what = f"lines that are not {_COLUMNS} numbers: passed over"
                found.add(what, f"{path}, line {number}")
            continue
        rows.append(row)
        places.append(number)
    return np.array(rows, np.float64).reshape(-1, 3), np.array(places, np.int64)
