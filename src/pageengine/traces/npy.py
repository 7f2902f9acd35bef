"""The header of an array in numpy's .npy form, read without numpy's own reader: that allocates
what a header asks for before it looks whether it is there.
"""

from __future__ import annotations

import ast
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from pageengine.errors import TraceError
from pageengine.traces.foreign import damaged

if TYPE_CHECKING:
    from zipfile import ZipExtFile
MAGIC = b"\x93NUMPY"
HEADER_BYTES = 10_000  # as numpy's own limit
_LENGTH = {1: 2, 2: 4, 3: 4}  # version -> bytes that hold the length of the header


def read_header(file: IO[bytes] | ZipExtFile, where: str, held: int) -> tuple[np.dtype[Any], int]:
    """(type, number of entries) of an array of one dimension; ``file`` is then at its first entry.
    held: bytes of the whole array file. TraceError: what it says is not what is there, or objects,
    which would have to be unpickled.
    """
    start = file.read(8)
    version = start[6] if len(start) == 8 else 0
    if not start.startswith(MAGIC) or version not in _LENGTH:
        raise TraceError(f"{where}: this is no array of numpy's .npy form")
    told = file.read(_LENGTH[version])
    length = int.from_bytes(told, "little")
    if length > HEADER_BYTES:
        raise TraceError(f"{where}: the header of the array is damaged: {length} bytes long")
    text = file.read(length)
    with damaged(where, "header of the array"):
        header = ast.literal_eval(text.decode("utf-8" if version == 3 else "latin1").strip())
        descr, shape = header["descr"], header["shape"]
    if not isinstance(shape, tuple) or not all(type(n) is int and n >= 0 for n in shape):
        raise TraceError(f"{where}: the header of the array is damaged: its shape is {shape!r}")
    with damaged(where, "header of the array"):
        dtype = np.dtype(descr)
    if dtype.hasobject:
        raise TraceError(
            f"{where}: the array holds Python objects, which are not unpickled: save numbers"
        )
    if len(shape) != 1:
        raise TraceError(f"{where}: the array has the shape {shape}, and should have (n,)")
    data = held - 8 - len(told) - length
    if shape[0] * dtype.itemsize != data:
        raise TraceError(
            f"{where}: the array is damaged: {shape[0]} entries of {dtype} are "
            f"{shape[0] * dtype.itemsize} bytes, and {data} are there"
        )
    return dtype, shape[0]
