"""Traces as numpy's .npz: one array per column, all of one length: ``page`` or ``address``, and as
many of write, time, vm, run as there are; others are passed over. Arrays that were saved without
compression are read as they are used, compressed ones whole.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from functools import partial

import numpy as np

from pageengine.errors import TraceError
from pageengine.traces.base import BATCH, COLUMNS, Batch, Trace, batch_of, need_page_column


def recognise(head: bytes, path: str) -> bool:
    return head.startswith(b"PK\x03\x04")


def open_npz(path: str) -> Trace:
    with zipfile.ZipFile(path) if zipfile.is_zipfile(path) else _damaged(path) as file:
        names = [name.removesuffix(".npy") for name in file.namelist()]
    need_page_column(names, path)
    return Trace(path, "npz", lambda: _batches(path))


def _damaged(path: str):
    raise TraceError(f"{path}: the .npz file is damaged or cut off (it is no whole ZIP archive)")


def _columns(path: str) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in COLUMNS if name in file.files}
    except (ValueError, EOFError, OSError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise TraceError(f"{path}: the .npz file is damaged: {error}") from error


def _batches(path: str) -> Iterator[Batch]:
    columns = _columns(path)
    n = len(columns["page"] if "page" in columns else columns["address"])
    for name, column in columns.items():
        if column.shape != (n,):
            raise TraceError(
                f"{path}: the column {name!r} has the shape {column.shape}, and should have ({n},)"
            )
    for start in range(0, n, BATCH):
        part = {name: column[start : start + BATCH] for name, column in columns.items()}
        yield batch_of(part, partial(_place, path, start))


def _place(path: object, start: int, i: int) -> str:
    return f"{path}, entry {start + i}"
