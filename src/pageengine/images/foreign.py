"""Files that are known and not read: what each is and how to get something that is read."""

from __future__ import annotations

import os
import shlex
from itertools import chain

from pageengine.errors import ImageError
from pageengine.images.base import Image
from pageengine.images.foreign_table import TABLE
from pageengine.images.signatures import Foreign
from pageengine.images.zstd import skip_frames

HEAD_BYTES = 1 << 17  # some file systems have their mark at 64 KiB
TAIL_BYTES = 1024
FOREIGN = tuple(chain.from_iterable(TABLE))


def find(head: bytes, tail: bytes = b"") -> Foreign | None:
    """The line that fits a file by its first and last bytes, if any does."""
    return next((line for line in FOREIGN if fits(line, head, tail)), None)


def fits(line: Foreign, head: bytes, tail: bytes) -> bool:
    """Whether a file with these first and last bytes is what a line says."""
    for place, magic in line.marks:
        if place >= 0 and not head.startswith(magic, place):
            return False
        if place < 0 and (len(tail) < -place or not tail.startswith(magic, len(tail) + place)):
            return False
    return bool(head) and line.test(head)


def look(path: str) -> Foreign | None:
    """What a file is, if it is known."""
    try:
        with open(path, "rb") as file:
            skip_frames(file)  # lz4 files may begin with frames of something else
            head = file.read(HEAD_BYTES)
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            return find(head, file.read(TAIL_BYTES))
    except OSError:
        return None


def recognise(head: bytes, path: str) -> bool:
    """Whether the file is known and not read."""
    return bool(head) and look(path) is not None


def advice_of(line: Foreign, path: str) -> str:
    """What to do with a file, with the command to do it."""
    if not line.command:
        return line.advice
    out = shlex.quote(f"{path}.unpacked")
    return f"{line.advice}: " + line.command.format(path=shlex.quote(path), out=out)


def refuse(path: str, batch: int = 1024) -> Image:
    """Raise the ImageError that says what the file is and what to do."""
    found = look(path)
    if found is None:
        raise ImageError(f"{path}: not one of the files that are known and not read")
    raise ImageError(
        f"{path}: this is {found.what}, which is not read; {advice_of(found, path)} "
        "(if it is raw memory all the same: kind='raw', on the command line --raw)"
    )
