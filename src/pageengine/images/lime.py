"""LiME files (also written by AVML): ranges of physical memory, each after a header of 32 bytes.

magic "EMiL", version 1, first and last physical address (inclusive, so a range need not end with a
page), 8 bytes reserved. PPN = physical address / 4096; pages that no range covers are gaps: they
belong to devices or to nothing.
"""

from __future__ import annotations

import os
import struct

from pageengine.errors import ImageError
from pageengine.images.base import FileImage, told
from pageengine.images.pieces import Region, place
from pageengine.images.source import Source

MAGIC = b"EMiL"
HEADER = struct.Struct("<4sIQQ8x")
VERSION = 1
PHYSICAL_LIMIT = 1 << 52
RANGES_LIMIT = 1 << 20


class LimeImage(FileImage):
    """A LiME file."""

    kind = "lime"

    def __init__(self, source: Source, batch: int, packed: bool):
        super().__init__(source, batch)
        self._lay_out(place(self._ranges(), packed))

    def _ranges(self) -> list[Region]:
        found: list[Region] = []
        at, size = 0, self._source.size
        while at < size or not found:
            what = f"the header of range {len(found) + 1}"
            magic, version, first, last = HEADER.unpack(self._source.take(HEADER.size, at, what))
            if magic != MAGIC or version != VERSION:
                raise ImageError(
                    f"{self.path}: damaged: at byte {at} {what} was expected "
                    f"({MAGIC!r}, version {VERSION}), found {magic!r}, version {version}"
                )
            if not first <= last < PHYSICAL_LIMIT:
                raise ImageError(
                    f"{self.path}: damaged: {what} at byte {at} names the addresses "
                    f"{first:#x} to {last:#x}"
                )
            if len(found) == RANGES_LIMIT:
                raise ImageError(
                    f"{self.path}: damaged: more than {RANGES_LIMIT} ranges, at byte {at}"
                )
            length, at = last - first + 1, at + HEADER.size
            if at + length > size:
                raise ImageError(
                    f"{self.path}: truncated: range {len(found) + 1} has its {length} bytes "
                    f"at byte {at}, but the file has {size} bytes instead of {at + length}"
                )
            found.append(Region(first, length, at, length))
            at += length
        return found

    @property
    def description(self) -> str:
        """One line for people."""
        return f"LiME image, {told(self)}, {len(self.segments)} ranges"


def recognise(head: bytes, path: str) -> bool:
    """Whether the file begins as a LiME file of any version."""
    return head.startswith(MAGIC)


def open_lime(path: str, batch: int = 1024, packed: bool = False) -> LimeImage:
    """Open a LiME file; ``packed`` leaves the gaps between ranges out of the PPNs."""
    source = Source(os.fspath(path))
    try:
        return LimeImage(source, batch, packed)
    except BaseException:
        source.close()
        raise
