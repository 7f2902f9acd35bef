"""Traces as Parquet: a table with a column that names pages, and as many of write, time, vm, run as
there are. Needs pyarrow (``pip install 'pageengine[report]'``).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from pageengine.errors import TraceError
from pageengine.traces.base import BATCH, Batch, Trace
from pageengine.traces.columns import batch_of, chosen
from pageengine.traces.foreign import damaged, guarded

_WHAT = "Parquet file"


def recognise(head: bytes, path: str) -> bool:
    return head.startswith((b"PAR1", b"PARE"))


def open_parquet(path: str) -> Trace:
    with _opened(path) as file:
        with damaged(path, _WHAT):
            schema = file.schema_arrow
        read, unread = chosen(schema.names, path)
        for name in read:
            _check_type(schema.field(name), path)
    return Trace(path, "parquet", lambda _: _batches(path, read), unread)


@contextmanager
def _opened(path: str) -> Iterator[Any]:
    """The ParquetFile, opened here: pyarrow takes no name that is not UTF-8, and has no types."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise TraceError(
            f"{path}: reading Parquet needs pyarrow: pip install 'pageengine[report]'"
        ) from error
    with open(path, "rb") as raw:  # that it cannot be opened is no damage
        with damaged(path, _WHAT):
            file = pyarrow.parquet.ParquetFile(raw)
        with file:
            yield file


def _check_type(field: Any, path: str) -> None:
    """Before anything is read: nested, decimal and other columns are named as what they are."""
    from pyarrow import types

    kind = field.type.value_type if types.is_dictionary(field.type) else field.type
    number = types.is_integer(kind) or types.is_floating(kind)
    fits = {
        "key": types.is_integer(kind)
        or types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind),
        "write": number or types.is_boolean(kind),
    }.get(field.name, number)
    if not fits:
        right = {"key": "text, bytes or whole numbers", "write": "0 or 1", "time": "seconds"}
        raise TraceError(
            f"{path}, column {field.name!r}: it holds {field.type}, and should hold "
            f"{right.get(field.name, 'whole numbers')}"
        )


def _batches(path: str, names: list[str]) -> Iterator[Batch]:
    with _opened(path) as file:
        row = 0
        with damaged(path, _WHAT):
            parts = file.iter_batches(batch_size=BATCH, columns=names)
        for part in guarded(parts, lambda: f"{path}, row {row}", _WHAT):
            yield _batch(path, part, row)
            row += part.num_rows


def _batch(path: str, part: Any, first: int) -> Batch:
    columns = {}
    for name in part.schema.names:
        with damaged(f"{path}, row {first}, column {name!r}", _WHAT):
            column = part.column(name)
            if hasattr(column, "dictionary_decode"):
                column = column.dictionary_decode()
            missing = column.is_null().to_pylist().index(True) if column.null_count else None
            if missing is None:
                columns[name] = column.to_numpy(zero_copy_only=False)
        if missing is not None:
            raise TraceError(f"{path}, row {first + missing}: {name} is empty")
    return batch_of(
        {name: np.asarray(values) for name, values in columns.items()},
        lambda i: f"{path}, row {first + i}",
    )
