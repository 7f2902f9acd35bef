"""A file that is known and not read must be refused by what it is, with a way out that works, and
never be taken for raw memory because its size fits. Every line of the table is written to a file
that raw memory could be; then real files of some fifty kinds are made and padded to whole pages.
"""

import bz2
import io
import json
import lzma
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib

import numpy as np
import pytest

from pageengine import images
from pageengine.errors import ImageError
from pageengine.images import foreign

PAGE = 4096
MEMORY = np.random.default_rng(5).integers(0, 9, (4, PAGE), dtype=np.uint8).tobytes()


def padded(content):
    return content + bytes(-len(content) % PAGE)


def refusal(path):
    with pytest.raises(ImageError) as caught:
        images.open(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def marked(line):
    out = bytearray(b"\1" * (34 * PAGE))
    for place, magic in line.marks:
        place = place if place >= 0 else len(out) + place
        out[place : place + len(magic)] = magic
    return bytes(out)


PLAIN = [line for line in foreign.FOREIGN if line.test(marked(line))]


@pytest.mark.parametrize("line", PLAIN, ids=lambda line: line.what)
def test_a_known_file_is_refused_with_advice(tmp_path, line):
    path = tmp_path / "a file"
    path.write_bytes(marked(line))
    said = refusal(path)
    assert f"this is {line.what}, which is not read" in said
    assert foreign.advice_of(line, str(path)) in said and "--raw" in said


def test_no_mark_hides_another():
    for line in PLAIN:
        assert foreign.find(marked(line), marked(line)[-1024:]).what == line.what


def tar(content, form=tarfile.GNU_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as file:
        info = tarfile.TarInfo("guest.raw")
        info.size = len(content)
        file.addfile(info, io.BytesIO(content))
    return out.getvalue()


def tar_of_version_7(content):
    made = bytearray(tar(content))
    made[257:265] = bytes(8)
    made[148:156] = b" " * 8
    made[148:156] = b"%06o\0 " % sum(made[:512])
    return bytes(made)


def zipped(content):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("guest.raw", content)
    return out.getvalue()


def sqlite(content):
    made = sqlite3.connect(":memory:")
    made.execute("create table t (b blob)")
    made.execute("insert into t values (?)", (content,))
    made.commit()
    return made.serialize()


def png(content):
    def chunk(kind, data):
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    head = struct.pack(">IIBBBBB", 64, 64, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(content))


def program(content):
    dos = b"MZ" + bytes(58) + struct.pack("<I", 128)
    return dos.ljust(128, b"\0") + b"PE\0\0" + struct.pack("<H", 0x8664) + content


def disk(content):
    entry = struct.pack("<BBBBBBBBII", 0x80, 0, 2, 0, 0x83, 0, 0, 0, 2048, 4096)
    return bytes(446) + entry + bytes(48) + b"\x55\xaa" + content


def ext4(content):
    block = struct.pack(
        "<IIIIIIIIIIIIIHHHHH",
        1280,
        5120,
        256,
        4000,
        1200,
        1,
        0,
        0,
        8192,
        8192,
        1280,
        1,
        2,
        0,
        65535,
        0xEF53,
        1,
        1,
    )
    return (bytes(1024) + block).ljust(2048, b"\0") + content


def array(content):
    out = io.BytesIO()
    np.save(out, np.frombuffer(content, np.uint8))
    return out.getvalue()


def lz4_blocks(content):
    """A frame of stored blocks, behind a frame that is to be skipped."""
    head = struct.pack("<II", 0x184D2A50, 4) + b"skip"
    body = struct.pack("<I", len(content) | 1 << 31) + content + bytes(4)
    return head + b"\x04\x22\x4d\x18\x60\x70\x73" + body


# what -> a function that makes a real file of the kind around some bytes
REAL = {
    "an xz file": lzma.compress,
    "an lzma file": lambda c: lzma.compress(c, lzma.FORMAT_ALONE),
    "a bzip2 file": bz2.compress,
    "a bzip2 file ": lambda c: bz2.compress(b""),
    "a zlib stream": zlib.compress,
    "a zlib stream ": lambda c: zlib.compress(c, 9),
    "an lz4 file": lz4_blocks,
    "a zip file": zipped,
    "a zip file ": lambda c: b"PK\5\6" + bytes(18),
    "a tar file": tar,
    "a tar file ": lambda c: tar(c, tarfile.USTAR_FORMAT),
    "a tar file  ": lambda c: tar(c, tarfile.PAX_FORMAT),
    "a tar file   ": tar_of_version_7,
    "an SQLite database": sqlite,
    "a PNG picture": png,
    "a Windows or DOS program": program,
    "a disk with partitions": disk,
    "an ext2, ext3 or ext4 file system": ext4,
    "a NumPy array": array,
    "a script": lambda c: b"#!/bin/sh\necho memory\n" * 400,
    "text": lambda c: json.dumps({"memory": list(c[:2000])}).encode().ljust(PAGE * 3),
    "text ": lambda c: "größe,Speicher\n".encode() * PAGE,
    "text  ": lambda c: "größe;Speicher\n".encode("latin-1") * PAGE,
    "text   ": lambda c: ("memory of a guest\n" * PAGE).encode("utf-16"),
    "text    ": lambda c: "память гостя\n".encode() * PAGE,
    "text     ": lambda c: (b"{" + b'"a":1,' * PAGE + b'"b":2}').ljust(PAGE * 8, b"\n"),
    "text      ": lambda c: b":10010000214601360121470136007EFE09D2190140\n" * PAGE,
    "a VMDK descriptor": lambda c: (b"# Disk DescriptorFile\nversion=1\n" * 512)[:PAGE],
    "a VHD disk image": lambda c: c + b"conectix".ljust(512, b"\0"),
    "a macOS disk image": lambda c: c + b"koly\0\0\0\4".ljust(512, b"\0"),
}


@pytest.mark.parametrize("name", REAL)
def test_a_real_file_is_refused_by_what_it_is_whatever_its_size(tmp_path, name):
    path, content = tmp_path / "file.raw", REAL[name](MEMORY)
    whole = content if name.startswith(("text", "a VHD", "a mac")) else padded(content)
    for some in {content, whole[: len(whole) // PAGE * PAGE] if "text" in name else whole}:
        path.write_bytes(some)
        said = refusal(path)
        assert f"this is {name.strip()}, which" in said and "truncate" not in said


def installed(names):
    folders = ["/bin", "/usr/bin", os.path.dirname(sys.executable)]
    return [os.path.join(f, n) for n in names for f in folders if os.path.isfile(f"{f}/{n}")]


@pytest.mark.parametrize("path", installed(["sh", "ls", "python3", "cat"]))
def test_programs_of_this_computer_are_no_images(path):
    with pytest.raises(ImageError, match="a program|a library|script"):
        images.open(path)


COMMANDS = {line.what: line for line in foreign.FOREIGN if line.command}
UNPACKED = {
    "an xz file": 0,
    "an lzma file": 0,
    "a bzip2 file": 0,
    "a zlib stream": 0,
    "an lz4 file": 0,
    "a zip file": 1,
    "a tar file": 1,
}
TOOLS = {
    "an xz file": "xz",
    "an lzma file": "xz",
    "a bzip2 file": "bzip2",
    "an lz4 file": "lz4",
    "a tar file": "tar",
    "a zip file": "python3",
    "a zlib stream": "python3",
}
TRIED = [what for what in UNPACKED if shutil.which(TOOLS[what])]


@pytest.mark.parametrize("what", TRIED)
def test_the_advice_that_is_given_works(tmp_path, what):
    """The command is cut out of the message as a reader would, and run; nothing is quoted here."""
    path = tmp_path / "it's a guest"
    content = REAL[what](MEMORY)
    path.write_bytes(content)
    said = refusal(path)
    command = said.split(": ", 2)[2].rsplit(" (if it is raw", 1)[0]
    subprocess.run(command, shell=True, check=True, cwd=tmp_path, capture_output=True)
    found = f"{path}.unpacked" + "/guest.raw" * UNPACKED[what]
    with images.open(found) as image:
        assert b"".join(pages.tobytes() for _, pages in image) == MEMORY
    assert path.read_bytes() == content, "the file itself is left alone"


def test_no_command_is_given_that_is_not_tried():
    assert COMMANDS.keys() == UNPACKED.keys()


def test_the_user_may_know_better(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"KDUMP   ".ljust(4096, b"\1"))
    assert images.open(path, kind="raw").pages == 1


@pytest.mark.parametrize(
    "content",
    [
        bytes(PAGE),
        b"x" * PAGE,
        b"secret!!" * 512,
        b"BZh".ljust(PAGE, b"\1"),
        b"MZ" + bytes(PAGE - 2),
        bytes(510) + b"\x55\xaa" + bytes(PAGE - 512),
        b"\x78\x9c" + b"\xff" * (PAGE - 2),
        b"\x5d" + bytes(PAGE - 1),
        b"\xca\xfe" * 2048,
        bytes(1080) + b"\x53\xef" + bytes(PAGE - 1082),
        np.random.default_rng(1).bytes(PAGE),
    ],
)
def test_memory_that_looks_like_something_by_two_bytes_is_memory(tmp_path, content):
    path = tmp_path / "guest.raw"
    path.write_bytes(content)
    assert images.open(path).kind == "raw"


def test_kdump_advice_names_the_commands(tmp_path):
    path = tmp_path / "vmcore"
    path.write_bytes(b"KDUMP   ".ljust(4096, b"\1"))
    with pytest.raises(
        ImageError, match="dump-guest-memory without -z.*--format elf.*makedumpfile -E"
    ):
        images.open(path)
