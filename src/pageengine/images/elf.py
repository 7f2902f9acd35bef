"""ELF core files: memory of a process (gdb, the kernel, our own capture) and of a guest (QEMU,
libvirt, kdump).

PT_LOAD headers say where memory lies: p_filesz bytes are stored at p_offset, which need not be
aligned. What is missing up to p_memsz is memory too, but not stored: kernels and gdb leave out what
is in files or was excluded from dumps, makedumpfile leaves out caches. It is unknown, not zero. (A
program's .bss is zero there; a core file's memory is not.)

A guest's dump is known by its notes or by physical addresses, and then PPN = p_paddr / 4096; a
process has no physical addresses, and its pages are packed in order of p_vaddr. A dump with paging
names a physical page once per mapping: the first one counts.
"""

from __future__ import annotations

import os
import struct
from typing import NamedTuple

from pageengine.errors import ImageError
from pageengine.images.base import FileImage, told
from pageengine.images.pieces import Region, pages_in, place
from pageengine.images.source import Source

MAGIC = b"\x7fELF"
ET_CORE = 4
PT_LOAD, PT_NOTE = 1, 4
PN_XNUM = 0xFFFF
NT_PRPSINFO, NT_AUXV, NT_FILE = 3, 6, 0x46494C45
GUEST_NOTES = {b"QEMU", b"VMCOREINFO", b"VBCPU", b"VBCORE"}
NOTES_LIMIT = 1 << 16
SEGMENTS_LIMIT = 1 << 20
PHYSICAL_LIMIT = 1 << 52  # no processor has more address lines
NO_ADDRESS = {2**32 - 1, 2**64 - 1}  # p_paddr of what is only virtual, as in /proc/kcore


class Shape(NamedTuple):
    """Sizes and orders of the fields of one ELF class."""

    header: str  # from e_type on
    header_at: int
    program: str
    fields: tuple[int, ...]
    section: str


class Load(NamedTuple):
    """The fields of a program header that are used here."""

    type: int
    offset: int
    vaddr: int
    paddr: int
    filesz: int
    memsz: int


SHAPES = {
    1: Shape("HHIIIIIHHHHHH", 16, "IIIIIIII", (0, 1, 2, 3, 4, 5), "IIIIIIIIII"),
    2: Shape("HHIQQQIHHHHHH", 16, "IIQQQQQQ", (0, 2, 3, 4, 5, 6), "IIQQQQIIQQ"),
}
TYPES = {1: "an object file", 2: "a program", 3: "a program or a library"}


class ElfImage(FileImage):
    """An ELF core file. ``physical`` says whether PPNs are physical addresses / 4096."""

    kind = "elf"

    def __init__(self, source: Source, batch: int, packed: bool | None):
        super().__init__(source, batch)
        parser = Parser(source)
        loads = [header for header in parser.headers if header.type == PT_LOAD]
        self.physical = parser.is_guest(loads)
        if self.physical:
            loads = [load for load in loads if load.paddr not in NO_ADDRESS]
        if not any(load.memsz for load in loads):
            where = (
                "its memory is in sections, as Xen writes it; dump the guest with another tool"
                if parser.sections > 1
                else "no PT_LOAD segment"
            )
            raise ImageError(f"{self.path}: an ELF core file without memory ({where})")
        regions = [self._region(load) for load in loads]
        layout = place(regions, bool(packed or not self.physical), self.physical)
        if not layout.segments:
            raise ImageError(
                f"{self.path}: an ELF core file that stores none of its "
                f"{pages_in(layout.unknown)} pages"
            )
        self._lay_out(layout)

    def _region(self, load: Load) -> Region:
        size, stored = self._source.size, min(load.filesz, load.memsz)
        address = load.paddr if self.physical else load.vaddr
        if stored and load.offset + load.filesz > size:
            raise ImageError(
                f"{self.path}: truncated: the segment at address {address:#x} has its "
                f"{load.filesz} bytes at byte {load.offset}, "
                f"but the file has {size} bytes instead of {load.offset + load.filesz}"
            )
        limit = PHYSICAL_LIMIT if self.physical else 1 << 64
        if address + load.memsz > limit:
            raise ImageError(
                f"{self.path}: damaged: a segment of {load.memsz} bytes at address "
                f"{address:#x} ends beyond {limit:#x}"
            )
        return Region(address, load.memsz, load.offset, stored)

    @property
    def description(self) -> str:
        """One line for people."""
        what = "guest memory dump" if self.physical else "core file of a process"
        return f"ELF {what}, {told(self)}, {len(self.segments)} segments"


class Parser:
    """The headers of an ELF file, checked against the file's size before they are believed."""

    def __init__(self, source: Source):
        self._source = source
        ident = source.take(16, 0, "an ELF header")
        if ident[4] not in SHAPES or ident[5] not in (1, 2):
            raise ImageError(
                f"{source.path}: damaged ELF header: class {ident[4]} at byte 4 and byte order "
                f"{ident[5]} at byte 5, each expected to be 1 or 2"
            )
        self._shape = SHAPES[ident[4]]
        self.order = "<" if ident[5] == 1 else ">"
        self.headers = self._read_headers()

    def _unpack(self, form: str, offset: int, what: str) -> tuple[int, ...]:
        data = self._source.take(struct.calcsize(self.order + form), offset, what)
        return struct.unpack(self.order + form, data)

    def _read_headers(self) -> list[Load]:
        path, shape = self._source.path, self._shape
        fields = self._unpack(shape.header, shape.header_at, "an ELF header")
        kind, table, sections, entry, count = fields[0], fields[4], fields[5], fields[8], fields[9]
        self.sections = fields[11]
        if kind != ET_CORE:
            raise ImageError(
                f"{path}: an ELF file, but {TYPES.get(kind, f'of type {kind}')}, not a core file; "
                "give a core file or a guest memory dump"
            )
        size = struct.calcsize(self.order + shape.program)
        if count and entry < size:
            raise ImageError(f"{path}: damaged: program headers of {entry} bytes, expected {size}")
        if count == PN_XNUM:  # the true count does not fit and is in the first section header
            if not sections:
                raise ImageError(f"{path}: damaged: {count} program headers but no section header")
            count = self._unpack(shape.section, sections, "the first section header")[7]
        if count > SEGMENTS_LIMIT:
            raise ImageError(
                f"{path}: damaged: {count} program headers, at most {SEGMENTS_LIMIT} expected"
            )
        data = self._source.take(count * entry, table, f"a table of {count} program headers")
        form = struct.Struct(self.order + shape.program + f"{max(entry - size, 0)}x")
        return [Load(*[row[i] for i in shape.fields]) for row in form.iter_unpack(data)]

    def is_guest(self, loads: list[Load]) -> bool:
        """Whether this is the memory of a guest or of a whole VM, not of a process."""
        headers = [header for header in self.headers if header.type == PT_NOTE]
        notes = {note for header in headers for note in self._notes(header)}
        names = {name for name, _ in notes}
        if names & GUEST_NOTES:
            return True
        if notes & {(b"CORE", NT_PRPSINFO), (b"CORE", NT_AUXV), (b"CORE", NT_FILE)}:
            return False
        return any(load.paddr for load in loads)

    def _notes(self, header: Load) -> list[tuple[bytes, int]]:
        """(name, type) of the notes of one PT_NOTE; a damaged note ends the list, for memory needs
        none.
        """
        found: list[tuple[bytes, int]] = []
        at, end = header.offset, min(header.offset + header.filesz, self._source.size)
        end = min(end, at + NOTES_LIMIT * 1024)
        while at + 12 <= end and len(found) < NOTES_LIMIT:
            name_bytes, content_bytes, kind = self._unpack("III", at, "a note")
            name_end = at + 12 + (name_bytes + 3) // 4 * 4
            if name_bytes > 256 or name_end > end:
                break
            found.append((self._source.take(name_bytes, at + 12, "a note").rstrip(b"\0"), kind))
            at = name_end + (content_bytes + 3) // 4 * 4
        return found


def recognise(head: bytes, path: str) -> bool:
    """Whether the file is an ELF file of any type."""
    return head.startswith(MAGIC)


def open_elf(path: str, batch: int = 1024, packed: bool | None = None) -> ElfImage:
    """Open an ELF core file; ``packed`` leaves gaps between physical segments out of the PPNs."""
    source = Source(os.fspath(path))
    try:
        return ElfImage(source, batch, packed)
    except BaseException:
        source.close()
        raise
