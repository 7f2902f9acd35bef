"""An open file that is read by offset, whose every read is whole or an error that says where."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from pageengine.errors import ImageError
from pageengine.images.pieces import Piece


class Source:
    """A regular file or block device, open for reading; remembers its size and time so that a
    change is seen.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = os.fspath(path)
        mode = os.stat(self.path).st_mode  # first: opening a pipe would wait for its writer
        if stat.S_ISDIR(mode):
            raise ImageError(f"{self.path}: a directory, not a memory image")
        if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
            raise ImageError(f"{self.path}: not a regular file: save the memory to one")
        self._file = open(self.path, "rb", buffering=0)  # noqa: SIM115
        self._lock = threading.Lock()
        self._stamp = self._now()
        self.size = self._file.seek(0, os.SEEK_END)

    def _now(self) -> tuple[int, int]:
        info = os.fstat(self._file.fileno())
        return info.st_size, info.st_mtime_ns

    def read(self, out: Any, offset: int) -> None:
        """Fill ``out`` with the bytes at ``offset``; a file that ends before is an ImageError."""
        view = memoryview(out).cast("B")
        done = 0
        while done < len(view):
            got = self._read_at(view[done:], offset + done)
            if got == 0:
                raise ImageError(
                    f"{self.path}: ends at byte {offset + done}, where {len(view) - done} more "
                    "bytes were expected: it is truncated, or it changed while it was read"
                )
            done += got

    def _read_at(self, view: memoryview, offset: int) -> int:
        if hasattr(os, "preadv"):
            return os.preadv(self._file.fileno(), [view], offset)
        with self._lock:  # one position for all iterators
            self._file.seek(offset)
            return self._file.readinto(view) or 0

    def take(self, length: int, offset: int, what: str) -> bytes:
        """``length`` bytes at ``offset`` (a header, a table), or ImageError with ``what`` was
        expected there.
        """
        if offset + length > self.size:
            raise ImageError(
                f"{self.path}: truncated: {what} expected at byte {offset} ({length} bytes), "
                f"but the file has {self.size} bytes"
            )
        out = bytearray(length)
        self.read(memoryview(out), offset)
        return bytes(out)

    def without_holes(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        """The parts of the pieces that a sparse file really stores."""
        data = hole = 0
        for start, length, offset in pieces:
            position, end = offset, offset + length
            while position < end:
                if not data <= position < hole:
                    data, hole = self._next_data(position)
                begin, stop = max(data, position), min(hole, end)
                if begin < stop:
                    yield Piece(start + begin - offset, stop - begin, begin)
                position = hole

    def _next_data(self, offset: int) -> tuple[int, int]:
        """Begin and end of the first stored stretch at or after ``offset``."""
        if not hasattr(os, "SEEK_DATA"):
            return offset, self.size
        try:
            with self._lock:
                begin = os.lseek(self._file.fileno(), offset, os.SEEK_DATA)
                return begin, max(os.lseek(self._file.fileno(), begin, os.SEEK_HOLE), begin + 1)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return self.size, self.size  # only a hole from here to the end
            return offset, self.size  # a file system that does not tell

    def check_open(self) -> None:
        """Raise ValueError when the image was closed."""
        if self._file.closed:
            raise ValueError(f"{self.path}: the image is closed")

    def check_unchanged(self) -> None:
        """Raise ImageError when the file is not what it was when it was opened."""
        if not self._file.closed and self._now() != self._stamp:
            raise ImageError(
                f"{self.path}: changed while it was read; pause what writes it and read it again"
            )

    def close(self) -> None:
        """Close the file. Legal twice."""
        self._file.close()
