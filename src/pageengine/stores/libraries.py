"""Finds compression libraries on this computer. Nothing is required: what is not there is not
offered.

First the system's shared library, then the extension modules of the PyPI packages of the same
formats, which carry a copy and (on Linux) show its functions. That they do is not promised by
anybody, so every symbol is looked up, and a file that lacks one is passed over.
"""

import ctypes
import ctypes.util
import functools
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

# codec -> (name of its shared library, file of that on Linux, extension modules: package, pattern)
PLACES = {
    "lz4": ("lz4", "liblz4.so.1", (("lz4", "block/_block*"),)),
    "zstd": ("zstd", "libzstd.so.1", (("zstandard", "_cffi*"), ("zstandard", "backend_c*"))),
}


@dataclass(frozen=True)
class Library:
    """A library that is loaded and stays so: ``addresses`` are those of the symbols asked for."""

    path: str
    version: str
    addresses: tuple[int, ...]
    handle: ctypes.CDLL = field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.path}, version {self.version}"


@functools.cache
def find(name: str, symbols: tuple[str, ...], version: str) -> Library | None:
    """The first library for the codec ``name`` that has all ``symbols`` and the function
    ``version``, which returns a string; None when there is none."""
    for path in candidates(name):
        library = load(path, symbols, version)
        if library is not None:
            return library
    return None


def candidates(name: str) -> Iterator[str]:
    """Files that may hold the library, best first; a bare file name is for the system's loader."""
    library, on_linux, modules = PLACES[name]
    if sys.platform == "linux":
        yield on_linux
    else:
        found = ctypes.util.find_library(library)
        if found:
            yield found
    for package, pattern in modules:
        for folder in _folders(package):
            yield from sorted(
                str(path)
                for path in Path(folder).glob(pattern)
                if path.suffix in (".so", ".pyd", ".dylib")
            )


def _folders(package: str) -> Sequence[str]:
    """Where a package is installed; it is not imported."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return ()
    return list(spec.submodule_search_locations or ()) if spec else ()


def load(path: str, symbols: Sequence[str], version: str) -> Library | None:
    """The library at ``path``, or None when it cannot be loaded or lacks a symbol."""
    try:
        handle = ctypes.CDLL(path)
        functions = [getattr(handle, symbol) for symbol in symbols]
        tell = getattr(handle, version)
    except (OSError, AttributeError):
        return None
    tell.restype = ctypes.c_char_p
    addresses = tuple(ctypes.cast(function, ctypes.c_void_p).value or 0 for function in functions)
    if not all(addresses):
        return None
    said = tell() or b"unknown"
    return Library(path, said.decode("ascii", "replace"), addresses, handle)
