"""Paging memory of a process out: by process_madvise in small pieces, or by its cgroup's
memory.reclaim.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pageengine.errors import LiveError
from pageengine.live.sources import files, process
from pageengine.live.sources.files import PAGE

if TYPE_CHECKING:
    from numpy.typing import NDArray

PIECE = 32 << 20  # bytes of one call: what the kernel does in tens of milliseconds
_PROCESS_MADVISE, _MADV_PAGEOUT = 440, 21  # of linux/asm-generic, on every processor
_RUNS_MOST = 1024  # of one call (UIO_MAXIOV)
_PRESENT = np.uint64(1 << 63)


class _Stretch(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class PageOut:
    """Pages memory of one life of a process out, going round through it from call to call.

    life: as ``process.life_of``. Another process that got its number is never touched.
    """

    def __init__(self, life: str):
        self._life = life.partition("+")[0]
        self._pid = int(life.partition("@")[0])
        self._next = 0

    def pieces(self, ranges: Sequence[process.Range]) -> list[process.Range]:
        """The ranges in pieces, from where the last call stopped on, each once."""
        cut = [
            (start, min(start + PIECE, high))
            for low, high in ranges
            for start in range(low, high, PIECE)
        ]
        return [p for p in cut if p[0] >= self._next] + [p for p in cut if p[0] < self._next]

    def page_out(self, piece: process.Range, most: int) -> int:
        """Pages up to ``most`` bytes of a piece out; how many went. Those that are shared stay.
        Raises LiveError: no rights, no such call, or the process has ended.
        """
        try:
            handle = os.pidfd_open(self._pid)
        except (OSError, AttributeError) as error:
            raise LiveError(f"process {self._pid} cannot be paged out: {error}") from error
        try:
            # the number may be another process's by now; this handle is of whoever has it
            if process.life_of(self._pid) != self._life:
                raise LiveError(f"process {self._pid} has ended: another one has its number")
            there = self._present(piece)
            wanted = np.flatnonzero(there)[: max(0, most) // PAGE]
            if not len(wanted):
                self._next = piece[1]
                return 0
            self._advise(handle, piece[0], wanted)
            self._next = piece[0] + (int(wanted[-1]) + 1) * PAGE
            still = self._present(piece)
            return int(np.count_nonzero(~still[wanted])) * PAGE
        finally:
            os.close(handle)

    def _present(self, piece: process.Range) -> NDArray[np.bool_]:
        """Which pages of a piece are in machine memory."""
        count = (piece[1] - piece[0]) // PAGE
        try:
            with open(f"/proc/{self._pid}/pagemap", "rb", buffering=0) as pagemap:
                said = os.pread(pagemap.fileno(), count * 8, piece[0] // PAGE * 8)
        except OSError as error:
            raise LiveError(f"pages of process {self._pid} cannot be told: {error}") from error
        entries = np.zeros(count, np.uint64)
        entries[: len(said) // 8] = np.frombuffer(said[: len(said) // 8 * 8], np.uint64)
        present: NDArray[np.bool_] = (entries & _PRESENT) != 0
        return present

    def _advise(self, handle: int, base: int, pages: NDArray[np.intp]) -> None:
        ends = np.flatnonzero(np.diff(pages) != 1) + 1
        runs = [(int(r[0]), len(r)) for r in np.split(pages, ends)]
        for first in range(0, len(runs), _RUNS_MOST):
            part = runs[first : first + _RUNS_MOST]
            given = (_Stretch * len(part))(
                *[_Stretch(base + at * PAGE, n * PAGE) for at, n in part]
            )
            libc = ctypes.CDLL(None, use_errno=True)
            done = libc.syscall(
                ctypes.c_long(_PROCESS_MADVISE),
                ctypes.c_int(handle),
                given,
                ctypes.c_size_t(len(part)),
                ctypes.c_int(_MADV_PAGEOUT),
                ctypes.c_uint(0),
            )
            if done < 0:
                self._refused(ctypes.get_errno())

    def _refused(self, number: int) -> None:
        if number in (errno.EAGAIN, errno.ENOMEM, errno.EINTR):
            return  # the mapping changed meanwhile, or not all could go: what did is counted
        why = {
            errno.EPERM: "it takes CAP_SYS_NICE, and the right to trace the process",
            errno.ENOSYS: "this kernel (before 5.10) has no process_madvise",
            errno.ESRCH: "it has ended",
        }.get(number, os.strerror(number))
        raise LiveError(f"process {self._pid} cannot be paged out: {why}")


def reclaim_cgroup(folder: str, memory: int) -> int:
    """Has up to ``memory`` bytes of a cgroup reclaimed, one piece; how many it holds less now.
    That not all could be is no error.
    """
    path = Path(folder)
    try:
        before = int((path / "memory.current").read_text())
        try:
            files.put(path / "memory.reclaim", min(memory, PIECE))
        except OSError as error:
            if error.errno != errno.EAGAIN:
                raise
        return max(0, before - int((path / "memory.current").read_text()))
    except OSError as error:
        raise LiveError(
            f"{folder}: memory cannot be reclaimed: {error.strerror}; it has to be the folder "
            "of a cgroup (version 2) that may be written"
        ) from error
    except ValueError as error:
        raise LiveError(f"{folder}/memory.current: not a number of bytes") from error
