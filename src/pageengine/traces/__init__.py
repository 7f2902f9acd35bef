"""Traces: which pages a machine accessed, in order, read from files of several kinds.

    import pageengine as pe
    for batch in pe.traces.open("guest.npz"):
        print(batch.page[0], batch.write[0])

The table READERS has one line per reader; the first that recognises the file reads it.
"""

from __future__ import annotations

import builtins
import difflib
import os
from collections.abc import Callable
from typing import NamedTuple

from pageengine.errors import TraceError
from pageengine.traces import csv, lackey, npz, oracle, parquet
from pageengine.traces.base import Batch, Trace
from pageengine.traces.oracle import write_oracle

__all__ = ["READERS", "Batch", "Reader", "Trace", "TraceError", "open", "write_oracle"]


class Reader(NamedTuple):
    """One kind of trace: ``recognise(first bytes, path)`` says whether it is one."""

    kind: str
    recognise: Callable[[bytes, str], bool]
    open: Callable[..., Trace]
    options: tuple[str, ...]
    what: str


READERS = (
    Reader("parquet", parquet.recognise, parquet.open_parquet, (), "Parquet: a column per field"),
    Reader("npz", npz.recognise, npz.open_npz, (), "numpy .npz: an array per field"),
    Reader("oracle", oracle.recognise, oracle.open_oracle, (), "libCacheSim's oracleGeneral"),
    Reader("csv", csv.recognise, csv.open_csv, (), "CSV with names on the first line"),
    Reader("lackey", lackey.recognise, lackey.open_lackey, ("instructions",),
           "valgrind --tool=lackey --trace-mem=yes"),
)  # fmt: skip


def open(path, *, kind: str | None = None, instructions: bool | None = None) -> Trace:
    """Opens a trace.

    kind: one of the kinds in READERS, where the file does not say it. instructions: (lackey)
    whether fetches of instructions count, as they do if not given. TraceError: not a trace, or a
    damaged one; the message names the line, row or offset. OSError: the file cannot be opened.
    """
    name = os.fsdecode(path)
    reader = _find(name, kind)
    given = {} if instructions is None else {"instructions": instructions}
    for option in given:
        if option not in reader.options:
            raise ValueError(f"{option} does not apply to {reader.kind} traces such as {name}")
    return reader.open(name, **given)


def _find(path: str, kind: str | None) -> Reader:
    kinds = [reader.kind for reader in READERS]
    if kind is not None:
        for reader in READERS:
            if reader.kind == kind:
                return reader
        close = difflib.get_close_matches(str(kind), kinds, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"no trace reader {kind!r}; there are {', '.join(kinds)}{hint}")
    with builtins.open(path, "rb") as file:
        head = file.read(4096)
    for reader in READERS:
        if reader.recognise(head, path):
            return reader
    raise TraceError(
        f"{path}: not a trace of a known kind ({', '.join(kinds)}); say kind= if it is one"
    )
