"""Traces as numpy's .npz: one array per column, all of one length: one that names pages, and as
many of write, time, vm, run as there are. Arrays are read as they are used, compressed ones too;
nothing is unpickled.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from pageengine.errors import TraceError
from pageengine.traces.base import BATCH, Batch, Trace
from pageengine.traces.columns import batch_of, chosen
from pageengine.traces.foreign import damaged
from pageengine.traces.npy import read_header

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Opened = tuple[zipfile.ZipExtFile, np.dtype[Any], int]
_WHAT = ".npz file"
_ENTRY_BYTES = 4096  # of a key; longer ones would be no names


def recognise(head: bytes, path: str) -> bool:
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def open_npz(path: str) -> Trace:
    with _archive(path) as file:
        read, unread = chosen([name.removesuffix(".npy") for name in file.namelist()], path)
    return Trace(path, "npz", lambda _: _batches(path, read), unread)


def _archive(path: str) -> zipfile.ZipFile:
    if not zipfile.is_zipfile(path):
        with open(path, "rb"):  # that it cannot be opened is no damage
            raise TraceError(
                f"{path}: the .npz file is damaged or cut off (it is no whole ZIP archive)"
            )
    with damaged(path, _WHAT):
        return zipfile.ZipFile(path)


def _batches(path: str, names: list[str]) -> Iterator[Batch]:
    with ExitStack() as stack:
        archive = stack.enter_context(_archive(path))
        columns = {name: _opened(archive, path, name, stack) for name in names}
        length = columns[names[0]][2]
        for name, (_, _, n) in columns.items():
            if n != length:
                raise TraceError(
                    f"{path}: the column {name!r} has the shape ({n},), and should have "
                    f"({length},) as {names[0]!r} has"
                )
        for start in range(0, length, BATCH):
            n = min(BATCH, length - start)

            def where(i: int, start: int = start) -> str:
                return f"{path}, entry {start + i}"

            part = {
                name: _part(file, dtype, n, where(0), name)
                for name, (file, dtype, _) in columns.items()
            }
            yield batch_of(part, where)


def _opened(archive: zipfile.ZipFile, path: str, name: str, stack: ExitStack) -> Opened:
    """(file, type, length) of a column."""
    where = f"{path}, column {name!r}"
    with damaged(where, _WHAT):
        known = set(archive.namelist())
        info = archive.getinfo(f"{name}.npy" if f"{name}.npy" in known else name)
        file = cast(zipfile.ZipExtFile, stack.enter_context(archive.open(info)))
        dtype, length = read_header(file, where, info.file_size)
    if dtype.kind in "US" and dtype.itemsize > _ENTRY_BYTES:
        raise TraceError(f"{where}: entries of {dtype.itemsize} bytes are no names")
    if dtype.kind not in "biufUSMm":
        raise TraceError(f"{where}: it holds {dtype}, and should hold numbers, or text as key")
    return file, dtype, length


def _part(
    file: zipfile.ZipExtFile, dtype: np.dtype[Any], n: int, where: str, name: str
) -> NDArray[Any]:
    wanted = n * dtype.itemsize
    with damaged(f"{where}, column {name!r}", _WHAT):
        data = file.read(wanted)
        if file.tell() and len(data) == wanted and not file.peek(1):
            file.read(1)  # at the end the archive's checksum is held against what was read
    if len(data) < wanted:
        raise TraceError(f"{where}: the column {name!r} is cut off")
    return np.frombuffer(data, dtype)
