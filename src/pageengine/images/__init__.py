"""Memory images: what a guest's pages hold, read from files of many kinds and from live processes.

    import pageengine as pe
    for ppns, pages in pe.images.open("guest.raw"):
        print(ppns[0], pages.shape)

The table READERS has one line per reader; the first that recognises the beginning of a file reads
it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from typing import Any, NamedTuple

from pageengine.errors import ImageError
from pageengine.images import compressed, elf, foreign, lime, live, raw
from pageengine.images.base import Image
from pageengine.images.corefile import Captured, capture
from pageengine.images.live import process
from pageengine.images.pieces import Kinds, Segment, Span
from pageengine.plumbing import given

__all__ = [
    "READERS",
    "Captured",
    "Image",
    "ImageError",
    "Kinds",
    "ImageReader",
    "Segment",
    "Span",
    "capture",
    "is_process",
    "open",
    "process",
]

HEAD_BYTES = 4096  # what recognisers are shown; those that need more look for themselves


class ImageReader(NamedTuple):
    """One kind of image: ``recognise(head, path)`` says whether it is one, ``open(path, batch,
    **options)`` opens it.
    """

    kind: str
    recognise: Callable[[bytes, str], bool]
    open: Callable[..., Image]
    options: tuple[str, ...]
    what: str


READERS = (
    ImageReader(
        "process", live.recognise, live.open_process, ("stop",), "a live process: /proc/PID"
    ),
    ImageReader(
        "elf", elf.recognise, elf.open_elf, ("packed",), "ELF core file or guest memory dump"
    ),
    ImageReader(
        "lime", lime.recognise, lime.open_lime, ("packed",), "LiME, also as written by AVML"
    ),
    ImageReader(
        "gzip", compressed.recognise_gzip, compressed.open_gzip, (), "raw memory under gzip"
    ),
    ImageReader(
        "zstd", compressed.recognise_zstd, compressed.open_zstd, (), "raw memory under zstd"
    ),
    ImageReader("foreign", foreign.recognise, foreign.refuse, (), "known and refused, with advice"),
    ImageReader("raw", raw.recognise, raw.open_raw, ("offset",), "raw memory, also sparse; .vmem"),
)


def open(
    path: str | os.PathLike[str],
    *,
    batch: int = 1024,
    kind: str | None = None,
    offset: int | None = None,
    packed: bool | None = None,
    stop: bool | None = None,
) -> Image:
    """Open a memory image: a file, or a live process by the path "/proc/PID".

    Args:
        batch: pages per step of the iteration
        kind: one of the kinds in READERS, when the beginning of the file misleads
        offset: (raw) byte of the file at which page 0 begins; 0 if not given
        packed: no PPNs for the gaps between physical ranges (elf, lime; the others have none)
        stop: (process) halt the process until the image is closed

    ImageError: truncated, damaged, or of a kind that is not read (the message says how to convert
    it). OSError: the file cannot be opened. ValueError, TypeError: an argument is wrong.
    """
    name = given.path(path, "image")
    reader = find(name, "raw" if kind is None and offset is not None else kind)
    options: dict[str, Any] = {"offset": offset, "packed": packed, "stop": stop}
    told = {key: value for key, value in options.items() if value is not None}
    if packed is not None:
        told["packed"] = given.flag(packed, "packed")
    if "packed" not in reader.options:
        told.pop("packed", None)  # the others have no gaps
    for key in told:
        if key not in reader.options:
            raise ValueError(f"{key} does not apply to {reader.kind} images such as {name}")
    if "stop" in told:
        told["stop"] = given.flag(stop, "stop")
    return reader.open(name, batch, **told)


def is_process(path: str) -> bool:
    """Whether a path names a live process: /proc/PID or /proc/self."""
    return live.recognise(b"", path)


def find(path: str, kind: str | None = None) -> ImageReader:
    """The reader for a file, or the reader called ``kind``."""
    if kind is not None:
        for reader in READERS:
            if isinstance(kind, str) and reader.kind == kind:
                return reader
        raise ValueError(given.unknown("image reader", kind, [r.kind for r in READERS]))
    head = read_head(path)
    return next(reader for reader in READERS if reader.recognise(head, path))


def read_head(path: str) -> bytes:
    """The first bytes of a file; none for a process, a directory or a pipe."""
    if is_process(path):
        return b""
    mode = os.stat(path).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISBLK(mode)):
        return b""
    with os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0)), "rb") as file:
        return file.read(HEAD_BYTES)
