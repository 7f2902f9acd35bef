"""Raw images: page after page from physical address 0, as `qemu -mem-path`, VMware (.vmem) and CRIU
write them.
"""

from __future__ import annotations

import os

from pageengine.errors import ImageError
from pageengine.images.base import FileImage, told
from pageengine.images.pieces import PAGE_BYTES, Region, place
from pageengine.images.source import Source


class RawImage(FileImage):
    """A raw image; the holes of a sparse file are not read and not yielded."""

    kind = "raw"

    def __init__(self, source: Source, batch: int, offset: int):
        super().__init__(source, batch)
        size = source.size - offset
        check_size(self.path, size, f" after byte {offset}" if offset else "", source.size)
        self._lay_out(place([Region(0, size, offset, size)], packed=True))

    @property
    def description(self) -> str:
        """One line for people."""
        name = "raw (VMware .vmem)" if self.path.lower().endswith(".vmem") else "raw"
        return f"{name} image, {told(self)}"


def check_size(path: str, size: int, where: str = "", file_bytes: int = 0) -> None:
    """Raise ImageError unless ``size`` bytes are whole pages, and at least one."""
    if size <= 0:
        raise ImageError(f"{path}: holds no memory: 0 bytes{where}")
    rest = size % PAGE_BYTES
    if rest:
        padded = (file_bytes or size) + PAGE_BYTES - rest
        raise ImageError(
            f"{path}: a raw image is whole pages of {PAGE_BYTES} bytes, but its {size} "
            f"bytes{where} leave a remainder of {rest}; if it is a raw image, pad it with zeros: "
            f"truncate -s {padded} {path}"
        )


def recognise(head: bytes, path: str) -> bool:
    """Anything may be raw memory: the last reader of the table."""
    return True


def open_raw(path: str, batch: int = 1024, offset: int = 0) -> RawImage:
    """Open a raw image whose first page begins at byte ``offset`` of the file."""
    if not isinstance(offset, int) or isinstance(offset, bool):
        raise TypeError(f"offset must be a whole number of bytes, not {offset!r}")
    if offset < 0:
        raise ValueError(f"offset must not be negative, not {offset}")
    source = Source(os.fspath(path))
    try:
        return RawImage(source, batch, offset)
    except BaseException:
        source.close()
        raise
