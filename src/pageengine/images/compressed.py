"""Raw images under gzip or zstd, decompressed as a stream: a batch at a time, from the beginning
each time.

How many pages there are is only known at the end of a gzip file, so asking ``pages`` before a first
iteration costs one pass over it. zstd files say it in their frame headers (those written to a pipe
do not); their frames are walked when the image is opened, which also finds a truncated file at
once.
"""

from __future__ import annotations

import os
import shlex
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from pageengine.errors import ImageError
from pageengine.images import elf, foreign, lime
from pageengine.images.base import Batch, Buffers, Image, Progress, whole_batch
from pageengine.images.pieces import PAGE_BYTES, Segment
from pageengine.images.source import Source
from pageengine.images.zstd import (
    INPUT_BYTES,
    ZSTD_MAGIC,
    Stream,
    first_magic,
    is_skippable,
    walk_frames,
    zstd_error,
    zstd_stream,
)

GZIP_MAGIC = b"\x1f\x8b\x08"
COMMANDS = {"gzip": "gzip -dc", "zstd": "zstd -dc --long=31"}  # whatever the file is called


class StreamImage(Image):
    """A compressed raw image. Every page is yielded, zero pages too."""

    def __init__(self, source: Source, batch: int):
        super().__init__(source.path, batch)
        self._source = source
        self._known: int | None = None
        self._check_content()

    def _stream(self, file: BinaryIO) -> Stream:
        raise NotImplementedError

    def _check_content(self) -> None:
        with open(self.path, "rb", buffering=0) as file:
            head = bytearray(foreign.HEAD_BYTES)
            got = self._fill(self._stream(file), memoryview(head), file)
        inside = bytes(head[:got])
        found = foreign.find(inside)
        what = found.what if found else None
        if elf.recognise(inside, "") or lime.recognise(inside, ""):
            what = "an ELF file" if elf.recognise(inside, "") else "a LiME file"
        for magic, name in ((GZIP_MAGIC, "a gzip file"), (ZSTD_MAGIC, "a zstd file")):
            what = name if inside.startswith(magic) else what
        if what:
            raise ImageError(
                f"{self.path}: {self.kind} around {what}; decompress it first: {self._command()}"
            )

    def _command(self) -> str:
        """What decompresses the file, for a shell."""
        tool = COMMANDS[self.kind]
        return f"{tool} {shlex.quote(self.path)} > {shlex.quote(self.path + '.unpacked')}"

    def _check_size(self, size: int) -> None:
        if size <= 0:
            raise ImageError(f"{self.path}: holds no memory: 0 bytes decompressed")
        rest = size % PAGE_BYTES
        if rest:
            raise ImageError(
                f"{self.path}: a raw image is whole pages of {PAGE_BYTES} bytes, but its {size} "
                f"bytes decompressed leave a remainder of {rest}; it is cut off, or no image; if "
                "it is raw memory, decompress it and fill up its last page with zeros: "
                f"{self._command()} && truncate -s {size + PAGE_BYTES - rest} "
                f"{shlex.quote(self.path + '.unpacked')}"
            )

    def _fill(self, stream: Stream, out: memoryview, file: BinaryIO) -> int:
        done = 0
        while done < len(out):
            try:
                got = stream.readinto(out[done:])
            except (EOFError, zlib.error, ValueError, zstd_error()) as error:
                if isinstance(error, ImageError):
                    raise
                raise ImageError(
                    f"{self.path}: damaged {self.kind} data before byte {file.tell()}: {error}"
                ) from error
            if not got:
                break
            done += got
        return done

    def _pass(self, size: int, file: BinaryIO) -> Iterator[np.ndarray]:
        stream, buffers, total = self._stream(file), Buffers(size), 0
        while True:
            pages = buffers.take()
            got = self._fill(stream, pages.reshape(-1).data, file)
            total += got
            if got < size * PAGE_BYTES:
                self._check_size(total)
            if got:
                yield pages[: got // PAGE_BYTES]
            if got < size * PAGE_BYTES:
                break
            del pages
        self._source.check_unchanged()
        self._known = total // PAGE_BYTES

    def batches(self, size: int | None = None, progress: Progress | None = None) -> Iterator[Batch]:
        """As Image.batches; progress counts compressed bytes."""
        return self._batches(self.batch if size is None else whole_batch(size), progress)

    def _batches(self, size: int, progress: Progress | None) -> Iterator[Batch]:
        self._source.check_open()
        with open(self.path, "rb", buffering=0) as file:
            ppn = 0
            for pages in self._pass(size, file):
                ppn, first = ppn + len(pages), ppn
                yield np.arange(first, ppn), pages
                del pages
                if progress:
                    progress(file.tell(), self._source.size)
        if progress:
            progress(self._source.size, self._source.size)

    @property
    def pages(self) -> int:
        """Guest pages; a first use may cost one pass over the file."""
        if self._known is None:
            self._source.check_open()
            with open(self.path, "rb", buffering=0) as file:
                for _ in self._pass(256, file):
                    pass
        assert self._known is not None
        return self._known

    @property
    def data_pages(self) -> int:
        """Pages that iteration yields: all of them."""
        return self.pages

    @property
    def segments(self) -> list[Segment]:
        """One segment: all pages from address 0."""
        return [Segment(0, 0, self.pages)]

    @property
    def description(self) -> str:
        """One line for people; counts nothing."""
        size = "" if self._known is None else f", {self._known} pages"
        return f"raw image under {self.kind}{size}"

    def close(self) -> None:
        """Close the file. Legal twice."""
        self._source.close()


class GzipImage(StreamImage):
    """A raw image under gzip."""

    kind = "gzip"

    def _stream(self, file: BinaryIO) -> Stream:
        return GzipStream(file, self.path)


class ZstdImage(StreamImage):
    """A raw image under zstd."""

    kind = "zstd"

    def __init__(self, source: Source, batch: int):
        size = walk_frames(source)
        super().__init__(source, batch)
        if size is not None:
            self._check_size(size)
            self._known = size // PAGE_BYTES

    def _stream(self, file: BinaryIO) -> Stream:
        return zstd_stream(file, self.path)


class GzipStream:
    """Decompresses the members of a gzip file one after the other; zeros after the last are
    padding.
    """

    def __init__(self, file: BinaryIO, path: str):
        self._file, self._path = file, path
        self._inflate: Any = None  # between members
        self._input = b""

    def readinto(self, out: Any) -> int:
        """Fill the beginning of ``out``; 0 at the end of the file."""
        while True:
            if not self._input:
                self._input = self._file.read(INPUT_BYTES)
                if not self._input and self._inflate is None:
                    return 0
                if not self._input:
                    raise ImageError(
                        f"{self._path}: truncated: the gzip data ends at byte {self._file.tell()}, "
                        "where more was expected"
                    )
            if self._inflate is None:
                self._input = self._input.lstrip(b"\0")
                if not self._input:
                    continue
                self._inflate = zlib.decompressobj(31)
            data = self._inflate.decompress(self._input, len(out))
            self._input = self._inflate.unconsumed_tail
            if self._inflate.eof:
                self._input, self._inflate = self._inflate.unused_data, None
            if data:
                out[: len(data)] = data
                return len(data)


def recognise_gzip(head: bytes, path: str) -> bool:
    """Whether the file begins as a gzip file."""
    return head.startswith(GZIP_MAGIC)


def recognise_zstd(head: bytes, path: str) -> bool:
    """Whether the first frame of the file that is not to be skipped is one of zstd."""
    if head.startswith(ZSTD_MAGIC):
        return True
    return is_skippable(head) and first_magic(path) in (ZSTD_MAGIC, b"")


def _open(image: type[StreamImage], path: str, batch: int) -> StreamImage:
    source = Source(os.fspath(path))
    try:
        return image(source, batch)
    except BaseException:
        source.close()
        raise


def open_gzip(path: str, batch: int = 1024) -> StreamImage:
    """Open a raw image under gzip."""
    return _open(GzipImage, path, batch)


def open_zstd(path: str, batch: int = 1024) -> StreamImage:
    """Open a raw image under zstd."""
    return _open(ZstdImage, path, batch)
