"""Columns of a trace as tables have them: which there may be, and what their values must be."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.errors import TraceError
from pageengine.plumbing.reading import some
from pageengine.traces.base import PAGE_SHIFT, Batch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[Any]  # as a file has them
    Where = Callable[[int], str]  # the place of entry i in its file, for an error
NAMING = ("page", "address", "key")  # what says which page it is; the first that is there
COLUMNS = (*NAMING, "write", "time", "vm", "run")


def chosen(names: Sequence[str], path: str, place: str = "") -> tuple[list[str], str]:
    """The columns to read of those a table has, and what to say of the others. TraceError: there is
    none that names pages, or one is there twice.
    """
    where = f"{path}, {place}" if place else path
    naming = next((name for name in NAMING if name in names), None)
    if naming is None:
        raise TraceError(
            f"{where}: a trace needs a column 'page', 'address' or 'key' (and may have write, "
            f"time, vm, run); this one has {some(names) or 'none'}"
        )
    read = [name for name in COLUMNS if name in names and (name not in NAMING or name == naming)]
    for name in read:
        if list(names).count(name) > 1:
            raise TraceError(f"{where}: the column {name!r} is there twice")
    others = [name for name in names if name not in read]
    return read, f"not read: the columns {some(others)}" if others else ""


def batch_of(columns: Mapping[str, Values], where: Where) -> Batch:
    """A Batch of columns as a file has them: one that names pages, and as many of write, time, vm,
    run as there are. ``where(i)`` names the place of entry i for an error.
    """
    if "page" in columns:
        page = _names(columns["page"], "page", where)
    elif "address" in columns:
        page = pages_of(columns["address"], where)
    else:
        page = keys(columns["key"], where)
    write, time = columns.get("write"), columns.get("time")
    return Batch(
        page=page,
        write=np.zeros(len(page), bool) if write is None else _flags(write, where),
        time=None if time is None else _times(time, where),
        vm=_names(columns["vm"], "vm", where) if "vm" in columns else None,
        run=_runs(columns["run"], where) if "run" in columns else None,
    )


def keys(values: Iterable[Any], where: Where) -> NDArray[np.int64]:
    """int64 [n]: 64 bits of the BLAKE2b hash of each key, text (as UTF-8), bytes or number."""
    known: dict[Any, int] = {}
    found = []
    for i, key in enumerate(values.tolist() if isinstance(values, np.ndarray) else values):
        if key not in known:
            known[key] = _hash(key, i, where)
        found.append(known[key])
    return np.array(found, np.int64)


def _hash(key: object, i: int, where: Where) -> int:
    if isinstance(key, int) and not isinstance(key, bool):
        key = str(key)
    if isinstance(key, str):
        key = key.encode("utf-8", errors="surrogatepass")
    if not isinstance(key, bytes) or not key:
        raise TraceError(f"{where(i)}: key is {key!r}, and should be text, bytes or a whole number")
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "little", signed=True)


def pages_of(values: Values, where: Where) -> NDArray[np.int64]:
    """Pages of addresses in bytes."""
    numbers = _whole(values, "address", where)
    if numbers.dtype.kind == "i":
        _refuse(numbers < 0, numbers, "address", "from 0 to below 2**64", where)
    return (numbers.view(np.uint64) >> np.uint64(PAGE_SHIFT)).view(np.int64)


def _refuse(bad: NDArray[np.bool_], values: Values, what: str, right: str, where: Where) -> None:
    found = np.flatnonzero(bad)
    if found.size:
        i = int(found[0])
        raise TraceError(f"{where(i)}: {what} is {values[i]}, and should be {right}")


def _holds(values: Values, kinds: str, what: str, right: str, where: Where) -> Values:
    values = np.asarray(values)
    if values.ndim != 1 or values.dtype.kind not in kinds:
        shape = f" of shape {values.shape[1:]} each" if values.ndim != 1 else ""
        raise TraceError(f"{where(0)}: {what} holds {values.dtype}{shape}, and should hold {right}")
    return values


def _whole(values: Values, what: str, where: Where) -> Values:
    """The numbers as int64 or uint64, contiguous and of this computer's byte order."""
    values = _holds(values, "iuf", what, "whole numbers", where)
    if values.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            bad = ~(np.floor(values) == values)
        _refuse(bad, values, what, "a whole number", where)
        bits = np.finfo(values.dtype).nmant + 1
        exact = f"below 2**{bits}, where {values.dtype} is exact (or saved as an integer)"
        _refuse(np.abs(values.astype(np.float64)) >= 2.0**bits, values, what, exact, where)
    return np.ascontiguousarray(values, np.uint64 if values.dtype.kind == "u" else np.int64)


def _names(values: Values, what: str, where: Where) -> NDArray[np.int64]:
    return _whole(values, what, where).view(np.int64)


def _runs(values: Values, where: Where) -> NDArray[np.int64]:
    numbers = _whole(values, "run", where)
    _refuse((numbers < 1) | (numbers > 2**63 - 1), numbers, "run", "from 1 to below 2**63", where)
    return numbers.astype(np.int64)


def _flags(values: Values, where: Where) -> NDArray[np.bool_]:
    values = _holds(values, "biuf", "write", "0 or 1", where)
    if values.dtype.kind == "b":
        return values
    _refuse((values != 0) & (values != 1), values, "write", "0 or 1", where)
    flags: NDArray[np.bool_] = values != 0
    return flags


def _times(values: Values, where: Where) -> NDArray[np.float64]:
    values = _holds(values, "iuf", "time", "seconds", where)
    times = values.astype(np.float64)
    _refuse(~np.isfinite(times) | (times < 0), values, "time", "seconds, 0 or more", where)
    return times
