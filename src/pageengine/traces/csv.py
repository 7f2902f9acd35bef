"""Traces as CSV, also under gzip: a first line with the names of the columns, then one access per
line. Columns: ``page`` or ``address``, and as many of write, time, vm, run as there are; others
are passed over. Numbers are decimal, or hexadecimal after 0x.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator

import numpy as np

from pageengine.errors import TraceError
from pageengine.traces import text
from pageengine.traces.base import COLUMNS, Batch, Trace, batch_of, need_page_column

_WORDS = {"true": 1, "false": 0, "w": 1, "r": 0, "write": 1, "read": 0}


def recognise(head: bytes, path: str) -> bool:
    if path.lower().endswith((".csv", ".csv.gz")):
        return True
    names = text.head(path).split(b"\n")[0].lower().split(b",")
    return len(names) > 1 and (b"page" in names or b"address" in names)


def open_csv(path: str) -> Trace:
    names = _names(path)
    need_page_column(names, path)
    twice = {name for name in names if names.count(name) > 1 and name in COLUMNS}
    if twice:
        raise TraceError(f"{path}, line 1: the column {min(twice)!r} is there twice")
    return Trace(path, "csv", lambda: _batches(path, names))


def _names(path: str) -> list[str]:
    for _, lines in text.blocks(path):
        first = lines[0].decode("utf-8-sig", errors="replace")
        return [name.strip().lower() for name in next(csv.reader([first]), [])]
    return []


def _batches(path: str, names: list[str]) -> Iterator[Batch]:
    wanted = [(i, name) for i, name in enumerate(names) if name in COLUMNS]
    for first, lines in text.blocks(path):
        skipped = first == 1
        rows, numbers = [], []
        for i, line in enumerate(lines):
            if (i == 0 and skipped) or not line.strip():
                continue
            row = next(csv.reader([line.decode(errors="replace")]))
            if len(row) != len(names):
                raise TraceError(
                    f"{path}, line {first + i}: {len(row)} values, and there are {len(names)} "
                    f"columns ({', '.join(names)})"
                )
            rows.append(row)
            numbers.append(first + i)
        if not rows:
            continue

        def where(i: int, numbers=numbers) -> str:
            return f"{path}, line {numbers[i]}"

        columns = {name: _numbers([r[c] for r in rows], name, where) for c, name in wanted}
        yield batch_of(columns, where)


def _numbers(values: list[str], name: str, where) -> np.ndarray:
    try:
        return np.array([int(value) for value in values], dtype=np.int64)
    except (ValueError, OverflowError):
        return np.array([_number(v.strip(), name, where, i) for i, v in enumerate(values)])


def _number(value: str, name: str, where, i: int):
    try:
        if name == "time":
            return float(value)
        number = int(value, 16 if value.lower().startswith("0x") else 10)
    except ValueError:
        if name == "write" and value.lower() in _WORDS:
            return _WORDS[value.lower()]
        right = "seconds" if name == "time" else "a whole number"
        raise TraceError(f"{where(i)}: {name} is {value!r}, and should be {right}") from None
    if number >= 1 << 63:
        raise TraceError(f"{where(i)}: {name} is {number}, and should be below 2**63")
    return number
