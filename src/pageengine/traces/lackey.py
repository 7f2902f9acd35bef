"""Memory traces of valgrind: ``valgrind --tool=lackey --trace-mem=yes PROGRAM``.

One access per line: its kind (``I`` instruction, `` L`` load, `` S`` store, `` M`` modify), the
address in hexadecimal, a comma and the size in bytes. An access that crosses into the next page is
two. What the program and valgrind print in between is passed over when it cannot be an access; a
line that begins like one and is none is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from pageengine.errors import TraceError
from pageengine.traces import text
from pageengine.traces.base import BATCH, PAGE_SHIFT, Batch, Trace

_ACCESS = re.compile(rb"(I | L| S| M) +([0-9a-fA-F]+),([0-9]+)\s*$")
_LOOKS_LIKE_ONE = re.compile(rb"(I | [LSM]) +[0-9a-fA-F]*,?[0-9]*\s*$")


def recognise(head: bytes, path: str) -> bool:
    return any(_ACCESS.match(line) for line in text.head(path).split(b"\n")[:-1])


def open_lackey(path: str, instructions: bool = True) -> Trace:
    """instructions: whether fetches of instructions count as accesses."""
    return Trace(path, "lackey", lambda: _batches(path, instructions))


def _batches(path: str, instructions: bool) -> Iterator[Batch]:
    pages: list[int] = []
    writes: list[bool] = []
    for first, lines in text.blocks(path):
        for i, line in enumerate(lines):
            found = _ACCESS.match(line)
            if not found:
                if _LOOKS_LIKE_ONE.match(line):
                    raise TraceError(
                        f"{path}, line {first + i}: {line.decode(errors='replace')!r} should be "
                        "an access such as ' S 1ffefff,8' (kind, address, comma, bytes)"
                    )
                continue
            kind, address, size = found[1], int(found[2], 16), int(found[3])
            if kind == b"I " and not instructions:
                continue
            if size == 0 or address + size > 1 << 63:
                raise TraceError(
                    f"{path}, line {first + i}: an access of {size} bytes at {address:#x}; the "
                    "size should be at least 1 and the end below 2**63"
                )
            for page in range(address >> PAGE_SHIFT, (address + size - 1 >> PAGE_SHIFT) + 1):
                pages.append(page)
                writes.append(kind in (b" S", b" M"))
            if len(pages) >= BATCH:
                yield Batch(np.array(pages, np.int64), np.array(writes, bool))
                pages, writes = [], []
    if pages:
        yield Batch(np.array(pages, np.int64), np.array(writes, bool))
