"""Zero, hole, gap and not stored are four things; only the first two are memory that can be won.
The same memory is written as every kind of image there is; what commands and surveys say of it must
not depend on the kind, and what is no memory must not cost time.
"""

import gzip
import json
import os
import struct
import time

import numpy as np
import pytest

from pageengine import images
from pageengine.analysis.overcommit import overcommit
from pageengine.analysis.sharing import survey
from pageengine.cli import main

PAGE, TIB = 4096, 1 << 40
RAM = np.random.default_rng(3).integers(1, 255, (24, PAGE), dtype=np.uint8)
RAM[10:16] = 0  # stored zeros
RAM[20] = RAM[1]
FIRMWARE = np.random.default_rng(4).integers(1, 255, (2, PAGE), dtype=np.uint8)
HOLE = 64  # pages: more than any file system keeps together


def elf(path, parts, process=False, hole=False):
    """parts: (address, stored bytes, bytes of memory). hole: the first part goes on as a hole of
    the file.
    """
    note = struct.pack("<III", 5, 0, 3) + (b"CORE\0" if process else b"QEMU\0").ljust(8, b"\0")
    at = 64 + 56 * (len(parts) + 1)
    table = struct.pack("<IIQQQQQQ", 4, 4, at, 0, 0, len(note), 0, 4)
    offset = 8192
    with open(path, "wb") as file:
        for address, stored, memory in parts:
            sparse = HOLE * PAGE if hole and not address else 0
            size = len(stored) + sparse
            where = (address, 0) if process else (0, address)
            table += struct.pack("<IIQQQQQQ", 1, 6, offset, *where, size, memory + sparse, 1)
            file.seek(offset)
            file.write(stored)
            offset += size
        file.truncate(max(offset, file.tell()))
        file.seek(0)
        file.write(b"\x7fELF\2\1\1".ljust(16, b"\0"))
        file.write(
            struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, 64, 0, 0, 64, 56, len(parts) + 1, 0, 0, 0)
            + table
            + note
        )


def lime(path, high, hole=0):
    with open(path, "wb") as file:
        for address, data, more in ((0, RAM, hole), (high, FIRMWARE, 0)):
            end = address + data.nbytes + more * PAGE - 1
            file.write(struct.pack("<4sIQQQ", b"EMiL", 1, address, end, 0) + data.tobytes())
            file.seek(more * PAGE, os.SEEK_CUR)
            file.truncate()


def raw(path, hole=0):
    with open(path, "wb") as file:
        file.write(RAM.tobytes())
        file.seek(hole * PAGE, os.SEEK_CUR)
        file.write(FIRMWARE.tobytes())


GAP = (4 << 30) - RAM.nbytes - FIRMWARE.nbytes  # as of a q35 VM
HIGH = (4 << 30) - FIRMWARE.nbytes
BOTH = [(0, RAM.tobytes(), RAM.nbytes), (HIGH, FIRMWARE.tobytes(), FIRMWARE.nbytes)]
FAR = [(0, RAM.tobytes(), RAM.nbytes), (3 * TIB, FIRMWARE.tobytes(), FIRMWARE.nbytes)]
PART = [(0, RAM.tobytes(), RAM.nbytes + 9 * PAGE), (HIGH, FIRMWARE.tobytes(), 5 * PAGE)]
# name -> (writer, holes, pages not stored, pages of gaps); the memory is RAM and FIRMWARE
KINDS = {
    "raw": (raw, 0, 0, 0),
    "raw, sparse": (lambda p: raw(p, HOLE), HOLE, 0, 0),
    "raw, sparse by a terabyte": (lambda p: raw(p, TIB // PAGE), TIB // PAGE, 0, 0),
    "gzip": (lambda p: p.write_bytes(gzip.compress(RAM.tobytes() + FIRMWARE.tobytes())), 0, 0, 0),
    "elf": (lambda p: elf(p, BOTH), 0, 0, GAP // PAGE),
    "elf, sparse": (lambda p: elf(p, BOTH, hole=True), HOLE, 0, GAP // PAGE - HOLE),
    "elf, not all stored": (lambda p: elf(p, PART[:1] + BOTH[1:]), 0, 9, GAP // PAGE - 9),
    "elf, terabytes apart": (lambda p: elf(p, FAR), 0, 0, 3 * TIB // PAGE - 24),
    "core": (lambda p: elf(p, BOTH, process=True), 0, 0, 0),
    "core, sparse": (lambda p: elf(p, BOTH, process=True, hole=True), HOLE, 0, 0),
    "core, not all stored": (lambda p: elf(p, PART, process=True), 0, 12, 0),
    "core, addresses far apart": (lambda p: elf(p, FAR, process=True), 0, 0, 0),
    "lime": (lambda p: lime(p, HIGH), 0, 0, GAP // PAGE),
    "lime, sparse": (lambda p: lime(p, HIGH, HOLE), HOLE, 0, GAP // PAGE - HOLE),
    "lime, terabytes apart": (lambda p: lime(p, 3 * TIB), 0, 0, 3 * TIB // PAGE - 24),
}


@pytest.fixture(params=KINDS)
def written(request, tmp_path):
    """(path of an image, its holes, pages not stored, pages of gaps)."""
    write, *kinds = KINDS[request.param]
    path = tmp_path / "image"
    write(path)
    with images.open(path) as image:
        if kinds[0] and not image.kinds.hole:
            pytest.skip("this file system keeps no holes")
    return path, *kinds


def slack(found, holes):
    """A file system keeps holes in blocks of its own size: a few pages of a hole may be data."""
    return holes - 16 * bool(holes) <= found <= holes


@pytest.mark.parametrize("packed", [False, True])
def test_every_image_tells_the_four_apart(written, packed):
    path, holes, unknown, gap = written
    with images.open(path, packed=packed) as image:
        kinds, memory = image.kinds, 26 + holes
        assert slack(kinds.hole, holes) and kinds.data + kinds.hole == memory
        assert (kinds.unknown, kinds.gap) == (unknown, gap)
        assert sum(s.pages for s in image.segments) == memory
        assert sum(s.pages for s in image.unknown) == unknown
        assert sum(s.pages for s in image.gaps) == gap
        assert sum(end - first for first, end in image.known) == memory
        dense = packed or image.kind in ("raw", "gzip") or not getattr(image, "physical", True)
        assert image.pages == memory if dense else image.pages == memory + unknown + gap
        contents = np.concatenate([pages.copy() for _, pages in image])
        assert len(contents) == kinds.data == image.data_pages
        filled = contents[contents.any(axis=1)]
        assert (filled == np.concatenate([RAM[:10], RAM[16:], FIRMWARE])).all()


def test_scan_counts_memory_only_and_takes_the_time_of_the_data(written, capsys):
    path, holes, unknown, gap = written
    started = time.process_time()
    with images.open(path) as image:
        report = survey([image])
    assert time.process_time() - started < 1.0, "seconds for a hundred kilobytes"
    (found,) = report.images
    pages = found.grains[0]
    assert found.pages == 26 + holes and slack(found.holes, holes)
    assert found.zero + found.holes == pages.zero == 6 + holes
    assert (found.unknown, found.gap) == (unknown, gap)
    assert (pages.chunks, pages.within, pages.kept) == (26 + holes, 1, 19)
    assert report.techniques()["sharing"] == (7 + holes) * PAGE
    main(["scan", str(path)])
    shown = capsys.readouterr().out
    assert ("What the images hold" in shown) == bool(holes or unknown or gap)
    main(["scan", str(path), "--json"])
    (data,) = json.loads(capsys.readouterr().out)["images"]
    assert (data["unknown"], data["gap"], data["holes"]) == (unknown, gap, found.holes)


@pytest.mark.parametrize(
    "written", [name for name in KINDS if name != "raw, sparse by a terabyte"], indirect=True
)
def test_a_host_for_an_image_is_sized_by_its_memory(written):
    path, holes, unknown, gap = written
    result = overcommit([str(path)], "50%")
    (vm,) = result.vms
    assert result.same and vm.compared == 26 + holes
    assert vm.size == result.configured == (26 + holes) * PAGE == 2 * result.memory
    assert vm.data + vm.hole == vm.size
    assert (vm.unknown, vm.gap) == (unknown * PAGE, gap * PAGE)
    assert sum(result.given_back.values()) <= result.configured


def test_large_pages_are_whole_or_not_shared(tmp_path):
    """16 pages at a multiple of 64 KiB count; 16 pages across a gap or with one that is not stored
    do not.
    """
    path, data = tmp_path / "image", np.ones((16, PAGE), np.uint8).tobytes()
    elf(
        path,
        [(n << 16, data, len(data)) for n in (1, 3, 4)]
        + [(7 << 16, data[:-PAGE], len(data)), (0x90000 + PAGE, data, len(data))],
    )
    with images.open(path) as image:
        grain = survey([image]).images[0].grains[1]
    assert (grain.chunks, grain.kept, grain.within, grain.zero) == (3, 1, 2, 0)
