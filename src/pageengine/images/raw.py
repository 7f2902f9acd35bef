"""Raw images: page after page from physical address 0, as `qemu -mem-path`, VMware (.vmem) and CRIU
write them.
"""

from __future__ import annotations

import os
import shlex
import zlib

from pageengine.errors import ImageError
from pageengine.images.base import FileImage, told
from pageengine.images.pieces import PAGE_BYTES, Region, place
from pageengine.images.source import Source
from pageengine.plumbing import given

SAMPLE_BYTES = 1 << 16


class RawImage(FileImage):
    """A raw image; the holes of a sparse file are not read and not yielded."""

    kind = "raw"

    def __init__(self, source: Source, batch: int, offset: int):
        super().__init__(source, batch)
        size = check_size(source, offset)
        self._lay_out(place([Region(0, size, offset, size)], packed=True))

    @property
    def description(self) -> str:
        """One line for people."""
        name = "raw (VMware .vmem)" if self.path.lower().endswith(".vmem") else "raw"
        return f"{name} image, {told(self)}"


def check_size(source: Source, offset: int) -> int:
    """Bytes of a file from ``offset`` on; ImageError unless they are whole pages, and at least
    one.
    """
    path, size = source.path, source.size - offset
    where = f" after byte {offset}" if offset else ""
    if size <= 0:
        raise ImageError(f"{path}: holds no memory: 0 bytes{where}")
    rest = size % PAGE_BYTES
    if not rest:
        return size
    what = (
        f"{path}: a raw image is whole pages of {PAGE_BYTES} bytes, but its {size} "
        f"bytes{where} leave a remainder of {rest}; "
    )
    if looks_packed(source.take(min(size, SAMPLE_BYTES), offset, "memory")):
        raise ImageError(
            what + "they look compressed or encrypted, so this is no raw image: find out what "
            "wrote it, and unpack it with that"
        )
    copy = shlex.quote(f"{path}.padded")
    raise ImageError(
        what + "it is cut off, or has a header (offset=), or is no image; if it is raw memory, "
        f"fill up the last page of a copy with zeros: cp {shlex.quote(path)} {copy} && "
        f"truncate -s {source.size + PAGE_BYTES - rest} {copy}"
    )


def looks_packed(sample: bytes) -> bool:
    """Whether bytes are those of something compressed or encrypted: they do not shrink."""
    return len(sample) >= 512 and len(zlib.compress(sample, 1)) > 0.97 * len(sample)


def recognise(head: bytes, path: str) -> bool:
    """Anything may be raw memory: the last reader of the table."""
    return True


def open_raw(path: str, batch: int = 1024, offset: int = 0) -> RawImage:
    """Open a raw image whose first page begins at byte ``offset`` of the file."""
    offset = given.whole(offset, "offset")
    source = Source(os.fspath(path))
    try:
        return RawImage(source, batch, offset)
    except BaseException:
        source.close()
        raise
