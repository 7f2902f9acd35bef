"""/proc/PID/pagemap: which pages of a live process are in its page tables or in swap.

Linux 6.7 and later are asked for the runs of such pages (PAGEMAP_SCAN), which takes the time of the
pages that are there; before, there is a word to be read for every page of a mapping, there or not.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from pageengine.images.pieces import PAGE_BYTES

ABSENT, PRESENT, GUARDED = 0, 1, 2  # a page: in no page table, in one or in swap, no access
IN_MEMORY = np.uint64(3 << 62)
GUARD = np.uint64(1 << 58)
STEP = 1 << 16
PAGEMAP_SCAN = 0xC0606610
SCAN = struct.Struct("=12Q")
SCAN_IN_MEMORY, SCAN_GUARD = 1 << 3 | 1 << 4, 1 << 8  # present or swapped
REGIONS = 4096


class PageMap:
    """The page tables of one process. ``ended`` is raised when it is gone."""

    def __init__(self, pid: int, ended: Exception):
        self._ended = ended
        self._scale = os.sysconf("SC_PAGE_SIZE") // PAGE_BYTES
        self._scans = True
        try:
            self._file = os.open(f"/proc/{pid}/pagemap", os.O_RDONLY)
        except OSError:
            self._file = -1

    @property
    def tells(self) -> bool:
        """Whether the kernel lets us see them."""
        return self._file >= 0

    def close(self) -> None:
        """Legal twice."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def states(self, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Runs (first address, address behind the last, state), which cover begin to end."""
        at, state = begin, ABSENT
        for first, behind, now in self._runs(begin, end):
            for start, stop, kind in ((at, first, ABSENT), (first, behind, now)):
                if kind != state and start < stop:
                    if begin < start:
                        yield begin, start, state
                    begin, state = start, kind
            at = behind
        if at < end and state != ABSENT:
            yield begin, at, state
            begin, state = at, ABSENT
        yield begin, end, state

    def _runs(self, begin: int, end: int) -> Iterator[tuple[int, int, int]]:
        """Runs of pages that are not absent."""
        while self._scans and begin < end:
            try:
                found, begin = self._scan(begin, end)
            except OSError:
                self._scans = False  # older: what is left is read
                break
            yield from found
        for at in range(begin, end, STEP * PAGE_BYTES):
            states = self._look(at, min(STEP, (end - at) // PAGE_BYTES))
            edges = [0, *(np.flatnonzero(np.diff(states)) + 1).tolist(), len(states)]
            for first, behind in pairwise(edges):
                if states[first] != ABSENT:
                    yield at + first * PAGE_BYTES, at + behind * PAGE_BYTES, int(states[first])

    def _scan(self, begin: int, end: int) -> tuple[list[tuple[int, int, int]], int]:
        """Some runs from ``begin`` on, and the address from which to ask for more."""
        import fcntl

        regions = np.empty((REGIONS, 3), np.uint64)
        asked = bytearray(
            SCAN.pack(
                SCAN.size,
                0,
                begin,
                end,
                0,
                regions.ctypes.data,
                REGIONS,
                0,
                0,
                0,
                SCAN_IN_MEMORY,
                SCAN_IN_MEMORY | SCAN_GUARD,
            )
        )
        n = fcntl.ioctl(self._file, PAGEMAP_SCAN, asked)
        found = [
            (first, behind, GUARDED if kinds & SCAN_GUARD else PRESENT)
            for first, behind, kinds in regions[:n].tolist()
        ]
        return found, SCAN.unpack(asked)[4]

    def _look(self, begin: int, pages: int) -> np.ndarray:
        """The states of pages, one by one."""
        n = pages // self._scale
        data = os.pread(self._file, n * 8, begin // PAGE_BYTES // self._scale * 8)
        if len(data) < n * 8:
            raise self._ended
        words = np.frombuffer(data, np.uint64)
        states = np.where(words & IN_MEMORY, PRESENT, ABSENT).astype(np.int8)
        states[(words & GUARD) != 0] = GUARDED
        return np.repeat(states, self._scale)
