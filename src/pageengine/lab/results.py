"""What a simulation recorded: timelines as columns, a summary, the events; saved as Parquet and
JSON.

A folder that was saved holds ``host.parquet`` (one row per epoch), ``vms.parquet`` (one row per
epoch and virtual machine), ``summary.json`` (summary, events, and what was run); the report
adds ``report.html``. A recording of real guests has folders of files in place of the two tables
(lab/parts.py). The same scenario and seed give the same tables and the same JSON: nothing of this
computer or this moment is in them.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.errors import PageEngineError
from pageengine.plumbing import reading, writing
from pageengine.units import format_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Columns = Mapping[str, NDArray[Any]]
#: Written into summary.json; a file of a later version is refused.
VERSION = 1
#: What a folder holds beside it; each a Parquet file, or a folder of parts (lab/parts.py).
TABLES = ("host", "vms")
_SUMMARY_MOST = 1 << 28  # bytes of a summary.json
_MEMORY = 1 << 36  # bytes, where the computer does not tell what it has


class ResultError(PageEngineError, ValueError):
    """A folder holds no result, or a damaged one; the message names the file."""


@dataclass
class Result:
    """host: name -> array, one entry per epoch. vms: the same with a column ``vm`` of names, one
    entry per epoch and VM, in the order of time. Amounts in bytes, times in seconds, stall as
    a fraction of the epoch; events are counted per epoch in pages.

    summary: figures of the whole run. events: what happened, ``{"time", "what", ...}`` each.
    meta: what was run: scenario, policy, seed, memory, thresholds, whether it came to its end.
    """

    host: Columns
    vms: Columns
    summary: dict[str, Any] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """The virtual machines, in the order in which they first appear."""
        column = np.asarray(self.vms.get("vm", ()), dtype=str)
        _, first = np.unique(column, return_index=True)
        return [str(column[i]) for i in sorted(first)]

    @property
    def partial(self) -> bool:
        """Whether the run ended before its time (interrupted, or out of its time limit)."""
        return bool(self.meta.get("partial"))

    @property
    def why(self) -> str:
        """Why it ended before its time; empty where it did not."""
        return str(self.meta.get("partial") or "")

    def of(self, name: str) -> dict[str, NDArray[Any]]:
        """The rows of one virtual machine, as columns."""
        chosen = np.asarray(self.vms["vm"], dtype=str) == name
        if not chosen.any():
            raise ValueError(f"no virtual machine {name!r} in this result: {self.names}")
        return {key: np.asarray(column)[chosen] for key, column in self.vms.items()}

    def digest(self) -> str:
        """SHA-256 over all columns, summary, events and meta: equal results have equal digests."""
        total = hashlib.sha256()
        for table in (self.host, self.vms):
            add_to_digest(total, table)
        total.update(dump(self._record()).encode())
        return total.hexdigest()

    def _tables(self) -> dict[str, str]:
        """Digests of the tables: a summary belongs to those that were saved with it."""
        found = {}
        for name, table in (("host", self.host), ("vms", self.vms)):
            total = hashlib.sha256()
            add_to_digest(total, table)
            found[name] = total.hexdigest()
        return found

    def save(self, folder: str | os.PathLike[str]) -> Path:
        """Writes the folder, which is made where it is missing. Each file is whole or not there,
        and summary.json holds digests of the tables it was saved with, which ``load`` looks at.
        ``pageengine.report.save`` writes report.html too. OSError names the file that could not be
        written; the older ones are then as they were."""
        pyarrow, parquet = arrow()
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with writing.together() as files:
            for name, table in (("host", self.host), ("vms", self.vms)):
                file = files.open(folder / f"{name}.parquet")
                parquet.write_table(to_arrow(pyarrow, table), file, compression="zstd")
            record = self.record(tables=self._tables())
            files.open(folder / "summary.json").write(record.encode())
        return folder

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Result:
        """Reads a folder that was saved. Raises ResultError naming the file that is no good."""
        folder = Path(folder)
        path = folder / "summary.json"
        if not os.path.lexists(path):
            raise ResultError(f"{folder} holds no result: there is no summary.json")
        record = summary_in(path)
        if record["meta"].get("kind") == "fleet":
            raise ResultError(f"{folder} holds a result of a fleet: lab.FleetResult.load reads it")
        host, vms = (table_in(folder / f"{name}.parquet") for name in TABLES)
        result = cls(host, vms, record["summary"], record["events"], record["meta"])
        for name, digest in result._tables().items():
            if record.get("tables", {}).get(name, digest) != digest:
                raise ResultError(
                    f"{folder / name}.parquet is not what was saved with summary.json: it was "
                    "changed, or saving was cut short between two files"
                )
        return result

    def to_pandas(self) -> tuple[Any, Any]:
        """Two data frames: the host's with the time as index, and the VMs' with time and
        name."""
        try:
            import pandas
        except ImportError:
            raise PageEngineError("data frames are made by pandas: pip install pandas") from None
        frames = (pandas.DataFrame(dict(table)) for table in (self.host, self.vms))
        host, vms = frames
        return host.set_index("time"), vms.set_index(["time", "vm"])

    def to_arrow(self) -> tuple[Any, Any]:
        """Two Arrow tables: the host's and the VMs'."""
        pyarrow, _ = arrow()
        return to_arrow(pyarrow, self.host), to_arrow(pyarrow, self.vms)

    def record(self, **more: Any) -> str:
        """The text of its summary.json: all but the tables."""
        return dump(self._record() | more) + "\n"

    def _record(self) -> dict[str, Any]:
        return {
            "version": VERSION,
            "summary": self.summary,
            "events": self.events,
            "meta": self.meta,
        }

    def __repr__(self) -> str:
        time = np.asarray(self.host.get("time", ()))
        end = f"{float(time[-1]):g} s" if len(time) else "no time"
        part = ", partial" if self.partial else ""
        return (
            f"<Result of {len(self.names)} virtual machines over {end}, "
            f"policy {self.meta.get('policy', '?')}{part}>"
        )

    def _repr_html_(self) -> str:
        from pageengine.lab import shows  # which needs figures, and they need this module

        return shows.result_html(self)


def summary_of(host: Columns) -> dict[str, Any]:
    """Figures of a whole run, from the host's columns; nothing where there is no row. None is what
    no row knows."""
    if not len(host["time"]):
        return {}
    figures: dict[str, Any] = {}
    for figure, column, of in _FIGURES:
        rows = np.asarray(host[column])
        known = rows[~np.isnan(rows)]
        kind = float if figure == "stall" else int
        figures[figure] = kind(of(known)) if len(known) else None
    return figures


#: Of the summary: its figures, from which column each is, and how.
_FIGURES = (
    ("stall", "stall", np.mean),
    ("free_least", "free", np.min),
    ("swap_in", "swap_in", np.sum),
    ("swap_out", "swap_out", np.sum),
    ("compressions", "compressions", np.sum),
    ("merged", "merged", np.sum),
    ("ballooned_most", "ballooned", np.max),
    ("swapped_most", "swapped", np.max),
    ("double_paging", "double_paging", np.sum),
)


def summary_in(path: Path) -> dict[str, Any]:
    """The record of a summary.json."""
    what = f"{path} is not the summary of a result"
    text = reading.text(path, ResultError, _SUMMARY_MOST)
    record = reading.parsed(text, json.loads, what, ResultError)
    if not isinstance(record, dict) or "version" not in record:
        raise ResultError(f"{what}: it has no version")
    if record["version"] != VERSION:
        version = reading.clipped(repr(record["version"]))
        raise ResultError(f"{path} has version {version}; this program reads {VERSION}")
    for key, kind in (("summary", dict), ("events", list), ("meta", dict), ("tables", dict)):
        if not isinstance(record.get(key, {} if key == "tables" else None), kind):
            raise ResultError(f"{what}: {key} is missing, or no {kind.__name__}")
    return record


def part(folder: Path, name: str, number: int) -> Path:
    """Where a part of a table lies."""
    return folder / f"{name}.parquet" / f"{number:06}.parquet"


def table_in(path: Path) -> dict[str, NDArray[Any]]:
    """The columns of a Parquet file, or of the parts in a folder. Raises ResultError."""
    if not path.is_dir():
        return _from_arrow(_rows_in(path, _most()))
    found, left = [], _most()
    for each in sorted(_parts_in(path)):
        rows = _rows_in(each, left)
        left -= rows.nbytes
        found.append(rows)
    if not found:
        return {}
    pyarrow, _ = arrow()
    try:
        return _from_arrow(pyarrow.concat_tables(found))
    except pyarrow.ArrowException as error:
        raise ResultError(
            f"{path}: its files are not parts of one table: {reading.brief(error)}"
        ) from None


def _parts_in(folder: Path) -> list[Path]:
    """The parts of one table that the other tables have, too."""
    names = {each.name for each in folder.glob("[!.]*.parquet")}
    for name in TABLES:
        other = folder.parent / f"{name}.parquet"
        names &= {each.name for each in other.glob("[!.]*.parquet")} if other.is_dir() else set()
    return [folder / name for name in names]


def _most() -> int:
    return reading.memory() or _MEMORY


def _rows_in(path: Path, most: int) -> Any:
    """The Arrow table of a Parquet file that asks for no more than so many bytes."""
    _, parquet = arrow()
    try:
        reading.regular(path, ResultError)
        with open(path, "rb") as file:
            rows = parquet.ParquetFile(file)
            needed = 8 * rows.metadata.num_rows * rows.metadata.num_columns
            if needed > most:
                raise ResultError(f"{path} cannot be read: it asks for {format_size(needed)}")
            return rows.read()
    except ResultError:
        raise
    except Exception as error:  # pyarrow documents few of the errors that damaged files cause
        raise ResultError(f"{path} cannot be read as Parquet: {reading.brief(error)}") from None


def add_to_digest(total: hashlib._Hash, table: Columns) -> None:
    """Adds a table to a digest."""
    for key in sorted(table):
        column = np.asarray(table[key])
        data = json.dumps(column.tolist()) if column.dtype.kind in "OUS" else None
        total.update(f"{key} {column.dtype.kind} {len(column)} ".encode())
        total.update(data.encode() if data else np.ascontiguousarray(column).tobytes())


def dump(value: Any) -> str:
    """JSON of whatever a result holds."""
    return json.dumps(value, indent=2, sort_keys=True, default=_plain, allow_nan=False)


def _plain(value: Any) -> Any:
    """Numpy's numbers and arrays, paths and tuples as JSON knows them."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)


def can_save() -> bool:
    """Whether pyarrow, which writes Parquet, is installed."""
    try:
        arrow()
    except PageEngineError:
        return False
    return True


def arrow() -> tuple[Any, Any]:
    """pyarrow, and its module of Parquet. PageEngineError: they are not installed."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise PageEngineError(
            'timelines are kept as Parquet by pyarrow: pip install "pageengine[report]"'
        ) from None
    return pyarrow, pyarrow.parquet


def to_arrow(pyarrow: Any, table: Columns) -> Any:
    """The Arrow table of these columns."""
    columns = {}
    for key, column in table.items():
        column = np.asarray(column)
        if column.dtype.kind in "OUS":
            columns[key] = pyarrow.array(column.tolist()).dictionary_encode()
        else:
            columns[key] = pyarrow.array(column)
    return pyarrow.table(columns)


def _from_arrow(table: Any) -> dict[str, NDArray[Any]]:
    columns = {}
    for key in table.column_names:
        column = table.column(key).to_numpy(zero_copy_only=False)
        columns[key] = column.astype(str) if column.dtype == object else column
    return columns
