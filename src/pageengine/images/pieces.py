"""Where the guest's bytes lie in a file: pieces, segments, and the arithmetic on ordered lists of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

PAGE_BYTES = 4096


class Piece(NamedTuple):
    """``length`` bytes of the guest that begin at guest byte ``start`` and at file offset ``offset``."""

    start: int
    length: int
    offset: int


class Segment(NamedTuple):
    """``pages`` pages that begin at PPN ``ppn`` and had the address ``address`` where they came from."""

    ppn: int
    address: int
    pages: int


def page_runs(pieces: Iterable[Piece]) -> list[tuple[int, int]]:
    """The pages that ordered pieces touch, as ordered (first PPN, PPN after the last)."""
    runs: list[tuple[int, int]] = []
    for start, length, _ in pieces:
        first, end = start // PAGE_BYTES, -(-(start + length) // PAGE_BYTES)
        if runs and first <= runs[-1][1]:
            runs[-1] = (runs[-1][0], max(end, runs[-1][1]))
        else:
            runs.append((first, end))
    return runs


def ordered(pieces: Iterable[Piece]) -> list[Piece]:
    """Pieces by guest position, none empty, none overlapping (what begins first wins), neighbours joined."""
    out: list[Piece] = []
    end = 0
    for start, length, offset in sorted(pieces):
        if start < end:
            cut = min(end - start, length)
            start, length, offset = start + cut, length - cut, offset + cut
        if not length:
            continue
        last = out[-1] if out else None
        if last and last.start + last.length == start and last.offset + last.length == offset:
            out[-1] = Piece(last.start, last.length + length, last.offset)
        else:
            out.append(Piece(start, length, offset))
        end = start + length
    return out
