"""Timelines: rows of numbers, one per epoch and one per epoch and machine, kept as columns."""

from __future__ import annotations

import numpy as np

HOST_LEVELS = (
    "free", "memory", "shared", "shared_common", "saving", "zero", "compressed", "cache", "swapped",
    "ballooned",
)  # fmt: skip
HOST_EVENTS = (
    "swap_in", "swap_out", "compressions", "decompressions", "merged", "cow_breaks", "scanned",
    "balloon_in", "balloon_out", "reported",
)  # fmt: skip
VM_LEVELS = (
    "size", "granted", "consumed", "swapped", "compressed", "shared", "zero", "private",
)  # fmt: skip
VM_EVENTS = ("accesses", "swap_in", "swap_out", "cow_breaks", "decompressions")


class Table:
    """Rows of a fixed number of columns; grows by blocks."""

    BLOCK = 4096

    def __init__(self, columns: tuple[str, ...]):
        self.columns = columns
        self._blocks: list[np.ndarray] = []
        self._used = self.BLOCK

    def add(self, values) -> None:
        """One row."""
        if self._used == self.BLOCK:
            self._blocks.append(np.zeros((self.BLOCK, len(self.columns))))
            self._used = 0
        self._blocks[-1][self._used] = values
        self._used += 1

    def arrays(self, whole: frozenset[str]) -> dict[str, np.ndarray]:
        """The columns; those of ``whole`` as int64, the others as float64."""
        parts = self._blocks[:-1] + [block[: self._used] for block in self._blocks[-1:]]
        rows = np.concatenate(parts) if parts else np.zeros((0, len(self.columns)))
        return {
            name: rows[:, i].astype(np.int64) if name in whole else np.ascontiguousarray(rows[:, i])
            for i, name in enumerate(self.columns)
        }
