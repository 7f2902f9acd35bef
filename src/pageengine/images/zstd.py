"""zstd files: their frames walked for size and truncation, and their bytes decompressed as a
stream.

Frames are walked by their block headers (3 bytes for up to 128 KiB), because the decompressors end
without a word where a truncated file ends. The decompressor is the zstandard package, or Python's
own from 3.14 on.
"""

from __future__ import annotations

import struct
from typing import Any, BinaryIO, Protocol

from pageengine.errors import ImageError
from pageengine.images.source import Source

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
INPUT_BYTES = 1 << 18
NEEDS_ZSTD = 'reading zstd files needs the zstandard package: pip install "pageengine[cli]"'


class Stream(Protocol):
    """Decompressed bytes."""

    def readinto(self, out: Any) -> int:
        """Fill the beginning of ``out``; 0 at the end."""


def walk_frames(source: Source) -> int | None:
    """The decompressed size of a zstd file as its frame headers give it, None if one does not;
    finds truncation.
    """
    at, total = 0, 0
    known = True
    while at < source.size:
        what = "a zstd frame"
        magic = int.from_bytes(source.take(4, at, what), "little")
        if 0x184D2A50 <= magic <= 0x184D2A5F:  # skippable
            (length,) = struct.unpack("<I", source.take(4, at + 4, what))
            at += 8 + length
        elif magic == int.from_bytes(ZSTD_MAGIC, "little"):
            size, at = walk_frame(source, at + 4)
            known, total = known and size is not None, total + (size or 0)
        else:
            raise ImageError(
                f"{source.path}: damaged: at byte {at} a zstd frame was expected, found {magic:#x}"
            )
    if at > source.size:
        raise ImageError(
            f"{source.path}: truncated: the zstd data ends at byte {source.size} instead of {at}"
        )
    return total if known else None


def walk_frame(source: Source, at: int) -> tuple[int | None, int]:
    """Walk one frame from behind its magic: (decompressed size if the header tells, offset behind
    the frame).
    """
    flags = source.take(1, at, "a zstd frame header")[0]
    single, checksum, wide = flags >> 5 & 1, flags >> 2 & 1, flags >> 6
    at += 1 + (not single) + (0, 1, 2, 4)[flags & 3]
    bytes_of_size = 1 << wide if wide or single else 0
    size = None
    if bytes_of_size:
        field = source.take(bytes_of_size, at, "the size of a zstd frame")
        size = int.from_bytes(field, "little") + (256 if bytes_of_size == 2 else 0)
        at += bytes_of_size
    last = 0
    while not last:
        block = int.from_bytes(source.take(3, at, "a zstd block"), "little")
        last, kind, length = block & 1, block >> 1 & 3, block >> 3
        at += 3 + (1 if kind == 1 else length)  # kind 1: one byte, repeated
    return size, at + 4 * checksum


def zstd_stream(file: BinaryIO, path: str) -> Stream:
    """The decompressed bytes of a zstd file."""
    try:
        import zstandard
    except ImportError:
        pass
    else:
        reader: Stream = zstandard.ZstdDecompressor().stream_reader(
            file, read_size=INPUT_BYTES, read_across_frames=True
        )
        return reader
    try:
        from compression import zstd  # type: ignore[import-not-found]
    except ImportError:
        raise ImageError(f"{path}: {NEEDS_ZSTD}") from None
    stream: Stream = zstd.ZstdFile(file)
    return stream


def zstd_error() -> type[Exception]:
    """The exception that a damaged zstd file raises here."""
    try:
        import zstandard

        return zstandard.ZstdError
    except ImportError:
        pass
    try:
        from compression import zstd

        error: type[Exception] = zstd.ZstdError
        return error
    except ImportError:
        return EOFError
