"""Identifiers of pages are names: any 64 bits, read as int64. A guest counts pages from 0 on, so
names that it would take for negative, or that lie in the upper half of what it has, get numbers
there in the order of their first use; two names never share one.
"""

from __future__ import annotations

import numpy as np

FAR = 1 << 62


class Ids:
    """Numbers from 0 on for names, the same number each time."""

    def __init__(self) -> None:
        self._far: dict[int, int] = {}

    def of(self, names: np.ndarray) -> np.ndarray:
        """names: int64 [n]. Returns int64 [n], the names themselves where all are of [0, FAR)."""
        far = names.view(np.uint64) >= FAR
        if not far.any():
            return names
        numbers, known = names.copy(), self._far
        numbers[far] = [known.setdefault(n, FAR + len(known)) for n in names[far].tolist()]
        return numbers
