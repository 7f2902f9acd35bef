"""Lines of a text file in blocks, also from under gzip, each block with the number of its first
line. What is no text is refused: lines that never end, UTF-16, other compression.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from pageengine.errors import TraceError

BLOCK_BYTES = 1 << 20
LINE_BYTES = 1 << 20  # longer lines are none of a text
GZIP = b"\x1f\x8b"
_WIDE = (b"\xff\xfe", b"\xfe\xff")


def head(path: str, n: int = 4096) -> bytes:
    """The first bytes of the text."""
    with _opened(path) as file:
        return _read(file, path, 1, n)


def blocks(path: str) -> Iterator[tuple[int, list[bytes]]]:
    """(number of the first line, lines without their ends), in pieces of about a megabyte."""
    number, rest = 1, b""
    with _opened(path) as file:
        while data := _read(file, path, number, BLOCK_BYTES):
            if number == 1 and data.startswith(_WIDE):
                raise TraceError(f"{path}: the text is UTF-16: save it as UTF-8")
            lines = (rest + data).split(b"\n")
            rest = lines.pop()
            if len(rest) > LINE_BYTES:
                raise TraceError(
                    f"{path}, line {number + len(lines)}: no line ends within {LINE_BYTES} bytes; "
                    "a text has an access per line, and lines end with \\n"
                )
            if lines:
                yield number, lines
                number += len(lines)
    if rest:
        yield number, [rest]


def shown(line: bytes) -> str:
    """A line as an error shows it."""
    text = line[:80].decode(errors="replace").rstrip("\r")
    return repr(text + ("..." if len(line) > 80 else ""))


@contextmanager
def _opened(path: str) -> Iterator[BinaryIO | gzip.GzipFile]:
    with open(path, "rb") as raw:
        zipped = raw.read(2) == GZIP
        raw.seek(0)
        yield gzip.GzipFile(fileobj=raw) if zipped else raw


def _read(file: BinaryIO | gzip.GzipFile, path: str, line: int, n: int) -> bytes:
    if not isinstance(file, gzip.GzipFile):
        return file.read(n)
    try:
        return file.read(n)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise TraceError(
            f"{path}, after line {line}: the gzip data is damaged or cut off: {error}"
        ) from error
