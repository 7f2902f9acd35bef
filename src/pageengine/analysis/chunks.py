"""Hashes of chunks (pages, 64 KiB, 2 MiB) from the hashes of pages, as these come by in order of
page number.

Only pages that hold something are kept: an image of a terabyte with a megabyte of data takes the
time and memory of a megabyte. A chunk counts when the contents of all its pages are known; one that
reaches into a gap of the addresses, into memory that was not stored, or beyond the end, is never
shared.
"""

import numpy as np

from pageengine.stores.hashing import hash_pages
from pageengine.units import PAGE_BYTES

_BLOCK = 2048  # chunks hashed at a time: a row of 4096 bytes each


class Chunks:
    """The hashes of the chunks of ``pages`` pages of one image that hold anything."""

    def __init__(self, pages: int, salt: int):
        self.pages, self._salt = pages, salt
        self._open = (np.empty(0, np.int64), np.empty(0, np.uint64))  # of the last chunk, so far
        self._numbers: list[np.ndarray] = []
        self._hashes: list[np.ndarray] = []

    def add(self, ppns: np.ndarray, hashes: np.ndarray) -> None:
        """Take in pages that hold something, in ascending order and behind all before."""
        if not len(ppns):
            return
        ppns = np.concatenate([self._open[0], ppns])
        hashes = np.concatenate([self._open[1], hashes])
        cut = int(np.searchsorted(ppns, ppns[-1] // self.pages * self.pages))
        self._close(ppns[:cut], hashes[:cut])
        self._open = ppns[cut:].copy(), hashes[cut:].copy()

    def _close(self, ppns: np.ndarray, hashes: np.ndarray) -> None:
        chunk = ppns // self.pages
        begins = np.diff(chunk, prepend=-1) != 0
        numbers, rows = chunk[begins], np.cumsum(begins) - 1
        for start in range(0, len(numbers), _BLOCK):
            part = slice(*np.searchsorted(rows, [start, start + _BLOCK]))
            padded = np.zeros((min(_BLOCK, len(numbers) - start), PAGE_BYTES // 8), np.uint64)
            padded[rows[part] - start, ppns[part] % self.pages] = hashes[part]
            combined = hash_pages(padded.view(np.uint8), self._salt)
            self._numbers.append(numbers[start : start + _BLOCK])
            self._hashes.append(np.maximum(combined, np.uint64(1)))

    def finish(self, known: list[tuple[int, int]]) -> tuple[int, np.ndarray]:
        """(chunks that lie in ``known``, the hashes of those of them that are not all zero).
        known: ordered runs of pages (first, behind the last).
        """
        self._close(*self._open)
        if not self._numbers:
            return whole_chunks(known, self.pages), np.empty(0, np.uint64)
        first = np.concatenate(self._numbers) * self.pages
        starts, ends = np.array(known, np.int64).reshape(-1, 2).T
        at = np.searchsorted(starts, first, side="right") - 1
        whole = (at >= 0) & (first + self.pages <= ends[at])
        return whole_chunks(known, self.pages), np.concatenate(self._hashes)[whole]


def whole_chunks(known: list[tuple[int, int]], pages: int) -> int:
    """How many chunks of ``pages`` pages lie in runs of pages altogether."""
    return sum(max(0, end // pages - -(-first // pages)) for first, end in known)
