"""The memory of a live process (Linux), packed in order of address.

What there is to read, and where, is found when the image is opened (``images.mappings``): pages in
memory or in swap through /proc/PID/mem, pages of shared memory that this process has not touched
yet in the file behind it. Pages that nobody ever touched are not read (reading would make the
kernel fill them in) and are holes. Contents are read when the image is iterated. A process that
runs on changes its memory meanwhile, so a batch is then no moment of its life; ``stop=True`` halts
it from opening to closing.
"""

from __future__ import annotations

import os
import re
import weakref
from bisect import bisect_right
from collections.abc import Callable

import numpy as np

from pageengine.errors import ImageError
from pageengine.images.backing import Backings
from pageengine.images.base import RunImage
from pageengine.images.halt import stop_process
from pageengine.images.mappings import Explorer, Extent, Mapping, parse
from pageengine.images.pagemap import PageMap
from pageengine.images.pieces import PAGE_BYTES, Region, Run, Span, place, subtract
from pageengine.plumbing import given

PID_MOST = 2**31 - 1


class ProcessImage(RunImage):
    """The memory of a live process. ``extents``: what it is made of, by address; ``mappings``:
    those that hold any of it. ``unreadable_pages`` counts pages the last iteration had to leave
    out; they count as unknown.
    """

    kind = "process"

    def __init__(self, pid: int, batch: int = 1024, stop: bool = False):
        super().__init__(f"/proc/{pid}", batch)
        self.pid, self._unreadable = pid, list[Run]()
        self._memory = -1
        self._resume: Callable[[], object] = lambda: None
        if stop:
            self._resume = weakref.finalize(self, stop_process(pid))
        try:
            self._memory = self._open_file("mem")
            self._close = weakref.finalize(self, os.close, self._memory)
            self._backings = Backings(pid)
            self._let_go = weakref.finalize(self, self._backings.close)
            self.extents = self._explore()
            self._lay_out()
        except BaseException:
            self.close()
            raise

    def _open_file(self, name: str) -> int:
        try:
            return os.open(f"/proc/{self.pid}/{name}", os.O_RDONLY)
        except (FileNotFoundError, ProcessLookupError):
            raise ImageError(f"process {self.pid}: there is no such process") from None
        except PermissionError:
            raise ImageError(
                f"process {self.pid}: its memory may not be read: be the same user (and see "
                "/proc/sys/kernel/yama/ptrace_scope) or root"
            ) from None

    def _text(self) -> str:
        name = "smaps" if os.path.exists(f"/proc/{self.pid}/smaps") else "maps"
        try:
            with os.fdopen(self._open_file(name), "rb") as file:
                return file.read().decode(errors="surrogateescape")
        except ProcessLookupError:
            raise self._ended() from None
        except PermissionError:
            raise ImageError(f"process {self.pid}: its mappings may not be read") from None

    def _ended(self) -> ImageError:
        return ImageError(f"process {self.pid}: ended while it was read")

    def _explore(self) -> list[Extent]:
        mappings = parse(self._text())
        if not mappings:
            raise ImageError(
                f"process {self.pid}: has no memory of its own (a kernel thread, or it has ended)"
            )
        pages = PageMap(self.pid, self._ended())
        try:
            return list(Explorer(pages, self._backings).extents(mappings))
        finally:
            pages.close()

    def _lay_out(self) -> None:
        self.mappings: list[Mapping] = []
        self._data: list[Extent] = []
        self._runs = []
        regions, ppn = [], 0
        for extent in self.extents:
            if not self.mappings or self.mappings[-1] is not extent.mapping:
                self.mappings.append(extent.mapping)
            length, known = extent.pages * PAGE_BYTES, extent.where != "unknown"
            regions.append(Region(extent.address, length, 0, length if known else 0))
            if extent.where in ("memory", "file"):
                self._data.append(extent)
                self._runs.append((ppn, ppn + extent.pages))
            ppn += extent.pages if known else 0
        layout = place(regions, packed=True, physical=False)
        _, self._segments, self._pages, self._unknown, self._gaps = layout
        self._starts = [segment.ppn for segment in self._segments]
        self._firsts = [first for first, _ in self._runs]

    @property
    def unreadable_pages(self) -> int:
        """Pages that the last iteration could not read."""
        return sum(end - first for first, end in self._unreadable)

    @property
    def unreadable(self) -> list[Run]:
        """The same as ordered runs (first PPN, PPN behind the last)."""
        return self._unreadable

    @property
    def data_pages(self) -> int:
        """Pages that one iteration yields: at most, until it has been tried."""
        return super().data_pages - self.unreadable_pages

    @property
    def known(self) -> list[Run]:
        """As Image.known; without pages that could not be read."""
        return subtract(super().known, self._unreadable)

    @property
    def unknown(self) -> list[Span]:
        """As Image.unknown; with pages that could not be read."""
        lost = [Span(self.address_of(first), end - first) for first, end in self._unreadable]
        return sorted([*self._unknown, *lost])

    @property
    def description(self) -> str:
        """One line for people."""
        data, hole, unknown, _ = self.kinds
        rest = f", {unknown} more not to be had" if unknown else ""
        return f"memory of process {self.pid}, {data} of {data + hole} pages in memory{rest}"

    def address_of(self, ppn: int) -> int:
        """The address at which the process has page ``ppn``."""
        if not 0 <= ppn < self._pages:
            raise IndexError(f"page {ppn} is outside of 0 to {self._pages - 1}")
        segment = self._segments[bisect_right(self._starts, ppn) - 1]
        return segment.address + (ppn - segment.ppn) * PAGE_BYTES

    def _begin(self) -> None:
        if self._memory < 0:
            raise ValueError(f"{self.path}: the image is closed")
        self._unreadable = []

    def _read(self, ppn: int, out: np.ndarray) -> np.ndarray:
        index = bisect_right(self._firsts, ppn) - 1
        extent, skipped = self._data[index], (ppn - self._firsts[index]) * PAGE_BYTES
        pages, row, page = len(out), 0, 0
        found = np.empty(pages, np.int64)
        while page < pages:
            got = self._read_at(out[row : row + pages - page], extent, skipped + page * PAGE_BYTES)
            found[row : row + got] = np.arange(ppn + page, ppn + page + got)
            row, page = row + got, page + got
            if not got:
                self._leave_out(ppn + page)
                page += 1
        return found[:row]

    def _read_at(self, out: np.ndarray, extent: Extent, skipped: int) -> int:
        """Read pages of an extent; how many could be read before one that cannot."""
        if extent.file is not None:
            try:
                view = out.reshape(-1).data
                got = os.preadv(extent.file.handle, [view], extent.offset + skipped) // PAGE_BYTES
                if got:
                    return got
            except OSError:
                pass  # as good as not found: the process may still be asked
        try:
            got = os.preadv(self._memory, [out.reshape(-1).data], extent.address + skipped)
        except (OSError, OverflowError):
            return 0
        if not got:
            raise self._ended()
        return got // PAGE_BYTES

    def _leave_out(self, ppn: int) -> None:
        if self._unreadable and self._unreadable[-1][1] == ppn:
            self._unreadable[-1] = (self._unreadable[-1][0], ppn + 1)
        else:
            self._unreadable.append((ppn, ppn + 1))

    def close(self) -> None:
        """Let the process run on if it was stopped, and close its memory. Legal twice."""
        if self._memory >= 0:
            self._close()
            self._memory = -1
        if hasattr(self, "_let_go"):
            self._let_go()
        self._resume()


def recognise(head: bytes, path: str) -> bool:
    """Whether the path names a live process: /proc/PID or /proc/self."""
    return re.fullmatch(r"/proc/(\d+|self)/?", path) is not None


def open_process(path: str, batch: int = 1024, stop: bool = False) -> ProcessImage:
    """Open the process that a path /proc/PID names."""
    name = path.rstrip("/").rpartition("/")[2]
    if name != "self" and not name.isdigit():
        raise ValueError(f"a process is given as /proc/PID, not as {path!r}")
    return process(os.getpid() if name == "self" else int(name), batch=batch, stop=stop)


def process(pid: int, *, batch: int = 1024, stop: bool = False) -> ProcessImage:
    """The memory of the live process ``pid`` as an image; ``stop`` halts it (SIGSTOP) until the
    image is closed.
    """
    pid, stop = given.whole(pid, "pid", 1, PID_MOST), given.flag(stop, "stop")
    if not os.path.exists("/proc/self/mem"):
        raise ImageError("live processes are read on Linux only, with /proc mounted")
    return ProcessImage(pid, batch, stop)
