"""Where the guest's bytes lie in a file: pieces, segments, and the arithmetic on ordered lists of
them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from typing import NamedTuple

PAGE_BYTES = 4096


class Piece(NamedTuple):
    """``length`` bytes of the guest that begin at guest byte ``start`` and at file offset
    ``offset``.
    """

    start: int
    length: int
    offset: int


class Segment(NamedTuple):
    """``pages`` pages that begin at PPN ``ppn`` and had the address ``address`` where they came
    from.
    """

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
    """Pieces by guest position, none empty, none overlapping (what begins first wins), neighbours
    joined.
    """
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


class Region(NamedTuple):
    """``length`` bytes of memory at ``address``, of which the first ``stored`` are at file offset
    ``offset``.
    """

    address: int
    length: int
    offset: int
    stored: int


def spans(regions: Iterable[Region]) -> list[tuple[int, int]]:
    """The whole pages that regions touch, as ordered (first page address, address after the last
    page).
    """
    pieces = sorted(Piece(r.address, r.length, 0) for r in regions if r.length)
    return [(first * PAGE_BYTES, end * PAGE_BYTES) for first, end in page_runs(pieces)]


def place(regions: list[Region], packed: bool) -> tuple[list[Piece], list[Segment], int]:
    """Where regions lie in the guest: pieces, segments and the number of pages.

    Not packed, PPN = address / 4096. Packed, the pages follow each other in order of address
    without gaps.
    """
    segments, ppn = [], 0
    for begin, end in spans(regions):
        ppn = ppn if packed else begin // PAGE_BYTES
        segments.append(Segment(ppn, begin, (end - begin) // PAGE_BYTES))
        ppn += segments[-1].pages
    begins = [segment.address for segment in segments]
    pieces = []
    for address, length, offset, stored in regions:
        if length:
            home = segments[bisect_right(begins, address) - 1]
            start = home.ppn * PAGE_BYTES + address - home.address
            pieces.append(Piece(start, min(stored, length), offset))
    return pieces, segments, ppn
