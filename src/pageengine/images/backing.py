"""The files behind the mappings of a live process: found, told apart by what they are, and asked
which of their pages they hold.

A file is opened by the kernel's own link to it (/proc/PID/map_files, for root), by its path, or by
a descriptor that the process has open; the last two only if device and inode are those of the
mapping, so that a file that was replaced meanwhile is not taken for it.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterator
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from pageengine.images.pieces import PAGE_BYTES

if TYPE_CHECKING:
    from pageengine.images.mappings import Mapping

MEMORY_FILE_SYSTEMS = {"tmpfs", "ramfs", "devtmpfs", "hugetlbfs"}
ZERO_DEVICE = os.makedev(1, 5)  # /dev/zero: mapped privately, it is memory without a file

END = 1 << 63  # behind every file


class Type(Enum):
    """What is behind a mapping."""

    NONE = "memory without a file"
    FILE = "a file that can be read"
    DRIVER = "a device or another thing of the kernel's"
    LOST = "a file that cannot be reached"


class Backing(NamedTuple):
    """What is behind a mapping. ``in_memory``: the file is nowhere but in memory. ``handle``,
    ``size``: of a FILE. ``number``: of a device.
    """

    type: Type
    in_memory: bool = False
    handle: int = -1
    size: int = 0
    number: int = 0

    def runs(self, offset: int, pages: int) -> Iterator[tuple[int, int, bool]]:
        """Runs of pages from ``offset`` on: (first, end, whether the file holds any of it)."""
        end = offset + pages * PAGE_BYTES
        at, done = offset, 0
        while at < end:
            data, hole = self._next_data(at)
            first = min((data - offset) // PAGE_BYTES, pages)
            if first > done:
                yield done, first, False
            done = max(first, done)
            last = min(-(-(hole - offset) // PAGE_BYTES), pages)
            if last > done:
                yield done, last, True
            done, at = max(last, done), max(hole, at + 1)

    def _next_data(self, offset: int) -> tuple[int, int]:
        """Begin and end of the first stored stretch that ends behind ``offset``."""
        try:
            begin = os.lseek(self.handle, offset, os.SEEK_DATA)
            return begin, max(os.lseek(self.handle, begin, os.SEEK_HOLE), begin + 1)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole from here on
                return END, END
            return offset, END  # a file system that does not tell


class Backings:
    """The files behind the mappings of one process, each opened once."""

    def __init__(self, pid: int):
        self._base = f"/proc/{pid}"
        self._found: dict[tuple[int, int], Backing] = {}
        self._descriptors: dict[tuple[int, int], str] | None = None
        self._memory_devices = memory_devices(f"{self._base}/mountinfo")
        self._driver_devices = device_of(os.eventfd(0)) if hasattr(os, "eventfd") else set()

    def of(self, mapping: Mapping) -> Backing:
        """What is behind a mapping."""
        key = mapping.device, mapping.inode
        if key == (0, 0):
            return Backing(Type.NONE)
        if key not in self._found:
            self._found[key] = self._find(mapping)
        found = self._found[key]
        if found.type is Type.DRIVER and found.number == ZERO_DEVICE and not mapping.shared:
            return Backing(Type.NONE)
        return found

    def _find(self, mapping: Mapping) -> Backing:
        if mapping.device in self._driver_devices:
            return Backing(Type.DRIVER)
        in_memory = mapping.device in self._memory_devices
        for path, sure in self._paths(mapping):
            try:
                info = os.stat(path)
                if not sure and (info.st_dev, info.st_ino) != (mapping.device, mapping.inode):
                    continue
                if not stat.S_ISREG(info.st_mode):
                    return Backing(Type.DRIVER, number=info.st_rdev)
                handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError:
                continue
            info = os.fstat(handle)
            if sure or (info.st_dev, info.st_ino) == (mapping.device, mapping.inode):
                return Backing(Type.FILE, in_memory, handle, info.st_size)
            os.close(handle)
        return Backing(Type.LOST, in_memory)

    def _paths(self, mapping: Mapping) -> Iterator[tuple[str, bool]]:
        """Where the file may be found, and whether that is sure to be the one."""
        yield f"{self._base}/map_files/{mapping.begin:x}-{mapping.end:x}", True
        if mapping.path.startswith("/"):
            yield f"{self._base}/root{unescaped(mapping.path)}", False
        if self._descriptors is None:
            self._descriptors = self._open_files()
        if (mapping.device, mapping.inode) in self._descriptors:
            yield self._descriptors[mapping.device, mapping.inode], False

    def _open_files(self) -> dict[tuple[int, int], str]:
        found = {}
        try:
            for name in os.listdir(f"{self._base}/fd"):
                path = f"{self._base}/fd/{name}"
                try:
                    info = os.stat(path)
                except OSError:
                    continue
                if stat.S_ISREG(info.st_mode):
                    found[info.st_dev, info.st_ino] = path
        except OSError:
            pass
        return found

    def close(self) -> None:
        """Close every file. Legal twice."""
        for backing in self._found.values():
            if backing.handle >= 0:
                os.close(backing.handle)
        self._found = {}


def memory_devices(mountinfo: str) -> set[int]:
    """The devices of file systems that are nowhere but in memory: mounted ones, and the one in
    which the kernel keeps shared memory without a name.
    """
    found = device_of(os.memfd_create("probe")) if hasattr(os, "memfd_create") else set()
    try:
        with open(mountinfo, encoding="utf-8", errors="surrogateescape") as file:
            for line in file:
                mount, _, kind = line.partition(" - ")
                if kind.split(" ")[0] in MEMORY_FILE_SYSTEMS:
                    major, minor = mount.split()[2].split(":")
                    found.add(os.makedev(int(major), int(minor)))
    except (OSError, ValueError, IndexError):
        pass
    return found


def device_of(handle: int) -> set[int]:
    """The device of an open file, which is closed."""
    try:
        return {os.fstat(handle).st_dev}
    finally:
        os.close(handle)


def unescaped(path: str) -> str:
    """A path as /proc/PID/maps writes it, where a line feed is \\012."""
    return re.sub(r"\\012", "\n", path)
