"""Results that grow: a recording of days is written in parts, and is whole at any moment.

The folder is that of a ``Result``, but ``host.parquet`` and ``vms.parquet`` are folders in it, of
one file a part, which pandas and pyarrow read as they read a file. The two files of a part get
their names together, after both are on the disk; a file without its fellow is not read. What was
not known is null, in a column of the kind that it has in the lab, and NaN once it is read.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.lab import results
from pageengine.lab.timeline import FRACTIONS
from pageengine.plumbing import writing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Columns = Mapping[str, NDArray[Any]]


class Parts:
    """A recording in the folder, which is made where it is missing. meta: that of the result.
    fractions: columns of numbers that are not whole, beside those of the lab.

    ResultError: the folder holds a result already. OSError: it cannot be written.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        meta: Mapping[str, Any],
        fractions: frozenset[str] = frozenset(),
    ):
        self.folder, self.meta, self.rows = Path(folder), dict(meta), 0
        self._arrow, self._parquet = results.arrow()
        self._fractions = FRACTIONS | fractions
        self._number = 0
        refuse_result(self.folder)
        for name in results.TABLES:
            (self.folder / f"{name}.parquet").mkdir(parents=True, exist_ok=True)
        self._write_summary({}, "it is being recorded, or was cut short")

    def add(self, host: Columns, vms: Columns) -> None:
        """One more part: of the host, and of each virtual machine. NaN is what was not known."""
        with writing.together() as files:
            for name, table in zip(results.TABLES, (host, vms), strict=True):
                path = results.part(self.folder, name, self._number)
                file = files.open(path)
                self._parquet.write_table(self._typed(table), file, compression="zstd")
        self._number += 1
        self.rows += len(host["time"])

    def end(self, why: str = "") -> None:
        """No more parts come. why: why it ended before its time; empty where it did not."""
        host = results.table_in(self.folder / "host.parquet") if self._number else {}
        self._write_summary(results.summary_of(host) if host else {}, why)

    def _write_summary(self, summary: Mapping[str, Any], why: str) -> None:
        result = results.Result({}, {}, dict(summary), [], {**self.meta, "partial": why})
        writing.text(self.folder / "summary.json", result.record())

    def _typed(self, table: Columns) -> Any:
        """An Arrow table whose columns have the kinds of the lab's, whatever of them is known."""
        arrow, columns = self._arrow, {}
        for key, column in table.items():
            column = np.asarray(column)
            if column.dtype.kind in "OUS":
                made = arrow.array(column.tolist(), arrow.string()).dictionary_encode()
            elif key in self._fractions:
                made = arrow.array(column.astype(float), arrow.float64(), from_pandas=True)
            else:
                unknown = np.isnan(column.astype(float))
                whole = np.where(unknown, 0, column).round().astype(np.int64)
                made = arrow.array(whole, arrow.int64(), mask=unknown)
            columns[key] = made
        return arrow.table(columns)


def refuse_result(folder: Path) -> None:
    """Raises ResultError where there is a result in the folder, which a recording would spoil."""
    for name in ("summary.json", *(f"{name}.parquet" for name in results.TABLES)):
        if os.path.lexists(folder / name):
            raise results.ResultError(
                f"{folder} holds a result already ({name}): name another folder"
            )
