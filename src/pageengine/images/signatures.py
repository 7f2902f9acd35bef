"""What a file is that is no memory image, by the bytes it has: one line each.

A mark is bytes at a place; negative places count from the end of the file. Short marks stand
together with others, or with a ``test``, as memory may begin with any two bytes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from typing import Literal, NamedTuple

Mark = tuple[int, bytes]

KDUMP = (
    "dump again as ELF: for a QEMU guest dump-guest-memory without -z, -l and -s, or "
    "virsh dump --memory-only --format elf; "
    "in a crash kernel makedumpfile -E instead of -c, -l or -p"
)
LIBVIRT = "start the guest from it, then: virsh dump --memory-only --format elf DOMAIN FILE"
RESTORE = "let the hypervisor restore the guest from it, then dump its memory"
VMWARE = "give the .vmem file beside it, which holds the memory"
BESIDE = "give the memory file that was written beside it"
WINDOWS = "convert it to raw memory: vol -f FILE -o DIR layerwriter (Volatility 3)"
DISK = "give the memory of the guest (for QEMU: dump-guest-memory FILE), not its disk"
EVIDENCE = "export the memory in it as raw"
NOT_MEMORY = "give the memory of a guest or of a process"
UNPACK, DECOMPRESS, DECRYPT = "unpack it", "decompress it", "decrypt it first"


class Foreign(NamedTuple):
    """A file with all ``marks`` (that passes ``test`` of its first bytes) is a ``what``; ``advice``
    says what to do, ``command`` how: {path} and {out} are the file and a name for the result, for a
    shell.
    """

    what: str
    advice: str
    marks: tuple[Mark, ...]
    command: str = ""
    test: Callable[[bytes], bool] = lambda head: True


def at(place: int, *magics: bytes) -> list[tuple[Mark, ...]]:
    """Alternative marks at one place."""
    return [((place, magic),) for magic in magics]


def word(*values: int, order: Literal["little", "big"] = "little") -> list[tuple[Mark, ...]]:
    """Alternative 32-bit words at the beginning."""
    return at(0, *(value.to_bytes(4, order) for value in values))


def is_tar(head: bytes) -> bool:
    """A tar header without magic: its checksum is right."""
    block = head[:512]
    if len(block) < 512 or not block[0]:
        return False
    try:
        stored = int(block[148:156].strip(b" \0") or b"x", 8)
    except ValueError:
        return False
    return stored == sum(block[:148]) + 8 * 32 + sum(block[156:])


def is_program(head: bytes) -> bool:
    """An MZ header that leads to a PE, NE or LE header, or a plain DOS program's with relocations
    and pages that make sense.
    """
    if len(head) < 64:
        return False
    (where,) = struct.unpack_from("<I", head, 60)
    if head[where : where + 2] in (b"PE", b"NE", b"LE", b"LX"):
        return True
    last, pages, relocations, paragraphs = struct.unpack_from("<4H", head, 2)
    return bool(last < 512 and 0 < pages and relocations < 4096 and 2 <= paragraphs < 4096)


def is_partitioned(head: bytes) -> bool:
    """A boot sector whose four partitions are as such entries are, and one of them used."""
    entries = [head[at : at + 16] for at in range(446, 510, 16)]
    used = [e for e in entries if e[4:5] != b"\0" and any(e[8:16])]
    empty = [e for e in entries if not any(e)]
    return bool(used) and len(used) + len(empty) == 4 and all(e[0] in (0, 0x80) for e in used)


def is_ext(head: bytes) -> bool:
    """The superblock of ext2, ext3 or ext4: its small fields are small."""
    if len(head) < 2048:
        return False
    first, log_size, log_cluster = struct.unpack_from("<III", head, 1024 + 20)
    (state,) = struct.unpack_from("<H", head, 1024 + 58)
    (inodes, blocks) = struct.unpack_from("<II", head, 1024)
    sizes = log_size <= 6 and log_cluster <= 20
    return bool(first <= 1 and sizes and state <= 7 and inodes > 0 and blocks > 0)


def is_deflated(head: bytes) -> bool:
    """A zlib stream that can be decompressed as far as it is seen, to some use."""
    if head[0] & 0x8F != 0x08 or int.from_bytes(head[:2], "big") % 31 or head[1] & 0x20:
        return False
    try:
        return len(zlib.decompressobj().decompress(head)) > 64
    except zlib.error:
        return False


def is_lzma(head: bytes) -> bool:
    """An .lzma header: a dictionary size of one or two bits, a size that is unknown or below 2**48,
    and the zero byte with which its data begins.
    """
    if len(head) < 14:
        return False
    dictionary, size = struct.unpack_from("<IQ", head, 1)
    plausible = dictionary >= 4096 and dictionary.bit_count() <= 2
    return plausible and (size == 2**64 - 1 or 0 < size < 1 << 48) and head[13] == 0


TEXT = bytes({7, 8, 9, 10, 12, 13, 27} | set(range(0x20, 0x7F)) | set(range(0x80, 0x100)))
HIGH = bytes(range(0x80, 0x100))


def is_text(head: bytes) -> bool:
    """Text to the end of what is seen: UTF-8, an older encoding that is mostly ASCII, or UTF-16
    with its mark. A word without blanks is no text, as a page may be filled with it.
    """
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        try:
            shown = head[: len(head) // 2 * 2].decode("utf-16")
        except UnicodeDecodeError:
            return False
        return all(c.isprintable() or c.isspace() for c in shown[1:2000])
    if head.translate(None, TEXT) or not (set(head) & set(b" \n\t") or head[:1] in b"{[<"):
        return False
    if len(head.translate(None, HIGH)) > 0.6 * len(head):
        return True
    try:
        head.decode()
    except UnicodeDecodeError as error:  # a character that is cut off is none of the text's faults
        return error.start >= len(head) - 3
    return True


def is_bzip2(head: bytes) -> bool:
    """The block size, then the mark of a block or of the end."""
    return head[3:4] in b"123456789" and head[4:10] in (b"1AY&SY", b"\x17rE8P\x90")
