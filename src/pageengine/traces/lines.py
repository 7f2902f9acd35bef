"""Traces as lines of text, an access per line, as the tools of ``dialects`` write them; also under
gzip, with line ends of any system. An access that crosses into the next page is two; one without a
size is of one byte.

The first access decides how all are written: which order, whether addresses begin with 0x, what
separates fields. A later line that looks like an access and is written in another way is an error.
Lines that are no accesses, such as what the traced program prints, are counted and said (``notes``,
TraceWarning), banners and comments of the tools only passed over.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from itertools import product
from operator import methodcaller
from typing import Any, NamedTuple

import numpy as np

from pageengine.errors import TraceError, TraceWarning
from pageengine.traces import text
from pageengine.traces.base import BATCH, PAGE_SHIFT, Batch, Trace
from pageengine.traces.dialects import (
    DECIMAL,
    DIALECTS,
    FETCH,
    GAPS,
    NOTATIONS,
    WRITE,
    Dialect,
)

_TOP = 1 << 64
_LARGEST = 1 << 20  # bytes of an access; instructions that save state take some thousands
_FIELDS = ("kind", "address", "size")
_NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")  # \x1b: colours of terminals


def recognise(dialect: Dialect, head: bytes, path: str) -> bool:
    lines = text.head(path).split(b"\n")
    lines = lines[:-1] or lines  # the last may be cut off
    layouts = _layouts(dialect.kind, None)
    return any(layout.pattern.fullmatch(_plain(line)) for line in lines for layout in layouts)


def open_lines(
    dialect: Dialect, path: str, instructions: bool = True, base: int | None = None
) -> Trace:
    """instructions: whether fetches of instructions count as accesses. base: 10 where addresses
    without 0x are decimal.
    """
    if base not in (None, 10, 16):
        raise ValueError(f"base must be 10 or 16, got {base!r}")
    return Trace(
        path,
        dialect.kind,
        lambda said: _LineReading(dialect, path, instructions, base, said).batches(),
    )


def readers() -> Iterator[tuple[str, Callable[[bytes, str], bool], Callable[..., Trace], str]]:
    """(kind, recognise, open, what) of every dialect."""
    for dialect in DIALECTS:
        known = partial(recognise, dialect), partial(open_lines, dialect)
        yield dialect.kind, *known, dialect.what


def _plain(line: bytes) -> bytes:
    return line.removeprefix(b"\xef\xbb\xbf").rstrip(b"\r")


class _Layout(NamedTuple):
    """order: fields and what separates them; notation: of addresses."""

    order: tuple[int, str]
    notation: str
    pattern: re.Pattern[bytes]

    def __str__(self) -> str:
        gap = f", {self.order[1]} between fields" if self.order[1] else ""
        return f"{self.notation} addresses{gap}"


@lru_cache(maxsize=None)  # there are as many as dialects and bases
def _layouts(dialect_kind: str, base: int | None) -> tuple[_Layout, ...]:
    """Those of a dialect, in the order in which they are tried."""
    found = []
    dialect = next(dialect for dialect in DIALECTS if dialect.kind == dialect_kind)
    notations = {"decimal": DECIMAL} if base == 10 else NOTATIONS
    for (i, layout), (notation, address) in product(enumerate(dialect.layouts), notations.items()):
        for gap, separator in GAPS.items() if "GAP" in layout else [("", "")]:
            pattern = layout.replace("ADDRESS", address).replace("GAP", separator)
            found.append(_Layout((i, gap), notation, re.compile(pattern.encode())))
    return tuple(found)


def _nothing(line: bytes) -> None:
    """Matches no line, until the first access has decided."""


class _LineReading:
    """One pass over the file."""

    def __init__(
        self, dialect: Dialect, path: str, instructions: bool, base: int | None, said: list[str]
    ):
        self.dialect, self.path, self.said = dialect, path, said
        self.instructions, self._base = instructions, 10 if base == 10 else 16
        self._layouts = _layouts(dialect.kind, base)
        self._decided: _Layout | None = None
        self._decided_at = 0
        self._looks = re.compile(dialect.looks.encode())
        self._noise = re.compile(dialect.noise.encode())
        self._foreign, self._first, self._fetches = 0, "", 0
        self._kinds: dict[bytes, tuple[bool, bool]] = {}
        self._match: Callable[[bytes], re.Match[bytes] | None] = _nothing
        self._fields: Callable[..., Any] = _nothing

    def batches(self) -> Iterator[Batch]:
        pages: list[int] = []
        writes: list[bool] = []
        for first, lines in text.blocks(self.path):
            for number, line in enumerate(lines, first):
                found = self._match(line) or self._other(line, number)
                if not found:
                    continue
                kind, address, *size = self._fields(found)
                write, fetch = self._kinds.get(kind) or self._kind(kind)
                if fetch and not self.instructions:
                    self._fetches += 1
                    continue
                start, end = self._span(address, size, line, number)
                for page in range(start >> PAGE_SHIFT, (end - 1 >> PAGE_SHIFT) + 1):
                    pages.append(page)
                    writes.append(write)
                if len(pages) >= BATCH:
                    yield Batch(np.array(pages, np.int64), np.array(writes, bool))
                    pages, writes = [], []
        self._say()
        if pages:
            yield Batch(np.array(pages, np.int64), np.array(writes, bool))

    def _say(self) -> None:
        if self._foreign:
            lines = "line is no access and was" if self._foreign == 1 else "lines are no accesses"
            were = "" if self._foreign == 1 else " and were"
            told = f"{self._foreign} {lines}{were} not read, the first is {self._first}"
            self.said.append(told)
            warnings.warn(f"{self.path}: {told}", TraceWarning, stacklevel=4)
        if self._fetches:
            self.said.append(f"{self._fetches} fetches of instructions were left out")

    def _other(self, line: bytes, number: int) -> re.Match[bytes] | None:
        """Of a line that is not written as the first access is: what it is, if it is one."""
        line = _plain(line)
        found = self._match(line) if self._decided else self._decide(line, number)
        if found:
            return found
        if self._noise.fullmatch(line):
            return None
        if self._looks.fullmatch(line) or _NO_TEXT.search(line):
            raise self._wrong(line, number)
        if not self._foreign:
            self._first = f"line {number}: {text.shown(line)}"
        self._foreign += 1
        return None

    def _decide(self, line: bytes, number: int) -> re.Match[bytes] | None:
        """The first access says how all are written; that of address 0, which looks the same in
        every notation, leaves that to the next.
        """
        fits = [layout for layout in self._layouts if layout.pattern.fullmatch(line)]
        if not fits:
            return None
        first = fits[0]
        found = first.pattern.fullmatch(line)
        fields = [name for name in _FIELDS if name in first.pattern.groupindex]
        self._fields = methodcaller("group", *fields)
        if found and found["address"].strip(b"0") in (b"", b"(nil)"):
            self._layouts = tuple(layout for layout in fits if layout.order == first.order)
        else:
            self._decided, self._decided_at = first, number
            self._match = first.pattern.fullmatch
        return found

    def _wrong(self, line: bytes, number: int) -> TraceError:
        right = f"an access such as {self.dialect.example!r}"
        if self._decided:
            right = f"written as the first access is, on line {self._decided_at}: {self._decided}"
        return TraceError(f"{self.path}, line {number}: {text.shown(line)} should be {right}")

    def _kind(self, kind: bytes) -> tuple[bool, bool]:
        """Whether it writes, whether it is the fetch of an instruction."""
        what = self.dialect.kinds.get(kind.decode().lower(), self.dialect.others)
        self._kinds[kind] = what == WRITE, what == FETCH
        return self._kinds[kind]

    def _span(
        self, address: bytes, sizes: list[bytes], line: bytes, number: int
    ) -> tuple[int, int]:
        """The first byte of an access, and the one after its last."""
        start = 0 if address == b"(nil)" else int(address, self._base)
        size = int(sizes[0]) if sizes and len(sizes[0]) < 20 else 1 if not sizes else _TOP
        if not 0 < size <= _LARGEST or start + size > _TOP:
            raise TraceError(
                f"{self.path}, line {number}: {text.shown(line)}: the size should be from 1 to "
                f"{_LARGEST} bytes and the end at most 2**64"
            )
        return start, start + size
