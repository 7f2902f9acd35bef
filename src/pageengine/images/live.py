"""The memory of a live process (Linux): its readable mappings, packed in order of address.

/proc/PID/maps says what there is, /proc/PID/pagemap which pages of it are in memory or in swap,
/proc/PID/mem holds them. Pages that the process never touched are not read (reading would make the
kernel fill them in) and are holes. What is mapped is noted when the image is opened; contents are
read when it is iterated. A process that runs on changes its memory meanwhile, so a batch is then no
moment of its life; ``stop=True`` halts it from opening to closing.
"""

from __future__ import annotations

import os
import re
import signal
import time
import weakref
from bisect import bisect_right
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from pageengine.errors import ImageError
from pageengine.images.base import RunImage
from pageengine.images.pieces import PAGE_BYTES, Region, place

SPECIAL = re.compile(r"\[(vvar.*|vsyscall|uprobes)\]$|/dev/(?!zero|shm/)|anon_inode:|/memfd:secret")
LINE = re.compile(r"([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) \S+ \d+ *(.*)")
IN_MEMORY = np.uint64(3 << 62)  # present, or in swap
PAGEMAP_STEP = 1 << 16
STOP_SECONDS = 2.0


class Mapping(NamedTuple):
    """One line of /proc/PID/maps."""

    begin: int
    end: int
    access: str
    offset: int
    path: str


class ProcessImage(RunImage):
    """The memory of a live process. ``unreadable_pages`` counts pages the last iteration had to
    leave out.
    """

    kind = "process"

    def __init__(self, pid: int, batch: int = 1024, stop: bool = False):
        super().__init__(f"/proc/{pid}", batch)
        self.pid, self.unreadable_pages = pid, 0
        self._memory, self._resume = -1, lambda: None
        if stop:
            self._resume = weakref.finalize(self, stop_process(pid))
        try:
            self._memory = self._open_file("mem")
            self._close = weakref.finalize(self, os.close, self._memory)
            self.mappings = readable(parse_maps(self._text("maps")))
            regions = [Region(m.begin, m.end - m.begin, 0, 0) for m in self.mappings]
            _, self._segments, self._pages = place(regions, packed=True)
            if not self._pages:
                raise ImageError(
                    f"process {pid}: has no memory of its own (a kernel thread, or it has ended)"
                )
            self._starts = [segment.ppn for segment in self._segments]
            self._runs = self._find_runs()
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

    def _text(self, name: str) -> str:
        try:
            with os.fdopen(self._open_file(name), "rb") as file:
                return file.read().decode(errors="surrogateescape")
        except ProcessLookupError:
            raise ImageError(f"process {self.pid}: ended while it was read") from None
        except PermissionError:
            raise ImageError(f"process {self.pid}: its mappings may not be read") from None

    def _find_runs(self) -> list[tuple[int, int]]:
        """Runs of pages that are in memory or in swap; all pages where the kernel does not tell."""
        runs: list[tuple[int, int]] = []
        scale = os.sysconf("SC_PAGE_SIZE") // PAGE_BYTES
        try:
            pagemap = os.open(f"{self.path}/pagemap", os.O_RDONLY)
        except OSError:
            return [(s.ppn, s.ppn + s.pages) for s in self._segments]
        try:
            for ppn, address, pages in self._segments:
                for step in range(0, pages, PAGEMAP_STEP):
                    n = min(PAGEMAP_STEP, pages - step) // scale
                    data = os.pread(pagemap, n * 8, (address // PAGE_BYTES + step) // scale * 8)
                    if len(data) < n * 8:
                        raise ImageError(f"process {self.pid}: ended while it was read")
                    there = np.repeat((np.frombuffer(data, np.uint64) & IN_MEMORY) != 0, scale)
                    edges = np.flatnonzero(np.diff(there.astype(np.int8), prepend=0, append=0))
                    for first, end in (edges.reshape(-1, 2) + (ppn + step)).tolist():
                        runs.append((first, end))
        finally:
            os.close(pagemap)
        return runs

    @property
    def description(self) -> str:
        """One line for people."""
        return f"memory of process {self.pid}, {self.data_pages} of {self.pages} pages in memory"

    def address_of(self, ppn: int) -> int:
        """The address at which the process has page ``ppn``."""
        if not 0 <= ppn < self._pages:
            raise IndexError(f"page {ppn} is outside of 0 to {self._pages - 1}")
        segment = self._segments[bisect_right(self._starts, ppn) - 1]
        return segment.address + (ppn - segment.ppn) * PAGE_BYTES

    def _begin(self) -> None:
        if self._memory < 0:
            raise ValueError(f"{self.path}: the image is closed")
        self.unreadable_pages = 0

    def _read(self, ppn: int, out: np.ndarray) -> np.ndarray:
        pages, row, page = len(out), 0, 0
        found = np.empty(pages, np.int64)
        while page < pages:
            index = bisect_right(self._starts, ppn + page) - 1
            segment = self._segments[index]
            n = min(pages - page, segment.ppn + segment.pages - ppn - page)
            address = segment.address + (ppn + page - segment.ppn) * PAGE_BYTES
            got = self._read_at(out[row : row + n], address)
            found[row : row + got] = np.arange(ppn + page, ppn + page + got)
            row, page = row + got, page + got
            if not got:
                self.unreadable_pages += 1
                page += 1
        return found[:row]

    def _read_at(self, out: np.ndarray, address: int) -> int:
        """Read pages from an address on; how many could be read before one that cannot."""
        try:
            got = os.preadv(self._memory, [out.reshape(-1).data], address)
        except (OSError, OverflowError):
            return 0
        if not got:
            raise ImageError(f"process {self.pid}: ended while it was read")
        return got // PAGE_BYTES

    def close(self) -> None:
        """Let the process run on if it was stopped, and close its memory. Legal twice."""
        if self._memory >= 0:
            self._close()
            self._memory = -1
        self._resume()


def parse_maps(text: str) -> list[Mapping]:
    """The lines of /proc/PID/maps."""
    found = []
    for match in filter(None, map(LINE.match, text.splitlines())):
        begin, end, access, offset, path = match.groups()
        found.append(Mapping(int(begin, 16), int(end, 16), access, int(offset, 16), path))
    return found


def readable(mappings: list[Mapping]) -> list[Mapping]:
    """The mappings that hold memory: readable, and neither a device nor one of the kernel's own."""
    return [m for m in mappings if m.access[0] == "r" and not SPECIAL.match(m.path)]


def stop_process(pid: int) -> Callable[[], None]:
    """Stop a process, wait until it stands, and return the function that lets it run on."""
    if pid == os.getpid():
        raise ValueError(f"process {pid} is this one, which cannot stop itself: use stop=False")
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        raise ImageError(f"process {pid}: there is no such process") from None
    resumed = False

    def resume() -> None:
        nonlocal resumed
        if not resumed:
            resumed = True
            try:
                signal.pidfd_send_signal(handle, signal.SIGCONT)
            except ProcessLookupError:
                pass
            os.close(handle)

    if is_stopped(pid):
        os.close(handle)
        return lambda: None
    try:
        signal.pidfd_send_signal(handle, signal.SIGSTOP)
        deadline = time.monotonic() + STOP_SECONDS
        while not is_stopped(pid):
            if time.monotonic() > deadline:
                raise ImageError(f"process {pid}: did not stop within {STOP_SECONDS:g} s")
            time.sleep(0.001)
    except PermissionError:
        resumed = True
        os.close(handle)
        raise ImageError(f"process {pid}: may not be stopped: be the same user or root") from None
    except BaseException:
        resume()
        raise
    return resume


def is_stopped(pid: int) -> bool:
    """Whether every thread of a process stands still."""
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/stat", "rb") as file:
                if file.read().rpartition(b")")[2].split()[0] not in b"TtZX":
                    return False
    except (FileNotFoundError, ProcessLookupError):
        return True  # a thread that is gone stands still; reading will tell if all are
    return True


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
    if isinstance(pid, bool) or not isinstance(pid, int):
        raise TypeError(f"pid must be a whole number, not {pid!r}")
    if pid <= 0:
        raise ValueError(f"pid must be positive, not {pid}")
    if not os.path.exists("/proc/self/mem"):
        raise ImageError("live processes are read on Linux only, with /proc mounted")
    return ProcessImage(pid, batch, stop)
