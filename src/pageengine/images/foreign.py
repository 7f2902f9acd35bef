"""Files that are known and not read: one line each, what it is and how to get something that is
read.
"""

from __future__ import annotations

from typing import NamedTuple

from pageengine.errors import ImageError
from pageengine.images.base import Image

KDUMP = (
    "dump again as ELF: for a QEMU guest dump-guest-memory without -z, -l and -s, or "
    "virsh dump --memory-only --format elf; "
    "in a crash kernel makedumpfile -E instead of -c, -l or -p"
)
LIBVIRT = "start the guest from it, then: virsh dump --memory-only --format elf DOMAIN FILE"
VMWARE = "give the .vmem file beside it, which holds the memory"
WINDOWS = "convert it to raw memory: vol -f FILE -o DIR layerwriter (Volatility 3)"
DISK = "give the memory of the guest (for QEMU: dump-guest-memory FILE), not its disk"
NOT_MEMORY = "give the memory of a guest or of a process"


class Foreign(NamedTuple):
    """A file that has ``magic`` at byte ``at`` is a ``what``; ``advice`` says what to do."""

    magic: bytes
    at: int
    what: str
    advice: str


def _word(value: int) -> bytes:
    return value.to_bytes(4, "little")


FOREIGN = (
    Foreign(b"KDUMP   ", 0, "compressed kdump file", KDUMP),
    Foreign(b"DISKDUMP", 0, "diskdump file", KDUMP),
    Foreign(b"makedumpfile\0\0\0\0", 0, "flattened kdump file", KDUMP),
    Foreign(b"LibvirtQemudSave", 0, "libvirt save file", LIBVIRT),
    Foreign(b"LibvirtQemudPart", 0, "unfinished libvirt save file", LIBVIRT),
    Foreign(b"QEVM", 0, "QEMU migration stream", "load it into QEMU, then: dump-guest-memory FILE"),
    Foreign(b"AVML", 0, "compressed AVML file", "decompress it: avml-convert THIS_FILE FILE.lime"),
    Foreign(_word(0xBED0BED0), 0, "VMware snapshot state (.vmss, .vmsn)", VMWARE),
    Foreign(_word(0xBED2BED2), 0, "VMware snapshot state (.vmss, .vmsn)", VMWARE),
    Foreign(_word(0xBED3BED3), 0, "VMware snapshot state (.vmss, .vmsn)", VMWARE),
    Foreign(_word(0xBAD1BAD1), 0, "VMware snapshot state (.vmss, .vmsn)", VMWARE),
    Foreign(_word(0xBAD2BAD2), 0, "VMware snapshot state (.vmss, .vmsn)", VMWARE),
    Foreign(b"PAGEDUMP", 0, "Windows crash dump (32 bit)", WINDOWS),
    Foreign(b"PAGEDU64", 0, "Windows crash dump (64 bit)", WINDOWS),
    Foreign(b"hibr", 0, "Windows hibernation file", WINDOWS),
    Foreign(b"HIBR", 0, "Windows hibernation file", WINDOWS),
    Foreign(b"MDMP\x93\xa7", 0, "Windows minidump", NOT_MEMORY),
    Foreign(b"QFI\xfb", 0, "qcow2 disk image", DISK),
    Foreign(b"KDMV", 0, "VMDK disk image", DISK),
    Foreign(b"vhdxfile", 0, "VHDX disk image", DISK),
    Foreign(_word(0xBEDA107F), 64, "VirtualBox disk image", DISK),
    Foreign(b"\xfd7zXZ\0", 0, "xz file", "decompress it: xz -d -k FILE"),
    Foreign(b"\x04\x22\x4d\x18", 0, "lz4 file", "decompress it: lz4 -d FILE"),
    Foreign(b"BZh", 0, "bzip2 file", "decompress it: bzip2 -d -k FILE"),
    Foreign(b"\xff\x06\0\0sNaPpY", 0, "Snappy file", "decompress it: snzip -d -k FILE"),
    Foreign(b"PK\x03\x04", 0, "zip file", "unpack it: unzip FILE"),
    Foreign(b"ustar", 257, "tar file", "unpack it: tar xf FILE"),
)


def find(head: bytes) -> Foreign | None:
    """The line that fits the beginning of a file, if any does."""
    return next((f for f in FOREIGN if head[f.at : f.at + len(f.magic)] == f.magic), None)


def recognise(head: bytes, path: str) -> bool:
    """Whether the file is known and not read."""
    return find(head) is not None


def refuse(path: str, batch: int = 1024) -> Image:
    """Raise the ImageError that says what the file is and what to do."""
    with open(path, "rb") as file:
        found = find(file.read(512))
    if found is None:
        raise ImageError(f"{path}: not one of the files that are known and not read")
    raise ImageError(f"{path}: a {found.what}, which is not read; {found.advice}")
