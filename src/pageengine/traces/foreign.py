"""Errors of the libraries that read files: whoever reads a trace sees TraceError, which says which
file, where, and what would be right.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from pageengine.errors import TraceError
from pageengine.plumbing.reading import brief

T = TypeVar("T")
_END = object()


@contextmanager
def damaged(where: str, what: str) -> Iterator[None]:
    """Around calls of a library: what it objects to is damage of the file at ``where``. An OSError
    of the system (no such file, I/O error) stays what it is.
    """
    try:
        yield
    except TraceError:
        raise
    except OSError as error:
        if error.errno not in (None, errno.EINVAL):  # EINVAL: a place that no file has
            raise
        raise TraceError(_says(where, what, error)) from error
    except MemoryError as error:
        raise TraceError(
            f"{where}: the {what} is damaged: it asks for more memory than there is"
        ) from error
    except Exception as error:  # libraries document few of the errors that damaged files cause
        raise TraceError(_says(where, what, error)) from error


def guarded(parts: Iterator[T], where: Callable[[], str], what: str) -> Iterator[T]:
    """The parts that a library's iterator gives, each fetched as ``damaged`` has it."""
    while True:
        with damaged(where(), what):
            part = next(parts, _END)
        if part is _END:
            return
        yield part  # type: ignore[misc]


def _says(where: str, what: str, error: Exception) -> str:
    return f"{where}: the {what} is damaged or cut off: {brief(error)}"
