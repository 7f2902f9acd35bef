"""The table of files that are known and not read. What is more special stands before what is less:
text is last. A command is given where a test tries it (tests/images/test_foreign.py), elsewhere the
name of the tool.
"""

from __future__ import annotations

from collections.abc import Callable

from pageengine.images.signatures import (
    BESIDE,
    DECOMPRESS,
    DECRYPT,
    DISK,
    EVIDENCE,
    KDUMP,
    LIBVIRT,
    NOT_MEMORY,
    RESTORE,
    UNPACK,
    VMWARE,
    WINDOWS,
    Foreign,
    Mark,
    at,
    is_bzip2,
    is_deflated,
    is_ext,
    is_lzma,
    is_partitioned,
    is_program,
    is_tar,
    is_text,
    word,
)


def kind(
    what: str,
    advice: str,
    *alternatives: list[tuple[Mark, ...]],
    command: str = "",
    test: Callable[[bytes], bool] = lambda head: True,
) -> list[Foreign]:
    """One line for each of the alternatives."""
    return [Foreign(what, advice, marks, command, test) for some in alternatives for marks in some]


def both(*marks: Mark) -> list[tuple[Mark, ...]]:
    """Marks that stand together."""
    return [marks]


DUMPS = (
    kind("a compressed kdump file", KDUMP, at(0, b"KDUMP   ")),
    kind("a diskdump file", KDUMP, at(0, b"DISKDUMP")),
    kind("a flattened kdump file", KDUMP, at(0, b"makedumpfile\0\0\0\0")),
    kind(
        "an LKCD or s390 dump",
        "convert it to ELF: makedumpfile -E FILE OUT",
        at(
            0,
            bytes.fromhex("a8190173618f23ed"),
            bytes.fromhex("ed238f61730119a8"),
            bytes.fromhex("a8190173618f23fd"),
        ),
    ),
    kind("a libvirt save file", LIBVIRT, at(0, b"LibvirtQemudSave")),
    kind("an unfinished libvirt save file", LIBVIRT, at(0, b"LibvirtQemudPart")),
    kind(
        "a QEMU migration stream",
        "load it into QEMU (-incoming), then: dump-guest-memory FILE",
        at(0, b"QEVM"),
    ),
    kind("a compressed AVML file", "decompress it with avml-convert", at(0, b"AVML")),
    kind(
        "a VMware snapshot state (.vmss, .vmsn)",
        VMWARE,
        word(0xBED0BED0, 0xBED1BED1, 0xBED2BED2, 0xBED3BED3, 0xBAD1BAD1, 0xBAD2BAD2),
    ),
    kind("a Windows crash dump (32 bit)", WINDOWS, at(0, b"PAGEDUMP")),
    kind("a Windows crash dump (64 bit)", WINDOWS, at(0, b"PAGEDU64")),
    kind("a Windows hibernation file", WINDOWS, at(0, b"hibr", b"HIBR", b"wake", b"WAKE", b"RSTR")),
    kind("a Windows minidump", NOT_MEMORY, at(0, b"MDMP\x93\xa7")),
    kind(
        "a VirtualBox saved state",
        "restore the guest, then: VBoxManage debugvm VM dumpvmcore --filename=FILE",
        at(0, b"\x7fVirtualBox SavedState"),
    ),
    kind("a Xen saved domain", RESTORE, at(0, b"Xen saved domain", b"LinuxGuestRecord")),
    kind(
        "the state of a Firecracker VM without its memory",
        BESIDE,
        at(0, bytes.fromhex("0000648619100707"), bytes.fromhex("00004164aaaa1007")),
    ),
    kind(
        "a CRIU image without pages", "give the pages-*.img beside it", word(0x54564319, 0x55105940)
    ),
    kind("an HPAK archive", EVIDENCE, at(0, b"HPAK")),
    kind("an EnCase image (E01)", EVIDENCE, at(0, b"EVF\x09\x0d\x0a\xff\0", b"EVF2\x0d\x0a\x81")),
    kind("an AFF image", EVIDENCE, at(0, b"AFF10\r\n\0")),
    kind(
        "a Java heap dump",
        "capture the process itself: pageengine capture PID -o FILE",
        at(0, b"JAVA PROFILE 1."),
    ),
    kind("a Linux hibernation image in swap", RESTORE, at(4086, b"S1SUSPEND\0")),
)
COMPRESSED = (
    kind("an xz file", DECOMPRESS, at(0, b"\xfd7zXZ\0"), command="xz -dc {path} > {out}"),
    kind("an lz4 file", DECOMPRESS, word(0x184D2204, 0x184C2102), command="lz4 -dc {path} > {out}"),
    kind(
        "a bzip2 file", DECOMPRESS, at(0, b"BZh"), command="bzip2 -dc {path} > {out}", test=is_bzip2
    ),
    kind(
        "a zstd file of a version before 0.8",
        "decompress it with zstd 1.4.9 or older",
        word(*range(0xFD2FB522, 0xFD2FB528), 0xFD2FB51E),
    ),
    kind("a zstd dictionary", NOT_MEMORY, word(0xEC30A437)),
    kind("a Snappy file", "decompress it with snzip", at(0, b"\xff\x06\0\0sNaPpY")),
    kind("an lzip file", "decompress it with lzip", at(0, b"LZIP\1")),
    kind("an lzop file", "decompress it with lzop", at(0, b"\x89LZO\0\r\n\x1a\n")),
    kind(
        "an lzma file",
        DECOMPRESS,
        at(0, b"\x5d"),
        command="xz --format=lzma -dc {path} > {out}",
        test=is_lzma,
    ),
    kind("an lrzip file", "decompress it with lrzip", at(0, b"LRZI")),
    kind("an LZFSE file", "decompress it with lzfse", at(0, b"bvx2", b"bvxn", b"bvx-")),
    kind(
        "a .Z file (compress)", "decompress it with gzip", at(0, b"\x1f\x9d\x90", b"\x1f\x9d\x8c")
    ),
    kind(
        "a zlib stream",
        DECOMPRESS,
        at(0, b"\x78"),
        test=is_deflated,
        command="python3 -c 'import sys, zlib; d = zlib.decompressobj(); "
        "[sys.stdout.buffer.write(d.decompress(b)) for b in iter(lambda: "
        'sys.stdin.buffer.read(65536), b"")]\' < {path} > {out}',
    ),
    kind(
        "a zip file",
        UNPACK,
        at(0, b"PK\3\4", b"PK\5\6", b"PK\7\x08"),
        command="python3 -m zipfile -e {path} {out}",
    ),
    kind("a tar file", UNPACK, at(257, b"ustar"), command="mkdir {out} && tar -xf {path} -C {out}"),
    kind(
        "a tar file", UNPACK, both(), test=is_tar, command="mkdir {out} && tar -xf {path} -C {out}"
    ),
    kind("a 7z file", "unpack it with 7z", at(0, b"7z\xbc\xaf\x27\x1c")),
    kind("a RAR file", "unpack it with unrar", at(0, b"Rar!\x1a\x07")),
    kind("a cabinet file", "unpack it with cabextract", at(0, b"MSCF\0\0\0\0")),
    kind("a cpio archive", "unpack it with cpio", at(0, b"070701", b"070702", b"070707")),
    kind("an ar archive", "unpack it with ar", at(0, b"!<arch>\n")),
    kind("an Android sparse image", "unpack it with simg2img", word(0xED26FF3A)),
    kind("an encrypted file (OpenSSL)", DECRYPT, at(0, b"Salted__")),
)
DISKS = (
    kind("a qcow2 disk image", DISK, at(0, b"QFI\xfb")),
    kind("a QED disk image", DISK, at(0, b"QED\0")),
    kind("a VMDK disk image", DISK, at(0, b"KDMV", b"COWD")),
    kind("a VMDK descriptor", DISK, at(0, b"# Disk DescriptorFile")),
    kind("a VHDX disk image", DISK, at(0, b"vhdxfile")),
    kind("a VHD disk image", DISK, at(0, b"conectix"), at(-512, b"conectix")),
    kind("a VirtualBox disk image", DISK, [((64, (0xBEDA107F).to_bytes(4, "little")),)]),
    kind("a Parallels disk image", DISK, at(0, b"WithoutFreeSpace", b"WithouFreSpacExt")),
    kind("a Bochs disk image", DISK, at(0, b"Bochs Virtual HD Image")),
    kind("a macOS disk image", DISK, at(-512, b"koly\0\0\0\4")),
    kind("a LUKS volume", DISK, at(0, b"LUKS\xba\xbe", b"SKUL\xba\xbe")),
    kind("a disk with a GUID partition table", DISK, at(512, b"EFI PART")),
    kind(
        "an NTFS, exFAT or FAT file system",
        DISK,
        at(3, b"NTFS    ", b"EXFAT   "),
        at(54, b"FAT12   ", b"FAT16   "),
        at(82, b"FAT32   "),
    ),
    kind("an ext2, ext3 or ext4 file system", DISK, at(1080, b"\x53\xef"), test=is_ext),
    kind("an XFS file system", DISK, at(0, b"XFSB\0\0")),
    kind("a Btrfs file system", DISK, at(65600, b"_BHRfS_M")),
    kind("a SquashFS file system", DISK, at(0, b"hsqs", b"sqsh")),
    kind("an EROFS file system", DISK, at(1024, bytes.fromhex("e2e1f5e0"))),
    kind("an F2FS file system", DISK, at(1024, bytes.fromhex("1020f5f2"))),
    kind("a cramfs or romfs file system", DISK, at(0, b"\x45\x3d\xcd\x28", b"-rom1fs-")),
    kind("an HFS+ file system", DISK, at(1024, b"H+\0\4", b"HX\0\5")),
    kind("an APFS container", DISK, at(32, b"NXSB")),
    kind("an LVM volume", DISK, at(512, b"LABELONE")),
    kind("a swap area", DISK, at(4086, b"SWAPSPACE2", b"SWAP-SPACE")),
    kind("an ISO 9660 or UDF image", DISK, at(32769, b"CD001", b"BEA01")),
    kind("a disk with partitions", DISK, at(510, b"\x55\xaa"), test=is_partitioned),
)
PROGRAMS = (
    kind("a Linux kernel", NOT_MEMORY, at(514, b"HdrS")),
    kind("a Windows or DOS program", NOT_MEMORY, at(0, b"MZ"), test=is_program),
    kind(
        "a Mach-O file",
        NOT_MEMORY,
        word(0xFEEDFACE, 0xFEEDFACF),
        at(0, b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf"),
    ),
    kind("a Java class or a universal Mach-O file", NOT_MEMORY, at(0, b"\xca\xfe\xba\xbe")),
    kind("a WebAssembly module", NOT_MEMORY, at(0, b"\0asm\1\0\0\0")),
    kind("a device tree", NOT_MEMORY, at(0, b"\xd0\x0d\xfe\xed")),
    kind("a U-Boot image", NOT_MEMORY, at(0, b"\x27\x05\x19\x56")),
    kind("an RPM package", NOT_MEMORY, at(0, b"\xed\xab\xee\xdb")),
)
DOCUMENTS = (
    kind("a PNG picture", NOT_MEMORY, at(0, b"\x89PNG\r\n\x1a\n")),
    kind(
        "a JPEG picture",
        NOT_MEMORY,
        at(0, b"\xff\xd8\xff\xe0", b"\xff\xd8\xff\xe1", b"\xff\xd8\xff\xdb", b"\xff\xd8\xff\xee"),
    ),
    kind("a GIF picture", NOT_MEMORY, at(0, b"GIF87a", b"GIF89a")),
    kind("a TIFF picture", NOT_MEMORY, at(0, b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08")),
    kind(
        "a BMP picture",
        NOT_MEMORY,
        [
            ((0, b"BM"), (6, bytes(4)), (14, b"\x28\0\0\0")),
            ((0, b"BM"), (6, bytes(4)), (14, b"\x7c\0\0\0")),
        ],
    ),
    kind(
        "a sound, film or picture (RIFF)",
        NOT_MEMORY,
        [((0, b"RIFF"), (8, form)) for form in (b"WAVE", b"AVI ", b"WEBP")],
    ),
    kind(
        "a film or sound",
        NOT_MEMORY,
        at(4, b"ftyp"),
        at(0, b"\x1a\x45\xdf\xa3", b"OggS\0", b"fLaC", b"ID3\2", b"ID3\3", b"ID3\4"),
    ),
    kind("a PDF document", NOT_MEMORY, at(0, b"%PDF-")),
    kind("a document of Microsoft Office", NOT_MEMORY, at(0, bytes.fromhex("d0cf11e0a1b11ae1"))),
    kind("a font", NOT_MEMORY, at(0, b"OTTO\0", b"wOFF", b"wOF2")),
    kind(
        "an SQLite database",
        NOT_MEMORY,
        at(0, b"SQLite format 3\0"),
        word(0x377F0682, 0x377F0683, order="big"),
    ),
    kind("an HDF5 file", NOT_MEMORY, at(0, b"\x89HDF\r\n\x1a\n")),
    kind("a NumPy array", "write its bytes: numpy.load(FILE).tofile(OUT)", at(0, b"\x93NUMPY")),
    kind("a Parquet or Arrow file", NOT_MEMORY, at(0, b"PAR1", b"ARROW1\0\0")),
    kind("a Git pack or index", NOT_MEMORY, at(0, b"PACK\0\0\0", b"DIRC\0\0\0")),
    kind(
        "a capture of network packets",
        NOT_MEMORY,
        word(0xA1B2C3D4, 0xA1B23C4D),
        word(0xA1B2C3D4, 0xA1B23C4D, order="big"),
        at(0, b"\n\r\r\n"),
    ),
    kind("a journal of systemd", NOT_MEMORY, at(0, b"LPKSHHRH")),
    kind("a profile of perf", NOT_MEMORY, at(0, b"PERFILE2")),
    kind("a script", NOT_MEMORY, at(0, b"#!/", b"#! /")),
    kind("text", NOT_MEMORY, both(), test=is_text),
)
TABLE = (*DUMPS, *COMPRESSED, *DISKS, *PROGRAMS, *DOCUMENTS)
