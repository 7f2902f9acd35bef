"""zstd files: their frames walked for size and truncation, and their bytes decompressed as a
stream.

Frames are walked by their block headers (3 bytes for up to 128 KiB), because the decompressors end
without a word where a truncated file ends. The decompressor is the zstandard package, or Python's
own from 3.14 on.
"""

from __future__ import annotations

import os
import struct
from typing import Any, BinaryIO, Protocol

from pageengine.errors import ImageError
from pageengine.images.source import Source

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
INPUT_BYTES = 1 << 18
WINDOW_LIMIT = 1 << 31  # zstd --long=31; memory is taken as far as a frame's data reach back
NEEDS_ZSTD = 'reading zstd files needs the zstandard package: pip install "pageengine[cli]"'


class Stream(Protocol):
    """Decompressed bytes."""

    def readinto(self, out: Any) -> int:
        """Fill the beginning of ``out``; 0 at the end."""


def is_skippable(head: bytes) -> bool:
    """Whether a frame begins that carries something else and is skipped; lz4 has the same."""
    return len(head) >= 4 and head[1:4] == b"\x2a\x4d\x18" and head[0] >> 4 == 5


def first_magic(path: str) -> bytes:
    """The magic of the first frame that is not to be skipped; nothing if there is none."""
    with open(path, "rb") as file:
        return skip_frames(file)[:4]


def skip_frames(file: BinaryIO) -> bytes:
    """Go to the first frame of an open file that is not to be skipped; how it begins."""
    while is_skippable(head := file.read(8)):
        if len(head) < 8:
            return b""
        file.seek(int.from_bytes(head[4:], "little"), os.SEEK_CUR)
    file.seek(-len(head), os.SEEK_CUR)
    return head


def walk_frames(source: Source) -> int | None:
    """The decompressed size of a zstd file as its frame headers give it, None if one does not;
    finds truncation.
    """
    at, total = 0, 0
    known = True
    while at < source.size:
        what = "a zstd frame"
        magic = source.take(4, at, what)
        if is_skippable(magic):
            (length,) = struct.unpack("<I", source.take(4, at + 4, what))
            at += 8 + length
        elif magic == ZSTD_MAGIC:
            size, at = walk_frame(source, at + 4)
            known, total = known and size is not None, total + (size or 0)
        else:
            raise ImageError(
                f"{source.path}: damaged: at byte {at} a zstd frame was expected, found {magic!r}"
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
    what, begin = "a zstd frame header", at - len(ZSTD_MAGIC)
    flags = source.take(1, at, what)[0]
    single, checksum, wide = flags >> 5 & 1, flags >> 2 & 1, flags >> 6
    window = 0 if single else window_bytes(source.take(1, at + 1, what)[0])
    at += 1 + (not single)
    bytes_of_name = (0, 1, 2, 4)[flags & 3]
    dictionary = int.from_bytes(source.take(bytes_of_name, at, what), "little")
    if dictionary:
        raise ImageError(
            f"{source.path}: the zstd frame at byte {begin} was compressed with dictionary "
            f"{dictionary}, and needs it: zstd -dc -D DICTIONARY FILE > OUT"
        )
    at += bytes_of_name
    bytes_of_size = 1 << wide if wide or single else 0
    size = None
    if bytes_of_size:
        field = source.take(bytes_of_size, at, "the size of a zstd frame")
        size = int.from_bytes(field, "little") + (256 if bytes_of_size == 2 else 0)
        at += bytes_of_size
        window = size if single else window
    if window > WINDOW_LIMIT:
        raise ImageError(
            f"{source.path}: the zstd frame at byte {begin} needs a window of {window} bytes, more "
            f"than the {WINDOW_LIMIT} of zstd --long=31; decompress it where it was made"
        )
    last = 0
    while not last:
        block = int.from_bytes(source.take(3, at, "a zstd block"), "little")
        last, kind, length = block & 1, block >> 1 & 3, block >> 3
        at += 3 + (1 if kind == 1 else length)  # kind 1: one byte, repeated
    return size, at + 4 * checksum


def window_bytes(descriptor: int) -> int:
    """How far back a frame refers, from its descriptor: RFC 8878, 3.1.1.1.2."""
    base = 1 << 10 + (descriptor >> 3)
    return base + base // 8 * (descriptor & 7)


def zstd_stream(file: BinaryIO, path: str) -> Stream:
    """The decompressed bytes of a zstd file."""
    try:
        import zstandard
    except ImportError:
        pass
    else:
        reader: Stream = zstandard.ZstdDecompressor(max_window_size=WINDOW_LIMIT).stream_reader(
            file, read_size=INPUT_BYTES, read_across_frames=True
        )
        return reader
    try:
        from compression import zstd
    except ImportError:
        raise ImageError(f"{path}: {NEEDS_ZSTD}") from None
    limit = {zstd.DecompressionParameter.window_log_max: WINDOW_LIMIT.bit_length() - 1}
    stream: Stream = zstd.ZstdFile(file, options=limit)
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
