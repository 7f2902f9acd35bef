"""What every trace offers: an iterator of batches of accesses, read as it goes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from pageengine.errors import TraceError

BATCH = 1 << 16
PAGE_SHIFT = 12


@dataclass(frozen=True)
class Batch:
    """Accesses in the order in which they were made.

    page: int64 [n], page numbers. write: bool [n]. time: float64 [n] in seconds, or None where
    the trace has no clock. vm: int64 [n], the number of the machine, or None for one machine.
    run: int64 [n], so many accesses to the page in a row, or None for one each.
    """

    page: np.ndarray
    write: np.ndarray
    time: np.ndarray | None = None
    vm: np.ndarray | None = None
    run: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.page)

    def of(self, vm: int | None) -> Batch:
        """The accesses of this machine; all, where it is None or the trace tells of no machines."""
        if vm is None or self.vm is None:
            return self
        mine = self.vm == vm
        columns = self.page, self.write, self.time, self.vm, self.run
        return Batch(*(None if column is None else column[mine] for column in columns))


class Trace:
    """A trace in a file. Iterate for batches, as often as you like; each time from the start."""

    def __init__(self, path: str, kind: str, batches: Callable[[], Iterator[Batch]]):
        self.path, self.kind = path, kind
        self._batches = batches

    def __repr__(self) -> str:
        return f"<Trace {self.path!r}: {self.kind}>"

    def __iter__(self) -> Iterator[Batch]:
        return self._batches()

    def replay(self, guest, kind: str = "file", vm: int | None = None):
        """Makes the accesses in a ``Guest`` as touches of ``kind``, without holding the trace;
        returns what ``guest.replay`` does, for all of them. So many accesses in a row (``run``) are
        one touch. It ends where the guest is out of memory. vm: the number of the machine whose
        accesses are made; a guest is one machine, so a trace of several needs it (TraceError).
        """
        total = guest.replay(kind, np.zeros(0, np.int64))
        for page, write in self._touches(vm):
            part = guest.replay(kind, page, write)
            total = total._replace(
                done=total.done + part.done, misses=total.misses + part.misses
            )
            if part.done < len(page):
                break
        return total

    def _touches(self, vm: int | None):
        """Pages, and which are written, as a replay needs them: unlike those of a batch they may
        lie apart from each other, and need not be looked at yet.
        """
        first = None
        for batch in self:
            if vm is None and batch.vm is not None and len(batch):
                first = int(batch.vm[0]) if first is None else first
                others = batch.vm[batch.vm != first]
                if others.size:
                    raise TraceError(
                        f"{self.path} has accesses of several machines, such as {first} and "
                        f"{others[0]}: say whose are made, replay(..., vm={first})"
                    )
            mine = batch.of(vm)
            yield mine.page, mine.write


def batch_of(columns: Mapping[str, np.ndarray], where: Callable[[int], str]) -> Batch:
    """A Batch of columns as a file has them: ``page``, or ``address`` in bytes, and as many of
    write, time, vm, run as there are. ``where(i)`` names the place of entry i for an error.
    """
    page = columns.get("page")
    if page is None:
        page = _whole(columns["address"], "address", where) >> PAGE_SHIFT
    else:
        page = _whole(page, "page", where)
    write = columns.get("write")
    time = columns.get("time")
    return Batch(
        page=page,
        write=np.zeros(len(page), bool) if write is None else _flags(write, where),
        time=None if time is None else _times(time, where),
        vm=_whole(columns["vm"], "vm", where) if "vm" in columns else None,
        run=_whole(columns["run"], "run", where) if "run" in columns else None,
    )


def need_page_column(names, path: str) -> None:
    """A trace without pages is none."""
    if "page" not in names and "address" not in names:
        raise TraceError(
            f"{path}: a trace needs a column 'page' or 'address' (and may have write, time, vm, "
            f"run); this one has {', '.join(map(repr, names)) or 'none'}"
        )


COLUMNS = ("page", "address", "write", "time", "vm", "run")


def _refuse(bad: np.ndarray, values: np.ndarray, what: str, right: str, where) -> None:
    found = np.flatnonzero(bad)
    if found.size:
        i = int(found[0])
        raise TraceError(f"{where(i)}: {what} is {values[i]}, and should be {right}")


def _whole(values: np.ndarray, what: str, where) -> np.ndarray:
    values = np.asarray(values)
    if values.dtype.kind == "u":
        _refuse(values > np.uint64(2**63 - 1), values, what, "below 2**63", where)
    elif values.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            bad = ~(np.floor(values) == values) | (np.abs(values) >= 2**63)
        _refuse(bad, values, what, "a whole number", where)
    elif values.dtype.kind not in "ib":
        raise TraceError(f"{where(0)}: {what} holds {values.dtype}, and should hold whole numbers")
    numbers = values.astype(np.int64)
    _refuse(numbers < 0, values, what, "0 or more", where)
    return numbers


def _flags(values: np.ndarray, where) -> np.ndarray:
    values = np.asarray(values)
    if values.dtype.kind == "b":
        return values
    if values.dtype.kind not in "iuf":
        raise TraceError(f"{where(0)}: write holds {values.dtype}, and should be 0 or 1")
    _refuse((values != 0) & (values != 1), values, "write", "0 or 1", where)
    return values != 0


def _times(values: np.ndarray, where) -> np.ndarray:
    values = np.asarray(values)
    if values.dtype.kind not in "iuf":
        raise TraceError(f"{where(0)}: time holds {values.dtype}, and should be seconds")
    times = values.astype(np.float64)
    _refuse(~np.isfinite(times) | (times < 0), values, "time", "seconds, 0 or more", where)
    return times
