"""What a live process has mapped, and of each part where its content is to be found.

A page that is in the process's page tables (or in swap, which /proc/PID/pagemap tells as well) is
read through /proc/PID/mem. One that is not there is not simply zero. Which of these it is follows
from what is mapped, never from its name (VmFlags of /proc/PID/smaps, type and device of the file):

- private memory without a file: zero, until the process touches it;
- a file in memory (tmpfs, memfd, System V, shared memory without a name, huge pages): somebody
  else may have filled it, or the process itself before a fork; the file holds the page, and where
  the file has a hole it is zero;
- a file on disk that the process may write, or has written privately: likewise;
- a file on disk that it only reads (programs, libraries, databases): not memory of the process; it
  counts as not stored, as in core files of kernels and debuggers;
- pages beyond the end of a file: no memory, an access there is an error (SIGBUS);
- memory that userfaultfd fills in on demand, or a driver: not known, and not to be touched.

Left out are mappings of devices (VmFlags io, pf), kernel addresses, guard pages, and pages that the
process may not access, unless there is content behind them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from pageengine.images.backing import Backing, Backings, Type
from pageengine.images.pagemap import ABSENT, PRESENT, PageMap
from pageengine.images.pieces import PAGE_BYTES

HEAD = re.compile(
    r"([0-9a-f]{1,16})-([0-9a-f]{1,16}) (\S{4}) ([0-9a-f]{1,16})"
    r" ([0-9a-f]{1,8}):([0-9a-f]{1,8}) ([0-9]{1,20}) *(.*)",
    re.DOTALL,
)
USED = ("Anonymous:", "Rss:", "Swap:", "Private_Hugetlb:", "Shared_Hugetlb:")
DEVICE_FLAGS = {"io", "pf"}
KERNEL_ADDRESS = 1 << 63


class Mapping(NamedTuple):
    """A mapping as /proc/PID/smaps tells it. ``used`` bytes by name (USED); empty with ``flags``
    where only /proc/PID/maps could be read.
    """

    begin: int
    end: int
    access: str
    offset: int
    device: int
    inode: int
    path: str
    flags: frozenset[str]
    used: dict[str, int]

    @property
    def shared(self) -> bool:
        """Whether others see what is written."""
        return self.access[3] == "s"


class Extent(NamedTuple):
    """``pages`` pages of a mapping from ``address`` on. ``where``: "memory", read in the process;
    "file", read in ``file`` from ``offset`` on; "hole", zero; "unknown", not to be had.
    """

    address: int
    pages: int
    where: str
    mapping: Mapping
    file: Backing | None = None
    offset: int = 0


def parse(text: str) -> list[Mapping]:
    """The mappings of /proc/PID/smaps, or of /proc/PID/maps."""
    found: list[Mapping] = []
    # The system writes an end of line in a file's name as \012, and no other character otherwise:
    # what else ends lines for Python is a part of the name, which is the process's to choose.
    for line in text.split("\n"):
        head = HEAD.match(line)
        if head:
            begin, end, access, offset, major, minor, inode, path = head.groups()
            device = os.makedev(int(major, 16), int(minor, 16))
            found.append(
                Mapping(
                    int(begin, 16),
                    int(end, 16),
                    access,
                    int(offset, 16),
                    device,
                    int(inode),
                    path,
                    frozenset(),
                    {},
                )
            )
        elif found and line.startswith(USED):
            name, amount = line.split()[:2]
            found[-1].used[name[:-1]] = int(amount) << 10
        elif found and line.startswith("VmFlags:"):
            found[-1] = found[-1]._replace(flags=frozenset(line.split()[1:]))
    return found


def holds_memory(mapping: Mapping) -> bool:
    """Whether a mapping may be read at all: not a device's, not the kernel's own."""
    return mapping.begin < KERNEL_ADDRESS and not mapping.flags & DEVICE_FLAGS


def where_absent(mapping: Mapping, backing: Backing) -> str:
    """Where the content of a page is that is not in the page tables; "file" for a file that holds
    it, as far as it goes.
    """
    if backing.type is Type.DRIVER:
        return "unknown"
    if backing.type is Type.NONE:
        special = "de" in mapping.flags  # pages of the kernel's own, such as [vdso]
        demanded = "um" in mapping.flags  # missing pages come from a server: userfaultfd
        return "unknown" if demanded else "memory" if special else "hole"
    writable = mapping.access[1] == "w" or mapping.used.get("Anonymous", 0) > 0
    if not (writable or backing.in_memory or "ht" in mapping.flags):
        return "unknown"
    if backing.type is Type.FILE:
        return "file"
    return "unknown" if "um" in mapping.flags else "memory"


class Explorer:
    """Finds where the content of each page of a process is."""

    def __init__(self, pages: PageMap, backings: Backings):
        self._pages, self._backings = pages, backings

    def extents(self, mappings: Iterable[Mapping]) -> Iterator[Extent]:
        """By address; what is no memory is in none of them."""
        for mapping in mappings:
            if not holds_memory(mapping):
                continue
            backing: Backing | None = None
            for begin, end, state in self._states(mapping):
                pages = (end - begin) // PAGE_BYTES
                if state == PRESENT:
                    yield Extent(begin, pages, "memory", mapping)
                elif state == ABSENT and mapping.access[0] == "r":
                    backing = backing or self._backings.of(mapping)
                    yield from self._absent(mapping, backing, begin, pages)

    def _states(self, mapping: Mapping) -> Iterable[tuple[int, int, int]]:
        if not self._pages.tells:  # then every page is read
            state = PRESENT if mapping.access[0] == "r" else ABSENT
            return [(mapping.begin, mapping.end, state)]
        if not any(mapping.used.get(name[:-1], 1) for name in USED[1:]):
            return [(mapping.begin, mapping.end, ABSENT)]  # saves a look at every page
        return self._pages.states(mapping.begin, mapping.end)

    def _absent(
        self, mapping: Mapping, backing: Backing, address: int, pages: int
    ) -> Iterator[Extent]:
        where = where_absent(mapping, backing)
        offset = mapping.offset + address - mapping.begin
        if backing.type is Type.FILE:
            pages = min(pages, -(-(backing.size - offset) // PAGE_BYTES))  # beyond: no memory
        if pages <= 0:
            return
        if where != "file":
            yield Extent(address, pages, where, mapping)
            return
        for first, end, stored in backing.runs(offset, pages):
            begin, at = address + first * PAGE_BYTES, offset + first * PAGE_BYTES
            if not stored:
                # a hole of a file that is filled in on demand is not known to be zero
                where = "unknown" if "um" in mapping.flags else "hole"
                yield Extent(begin, end - first, where, mapping)
            elif offset + end * PAGE_BYTES <= backing.size:
                yield Extent(begin, end - first, "file", mapping, backing, at)
            else:  # what is mapped behind the last byte is in the page, not in the file
                if end - first > 1:
                    yield Extent(begin, end - first - 1, "file", mapping, backing, at)
                last = address + (end - 1) * PAGE_BYTES
                yield Extent(last, 1, "memory", mapping)
