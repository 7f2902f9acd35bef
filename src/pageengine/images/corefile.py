"""Captures the memory of a live process as an ELF core file, which `images.open` and gdb read.

Memory holds secrets: passwords, keys, everything the process knew. The file is therefore readable
by its owner only, and appears under its name only when it is whole.

Layout: ELF header, program headers (and, beyond 65534 of them, the one section header that holds
their count), notes, then the pages from a page boundary on, in order of address. A PT_LOAD is a run
of pages that are in memory and the absent pages behind them (p_memsz beyond p_filesz). Pages that
could not be read are left as holes of the file.
"""

from __future__ import annotations

import os
import struct
import sys
from bisect import bisect_right
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

HEADER_BYTES, PROGRAM_BYTES, SECTION_BYTES = 64, 56, 64
FLAGS = {"r": 4, "w": 2, "x": 1}


class Captured(NamedTuple):
    """What ``capture`` wrote: pages of the image, pages stored, pages that could not be read, bytes
    of the file.
    """

    path: str
    pages: int
    data_pages: int
    unreadable_pages: int
    file_bytes: int


class Load(NamedTuple):
    """A PT_LOAD: from page ``ppn`` of the image, ``stored`` pages in the file and ``pages`` in all.
    """

    ppn: int
    address: int
    stored: int
    pages: int
    flags: int


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
    folder, name = os.path.split(os.path.abspath(target))
    part = os.path.join(folder, f".{name}.{os.getpid()}-{os.urandom(4).hex()}.part")
    with process(pid, stop=stop) as image:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb", buffering=0) as file:
                written = write(image, file, progress)
                size = os.fstat(file.fileno()).st_size
            os.replace(part, target)
        except BaseException:
            os.unlink(part)
            raise
    return Captured(target, image.pages, written, image.unreadable_pages, size)


def write(image: ProcessImage, file: BinaryIO, progress: Progress | None = None) -> int:
    """Write a process image as an ELF core file; how many pages it holds."""
    loads = plan(image)
    begin, head = headers(image, loads)
    os.pwrite(file.fileno(), head, 0)
    firsts = [load.ppn for load in loads]
    offsets = begin + PAGE_BYTES * np.cumsum([0] + [load.stored for load in loads])
    written = 0
    for ppns, pages in image.batches(progress=progress):
        cuts = np.flatnonzero(np.diff(ppns) != 1) + 1
        for first, end in zip([0, *cuts.tolist()], [*cuts.tolist(), len(ppns)]):
            index = bisect_right(firsts, int(ppns[first])) - 1
            offset = int(offsets[index]) + (int(ppns[first]) - firsts[index]) * PAGE_BYTES
            write_all(file, pages[first:end].reshape(-1).data, offset)
        written += len(ppns)
    file.truncate(int(offsets[-1]))
    return written


def write_all(file: BinaryIO, data: memoryview, offset: int) -> None:
    """Write all of ``data`` at an offset."""
    while data:
        done = os.pwrite(file.fileno(), data, offset)
        data, offset = data[done:], offset + done


def plan(image: ProcessImage) -> list[Load]:
    """The PT_LOADs, by address. If there are too many, small gaps are stored as well (as holes of
    the file).
    """
    gap = 0
    while True:
        loads = plan_with_gap(image, gap)
        if len(loads) < SEGMENTS_LIMIT:
            return loads
        gap = max(1, gap * 4)


def plan_with_gap(image: ProcessImage, gap: int) -> list[Load]:
    """The PT_LOADs where gaps of up to ``gap`` absent pages are stored."""
    loads: list[Load] = []
    runs, at, ppn = image.runs, 0, 0
    for mapping in image.mappings:
        end = ppn + (mapping.end - mapping.begin) // PAGE_BYTES
        flags = sum(bit for letter, bit in FLAGS.items() if letter in mapping.access)
        address = mapping.begin - ppn * PAGE_BYTES
        mine = [Load(ppn, mapping.begin, 0, end - ppn, flags)]
        while at < len(runs) and runs[at][0] < end:
            first, stop = max(runs[at][0], ppn), min(runs[at][1], end)
            last = mine[-1]
            if first - (last.ppn + last.stored) <= gap:
                mine[-1] = last._replace(stored=stop - last.ppn)
            else:
                mine[-1] = last._replace(pages=first - last.ppn)
                begin = address + first * PAGE_BYTES
                mine.append(Load(first, begin, stop - first, end - first, flags))
            if runs[at][1] > end:
                break
            at += 1
        loads += mine
        ppn = end
    return loads


def headers(image: ProcessImage, loads: list[Load]) -> tuple[int, bytes]:
    """(offset of the first page, all bytes before it)."""
    order = "<" if sys.byteorder == "little" else ">"
    count = len(loads) + 1
    extended = count >= PN_XNUM
    notes = all_notes(image, order)
    notes_at = HEADER_BYTES + count * PROGRAM_BYTES + (SECTION_BYTES if extended else 0)
    begin = -(-(notes_at + len(notes)) // PAGE_BYTES) * PAGE_BYTES
    program = struct.Struct(order + "IIQQQQQQ")
    out = bytearray(MAGIC + bytes([2, 1 if order == "<" else 2, 1]) + bytes(9))
    out += struct.pack(
        order + "HHIQQQIHHHHHH", ET_CORE, machine(image.pid, order), 1, 0, HEADER_BYTES,
        HEADER_BYTES + count * PROGRAM_BYTES if extended else 0, 0, HEADER_BYTES, PROGRAM_BYTES,
        PN_XNUM if extended else count, SECTION_BYTES if extended else 0, int(extended), 0,
    )
    out += program.pack(PT_NOTE, 4, notes_at, 0, 0, len(notes), 0, 4)
    offset = begin
    for _, address, stored, pages, flags in loads:
        stored_bytes = stored * PAGE_BYTES
        out += program.pack(
            PT_LOAD, flags, offset, address, 0, stored_bytes, pages * PAGE_BYTES, PAGE_BYTES
        )
        offset += stored_bytes
    if extended:
        out += struct.pack(order + "IIQQQQIIQQ", 0, 0, 0, 0, 0, 0, 0, count, 0, 0)
    return begin, bytes(out + notes)


def machine(pid: int, order: str) -> int:
    """e_machine of the program that the process runs; 0 if it cannot be read."""
    try:
        with open(f"/proc/{pid}/exe", "rb") as file:
            head = file.read(20)
        return int(struct.unpack_from(order + "H", head, 18)[0])
    except (OSError, struct.error):
        return 0


def all_notes(image: ProcessImage, order: str) -> bytes:
    """Who it was, its auxiliary vector and its mapped files, as debuggers want them."""
    base = f"/proc/{image.pid}/"
    command = read_quietly(base + "cmdline").replace(b"\0", b" ").strip()
    name = read_quietly(base + "comm").strip()
    numbers = (0, ord("T"), 0, 0, 0, 0, 0, image.pid, 0, 0, 0)
    person = struct.pack(order + "bbbbxxxxQIIiiii16s80s", *numbers, name[:15], command[:79])
    files = [m for m in image.mappings if m.path.startswith("/")]
    table = struct.pack(order + "QQ", len(files), PAGE_BYTES)
    entry = struct.Struct(order + "QQQ")
    table += b"".join(entry.pack(m.begin, m.end, m.offset // PAGE_BYTES) for m in files)
    table += b"".join(os.fsencode(m.path) + b"\0" for m in files)
    contents = ((NT_PRPSINFO, person), (NT_AUXV, read_quietly(base + "auxv")), (NT_FILE, table))
    return b"".join(note(order, kind, content) for kind, content in contents)


def note(order: str, kind: int, content: bytes) -> bytes:
    """One note of the name CORE."""
    padding = bytes(-len(content) % 4)
    return struct.pack(order + "III8s", 5, len(content), kind, b"CORE") + content + padding


def read_quietly(path: str) -> bytes:
    """The content of a small file; nothing if it cannot be read."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""
