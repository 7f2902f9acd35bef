"""How fast plans may write to swap: what a device of so many bytes per second takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from pageengine.plumbing.kept import Kept
from pageengine.policy.ladder import split
from pageengine.units import PAGE_BYTES

if TYPE_CHECKING:
    from pageengine.control.backend import Request

    One = tuple[Request, int, str]
    Asked = list[One]

#: Seconds of writing that may be under way: their frames are free when the device has them.
WRITE_WINDOW = 0.05
_WRITES = ("swap", "ladder")  # techniques that write to swap


class SwapRate(Kept):
    """bandwidth: bytes per second of ``Host.advance``; None: as much as plans like, at once."""

    KEPT = ("bandwidth", "_left", "_read")

    def __init__(self) -> None:
        self.bandwidth: float | None = None
        self._left = 0.0  # pages that may be written now
        self._read = 0.0  # seconds that reads kept the device busy since the last advance

    def was_read(self, seconds: float) -> None:
        """The swap device was busy with reads for so long since the last ``advance``."""
        self._read += seconds

    def wrote(self, pages: int) -> None:
        """So many pages went out."""
        if self.bandwidth is not None:
            self._left -= pages

    def advance(self, seconds: float) -> None:
        """Time passes. Reads and writes share the device; where both want more than there is, each
        has half. What was not used is lost, but for a window.
        """
        if self.bandwidth is None:
            return
        pages = self.bandwidth / PAGE_BYTES
        writing = max(seconds - self._read, seconds / 2)
        self._read = 0.0
        most = max(1.0, pages * max(seconds, WRITE_WINDOW))  # a page at least, however slow
        self._left = min(self._left + pages * writing, most)

    def within(self, asked: Asked) -> Asked:
        """Of (request, frames, technique) as many frames as swap space can take by now, from each
        its part of them, whatever their order; without swap, where it can take none.
        """
        if self.bandwidth is None:
            return asked
        left = max(0, int(self._left)) * PAGE_BYTES
        writes = [frames * (technique in _WRITES) for _, frames, technique in asked]
        parts = split(left, np.array(writes, np.int64) * PAGE_BYTES) // PAGE_BYTES
        found = []
        for (request, frames, technique), write, part in zip(
            asked, writes, parts.tolist(), strict=True
        ):
            if write > part and technique == "ladder":  # most of its victims need no slot
                frames, technique = (
                    (min(frames, 2 * part), technique) if part else (frames, "compression")
                )
            elif write > part:
                frames = part
            found.append((request, frames, technique))
        return found

    def left_for(self, asked: Asked) -> Iterator[One]:
        """After ``within``, where swap space could not take all: what it still can, for each in
        turn. Those who had a part of it may hold nothing that can be written, such as shared pages
        alone; without this nobody would win anything, now or later.
        """
        writes = [each for each in asked if each[2] in _WRITES]
        if self.bandwidth is None or sum(frames for _, frames, _ in writes) <= self._left:
            return
        for request, frames, technique in writes:
            left = int(self._left)
            if left <= 0:
                return
            yield request, min(frames, left), technique
