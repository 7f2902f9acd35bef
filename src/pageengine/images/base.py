"""What every memory image offers, and the reading that all file formats have in common.

A reader only says where the guest's bytes lie in its file, as pieces (guest position, length, file
offset); everything else happens here: batches are filled across pieces, bytes of a page that no
piece covers are zero, pages that no piece touches are not yielded at all: they are holes, which are
zero, or not stored, or no memory, and ``Image.kinds`` counts these apart.

Nothing is mapped: a mapped file that shrinks kills the process, a read that comes back short is an
error with a name. Peak memory is two batches, whatever the size of the image.
"""

from __future__ import annotations

import mmap
import os
import weakref
from bisect import bisect_right
from collections.abc import Callable, Iterator
from typing import Self

import numpy as np

from pageengine.images.pieces import (
    PAGE_BYTES,
    Kinds,
    Layout,
    Run,
    Segment,
    Span,
    ordered,
    page_runs,
    pages_in,
)
from pageengine.images.source import Source
from pageengine.plumbing import given
from pageengine.plumbing.shapes import Pages, Row

Progress = Callable[[int, int], object]  # (bytes read so far, bytes to read)
Batch = tuple[Row[np.int64], Pages]


class Buffers:
    """Memory for batches, used again once nobody holds the batch any more.

    A consumer may keep a batch for as long as it likes: the memory below an array is only reused
    after the last array on it is gone. A plain loop holds one batch while the next is filled, so
    two buffers take turns.
    """

    def __init__(self, pages: int):
        self._pages = pages
        self._pool: list[tuple[mmap.mmap, weakref.ref[np.ndarray]]] = []

    def take(self) -> np.ndarray:
        """An array uint8 [pages, 4096] of undefined content that nobody else holds."""
        memory = next((m for m, user in self._pool if user() is None), None)
        if memory is None:
            memory = mmap.mmap(-1, self._pages * PAGE_BYTES)
        array = np.frombuffer(memory, np.uint8).reshape(self._pages, PAGE_BYTES)
        base = array.base  # what array and all slices of it keep alive
        assert isinstance(base, np.ndarray)
        kept = [entry for entry in self._pool if entry[0] is not memory]
        self._pool = kept[-1:] + [(memory, weakref.ref(base))]
        return array


class Image:
    """A memory image: its size, and an iterator over the pages that hold data.

    ``path``         where it comes from (text)
    ``kind``         the reader that read it: "raw", "elf", ...
    ``pages``        PPNs in all: 0 to pages - 1. Packed, and for all images that have no gaps,
                     what iteration does not yield of them are holes: zero pages
    ``bytes``        the same in bytes
    ``kinds``        Kinds(data, hole, unknown, gap): pages that are stored, that are zero and were
                     not stored, whose content is not known, and addresses that have no memory
    ``segments``     list of Segment(ppn, address, pages), by ascending PPN: where the pages whose
                     content is known had their addresses; all other PPNs are unknown or gaps
    ``unknown``      list of Span(address, pages): memory whose content the image does not store
    ``gaps``         list of Span(address, pages): physical addresses without memory
    ``description``  one line for people

    Iterating yields ``(ppns int64 [n], pages uint8 [n, 4096])``, PPNs ascending, n <= batch, as
    often as one likes. The arrays are the consumer's to keep and to change. ``batch`` is the number
    of pages per step.
    """

    kind = "?"

    def __init__(self, path: str | os.PathLike[str], batch: int = 1024):
        self.path = os.fspath(path)
        self.batch = whole_batch(batch)
        self._segments: list[Segment] = []
        self._unknown: list[Span] = []
        self._gaps: list[Span] = []
        self._pages = 0

    @property
    def pages(self) -> int:
        """Guest pages in all; what iteration does not yield are holes."""
        return self._pages

    @property
    def segments(self) -> list[Segment]:
        """Where the pages had their addresses, by ascending PPN."""
        return self._segments

    @property
    def unknown(self) -> list[Span]:
        """Memory whose content the image does not store."""
        return self._unknown

    @property
    def gaps(self) -> list[Span]:
        """Physical addresses below the last that have no memory."""
        return self._gaps

    @property
    def known(self) -> list[Run]:
        """The pages that are data or holes, as ordered runs (first PPN, PPN behind the last)."""
        runs: list[Run] = []
        for ppn, _, pages in self.segments:
            if runs and runs[-1][1] == ppn:
                runs[-1] = (runs[-1][0], ppn + pages)
            else:
                runs.append((ppn, ppn + pages))
        return runs

    @property
    def data_pages(self) -> int:
        """Pages that one iteration yields."""
        raise NotImplementedError

    @property
    def kinds(self) -> Kinds:
        """Pages by what is known of them."""
        data, known = self.data_pages, sum(end - first for first, end in self.known)
        return Kinds(data, known - data, pages_in(self.unknown), pages_in(self.gaps))

    @property
    def bytes(self) -> int:
        """The same in bytes."""
        return self.pages * PAGE_BYTES

    @property
    def description(self) -> str:
        """One line for people."""
        return f"{self.kind} image, {self.pages} pages"

    def __len__(self) -> int:
        return self.pages

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path!r}: {self.description}>"

    def __iter__(self) -> Iterator[Batch]:
        return self.batches()

    def batches(self, size: int | None = None, progress: Progress | None = None) -> Iterator[Batch]:
        """Iterate with ``size`` pages per step, calling ``progress(bytes done, bytes in all)``
        after each.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Give the file back. Legal twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def told(image: Image) -> str:
    """The kinds of pages in words, for descriptions; what there is none of is left out."""
    data, hole, unknown, gap = image.kinds
    kinds = ((hole, "of them holes"), (unknown, "more not stored"), (gap, "in address gaps"))
    return f"{data + hole} pages" + "".join(f", {n} {what}" for n, what in kinds if n)


def whole_batch(size: int) -> int:
    """``size`` as a number of pages per batch, or ValueError."""
    return given.whole(size, "batch", 1, 1 << 20)


class RunImage(Image):
    """An image whose data pages are known as runs before they are read; ``_read`` is left to the
    format.
    """

    _runs: list[Run]

    @property
    def runs(self) -> list[Run]:
        """The pages that hold data, as ordered runs (first PPN, PPN behind the last)."""
        return self._runs

    @property
    def data_pages(self) -> int:
        """Pages that hold data: what one iteration yields (of a live process: at most)."""
        return sum(end - first for first, end in self._runs)

    def batches(self, size: int | None = None, progress: Progress | None = None) -> Iterator[Batch]:
        """As Image.batches."""
        return self._batches(self.batch if size is None else whole_batch(size), progress)

    def _batches(self, size: int, progress: Progress | None) -> Iterator[Batch]:
        self._begin()
        buffers, total, done = Buffers(size), self.data_pages * PAGE_BYTES, 0
        pages, ppns, used = buffers.take(), np.empty(size, np.int64), 0
        for first, end in self._runs:
            while first < end:
                n = min(end - first, size - used)
                got = self._read(first, pages[used : used + n])
                ppns[used : used + len(got)] = got
                first, used, done = first + n, used + len(got), done + n * PAGE_BYTES
                if used == size:
                    yield ppns, pages
                    if progress:
                        progress(done, total)
                    del pages
                    pages, ppns, used = buffers.take(), np.empty(size, np.int64), 0
        if used:
            yield ppns[:used], pages[:used]
        self._end()
        if progress:
            progress(total, total)

    def _begin(self) -> None:
        """Called before the first read of an iteration."""

    def _read(self, ppn: int, out: np.ndarray) -> np.ndarray:
        """Fill the first rows of ``out`` from page ``ppn`` on; returns the PPNs of the rows that
        were filled.
        """
        raise NotImplementedError

    def _end(self) -> None:
        """Called after the last read of an iteration."""


class FileImage(RunImage):
    """An image in an uncompressed file: pieces of guest memory at offsets of the file."""

    def __init__(self, source: Source, batch: int):
        super().__init__(source.path, batch)
        self._source = source

    def _lay_out(self, layout: Layout) -> None:
        """Take over where memory lies."""
        self._pieces = ordered(self._source.without_holes(ordered(layout.pieces)))
        self._starts = [piece.start for piece in self._pieces]
        self._runs = page_runs(self._pieces)
        _, self._segments, self._pages, self._unknown, self._gaps = layout

    def _begin(self) -> None:
        self._source.check_open()

    def _read(self, ppn: int, out: np.ndarray) -> np.ndarray:
        low, flat = ppn * PAGE_BYTES, out.reshape(-1)
        high, cursor = low + len(flat), low
        index = max(bisect_right(self._starts, low) - 1, 0)
        while index < len(self._pieces) and self._pieces[index].start < high:
            start, length, offset = self._pieces[index]
            begin, end = max(start, low), min(start + length, high)
            if begin < end:
                flat[cursor - low : begin - low] = 0
                self._source.read(flat[begin - low : end - low], offset + begin - start)
                cursor = end
            index += 1
        flat[cursor - low :] = 0
        return np.arange(ppn, ppn + len(out))

    def _end(self) -> None:
        self._source.check_unchanged()

    def close(self) -> None:
        """Close the file. Legal twice."""
        self._source.close()
