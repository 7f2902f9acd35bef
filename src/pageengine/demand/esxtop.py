"""The batch output of VMware's esxtop (``esxtop -b``): CSV whose first line names every counter of
the host.

Of the counters of a group (``Group Memory(id:name)``) these count: Memory Size MBytes (MEMSZ) is
the size; Memory Granted Size MBytes (GRANT: memory of the VM that machine memory backs, shared
pages in full) is used, and Memory Consumed Size MBytes (after sharing) where there is no other;
Touched MBytes (TCHD: the working set by sampling over the last minutes) is active, and % Active
Estimate (%ACTV) of the size where there is no other. MBytes are of 2^20 bytes. ESX has groups of
its own processes, too: ask esxtop for VMs only (its key V, W to save, ``-c`` with -b), or take
those that are meant (``Demand.only``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from pageengine.demand.base import COLUMNS, Found, Readings
from pageengine.demand.text import lines, rows
from pageengine.errors import DemandError
from pageengine.plumbing import given, reading
from pageengine.units import MIB

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROWS = 1 << 8  # of a batch: a row has every counter
_MARK = "(PDH-CSV 4.0)"
_GROUP = re.compile(r".*\\Group Memory\((?P<id>\d+):(?P<vm>.*)\)\\(?P<counter>[^\\]+)", re.DOTALL)
_ZONE = re.compile(r"\(PDH-CSV 4\.0\) \([^)]*\)\((?P<minutes>-?\d{1,4})\)")
_SHARE = "% Active Estimate"
#: Counter -> (what it is, of several of one kind the least counts)
_COUNTERS = {
    "Memory Size MBytes": ("size", 0),
    "Memory Granted Size MBytes": ("used", 0),
    "Memory Consumed Size MBytes": ("used", 1),
    "Touched MBytes": ("active", 0),
    _SHARE: ("active", 1),
}


def recognise(path: str, head: bytes) -> bool:
    """head: the first bytes."""
    return head.lstrip(b'\xef\xbb\xbf"').startswith(_MARK.encode())


def read(path: str, found: Found) -> Iterator[Readings]:
    """A VM is called as its group; where several groups are called alike, with its number."""
    numbered = rows(lines(path), path)
    _, names = next(numbered, (1, [""]))
    wanted = _columns(names)
    if not names[0].startswith(_MARK) or not wanted:
        raise DemandError(
            f"{path}, line 1: no counters of Group Memory: run esxtop -b with the memory fields"
        )
    zone = _ZONE.match(names[0])
    behind = int(zone["minutes"]) if zone and abs(int(zone["minutes"])) < 24 * 60 else 0
    while block := list(islice(numbered, _ROWS)):
        place = np.array([number for number, _ in block], np.int64)
        time = np.array([_moment(row[0], behind) for _, row in block], np.float64)
        for vm, columns in wanted.items():
            yield _readings(vm, columns, block, time, place, path, found)


def _columns(names: list[str]) -> dict[str, dict[str, tuple[int, str]]]:
    """VM -> what it is -> (column, counter)."""
    groups: dict[tuple[str, str], dict[str, tuple[int, str]]] = {}
    for at, name in enumerate(names):
        match = _GROUP.fullmatch(name)
        if match is None or match["counter"] not in _COUNTERS:
            continue
        group = groups.setdefault((match["vm"], match["id"]), {})
        what, order = _COUNTERS[match["counter"]]
        if what not in group or order < _COUNTERS[group[what][1]][1]:
            group[what] = at, match["counter"]
    called = [vm for vm, _ in groups]
    return {
        vm if called.count(vm) == 1 else f"{vm} ({number})": group
        for (vm, number), group in groups.items()
    }


def _readings(
    vm: str,
    columns: dict[str, tuple[int, str]],
    block: list[tuple[int, list[str]]],
    time: NDArray[np.float64],
    place: NDArray[np.int64],
    path: str,
    found: Found,
) -> Readings:
    told = {name: np.full(len(block), np.nan) for name in COLUMNS}
    for what, (at, _) in columns.items():
        for n, (number, row) in enumerate(block):
            text = row[at].strip() if at < len(row) else ""
            try:
                told[what][n] = float(text) if text else np.nan
            except ValueError:
                where = f"{path}, line {number} ({vm}): {given.shown(reading.clipped(text))}"
                found.add(f"{what} that is no number: taken as not read", where)
    share = columns.get("active", (0, ""))[1] == _SHARE
    told["size"] *= MIB
    told["used"] *= MIB
    told["active"] *= told["size"] / 100 if share else MIB
    return Readings.of(vm, time, told, place, path)


def _moment(text: str, behind: int) -> float:
    """Seconds since 1970. behind: minutes that its clock is behind UTC."""
    try:
        when = datetime.strptime(text.strip(), "%m/%d/%Y %H:%M:%S")
        return when.replace(tzinfo=timezone(timedelta(minutes=-behind))).timestamp()
    except (ValueError, OverflowError):
        return float("nan")
