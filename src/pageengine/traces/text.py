"""Lines of a text file in blocks, also from under gzip, each block with the number of its first
line.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from pageengine.errors import TraceError

BLOCK_BYTES = 1 << 20
GZIP = b"\x1f\x8b"


def head(path: str, n: int = 4096) -> bytes:
    """The first bytes of the text."""
    with _opened(path) as file:
        return file.read(n)


def blocks(path: str) -> Iterator[tuple[int, list[bytes]]]:
    """(number of the first line, lines without their ends), in pieces of about a megabyte."""
    number, rest = 1, b""
    with _opened(path) as file:
        while data := file.read(BLOCK_BYTES):
            lines = (rest + data).split(b"\n")
            rest = lines.pop()
            if lines:
                yield number, lines
                number += len(lines)
    if rest:
        yield number, [rest]


@contextmanager
def _opened(path: str):
    with open(path, "rb") as raw:
        zipped = raw.read(2) == GZIP
        raw.seek(0)
        try:
            yield gzip.GzipFile(fileobj=raw) if zipped else raw
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise TraceError(f"{path}: the gzip data is damaged or cut off: {error}") from error
