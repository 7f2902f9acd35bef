"""Traces as CSV, also under gzip: a first line with the names of the columns, then one access per
line. Columns: one that names pages (``page``, ``address`` or ``key``), and as many of write, time,
vm, run as there are. The first line says what separates fields: a comma, semicolon or tab.

Numbers are decimal (hexadecimal with base=16), or hexadecimal after 0x. The first number of a
column decides which for the whole column (0 is both), as its first value decides whether ``write``
is told in numbers or words. Names of pages and VMs are any 64 bits, signed or not, in a file
not both.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.errors import TraceError
from pageengine.traces import text
from pageengine.traces.base import Batch, Trace
from pageengine.traces.columns import NAMING, batch_of, chosen
from pageengine.traces.foreign import damaged

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pageengine.traces.columns import Where
_WORDS = {"true": 1, "false": 0, "w": 1, "r": 0, "write": 1, "read": 0}
_SEPARATORS = ",;\t"
_DIGITS = {10: "[0-9]+", 16: "[0-9a-fA-F]+"}
_ZERO = re.compile(r"[ \t]*0+[ \t]*")
_HEX = re.compile(r"[ \t]*(-?0[xX][0-9a-fA-F]+)[ \t]*")
_SECONDS = re.compile(
    r"[ \t]*([+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|-?(nan|inf))[ \t]*"
).fullmatch


def recognise(head: bytes, path: str) -> bool:
    if path.lower().endswith((".csv", ".csv.gz")):
        return True
    first = text.head(path).split(b"\n")[0].decode("utf-8-sig", errors="replace")
    names = _split(first, _separator(first), path)
    return any(name in names for name in NAMING)


def open_csv(path: str, base: int | None = None) -> Trace:
    """base: 16 where numbers without 0x are hexadecimal."""
    if base not in (None, 10, 16):
        raise ValueError(f"base must be 10 or 16, got {base!r}")
    first = _first_line(path)
    separator = _separator(first)
    names = _split(first, separator, path)
    read, unread = chosen(names, path, "line 1")

    def batches(said: list[str]) -> Iterator[Batch]:
        return _CSVReading(path, names, read, separator, base or 10).batches()

    return Trace(path, "csv", batches, unread)


def _first_line(path: str) -> str:
    for _, lines in text.blocks(path):
        return lines[0].decode("utf-8-sig", errors="replace")
    return ""


def _separator(first: str) -> str:
    """The one that gives the most columns."""
    return max(_SEPARATORS, key=first.count)


def _split(line: str, separator: str, path: str) -> list[str]:
    with damaged(f"{path}, line 1", "CSV"):
        row = next(csv.reader([line], delimiter=separator, strict=True), [])
    return [name.strip().lower() for name in row]


@dataclass
class _Column:
    """How the values of a column are written, as its first said, and on which line that was."""

    name: str
    form: str = ""
    said: str = ""
    signs: dict[str, str] = field(default_factory=dict)  # "negative", "large" -> the first's place
    flags: dict[str, int] = field(default_factory=dict)  # of write: texts that were understood


class _CSVReading:
    """One pass over the file."""

    def __init__(self, path: str, names: list[str], read: list[str], separator: str, base: int):
        self.path, self.names, self.separator, self.base = path, names, separator, base
        self.columns = [(names.index(name), _Column(name)) for name in read]
        self._plain = re.compile(rf"(?:[ \t]*-?{_DIGITS[base]}[ \t]*\n)*")

    def batches(self) -> Iterator[Batch]:
        for first, lines in text.blocks(self.path):
            kept = [(n, line) for n, line in enumerate(lines, first) if n > 1 and line.strip()]
            if not kept:
                continue
            numbers = [n for n, _ in kept]
            rows = self._rows(kept)

            def where(i: int, numbers: list[int] = numbers) -> str:
                return f"{self.path}, line {numbers[i]}"

            fields = list(zip(*rows, strict=True))
            yield batch_of(
                {c.name: self._values(fields[i], c, where) for i, c in self.columns}, where
            )

    def _rows(self, lines: list[tuple[int, bytes]]) -> list[list[str]]:
        """Fields of the lines: of all at once, and one by one when that finds something wrong."""
        try:
            told = b"\n".join(line for _, line in lines).decode().split("\n")
            rows = list(csv.reader(told, delimiter=self.separator, strict=True))
        except (UnicodeDecodeError, csv.Error):
            rows = []
        if len(rows) == len(lines) and {len(row) for row in rows} == {len(self.names)}:
            return rows
        return [self._row(line, number) for number, line in lines]

    def _row(self, line: bytes, number: int) -> list[str]:
        where = f"{self.path}, line {number}"
        try:
            told = line.decode()
        except UnicodeDecodeError:
            raise TraceError(f"{where}: {text.shown(line)} should be text in UTF-8") from None
        with damaged(where, "CSV"):
            row = next(csv.reader([told], delimiter=self.separator, strict=True))
        if len(row) != len(self.names):
            raise TraceError(
                f"{where}: {len(row)} values, and there are {len(self.names)} columns "
                f"({', '.join(self.names)})"
            )
        return row

    def _values(self, values: Sequence[str], column: _Column, where: Where) -> NDArray[Any]:
        if column.name == "key":
            return np.array(values, object)
        if column.name == "time":
            for i, value in enumerate(values):
                if not _SECONDS(value):
                    raise TraceError(f"{where(i)}: time is {value!r}, and should be seconds")
            return np.array(values).astype(np.float64)
        if column.name == "write":
            try:
                return np.array([column.flags[v] for v in values])
            except KeyError:
                return np.array([self._flag(v, column, where, i) for i, v in enumerate(values)])
        plain = column.form in ("", "plain") and self._plain.fullmatch("\n".join(values) + "\n")
        if plain:
            told = next((v for v in values if not _ZERO.fullmatch(v)), None)
            if not column.form and told:
                column.form, column.said = "plain", f"{told!r}, {where(values.index(told))}"
            long = max(map(len, values)) > 40  # Python refuses numbers of thousands of digits
            numbers = [2**64 if long and len(v) > 40 else int(v, self.base) for v in values]
        else:
            numbers = [self._number(v, column, where, i) for i, v in enumerate(values)]
        return self._of_64_bits(numbers, column, where)

    def _number(self, value: str, column: _Column, where: Where, i: int) -> int:
        """A whole number in the form of its column, which it decides when it is the first."""
        form = "0x" if _HEX.fullmatch(value) else "plain"
        if not _ZERO.fullmatch(value):
            if form == "plain" and not re.fullmatch(rf"[ \t]*-?{_DIGITS[self.base]}[ \t]*", value):
                raise TraceError(
                    f"{where(i)}: {column.name} is {value.strip()!r}, and should be a whole number"
                    f"{self._advice(value, column)}"
                )
            if not column.form:
                column.form, column.said = form, f"{value.strip()!r}, {where(i)}"
            if column.form != form:
                how = {"0x": "hexadecimal after 0x", "plain": f"of base {self.base} without 0x"}
                raise TraceError(
                    f"{where(i)}: {column.name} is {value.strip()!r}, and should be "
                    f"{how[column.form]} as the first is ({column.said})"
                )
        return int(value, 16 if form == "0x" else self.base) if len(value) < 40 else 2**64

    def _advice(self, value: str, column: _Column) -> str:
        if self.base == 10 and re.fullmatch(r"[ \t]*[0-9a-fA-F]+[ \t]*", value):
            return ": if the file's numbers are hexadecimal, say base=16"
        if column.name == "page" and value.strip():
            return ": name the column 'key' if pages have names that are text"
        return ""

    def _of_64_bits(self, numbers: list[int], column: _Column, where: Where) -> NDArray[Any]:
        least, most = min(numbers), max(numbers)
        if most >= 2**64 or least < -(2**63):
            i = next(i for i, n in enumerate(numbers) if n >= 2**64 or n < -(2**63))
            raise TraceError(f"{where(i)}: {column.name} should be a number of 64 bits")
        if least < 0:
            column.signs.setdefault(
                "negative", where(next(i for i, n in enumerate(numbers) if n < 0))
            )
        if most >= 2**63:
            column.signs.setdefault(
                "large", where(next(i for i, n in enumerate(numbers) if n >= 2**63))
            )
        if len(column.signs) == 2:
            raise TraceError(
                f"{column.signs['negative']}: {column.name} is negative, and is 2**63 or more at "
                f"{column.signs['large']}: a column is signed or not, and not both"
            )
        return np.array(numbers, np.uint64 if most >= 2**63 else np.int64)

    def _flag(self, value: str, column: _Column, where: Where, i: int) -> int:
        told = value.strip().lower()
        form = "words" if told in _WORDS else "numbers"
        if form == "numbers" and told not in ("0", "1"):
            shown = told if told.isdecimal() else repr(value)
            raise TraceError(f"{where(i)}: write is {shown}, and should be 0 or 1, or r or w")
        if not column.form:
            column.form, column.said = form, f"{value!r}, {where(i)}"
        if column.form != form:
            right = "r or w" if column.form == "words" else "0 or 1"
            raise TraceError(
                f"{where(i)}: write is {value!r}, and should be {right} as the first is "
                f"({column.said})"
            )
        column.flags[value] = _WORDS[told] if form == "words" else int(told)
        return column.flags[value]
