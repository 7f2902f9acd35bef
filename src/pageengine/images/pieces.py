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
    ``offset``. What the rest holds is not known.
    """

    address: int
    length: int
    offset: int
    stored: int


class Span(NamedTuple):
    """``pages`` pages from ``address`` on."""

    address: int
    pages: int


class Kinds(NamedTuple):
    """Pages of an image by what is known of them. Memory that can be won is among the first two.

    ``data``     stored: iteration yields them (they may be zero pages)
    ``hole``     memory that is zero and was not stored: holes of a sparse file, pages that a
                 process never touched
    ``unknown``  memory whose content is not stored; it has no PPN in packed images
    ``gap``      addresses that have no memory
    """

    data: int
    hole: int
    unknown: int
    gap: int


class Layout(NamedTuple):
    """Where memory lies: pieces, segments of pages whose content is known, number of PPNs, and
    spans of addresses whose content is not known and that have no memory.
    """

    pieces: list[Piece]
    segments: list[Segment]
    pages: int
    unknown: list[Span]
    gaps: list[Span]


Run = tuple[int, int]  # first, end


def subtract(runs: Iterable[Run], others: list[Run]) -> list[Run]:
    """What ordered runs have beyond other ordered runs."""
    left: list[Run] = []
    at = 0
    for first, end in runs:
        while at < len(others) and others[at][1] <= first:
            at += 1
        index = at
        while index < len(others) and others[index][0] < end:
            if first < others[index][0]:
                left.append((first, others[index][0]))
            first = max(first, others[index][1])
            index += 1
        if first < end:
            left.append((first, end))
    return left


def pages_in(spans: Iterable[Span]) -> int:
    """Pages of all spans together."""
    return sum(span.pages for span in spans)


def place(regions: list[Region], packed: bool, physical: bool = True) -> Layout:
    """Where regions lie in the guest.

    Not packed, PPN = address / 4096. Packed, the pages whose content is known follow each other in
    order of address. A page of which any byte is stored is known. Only physical addresses have
    gaps: those of a process are mostly empty, and nobody would count them.
    """
    memory = page_runs(sorted(Piece(r.address, r.length, 0) for r in regions if r.length))
    known = page_runs(sorted(Piece(r.address, r.stored, 0) for r in regions if r.stored))
    segments, ppn = [], 0
    for first, end in known:
        ppn = ppn if packed else first
        segments.append(Segment(ppn, first * PAGE_BYTES, end - first))
        ppn += end - first
    begins = [segment.address for segment in segments]
    pieces = []
    for address, _, offset, stored in regions:
        if stored:
            home = segments[bisect_right(begins, address) - 1]
            pieces.append(Piece(home.ppn * PAGE_BYTES + address - home.address, stored, offset))
    end = memory[-1][1] if memory else 0
    return Layout(
        pieces=pieces,
        segments=segments,
        pages=ppn if packed else end,
        unknown=_as_spans(subtract(memory, known)),
        gaps=_as_spans(subtract([(0, end)], memory)) if physical else [],
    )


def _as_spans(runs: Iterable[Run]) -> list[Span]:
    return [Span(first * PAGE_BYTES, end - first) for first, end in runs]
