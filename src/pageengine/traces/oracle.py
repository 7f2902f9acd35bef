"""Traces in libCacheSim's oracleGeneral format: 24 bytes per access, little-endian, without a
header: uint32 time in seconds, uint64 object, uint32 size, int64 number of the next access to the
object (-1: never). The object is the page; size and next access are passed over.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator

import numpy as np

from pageengine.errors import TraceError
from pageengine.traces.base import BATCH, Batch, Trace, batch_of

RECORD = np.dtype([("time", "<u4"), ("object", "<u8"), ("size", "<u4"), ("next", "<i8")])
REPLAYED = 1 << 20  # accesses between two looks at whether somebody wants to stop


def recognise(head: bytes, path: str) -> bool:
    return path.lower().endswith((".oraclegeneral", ".oraclegeneral.bin"))


class OracleTrace(Trace):
    """Its records are replayed where they are in the file."""

    def replay(self, guest, kind: str = "file", vm: int | None = None):
        guest.replay(kind, np.zeros(0, np.int64))  # what is wrong with that is not the trace's
        try:
            return super().replay(guest, kind, vm)
        except ValueError:
            for _ in self:  # says which record is not a page
                pass
            raise

    def _touches(self, vm: int | None):
        pages = _records(self.path)["object"].view("<i8")
        return ((pages[i : i + REPLAYED], False) for i in range(0, len(pages), REPLAYED))


def open_oracle(path: str) -> Trace:
    size = os.stat(path).st_size
    if size % RECORD.itemsize:
        whole = size - size % RECORD.itemsize
        raise TraceError(
            f"{path}, offset {whole}: the last record is cut off: {size - whole} bytes of "
            f"{RECORD.itemsize}"
        )
    return OracleTrace(path, "oracle", lambda: _batches(path))


def _records(path: str) -> np.ndarray:
    """The file's, in memory as far as they are looked at."""
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size < RECORD.itemsize:  # nothing cannot be mapped
            return np.zeros(0, RECORD)
        whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return np.frombuffer(whole, RECORD, count=len(whole) // RECORD.itemsize)


def _batches(path: str) -> Iterator[Batch]:
    records = _records(path)
    for first in range(0, len(records), BATCH):
        part = records[first : first + BATCH]
        page = part["object"].astype(np.int64)
        if page.min() < 0:  # 2**63 and above: this names the record

            def where(i: int, first=first) -> str:
                return f"{path}, offset {(first + i) * RECORD.itemsize}"

            batch_of({"page": part["object"]}, where)
        reads = np.zeros(len(page), bool)  # the format does not tell writes from reads
        yield Batch(page, reads, part["time"].astype(np.float64))


def write_oracle(path: str, pages: np.ndarray, times: np.ndarray | None = None) -> None:
    """Writes accesses in this format; sizes are 1, and the next accesses are worked out."""
    pages = np.asarray(pages)
    records = np.zeros(len(pages), RECORD)
    records["object"], records["size"] = pages, 1
    records["time"] = 0 if times is None else times
    order = np.argsort(pages, kind="stable")
    again = pages[order[1:]] == pages[order[:-1]]
    records["next"] = -1
    records["next"][order[:-1][again]] = order[1:][again]
    records.tofile(path)
