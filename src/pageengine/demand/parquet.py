"""Plain tables as Parquet, with the columns of CSV, and the timelines that ``pageengine record``
and the lab write (``vms.parquet``, or a folder that has it). Needs pyarrow.

Of a timeline ``size`` is the size, ``granted``, ``swapped`` and ``compressed`` together are what
was used, wherever the host kept it, and ``active`` is the estimate; its times begin at 0.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.demand import columns
from pageengine.demand.base import COLUMNS, Found, Readings
from pageengine.errors import DemandError
from pageengine.plumbing import given, reading
from pageengine.units import format_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ROWS = 1 << 18  # of a batch
_TIMELINE = {"time", "vm", "size", "granted", "active"}
_ELSEWHERE = ("swapped", "compressed")  # of a timeline: held, and not in memory as pages
_MEMORY = 1 << 34  # bytes that a file may ask for, where nobody tells how much there is
TABLE = "vms.parquet"


def recognise(path: str, head: bytes) -> bool:
    """head: the first bytes; of a folder those of its first file."""
    return head.startswith((b"PAR1", b"PARE"))


def files_in(path: str) -> list[str]:
    """The Parquet files of a folder; of a folder of a result those of its VMs."""
    inside = os.path.join(path, TABLE)
    if os.path.exists(inside):
        return files_in(inside) if os.path.isdir(inside) else [inside]
    names = sorted(name for name in os.listdir(path) if name.endswith(".parquet"))
    return [os.path.join(path, name) for name in names if not name.startswith(".")]


def read(path: str, found: Found, unit: str | None = None) -> Iterator[Readings]:
    """unit: of memory in columns whose names have none."""
    for each in files_in(path) if os.path.isdir(path) else [path]:
        yield from _read_one(each, found, unit)


def _read_one(path: str, found: Found, unit: str | None) -> Iterator[Readings]:
    reading.regular(path, DemandError)
    try:
        import pyarrow.parquet
    except ImportError:
        raise DemandError(
            f"{path}: reading Parquet needs pyarrow: pip install 'pageengine[report]'"
        ) from None
    row = 0
    with open(path, "rb") as raw:
        try:
            with pyarrow.parquet.ParquetFile(raw) as file:
                names = list(file.schema_arrow.names)
                _check_size(path, file.metadata.num_rows, len(names))
                wanted = _wanted(names, path, unit, found)
                for part in file.iter_batches(_ROWS, columns=list(wanted)):
                    yield from _readings(part, wanted, row, path, found)
                    row += part.num_rows
        except DemandError:
            raise
        except Exception as error:  # pyarrow documents few of the errors that damage causes
            raise DemandError(
                f"{path}, row {row}: no Parquet that can be read: {reading.brief(error)}"
            ) from None


def _check_size(path: str, count: int, width: int) -> None:
    needed = 8 * count * width
    if needed > (reading.memory() or _MEMORY):
        raise DemandError(f"{path}: it asks for {format_size(needed)} of memory")


def _wanted(
    names: list[str], path: str, unit: str | None, found: Found
) -> dict[str, tuple[str, float]]:
    """Column -> what it is, and bytes of its unit."""
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DemandError(f"{path}: {names.count(twice)} columns are called {given.shown(twice)}")
    if set(names) >= _TIMELINE:
        there = [name for name in (*_TIMELINE, *_ELSEWHERE) if name in names]
        return {name: (name, 1.0) for name in there}
    chosen = columns.chosen(names, path, unit, found)
    return {names[at]: what for at, what in chosen.items()}


def _readings(
    part: Any, wanted: dict[str, tuple[str, float]], first: int, path: str, found: Found
) -> Iterator[Readings]:
    """Those of each VM in a batch."""
    told: dict[str, NDArray[np.float64]] = {}
    vms: list[str] = []
    for name, (what, factor) in wanted.items():
        column = part.column(name)
        if hasattr(column, "dictionary_decode"):
            column = column.dictionary_decode()
        if what == "vm":
            vms = ["" if each is None else str(each).strip() for each in column.to_pylist()]
        elif what == "time":
            told[what] = _times(column, path)
        else:
            told[what] = _numbers(column, name, path) * factor
    if "granted" in told:
        held = [np.nan_to_num(told[name]) for name in _ELSEWHERE if name in told]
        told["used"] = told["granted"] + sum(held)
    place = np.arange(first + 1, first + 1 + part.num_rows)
    names, which = np.unique(np.array(vms, dtype=str), return_inverse=True)
    for number, vm in enumerate(names.tolist()):
        mine = np.flatnonzero(which == number)
        if not vm:
            where = f"{path}, row {place[mine[0]]}"
            found.add("rows without the name of a VM: passed over", where, len(mine))
            continue
        values = {name: told[name][mine] for name in COLUMNS if name in told}
        yield Readings.of(vm, told["time"][mine], values, place[mine], path, "row")


def _times(column: Any, path: str) -> NDArray[np.float64]:
    """Seconds since 1970, of numbers, timestamps or texts; NaN where there is none."""
    from pyarrow import timestamp, types

    if types.is_timestamp(column.type):
        made = column.cast(timestamp("us"), safe=False).to_numpy(zero_copy_only=False)
        gone = np.isnat(made)
        return np.where(gone, np.nan, made.astype("datetime64[us]").astype(np.int64) / 1e6)
    if types.is_string(column.type) or types.is_large_string(column.type):
        return np.array([columns.moment(each or "") for each in column.to_pylist()], np.float64)
    return _numbers(column, "time", path)


def _numbers(column: Any, name: str, path: str) -> NDArray[np.float64]:
    from pyarrow import types

    kind = column.type
    if not (types.is_integer(kind) or types.is_floating(kind) or types.is_null(kind)):
        raise DemandError(f"{path}, column {name!r}: it holds {kind}, and should hold numbers")
    if types.is_null(kind):
        return np.full(len(column), np.nan)
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
