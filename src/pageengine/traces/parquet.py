"""Traces as Parquet: a table with the columns ``page`` or ``address``, and as many of write, time,
vm, run as there are. Needs pyarrow (``pip install 'pageengine[report]'``).
"""

from __future__ import annotations

from collections.abc import Iterator

from pageengine.errors import TraceError
from pageengine.traces.base import BATCH, COLUMNS, Batch, Trace, batch_of, need_page_column


def recognise(head: bytes, path: str) -> bool:
    return head.startswith(b"PAR1")


def open_parquet(path: str) -> Trace:
    with _opened(path) as file:
        need_page_column(file.schema_arrow.names, path)
    return Trace(path, "parquet", lambda: _batches(path))


def _opened(path: str):
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise TraceError(
            f"{path}: reading Parquet needs pyarrow: pip install 'pageengine[report]'"
        ) from error
    try:
        return pyarrow.parquet.ParquetFile(path)
    except pyarrow.ArrowException as error:
        raise TraceError(f"{path}: the Parquet file is damaged or cut off: {error}") from error


def _batches(path: str) -> Iterator[Batch]:
    import pyarrow

    with _opened(path) as file:
        names = [name for name in file.schema_arrow.names if name in COLUMNS]
        row = 0
        try:
            for part in file.iter_batches(batch_size=BATCH, columns=names):
                yield _batch(path, part, row)
                row += part.num_rows
        except (pyarrow.ArrowException, OSError) as error:
            raise TraceError(f"{path}, row {row}: the Parquet file is damaged: {error}") from error


def _batch(path: str, part, first: int) -> Batch:
    for name in part.schema.names:
        missing = part.column(name).null_count
        if missing:
            row = part.column(name).is_null().to_pylist().index(True)
            raise TraceError(f"{path}, row {first + row}: {name} is empty")
    columns = {n: part.column(n).to_numpy(zero_copy_only=False) for n in part.schema.names}
    return batch_of(columns, lambda i: f"{path}, row {first + i}")
