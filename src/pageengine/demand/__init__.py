"""Demand: how much memory VMs were given, held and used over time, read from monitoring data.

    import pageengine as pe
    demand = pe.demand.load("rnd/2013-7")
    print(len(demand.names), demand.slots, demand.found)

The table READERS has one line per reader; the first that recognises a file reads it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import NamedTuple

from pageengine.demand import bitbrains, csv, domstats, esxtop, parquet, prometheus
from pageengine.demand.base import COLUMNS, Demand, Found, Readings
from pageengine.demand.grid import gather
from pageengine.demand.summary import DemandSummary, Sums, summarise
from pageengine.errors import DemandError
from pageengine.plumbing import given, reading
from pageengine.units import unit_bytes

__all__ = [
    "COLUMNS",
    "READERS",
    "Demand",
    "DemandError",
    "DemandReader",
    "DemandSummary",
    "Readings",
    "Sums",
    "load",
    "summarise",
]

_HEAD = 1 << 12  # bytes that are looked at to tell the kind
_TEXTS = (".csv", ".json", ".log")  # of a folder that holds a file of its own kind each


class DemandReader(NamedTuple):
    """One kind of file: ``recognise(path, first bytes)`` says whether it is one."""

    kind: str
    recognise: Callable[[str, bytes], bool]
    read: Callable[..., Iterator[Readings]]
    options: tuple[str, ...]
    what: str


READERS = (
    DemandReader(
        "bitbrains",
        bitbrains.recognise,
        bitbrains.read,
        (),
        "Grid Workloads Archive T-12: a folder of one CSV file per VM",
    ),
    DemandReader("esxtop", esxtop.recognise, esxtop.read, (), "esxtop -b: its batch CSV"),
    DemandReader(
        "csv", csv.recognise, csv.read, ("unit",), "CSV with time, vm, size, used, active"
    ),
    DemandReader(
        "parquet",
        parquet.recognise,
        parquet.read,
        ("unit",),
        "Parquet with these columns, or vms.parquet of record and of the lab",
    ),
    DemandReader(
        "prometheus",
        prometheus.recognise,
        prometheus.read,
        ("label", "column"),
        "the answer to a query_range of Prometheus (JSON)",
    ),
    DemandReader(
        "domstats", domstats.recognise, domstats.read, (), "a log of virsh domstats --balloon"
    ),
)

#: Told of progress: (file or folder, files that are done, how many there are).
Progress = Callable[[str, int, int], object]


def load(
    *paths: str | os.PathLike[str],
    kind: str | None = None,
    unit: str | None = None,
    label: str | None = None,
    column: str | None = None,
    step: float | None = None,
    progress: Progress | None = None,
) -> Demand:
    """The demand that files or folders hold, put together on one grid of time.

    kind: one of the kinds in READERS, where a file does not say it. unit: of memory, where a table
    does not name it ("MiB"). label: (prometheus) that names the VM. column: (prometheus) what every
    series is: "size", "used" or "active". step: seconds of a slot; the median time between two
    readings by itself. DemandError: a file is of no kind that is read, or holds no reading of any
    VM; what else was wrong stands in ``Demand.found``. OSError: a file cannot be opened.
    """
    if not paths:
        raise TypeError("load needs a file or a folder at least")
    if step is not None:
        step = given.real(step, "step", 1e-3, 1e9)
    asked = {"unit": unit, "label": label, "column": column}
    options = {
        name: given.text(value, name, least=1) for name, value in asked.items() if value is not None
    }
    found = Found()
    names = [given.path(each, "demand") for each in paths]
    source = names[0] if len(names) == 1 else reading.some(names)
    return gather(_all(names, kind, options, found, progress or _nobody), found, step, source)


def _nobody(path: str, done: int, total: int) -> None:
    """Nobody is told."""


def _all(
    paths: list[str],
    kind: str | None,
    options: dict[str, str],
    found: Found,
    progress: Progress,
) -> Iterator[Readings]:
    for path in _files(paths, kind):
        reader = _find(path, kind)
        for option in options:
            if option not in reader.options:
                raise ValueError(f"{option} does not apply to {reader.kind}, as {path} is")
        if "unit" in options:
            unit_bytes(options["unit"])
        total = sum(map(len, (files for _, _, files in os.walk(path)))) or 1
        seen: set[str] = set()
        progress(path, 0, total)
        for read in reader.read(path, found, **options):
            if read.path not in seen:
                seen.add(read.path)
                progress(path, len(seen) - 1, total)
            yield read
        progress(path, total, total)


def _files(paths: list[str], kind: str | None) -> Iterator[str]:
    """Files, and folders of one kind that is read as a whole; of other folders the files."""
    whole = {"bitbrains", "parquet", ""}
    for path in paths:
        if not os.path.isdir(path) or (kind or _kind_of(path)) in whole:
            yield path
        else:
            yield from _inside(path)


def _kind_of(path: str) -> str:
    """The kind that a folder looks like; "" where it looks like none."""
    head = _head_of(path)
    return next((reader.kind for reader in READERS if reader.recognise(path, head)), "")


def _inside(path: str) -> list[str]:
    """The files of a folder that may be read, in order of their names."""
    tables = parquet.files_in(path)
    if any(os.path.basename(name) == parquet.TABLE for name in tables):
        return tables  # of a result of the lab, beside which other files stand
    names = sorted(name for name in os.listdir(path) if not name.startswith("."))
    files = [os.path.join(path, name) for name in names if name.lower().endswith(_TEXTS)]
    return files or tables


def _find(path: str, kind: str | None) -> DemandReader:
    head = _head_of(path)
    if kind is not None:
        named = {reader.kind: reader for reader in READERS}
        return named[given.choice(kind, "kind", tuple(named))]
    for reader in READERS:
        if reader.recognise(path, head):
            return reader
    if not head.strip():
        raise DemandError(f"{path}: {'nothing but blanks' if head else 'an empty file'}")
    csv.check_names(path, head)
    raise DemandError(
        f"{path}: none of the kinds that are read ({', '.join(each.kind for each in READERS)}); "
        "say which, if it is one (kind), or write a table with columns time, vm, size, used, active"
    )


def _head_of(path: str) -> bytes:
    """The first bytes of a file, or of the first file of a folder that has tables."""
    if os.path.isdir(path):
        files = _inside(path)
        if not files:
            raise DemandError(
                f"{path}: no file in this folder whose name ends in {', '.join(_TEXTS)} or .parquet"
            )
        path = files[0]
    reading.regular(path, DemandError)
    with open(path, "rb") as file:
        return file.read(_HEAD)
