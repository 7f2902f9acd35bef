"""Arrays as the batch calls need them, or an error that names what is wrong: plain numpy arrays of
one type, contiguous, aligned, in this computer's byte order. given.py is the same for one value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.plumbing import given
from pageengine.units import PAGE_BYTES

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Integer = type[np.integer[Any]]


def as_ppns(ppns: ArrayLike) -> NDArray[np.int64]:
    """int64 [n] from an int, a sequence of ints or an int array [n]."""
    if type(ppns) is np.ndarray and ppns.dtype == np.int64 and ppns.ndim == 1:
        flags = ppns.flags
        if flags.c_contiguous and flags.aligned:
            return ppns  # as most are: not looked at twice
    return integers(ppns, "PPNs", error=IndexError)


def integers(
    values: ArrayLike, what: str, dtype: Integer = np.int64, error: type[Exception] = ValueError
) -> NDArray[Any]:
    """``dtype`` [n], an integer type, from a whole number, a sequence of them or an array [n] of
    any type of whole numbers. What the type cannot hold raises ``error``.
    """
    array = _plain(values, what)
    if array.dtype.kind not in "iu":
        array = _of_objects(values, array, what, dtype, error)
    if array.ndim > 1:
        raise ValueError(
            f"{what} must be one number or one row of numbers, got shape {array.shape}"
        )
    if array.dtype != dtype and array.size:
        bounds = np.iinfo(dtype)
        for number in (int(array.min()), int(array.max())):
            if not bounds.min <= number <= bounds.max:
                raise error(_beyond(what, number, bounds))
    return _settled(array.reshape(-1), dtype)


def as_contents(contents: ArrayLike, n: int, kind: str) -> NDArray[Any]:
    """Pages uint8 [n, 4096], or tokens uint64 [n], contiguous."""
    if kind == "tokens":
        array = integers(contents, "tokens", np.uint64)
        if array.shape != (n,):
            raise ValueError(f"tokens must have the shape ({n},), got {array.shape}")
        return array
    if isinstance(contents, (bytes, bytearray, memoryview)):
        contents = _of_buffer(contents)
    array = _plain(contents, "pages")
    if array.dtype != np.uint8:
        raise TypeError(f"pages must be bytes (uint8), got an array of {array.dtype}")
    if array.shape == (n * PAGE_BYTES,):
        array = array.reshape(n, PAGE_BYTES)
    if array.shape != (n, PAGE_BYTES):
        raise ValueError(f"pages must have the shape ({n}, {PAGE_BYTES}), got {array.shape}")
    return np.ascontiguousarray(array)


def as_write_flags(write: ArrayLike, n: int) -> NDArray[np.uint8] | None:
    """None for one flag for all, else uint8 [n]."""
    if isinstance(write, (bool, np.bool_)):
        return None
    array = _plain(write, "write")
    if array.dtype != np.bool_:
        said = f"{given.shown(write)} ({type(write).__name__})"
        said = said if array.ndim == 0 else f"an array of {array.dtype}"
        raise TypeError(f"write must be True, False or an array of them, got {said}")
    if array.shape != (n,):
        raise ValueError(f"write must be one flag or have the shape ({n},), got {array.shape}")
    return np.ascontiguousarray(array).view(np.uint8)


def _plain(values: ArrayLike, what: str) -> NDArray[Any]:
    """The values as an array of numpy's own class."""
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(f"{what} must not be a masked array: give what is valid (compressed())")
    try:
        return np.asarray(values)
    except Exception:  # whatever an object's own conversion does; numpy has several for lists
        raise ValueError(
            f"{what} must be one row of numbers or an array, got {given.shown(values)}"
        ) from None


def _of_objects(
    values: ArrayLike, array: NDArray[Any], what: str, dtype: Integer, error: type[Exception]
) -> NDArray[Any]:
    """What numpy did not take for whole numbers: an empty list, and Python's own integers, some of
    which no type of numpy's can hold (a list of those becomes objects, or even floats).
    """
    if array.size == 0 and array.dtype.kind in "fO" and not isinstance(values, np.ndarray):
        return array.astype(dtype)
    if isinstance(values, np.ndarray) and array.dtype.kind != "O":
        raise TypeError(f"{what} must be integers, got an array of {array.dtype}")
    bounds = np.iinfo(dtype)
    for value in np.asarray(values, dtype=object).reshape(-1).tolist():
        if not given.is_whole(value):
            raise TypeError(
                f"{what} must be integers, got {given.shown(value)} ({type(value).__name__})"
            )
        if not bounds.min <= value <= bounds.max:
            raise error(_beyond(what, value, bounds))
    return np.asarray(values, dtype=object).astype(dtype)


def _beyond(what: str, number: int, bounds: np.iinfo[Any]) -> str:
    said = "must not be negative" if number < 0 else f"must be below {bounds.max + 1}"
    return f"{what} {said}, got {given.shown(number)}"


def _settled(array: NDArray[Any], dtype: Integer) -> NDArray[Any]:
    return np.require(array, dtype, ["C", "A"])


def _of_buffer(buffer: bytes | bytearray | memoryview) -> NDArray[np.uint8]:
    try:
        return np.frombuffer(buffer, dtype=np.uint8)
    except (ValueError, BufferError):
        raise ValueError(
            f"pages must be bytes one after the other, got a {type(buffer).__name__} that is not"
        ) from None


def empty_contents(n: int, kind: str) -> NDArray[Any]:
    """An uninitialised array for n contents: uint8 [n, 4096], or uint64 [n] for tokens."""
    if kind == "tokens":
        return np.empty(n, dtype=np.uint64)
    return np.empty((n, PAGE_BYTES), dtype=np.uint8)
