"""Pages of a VM for the names that a trace has for its own."""

from __future__ import annotations

import numpy as np

from pageengine.plumbing.kept import Kept


class Pages(Kept):
    """Names that are pages of the VM keep their number; others get the lowest pages that are
    not taken, in the order of their first use, so that no two share one. When none is left, the
    names that come are folded onto the others' pages: ``folded`` and ``beyond`` count the accesses
    and the names.
    """

    KEPT = ("folded", "_own", "_far", "_taken", "_free", "_left", "_beyond")

    def __init__(self, pages: int):
        self.pages, self.folded = pages, 0
        self._own = np.full(pages, -1, np.int64)  # name -> page, of names that are pages
        self._far: dict[int, int] = {}
        self._taken, self._free = np.zeros(pages, bool), 0
        self._left = pages
        self._beyond: dict[int, int] = {}

    @property
    def beyond(self) -> int:
        """How many names came when no page was left."""
        return len(self._beyond)

    def of(self, names: np.ndarray) -> np.ndarray:
        """names: int64 [n], in order. Returns pages, int64 [n]."""
        near = (names >= 0) & (names < self.pages)
        found = np.where(near, self._own[np.where(near, names, 0)], -1)
        missing = np.flatnonzero(found < 0)
        if missing.size:
            found[missing] = [self._page(name) for name in names[missing].tolist()]
        return found

    def _page(self, name: int) -> int:
        near = 0 <= name < self.pages
        page = int(self._own[name]) if near else self._far.get(name, -1)
        if page >= 0:
            return page
        if not self._left:
            self.folded += 1
            return self._beyond.setdefault(name, name % self.pages)
        page = name if near and not self._taken[name] else self._next()
        self._taken[page] = True
        self._left -= 1
        if near:
            self._own[name] = page
        else:
            self._far[name] = page
        return page

    def _next(self) -> int:
        while self._taken[self._free]:
            self._free += 1
        return self._free
