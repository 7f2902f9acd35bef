"""Traces: which pages a VM accessed, in order, read from files of several kinds.

    import pageengine as pe
    for batch in pe.traces.open("guest.npz"):
        print(batch.page[0], batch.write[0])

The table READERS has one line per reader; the first that recognises the file reads it.
"""

from __future__ import annotations

import builtins
import os
from collections.abc import Callable
from typing import NamedTuple

from pageengine.errors import TraceError
from pageengine.plumbing import given, reading
from pageengine.traces import csv, lines, npz, oracle, parquet
from pageengine.traces.base import Batch, Trace
from pageengine.traces.oracle import write_oracle

__all__ = ["READERS", "Batch", "TraceReader", "Trace", "TraceError", "open", "write_oracle"]


class TraceReader(NamedTuple):
    """One kind of trace: ``recognise(first bytes, path)`` says whether it is one."""

    kind: str
    recognise: Callable[[bytes, str], bool]
    open: Callable[..., Trace]
    options: tuple[str, ...]
    what: str


READERS = (
    TraceReader(
        "parquet", parquet.recognise, parquet.open_parquet, (), "Parquet: a column per field"
    ),
    TraceReader("npz", npz.recognise, npz.open_npz, (), "numpy .npz: an array per field"),
    TraceReader("oracle", oracle.recognise, oracle.open_oracle, (), "libCacheSim's oracleGeneral"),
    TraceReader("csv", csv.recognise, csv.open_csv, ("base",), "CSV with names on the first line"),
    *(
        TraceReader(kind, known, reads, ("instructions", "base"), what)
        for kind, known, reads, what in lines.readers()
    ),
)


def open(
    path: str | os.PathLike[str],
    *,
    kind: str | None = None,
    instructions: bool | None = None,
    base: int | None = None,
) -> Trace:
    """Opens a trace.

    kind: one of the kinds in READERS, where the file does not say it. instructions: (lines)
    whether fetches of instructions count, as they do if not given. base: 10 or 16, of numbers
    without 0x in text: addresses of lines are hexadecimal otherwise, numbers of CSV decimal.
    TraceError: not a trace, or a damaged one; the message names the line, row or offset. OSError:
    the file cannot be opened.
    """
    name = given.path(path, "trace")
    reader = _find(name, kind)
    asked = {"instructions": instructions, "base": base}
    told = {option: value for option, value in asked.items() if value is not None}
    if "instructions" in told:
        told["instructions"] = given.flag(instructions, "instructions")
    if "base" in told:
        told["base"] = given.whole(base, "base", 10, 16)
    for option in told:
        if option not in reader.options:
            raise ValueError(f"{option} does not apply to {reader.kind} traces such as {name}")
    return reader.open(name, **told)


def _find(path: str, kind: str | None) -> TraceReader:
    kinds = [reader.kind for reader in READERS]
    reading.regular(path, TraceError)
    with builtins.open(path, "rb") as file:
        head = file.read(4096)
    if kind is not None:
        for reader in READERS:
            if isinstance(kind, str) and reader.kind == kind:
                _refuse_packed(path, head)
                return reader
        raise ValueError(given.unknown("trace reader", kind, kinds))
    _refuse_packed(path, head)
    for reader in READERS:
        if reader.recognise(head, path):
            return reader
    if not head:
        raise TraceError(f"{path}: the file is empty; say kind= if it is a trace without accesses")
    raise TraceError(
        f"{path}: not a trace of a known kind ({', '.join(kinds)}); say kind= if it is one"
    )


_PACKED = {  # first bytes -> (what it is, how it is unpacked)
    b"\x28\xb5\x2f\xfd": ("Zstandard", "zstd -d"),
    b"\xfd7zXZ\x00": ("xz", "xz -d"),
    b"BZh": ("bzip2", "bzip2 -d"),
    b"\x04\x22\x4d\x18": ("LZ4", "lz4 -d"),
    b"7z\xbc\xaf\x27\x1c": ("7-Zip", "7z x"),
}


def _refuse_packed(path: str, head: bytes) -> None:
    """Compressed data are no records, whatever the file is said to be."""
    for magic, (what, command) in _PACKED.items():
        if head.startswith(magic):
            raise TraceError(
                f"{path}: compressed with {what}, which is not read: unpack it first ({command})"
            )
