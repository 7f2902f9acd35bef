"""Traces in libCacheSim's oracleGeneral format: 24 bytes per access, little-endian, without a
header: uint32 time in seconds, uint64 object, uint32 size, int64 number of the next access to the
object (-1: never). The object is the page's name, often a hash; size and next access are not used.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.errors import TraceError
from pageengine.plumbing import writing
from pageengine.traces.base import BATCH, Batch, Trace

if TYPE_CHECKING:
    from numpy.typing import NDArray
RECORD = np.dtype([("time", "<u4"), ("object", "<u8"), ("size", "<u4"), ("next", "<i8")])
REPLAYED = 1 << 20  # accesses between two looks at whether somebody wants to stop
NO_NEXT = -2  # the lowest that is written for a next access that there is not, or is not known


def recognise(head: bytes, path: str) -> bool:
    return path.lower().endswith((".oraclegeneral", ".oraclegeneral.bin"))


class OracleTrace(Trace):
    """Its records are replayed where they are in the file."""

    def _touches(
        self, vm: int | None
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.bool_] | bool]]:
        if vm is not None:
            yield from super()._touches(vm)
        records = _records(self.path)
        for first in range(0, len(records), REPLAYED):
            part = records[first : first + REPLAYED]
            _check(self.path, part, first)
            yield part["object"].view("<i8"), False


def open_oracle(path: str) -> Trace:
    size = os.stat(path).st_size
    if size % RECORD.itemsize:
        whole = size - size % RECORD.itemsize
        raise TraceError(
            f"{path}, offset {whole}: the last record is cut off: {size - whole} bytes of "
            f"{RECORD.itemsize}"
        )
    return OracleTrace(path, "oracle", lambda _: _batches(path))


def _records(path: str) -> NDArray[Any]:
    """The file's, in memory as far as they are looked at."""
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size < RECORD.itemsize:  # nothing cannot be mapped
            return np.zeros(0, RECORD)
        whole = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    return np.frombuffer(whole, RECORD, count=len(whole) // RECORD.itemsize)


def _check(path: str, part: NDArray[Any], first: int) -> None:
    """Other data than records shows in the numbers of next accesses, half of which are negative."""
    bad = part["next"] < NO_NEXT
    if bad.any():
        i = int(np.argmax(bad))
        raise TraceError(
            f"{path}, offset {(first + i) * RECORD.itemsize}: the number of the next access is "
            f"{part['next'][i]}, and should be -1 or above: this is no record of oracleGeneral"
        )


def _batches(path: str) -> Iterator[Batch]:
    records = _records(path)
    for first in range(0, len(records), BATCH):
        part = records[first : first + BATCH]
        _check(path, part, first)
        reads = np.zeros(len(part), bool)  # the format does not tell writes from reads
        yield Batch(part["object"].astype("<u8").view(np.int64), reads, part["time"].astype(float))


def write_oracle(path: str, pages: NDArray[Any], times: NDArray[Any] | None = None) -> None:
    """Writes accesses in this format; sizes are 1, and the next accesses are worked out. pages:
    whole numbers of 64 bits, signed or not; times: seconds below 2**32, of which the format keeps
    whole ones.
    """
    pages = np.asarray(pages)
    if pages.dtype.kind not in "iu" and pages.size or pages.ndim != 1:
        raise ValueError(f"pages must be whole numbers [n], got {pages.dtype} {pages.shape}")
    if times is not None:
        times = np.asarray(times)
        if times.shape != pages.shape or not ((times >= 0) & (times < 2**32)).all():
            raise ValueError("times must be one per page, seconds from 0 to below 2**32")
    records = np.zeros(len(pages), RECORD)
    records["object"], records["size"] = pages, 1
    records["time"] = 0 if times is None else times
    order = np.argsort(pages, kind="stable")
    again = pages[order[1:]] == pages[order[:-1]]
    records["next"] = -1
    records["next"][order[:-1][again]] = order[1:][again]
    with writing.whole(path) as file:
        file.write(records.view(np.uint8))
