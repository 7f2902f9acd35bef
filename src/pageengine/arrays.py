"""Arrays as the batch calls need them, or an error that names what is wrong."""

import numpy as np

from pageengine.units import PAGE_BYTES


def as_count(value, what: str) -> int:
    """A number of pages or other things: an integer that is not negative."""
    try:
        count = value.__index__()
    except AttributeError:
        raise TypeError(f"{what} must be a whole number, got {value!r}") from None
    if count < 0:
        raise ValueError(f"{what} must not be negative, got {count}")
    return count


def as_ppns(ppns):
    """int64 [n] from an int, a sequence of ints or an int array [n]."""
    if type(ppns) is np.ndarray and ppns.dtype == np.int64 and ppns.ndim == 1:
        return np.ascontiguousarray(ppns)  # as most are: not looked at twice
    array = np.asarray(ppns)
    if array.size == 0 and array.dtype.kind == "f":  # an empty list
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"PPNs must be integers, got an array of {array.dtype}")
    if array.ndim > 1:
        raise ValueError(f"PPNs must be one number or one row of numbers, got shape {array.shape}")
    if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
        raise IndexError(f"PPN {int(array.max())} is beyond every virtual machine")
    return np.ascontiguousarray(array, dtype=np.int64).reshape(-1)


def as_contents(contents, n: int, kind: str):
    """Pages uint8 [n, 4096], or tokens uint64 [n], contiguous."""
    if kind == "tokens":
        return _as_tokens(contents, n)
    if isinstance(contents, (bytes, bytearray, memoryview)):
        contents = np.frombuffer(contents, dtype=np.uint8)
    array = np.asarray(contents)
    if array.dtype != np.uint8:
        raise TypeError(f"pages must be bytes (uint8), got an array of {array.dtype}")
    if array.shape == (n * PAGE_BYTES,):
        array = array.reshape(n, PAGE_BYTES)
    if array.shape != (n, PAGE_BYTES):
        raise ValueError(f"pages must have the shape ({n}, {PAGE_BYTES}), got {array.shape}")
    return np.ascontiguousarray(array)


def _as_tokens(contents, n: int):
    array = np.asarray(contents)
    if array.dtype.kind not in "iu":
        raise TypeError(f"tokens must be integers (uint64), got an array of {array.dtype}")
    if array.dtype.kind == "i" and array.size and array.min() < 0:
        raise ValueError(f"a token must not be negative, got {int(array.min())}")
    array = np.ascontiguousarray(array, dtype=np.uint64).reshape(-1)
    if array.shape != (n,):
        raise ValueError(f"tokens must have the shape ({n},), got {array.shape}")
    return array


def as_write_flags(write, n: int):
    """None for one flag for all, else uint8 [n]."""
    if isinstance(write, (bool, np.bool_)):
        return None
    array = np.asarray(write)
    if array.dtype != np.bool_:
        raise TypeError(f"write must be True, False or an array of them, got {array.dtype}")
    if array.shape != (n,):
        raise ValueError(f"write must be one flag or have the shape ({n},), got {array.shape}")
    return np.ascontiguousarray(array).view(np.uint8)


def empty_contents(n: int, kind: str):
    """An uninitialised array for n contents: uint8 [n, 4096], or uint64 [n] for tokens."""
    if kind == "tokens":
        return np.empty(n, dtype=np.uint64)
    return np.empty((n, 4096), dtype=np.uint8)
