"""Sets of 64-bit page hashes that grow by the batch, in numpy arrays: 8 bytes per distinct page.

Both classes keep a large sorted array and a small one that takes the new hashes; the small one is
merged into the large one when it reaches an eighth of it, so that every hash is moved a bounded
number of times on average and a batch costs two binary searches per hash.
"""

import numpy as np

_SMALL = 1 << 16


class HashSet:
    """A set of hashes. ``add`` says which are new."""

    def __init__(self) -> None:
        self._large = self._small = np.empty(0, np.uint64)

    def __len__(self) -> int:
        return len(self._large) + len(self._small)

    def add(self, hashes: np.ndarray) -> np.ndarray:
        """Takes in distinct hashes in ascending order; returns bool [n], True where one was not in
        yet."""
        fresh: np.ndarray = ~(contains(self._large, hashes) | contains(self._small, hashes))
        self._small = _merged(self._small, hashes[fresh])
        if len(self._small) > max(_SMALL, len(self._large) // 8):
            self._large = _merged(self._large, self._small)
            self._small = np.empty(0, np.uint64)
        return fresh


class Sample:
    """Of all distinct hashes it is shown, the ``size`` smallest (all of them if ``size`` is None),
    how often each was shown, and a row of numbers for each.

    Hashes are uniform, so the smallest are a fair sample of the distinct contents, the same in
    whatever order they come. A hash that was dropped never returns, because the bound only falls:
    the counts of those that remain are complete.
    """

    def __init__(self, size: int | None, columns: int):
        self._size = size
        self._bound = np.uint64(2**64 - 1)
        self._parts = [_Rows(columns), _Rows(columns)]  # large, small

    def wanted(self, hashes: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Counts the hashes (distinct, ascending) that are in the sample already; returns bool [n],
        True for those that should be put in: give ``put`` their rows."""
        wanted = hashes <= self._bound
        for part in self._parts:
            wanted &= ~part.count(hashes, counts)
        return wanted

    def put(self, hashes: np.ndarray, counts: np.ndarray, rows: np.ndarray) -> None:
        """Puts in hashes that ``wanted`` asked for, ascending, with their rows [n, columns]."""
        large, small = self._parts
        small.take_in(hashes, counts, rows)
        bearable = _SMALL if self._size is None else min(_SMALL, self._size)
        if len(small.hashes) > max(bearable, len(large.hashes) // 8):
            self._settle()

    def _settle(self) -> None:
        large, small = self._parts
        large.take_in(small.hashes, small.counts, small.rows)
        self._parts[1] = _Rows(large.rows.shape[1])
        if self._size is not None and len(large.hashes) > self._size:
            large.cut(self._size)
            self._bound = large.hashes[-1] if self._size else np.uint64(0)

    def close(self) -> tuple[np.ndarray, np.ndarray]:
        """(counts [m], rows [m, columns]) of the sample."""
        self._settle()
        return self._parts[0].counts, self._parts[0].rows


class _Rows:
    """Sorted hashes with their counts and rows."""

    def __init__(self, columns: int):
        self.hashes = np.empty(0, np.uint64)
        self.counts = np.empty(0, np.int64)
        self.rows = np.empty((0, columns), np.uint16)

    def count(self, hashes: np.ndarray, counts: np.ndarray) -> np.ndarray:
        there = contains(self.hashes, hashes)
        self.counts[np.searchsorted(self.hashes, hashes[there])] += counts[there]
        return there

    def take_in(self, hashes: np.ndarray, counts: np.ndarray, rows: np.ndarray) -> None:
        at = np.searchsorted(self.hashes, hashes)
        self.hashes = np.insert(self.hashes, at, hashes)
        self.counts = np.insert(self.counts, at, counts)
        self.rows = np.insert(self.rows, at, rows, axis=0)

    def cut(self, size: int) -> None:
        self.hashes = self.hashes[:size].copy()
        self.counts = self.counts[:size].copy()
        self.rows = self.rows[:size].copy()


def contains(sorted_hashes: np.ndarray, hashes: np.ndarray) -> np.ndarray:
    """Which of ``hashes`` are in ``sorted_hashes``: bool [n]."""
    if not len(sorted_hashes):
        return np.zeros(len(hashes), bool)
    at = np.minimum(np.searchsorted(sorted_hashes, hashes), len(sorted_hashes) - 1)
    found: np.ndarray = sorted_hashes[at] == hashes
    return found


def _merged(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Two sorted arrays as one; a stable sort of two runs is a merge."""
    merged = np.concatenate([a, b])
    merged.sort(kind="stable")
    return merged
