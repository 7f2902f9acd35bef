"""Timelines: rows of numbers, one per epoch and one per epoch and VM, kept as columns under
esxtop's and vSphere's names.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from pageengine.errors import CheckpointError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

HOST_LEVELS = (
    "free",
    "memory",
    "shared",
    "shared_common",
    "saving",
    "zero",
    "compressed",
    "cache",
    "swapped",
    "ballooned",
)
HOST_EVENTS = (
    "swap_in",
    "swap_out",
    "compressions",
    "decompressions",
    "merged",
    "cow_breaks",
    "scanned",
    "balloon_in",
    "balloon_out",
    "reported",
)
VM_LEVELS = (
    "size",
    "granted",
    "consumed",
    "swapped",
    "compressed",
    "shared",
    "zero",
    "private",
)
VM_EVENTS = ("accesses", "swap_in", "swap_out", "cow_breaks", "decompressions")
#: All columns of the host, and of each VM.
HOST = (
    "time",
    "state",
    *HOST_LEVELS,
    "private",
    "overhead",
    "stall",
    *HOST_EVENTS,
    "double_paging",
)
VM = (
    "time",
    "vm",
    *VM_LEVELS,
    "active",
    "touched",
    "target",
    "balloon",
    "balloon_target",
    "stall",
    "progress",
    "idle",
    "blocked",
    "guest_free",
    "guest_cache",
    "guest_swapped",
    *VM_EVENTS,
    "double_paging",
)
FRACTIONS = frozenset({"time", "stall", "progress", "idle"})


class Table:
    """Rows of a fixed number of columns; grows by blocks."""

    BLOCK = 4096

    def __init__(self, columns: tuple[str, ...]):
        self.columns = columns
        self._blocks: list[np.ndarray] = []  # a column side by side
        self._used: list[int] = []

    def add(self, values: Iterable[ArrayLike], rows: int = 1) -> None:
        """So many rows. values: of each column, one number or one per row."""
        if not self._used or self._used[-1] + rows > self._blocks[-1].shape[1]:
            self._blocks.append(np.empty((len(self.columns), max(rows, self.BLOCK))))
            self._used.append(0)
        first, self._used[-1] = self._used[-1], self._used[-1] + rows
        for column, value in zip(self._blocks[-1], values, strict=True):
            column[first : first + rows] = value

    def rows(self) -> np.ndarray:
        """All that is there, float64 [columns, rows]."""
        parts = [b[:, :used] for b, used in zip(self._blocks, self._used, strict=True)]
        return np.concatenate([np.zeros((len(self.columns), 0)), *parts], axis=1)

    def begin_with(self, rows: np.ndarray) -> None:
        """As if these had been added. CheckpointError: they are of other columns."""
        if rows.shape[0] != len(self.columns):
            raise CheckpointError(f"rows of {rows.shape[0]} columns, not of {len(self.columns)}")
        self._blocks, self._used = [rows], [rows.shape[1]]

    def arrays(self, whole: frozenset[str]) -> dict[str, np.ndarray]:
        """The columns; those of ``whole`` as int64, the others as float64."""
        parts = [(block, used) for block, used in zip(self._blocks, self._used, strict=True)]
        found = {}
        for i, name in enumerate(self.columns):
            column = np.concatenate([np.zeros(0), *(block[i, :used] for block, used in parts)])
            found[name] = column.astype(np.int64) if name in whole else column
        return found
