"""Miss-ratio curves by reuse-distance sampling: how many accesses would miss at every size of
memory, from one look at the accesses. It sees beyond what a VM has been given, where sampling
of accessed pages only says "all of it".

SHARDS (Waldspurger, Park, Garthwaite, Ahmad: FAST 2015). A page is watched when its hash falls
below a threshold, so a part ``rate`` of all pages is, and every access to these. Their reuse
distance among themselves (Mattson 1970: different pages touched since the last access) divided by
the rate estimates the true one. When more than ``most`` pages are watched the threshold falls, so
memory is bounded.

Distances are found in batches: an access at i whose page was last accessed at p has as many
different pages between as there are accesses j < i with a last access at or before p, less p + 1.
Counting those is a merge sort that counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pageengine.stores.hashing import hash_tokens

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

_FULL = 2.0**64


class MissRatios:
    """rate: part of pages that are watched, above 0 and at most 1. most: how many at the most.
    seed: which. sizes up to ``pages`` pages are told apart in ``bins`` steps.
    """

    def __init__(
        self, pages: int, rate: float = 0.01, most: int = 8192, seed: int = 0, bins: int = 4096
    ):
        if not 0 < rate <= 1:
            raise ValueError(f"rate must be above 0 and at most 1, got {rate!r}")
        if pages < 1 or most < 16 or bins < 1:
            raise ValueError(
                f"pages and bins must be 1 or more and most 16 or more, got {pages}, {bins}, {most}"
            )
        self.pages, self.rate = int(pages), float(rate)
        self._most, self._seed = int(most), int(seed)
        self._grain = max(1.0, pages / bins)
        self._counts = np.zeros(int(np.ceil(pages / self._grain)) + 1)  # the last: beyond
        self._cold = 0.0
        self.accesses = 0
        self._stack = np.zeros(0, np.int64)  # watched pages, the least recently accessed first

    def see(self, ids: ArrayLike) -> None:
        """Takes in accesses to pages, int [n], in order."""
        ids = np.asarray(ids, dtype=np.int64)
        self.accesses += len(ids)
        watched = ids[self._hash(ids) < self.rate * _FULL]
        if not len(watched):
            return
        sequence = np.concatenate([self._stack, watched])
        last = _last_access(sequence)
        new = np.arange(len(self._stack), len(sequence))
        again = new[last[new] >= 0]
        self._cold += len(new) - len(again)
        distance = _distances(last)[again] / self.rate
        at = np.minimum(distance / self._grain, len(self._counts) - 1).astype(np.int64)
        self._counts += np.bincount(at, minlength=len(self._counts))
        self._remember(sequence)

    def _remember(self, sequence: np.ndarray) -> None:
        """The watched pages by their last access, fewer if there are too many."""
        reverse = sequence[::-1]
        _, first = np.unique(reverse, return_index=True)
        self._stack = reverse[np.sort(first)][::-1].copy()
        if len(self._stack) <= self._most:
            return
        hashes = self._hash(self._stack)
        bound = np.partition(hashes, self._most)[self._most]
        lower = float(bound) / _FULL
        self._stack = self._stack[hashes < bound]
        self._counts *= lower / self.rate  # counts were of a larger part of all accesses
        self._cold *= lower / self.rate
        self.rate = lower

    def _hash(self, ids: np.ndarray) -> np.ndarray:
        return hash_tokens(ids.astype(np.uint64), self._seed).astype(np.float64)

    def curve(self, sizes: ArrayLike) -> NDArray[np.float64]:
        """Miss ratio, float64 [n], of an LRU memory of so many pages, int or float [n]. First
        accesses count as misses. 1 before anything was seen.
        """
        sizes = np.asarray(sizes, dtype=np.float64)
        if not self.accesses:
            return np.ones_like(sizes)
        expected = self.accesses * self.rate
        # what chance made of the number of watched accesses goes to the shortest distance (SHARDS')
        counts = self._counts.copy()
        counts[0] = max(0.0, counts[0] + expected - counts.sum() - self._cold)
        hits = np.concatenate([[0.0], np.cumsum(counts[:-1])])
        at = np.minimum(sizes / self._grain, len(hits) - 1)
        missed = 1 - np.interp(at, np.arange(len(hits)), hits) / expected
        clipped: NDArray[np.float64] = np.clip(missed, 0.0, 1.0)
        return clipped

    def working_set(self, miss_ratio: float = 0.01) -> int:
        """The fewest pages with which at most this part of accesses misses beyond those that any
        memory must miss; ``pages`` when none up to there does.
        """
        sizes = np.arange(len(self._counts)) * self._grain
        curve = self.curve(sizes)
        enough = np.flatnonzero(curve <= curve[-1] + miss_ratio)
        return int(np.ceil(sizes[enough[0]])) if len(enough) else self.pages


def _last_access(sequence: np.ndarray) -> np.ndarray:
    """For each access the index of the one before to the same page, -1 for none."""
    order = np.argsort(sequence, kind="stable")
    same = sequence[order][1:] == sequence[order][:-1]
    last = np.full(len(sequence), -1)
    last[order[1:][same]] = order[:-1][same]
    return last


def _distances(last: np.ndarray) -> np.ndarray:
    """Different pages accessed between each access and the one before to the same page; without
    meaning for first accesses.
    """
    distances: np.ndarray = _not_above_before(last) - (last + 1)
    return distances


def _not_above_before(values: np.ndarray) -> np.ndarray:
    """For each i, how many j < i have values[j] <= values[i]."""
    n = len(values)
    size = 1 << max(0, (n - 1).bit_length())
    high = size + 1
    rows: np.ndarray = np.full(size, high, np.int64)
    rows[:n] = values
    where: np.ndarray = np.arange(size)
    found = np.zeros(size, np.int64)
    width = 1
    while width < size:
        rows, where = rows.reshape(-1, 2 * width), where.reshape(-1, 2 * width)
        offset = np.arange(len(rows))[:, None] * (2 * high)
        left, right = rows[:, :width] + offset, rows[:, width:] + offset
        before = np.searchsorted(left.ravel(), right.ravel(), side="right").reshape(right.shape)
        before -= np.arange(len(rows))[:, None] * width
        np.add.at(found, where[:, width:].ravel(), before.ravel())
        order = np.argsort(rows, axis=1, kind="stable")
        rows = np.take_along_axis(rows, order, axis=1)
        where = np.take_along_axis(where, order, axis=1)
        width *= 2
    return found[:n]
