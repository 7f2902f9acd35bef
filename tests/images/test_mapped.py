"""What a process has mapped decides what its pages are: one that is not in its page tables may be
zero, in shared memory that somebody else has filled, in a file, or no memory at all. A process maps
one of each kind and forks; the child has touched none of it and is read, and captured, and must
hold what its parent wrote.
"""

import os
import subprocess
import sys

import pytest

from pageengine import images
from pageengine.images import pagemap
from pageengine.images.backing import Backing, Type
from pageengine.images.mappings import holds_memory, parse, where_absent

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs Linux /proc")
PAGE = 4096
FAMILY = """
import ctypes, mmap, os, random, sys
folder = sys.argv[1]
page, draw = 4096, random.Random(7).randbytes
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int,
                      ctypes.c_long]
libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
places = {}

def area(name, pages, protection=3, flags=1, file=-1, offset=0):
    places[name] = libc.mmap(None, pages * page, protection, flags, file, offset)

def fill(name, first, pages):
    ctypes.memmove(places[name] + first * page, draw(pages * page), pages * page)

def file(name, data):
    with open(os.path.join(folder, name), "wb") as out:
        out.write(data)
    return os.open(os.path.join(folder, name), os.O_RDWR)

area("shared", 16, flags=0x21); fill("shared", 3, 5)
memory = os.memfd_create("memory"); os.ftruncate(memory, 1 << 40)
area("memfd", 1 << 28, file=memory); fill("memfd", (1 << 27) + 3, 2)
closed = os.memfd_create("closed"); os.ftruncate(closed, 8 * page)
area("closed", 8, file=closed); fill("closed", 1, 2); os.close(closed)
data = draw(10 * page + 100)
area("written", 16, file=file("written", data))
area("private", 16, flags=2, file=file("private", data)); fill("private", 2, 1)
area("read only", 16, protection=1, file=file("read", data))
area("kept away", 16, flags=0x22); fill("kept away", 4, 1)
libc.mprotect(places["kept away"], 16 * page, 0)
area("zero device", 8, flags=2, file=os.open("/dev/zero", os.O_RDWR)); fill("zero device", 1, 1)
area("huge", 1 << 30, flags=0x4022); fill("huge", 1 << 29, 1)
if not os.fork():
    print(os.getpid(), *sorted(f"{k}={v}" for k, v in places.items()), sep=";", flush=True)
sys.stdin.read()
"""
# name -> where the pages with content begin, how many there are, pages of memory in all
EXPECTED = {
    "shared": (3, 5, 16),
    "memfd": ((1 << 27) + 3, 2, 1 << 28),
    "closed": (1, 2, 8),
    "written": (0, 11, 11),
    "private": (0, 11, 11),
    "kept away": (4, 1, 1),
    "zero device": (1, 1, 8),
    "huge": (1 << 29, 1, 1 << 30),
}


@pytest.fixture(scope="module")
def family(tmp_path_factory):
    """(number of the child, addresses of its areas, what they hold)."""
    folder = tmp_path_factory.mktemp("mapped")
    with subprocess.Popen(
        [sys.executable, "-c", FAMILY, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as run:
        pid, *places = run.stdout.readline().decode().strip().split(";")
        yield int(pid), {name: int(at) for name, at in (p.split("=") for p in places)}, contents()
        run.stdin.close()


def contents():
    import random

    draw = random.Random(7).randbytes
    found = {name: draw(n * PAGE) for name, n in (("shared", 5), ("memfd", 2), ("closed", 2))}
    data = draw(10 * PAGE + 100).ljust(11 * PAGE, b"\0")
    found["written"] = data
    changed = draw(PAGE)
    found["private"] = data[: 2 * PAGE] + changed + data[3 * PAGE :]
    found |= {name: draw(PAGE) for name in ("kept away", "zero device", "huge")}
    return found


def area(image, address, pages):
    """Pages of an area that are known, that are unknown."""
    known = sum(overlap(s.address, s.pages, address, pages) for s in image.segments)
    unknown = sum(overlap(s.address, s.pages, address, pages) for s in image.unknown)
    return known, unknown


def overlap(begin, pages, other, others):
    first, end = max(begin, other), min(begin + pages * PAGE, other + others * PAGE)
    return max(0, end - first) // PAGE


def by_address(image):
    """{address: content} of the pages that are not zero."""
    found = {}
    for ppns, pages in image:
        for ppn, page in zip(ppns.tolist(), pages, strict=True):
            if page.any():
                at = next(s for s in reversed(image.segments) if s.ppn <= ppn)
                found[at.address + (ppn - at.ppn) * PAGE] = page.tobytes()
    return found


@pytest.fixture(scope="module", params=["live", "captured"])
def image(request, family, tmp_path_factory):
    if request.param == "live":
        with images.process(family[0], stop=True) as opened:
            yield opened
        return
    path = tmp_path_factory.mktemp("captured") / "core"
    result = images.capture(family[0], path)
    assert result.file_bytes < 4 << 30, "holes of five TiB take no room, not even on paper"
    assert os.stat(path).st_blocks * 512 < 64 << 20
    with images.open(path) as opened:
        yield opened


@pytest.mark.parametrize("name", EXPECTED)
def test_a_page_that_was_never_touched_holds_what_the_mapping_holds(family, image, name):
    _, places, content = family
    first, pages, memory = EXPECTED[name]
    start = places[name] + first * PAGE
    found = by_address(image)
    assert b"".join(found.get(start + i * PAGE, bytes(PAGE)) for i in range(pages)) == content[name]
    size = 16 if name == "kept away" else memory
    end = places[name] + size * PAGE
    inside = [at for at in found if places[name] <= at < end]
    assert len(inside) == pages, "nothing else is there"
    assert area(image, places[name], size) == (memory, 0)


def test_pages_beyond_the_end_of_a_file_are_no_memory(family, image):
    for name in ("written", "private"):
        assert area(image, family[1][name] + 11 * PAGE, 5) == (0, 0)


def test_a_file_that_is_only_read_counts_as_not_stored(family, image):
    assert area(image, family[1]["read only"], 16) == (0, 11)


def test_reading_shared_memory_takes_none(family):
    """A sparse file in memory must not be filled in by reading it."""

    def blocks():
        return [
            os.stat(f"/proc/{family[0]}/fd/{name}").st_blocks
            for name in os.listdir(f"/proc/{family[0]}/fd")
            if "memory" in os.readlink(f"/proc/{family[0]}/fd/{name}")
        ]

    before = blocks()
    with images.process(family[0]) as opened:
        assert sum(len(ppns) for ppns, _ in opened) == opened.kinds.data
    assert blocks() == before and len(before) == 1


@pytest.mark.parametrize("tells", ["scan", "words", "nothing"])
def test_however_the_kernel_tells_what_is_in_memory(family, monkeypatch, tells):
    """Small areas only: a kernel that tells nothing has every page read."""
    refuse = OSError(25, "Inappropriate ioctl for device")

    def fail(*_):
        raise refuse

    with images.process(family[0], stop=True) as opened:
        expected = by_address(opened)
    if tells == "words":
        monkeypatch.setattr(pagemap.PageMap, "_scan", fail)
    monkeypatch.setattr(pagemap, "STEP", 7)
    pages = pagemap.PageMap(family[0] if tells != "nothing" else 1 << 30, refuse)
    assert pages.tells == (tells != "nothing")
    begin = family[1]["kept away"]
    if pages.tells:
        runs = list(pages.states(begin, begin + 16 * PAGE))
        assert [r[2] for r in runs] == [0, 1, 0] and begin + 4 * PAGE in expected
        assert [(r[0] - begin) // PAGE for r in runs] == [0, 4, 5]
        assert runs[-1][1] == begin + 16 * PAGE
    pages.close()


LINES = """\
00400000-00401000 r-xp 00000000 fe:00 123                        /usr/bin/with space
VmFlags: rd ex mr mw me
00600000-00601000 rw-p 00000000 00:00 0                          [heap]
Anonymous:             4 kB
VmFlags: rd wr mr mw me ac
00700000-00701000 r--p 00000000 00:00 0                          [renamed vvar]
VmFlags: rd mr pf io de dd
00702000-00703000 r-xp 00000000 00:00 0                          [vdso]
VmFlags: rd ex mr mw me de sd
00800000-00801000 rw-s 00000000 00:05 7                          /dev/gpu
VmFlags: rd wr sh mr mw me ms pf io de dd sd
00900000-00901000 rw-s 00000000 00:05 7                          /dev/hugepages/guest
VmFlags: rd wr sh mr mw me ms de ht sd
00a00000-00a01000 rw-p 00000000 00:00 0
VmFlags: rd wr mr mw me um
ffffffffff600000-ffffffffff601000 r-xp 00000000 00:00 0          [vsyscall]
VmFlags: rd ex
"""
NONE, LOST = Backing(Type.NONE), Backing(Type.LOST)


def test_mappings_are_told_apart_by_what_they_are_not_by_their_names():
    text, heap, vvar, vdso, gpu, guest, demanded, vsyscall = parse(LINES)
    assert (text.path, heap.used["Anonymous"], gpu.device) == ("/usr/bin/with space", 4096, 5)
    assert [holds_memory(m) for m in (text, heap, vvar, vdso, gpu, guest, demanded, vsyscall)] == [
        True,
        True,
        False,
        True,
        False,
        True,
        True,
        False,
    ]
    assert where_absent(text, Backing(Type.FILE)) == "unknown"
    assert where_absent(text._replace(used={"Anonymous": 4096}), Backing(Type.FILE)) == "file"
    assert where_absent(text, Backing(Type.FILE, in_memory=True)) == "file"
    assert (where_absent(heap, NONE), where_absent(vdso, NONE)) == ("hole", "memory")
    assert where_absent(guest, Backing(Type.FILE)) == "file"
    assert where_absent(guest, LOST) == where_absent(heap, LOST) == "memory"
    assert where_absent(text, LOST) == "unknown"
    assert where_absent(demanded, NONE) == where_absent(demanded, LOST) == "unknown"
    assert where_absent(heap, Backing(Type.DRIVER)) == "unknown"


def test_maps_are_read_where_there_is_no_smaps():
    lines = [line for line in LINES.splitlines() if "-" in line.split()[0]]
    mappings = parse("\n".join(lines))
    assert len(mappings) == 8 and not any(m.flags or m.used for m in mappings)


@pytest.mark.parametrize("end", ["\v", "\f", "\r", "\x1c", "\x85", "\u2028"])
def test_a_process_cannot_write_lines_of_its_own_by_the_name_of_a_file(end):
    """Its file's name may hold whatever Python takes for the end of a line."""
    forged = f"x{end}VmFlags: io pf{end}Rss: 0 kB{end}00100000-ffff0000 rw-p 00000000 00:00 0"
    mappings = parse(LINES.replace("/usr/bin/with space", forged))
    assert [m.begin for m in mappings] == [m.begin for m in parse(LINES)]
    assert mappings[0].path == forged and mappings[0].used == parse(LINES)[0].used


def test_what_is_no_mapping_of_any_system_is_no_mapping():
    for line in ("0-1 r--p 0 " + "8" * 20 + ":02 1 /x", "1" * 17 + "-2 r--p 0 0:0 1", "0-1 r--p"):
        assert parse(line + "\n") == []
