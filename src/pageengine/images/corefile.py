"""Captures the memory of a live process as an ELF core file, which `images.open` and gdb read.

Memory holds secrets: passwords, keys, everything the process knew. The file is therefore readable
by its owner only, and appears under its name only when it is whole.

Layout: ELF header, program headers (and, beyond 65534 of them, the one section header that holds
their count), notes, then the pages from a page boundary on, in order of address. What is zero is in
the file, as every reader expects of a core, but takes no space: small holes of the process's memory
are holes of the file where they are, large ones are all one hole at the end of the file, which many
PT_LOADs name. What is not known (p_filesz is 0) is not in the file: pages of files that the process
only reads, of drivers, and pages that could not be read. If there were any of these, the headers
are written once more, behind the pages, as there are more of them now.
"""

from __future__ import annotations

import os
import struct
import sys
from bisect import bisect_right
from itertools import pairwise
from typing import BinaryIO, NamedTuple

import numpy as np

from pageengine.images.base import Progress
from pageengine.images.elf import (
    ET_CORE,
    MAGIC,
    NT_AUXV,
    NT_FILE,
    NT_PRPSINFO,
    PN_XNUM,
    PT_LOAD,
    PT_NOTE,
    SEGMENTS_LIMIT,
)
from pageengine.images.live import ProcessImage, process
from pageengine.images.pieces import PAGE_BYTES
from pageengine.plumbing import writing

HEADER_BYTES, PROGRAM_BYTES, SECTION_BYTES = 64, 56, 64
ORDER = "<" if sys.byteorder == "little" else ">"
SMALL_HOLE = 16  # pages that a hole may have to be left in its place
LARGEST_HOLE, HOLE_LOADS = 4096, 4096  # pages of a PT_LOAD of zeros; more if there were more loads
FLAGS = {"r": 4, "w": 2, "x": 1}


class Captured(NamedTuple):
    """What ``capture`` wrote: pages of memory whose content is known, pages of these that are
    stored (the others are zero), further pages that are not known, of these the pages that could
    not be read, bytes of the file.
    """

    path: str
    pages: int
    data_pages: int
    unknown_pages: int
    unreadable_pages: int
    file_bytes: int


class CoreSegment(NamedTuple):
    """A PT_LOAD of ``pages`` pages from ``address`` on, page ``ppn`` of the image. ``content``:
    "data" is in the file in its turn, "zero" in the hole at the end, "unknown" not at all.
    """

    ppn: int
    address: int
    pages: int
    flags: int
    content: str


def capture(
    pid: int, path: str | os.PathLike[str], *, stop: bool = True, progress: Progress | None = None
) -> Captured:
    """Write the memory of process ``pid`` to ``path`` as an ELF core file that only its owner may
    read.

    The file holds whatever secrets the process holds: keep it as you would keep them. ``stop``
    halts the process (SIGSTOP) while it is read, so that the file is one moment of its life. An
    existing file is replaced, and only when the new one is whole; after an error nothing is left
    behind.
    """
    target = os.fspath(path)
    if os.path.exists(target) and not os.path.isfile(target):
        raise ValueError(f"{target} is no regular file, and a core cannot be written to it")
    with process(pid, stop=stop) as image:
        with writing.whole(target, 0o600) as file:
            written = write(image, file, progress)
            size = os.fstat(file.fileno()).st_size
        data, hole, unknown, _ = image.kinds
        return Captured(target, data + hole, written, unknown, image.unreadable_pages, size)


def write(image: ProcessImage, file: BinaryIO, progress: Progress | None = None) -> int:
    """Write a process image as an ELF core file; how many pages it holds."""
    loads = plan(image)
    notes = all_notes(image)
    begin = -(-(HEADER_BYTES + len(table(loads, notes, HEADER_BYTES, 0))) // PAGE_BYTES)
    begin *= PAGE_BYTES
    data = [load for load in loads if load.content == "data"]
    firsts = [load.ppn for load in data]
    offsets = begin + PAGE_BYTES * np.cumsum([0] + [load.pages for load in data])
    written = 0
    for ppns, pages in image.batches(progress=progress):
        cuts = np.flatnonzero(np.diff(ppns) != 1) + 1
        for first, end in pairwise([0, *cuts.tolist(), len(ppns)]):
            while first < end:  # a run of pages may go on in the next PT_LOAD
                index = bisect_right(firsts, int(ppns[first])) - 1
                skipped = int(ppns[first]) - firsts[index]
                n = min(end - first, data[index].pages - skipped)
                rows = pages[first : first + n].reshape(-1).data
                write_all(file, rows, int(offsets[index]) + skipped * PAGE_BYTES)
                first += n
        written += len(ppns)
    zeros = max((load.pages for load in loads if load.content == "zero"), default=0)
    size = int(offsets[-1]) + zeros * PAGE_BYTES
    file.truncate(size)
    at = HEADER_BYTES
    if image.unreadable:
        loads, at = without_unreadable(loads, image.unreadable), size
    write_all(file, header(image.pid, loads, at), 0)
    write_all(file, table(loads, notes, at, begin), at)
    return written


def write_all(file: BinaryIO, data: bytes | memoryview, offset: int) -> None:
    """Write all of ``data`` at an offset."""
    writing.write_at(file, data, offset)


def plan(image: ProcessImage) -> list[CoreSegment]:
    """The PT_LOADs, by address. If there are too many, holes of any size are left in their
    place.
    """
    gap = SMALL_HOLE
    while True:
        loads = plan_with_gap(image, gap)
        if len(loads) < SEGMENTS_LIMIT or gap > image.pages:
            return loads
        gap = max(1, gap * 4)


def plan_with_gap(image: ProcessImage, gap: int) -> list[CoreSegment]:
    """The PT_LOADs where holes of up to ``gap`` pages are left in their place."""
    holes = sum(extent.pages for extent in image.extents if extent.where == "hole")
    most = max(LARGEST_HOLE, -(-holes // HOLE_LOADS))
    loads: list[CoreSegment] = []
    ppn = 0
    for address, pages, where, mapping, *_ in image.extents:
        flags = sum(bit for letter, bit in FLAGS.items() if letter in mapping.access)
        content = "unknown" if where == "unknown" else "data"
        if where == "hole" and pages > gap:
            for at in range(0, pages, most):
                n = min(most, pages - at)
                loads.append(CoreSegment(ppn + at, address + at * PAGE_BYTES, n, flags, "zero"))
        elif loads and follows(loads[-1], address, flags, content):
            loads[-1] = loads[-1]._replace(pages=loads[-1].pages + pages)
        else:
            loads.append(CoreSegment(ppn, address, pages, flags, content))
        ppn += 0 if where == "unknown" else pages
    return loads


def follows(load: CoreSegment, address: int, flags: int, content: str) -> bool:
    """Whether pages at an address go on where a PT_LOAD ends."""
    return (load.address + load.pages * PAGE_BYTES, load.flags, load.content) == (
        address,
        flags,
        content,
    )


def without_unreadable(loads: list[CoreSegment], lost: list[tuple[int, int]]) -> list[CoreSegment]:
    """The PT_LOADs, cut where pages could not be read; these stay where they are in the file, as
    holes, and are named by a PT_LOAD that has nothing there.
    """
    out: list[CoreSegment] = []
    at = 0
    for load in loads:
        if load.content != "data":
            out.append(load)
            continue
        ppn, end = load.ppn, load.ppn + load.pages
        while ppn < end:
            while at < len(lost) and lost[at][1] <= ppn:
                at += 1
            first, behind = lost[at] if at < len(lost) else (end, end)
            stop = min(first, end) if first > ppn else min(behind, end)
            content = "data" if first > ppn else "lost"
            address = load.address + (ppn - load.ppn) * PAGE_BYTES
            out.append(CoreSegment(ppn, address, stop - ppn, load.flags, content))
            ppn = stop
    return out


def header(pid: int, loads: list[CoreSegment], at: int) -> bytes:
    """The ELF header of a file whose table of PT_LOADs is at byte ``at``."""
    count = len(loads) + 1
    extended = count >= PN_XNUM
    return (
        MAGIC
        + bytes([2, 1 if ORDER == "<" else 2, 1])
        + bytes(9)
        + struct.pack(
            ORDER + "HHIQQQIHHHHHH",
            ET_CORE,
            machine(pid),
            1,
            0,
            at,
            at + count * PROGRAM_BYTES if extended else 0,
            0,
            HEADER_BYTES,
            PROGRAM_BYTES,
            PN_XNUM if extended else count,
            SECTION_BYTES if extended else 0,
            int(extended),
            0,
        )
    )


def table(loads: list[CoreSegment], notes: bytes, at: int, begin: int) -> bytes:
    """Program headers, the section header that holds their count, and notes, for byte ``at``; the
    first page is at byte ``begin``.
    """
    count = len(loads) + 1
    extended = count >= PN_XNUM
    notes_at = at + count * PROGRAM_BYTES + (SECTION_BYTES if extended else 0)
    program = struct.Struct(ORDER + "IIQQQQQQ")
    out = bytearray(program.pack(PT_NOTE, 4, notes_at, 0, 0, len(notes), 0, 4))
    offset = begin
    zeros = begin + sum(n for _, _, n, _, what in loads if what in ("data", "lost")) * PAGE_BYTES
    for _, address, pages, flags, content in loads:
        length = pages * PAGE_BYTES
        place = zeros if content == "zero" else offset
        stored = length if content in ("data", "zero") else 0
        out += program.pack(PT_LOAD, flags, place, address, 0, stored, length, PAGE_BYTES)
        offset += length if content in ("data", "lost") else 0
    if extended:
        out += struct.pack(ORDER + "IIQQQQIIQQ", 0, 0, 0, 0, 0, 0, 0, count, 0, 0)
    return bytes(out + notes)


def machine(pid: int) -> int:
    """e_machine of the program that the process runs; 0 if it cannot be read."""
    try:
        with open(f"/proc/{pid}/exe", "rb") as file:
            head = file.read(20)
        return int(struct.unpack_from(ORDER + "H", head, 18)[0])
    except (OSError, struct.error):
        return 0


def all_notes(image: ProcessImage) -> bytes:
    """Who it was, its auxiliary vector and its mapped files, as debuggers want them."""
    base = f"/proc/{image.pid}/"
    command = read_quietly(base + "cmdline").replace(b"\0", b" ").strip()
    name = read_quietly(base + "comm").strip()
    numbers = (0, ord("T"), 0, 0, 0, 0, 0, image.pid, 0, 0, 0)
    person = struct.pack(ORDER + "bbbbxxxxQIIiiii16s80s", *numbers, name[:15], command[:79])
    files = [m for m in image.mappings if m.path.startswith("/")]
    table = struct.pack(ORDER + "QQ", len(files), PAGE_BYTES)
    entry = struct.Struct(ORDER + "QQQ")
    table += b"".join(entry.pack(m.begin, m.end, m.offset // PAGE_BYTES) for m in files)
    table += b"".join(os.fsencode(m.path) + b"\0" for m in files)
    contents = ((NT_PRPSINFO, person), (NT_AUXV, read_quietly(base + "auxv")), (NT_FILE, table))
    return b"".join(note(kind, content) for kind, content in contents)


def note(kind: int, content: bytes) -> bytes:
    """One note of the name CORE."""
    padding = bytes(-len(content) % 4)
    return struct.pack(ORDER + "III8s", 5, len(content), kind, b"CORE") + content + padding


def read_quietly(path: str) -> bytes:
    """The content of a small file; nothing if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
