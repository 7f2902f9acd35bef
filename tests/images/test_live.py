"""A live process is read without harming it, and a capture holds what it held: secrets too, so the
file is its owner's alone. A child process with known content is stopped, read, captured, read back
and let go."""

import os
import shutil
import signal
import stat
import subprocess
import sys
import time

import pytest

from pageengine import images
from pageengine.errors import ImageError
from pageengine.images import corefile, elf, live

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs Linux /proc")
PAGE = 4096
CHILD = """
import mmap, random, sys
memory = mmap.mmap(-1, 64 * 4096)
memory[: 16 * 4096] = random.Random(5).randbytes(16 * 4096)
memory[40 * 4096 : 41 * 4096] = b"secret!!" * 512
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def child():
    run = subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert run.stdout.readline() == b"ready\n"
    yield run
    run.kill()
    run.wait()
    run.stdin.close()
    run.stdout.close()


def known_pages():
    import random

    data = random.Random(5).randbytes(16 * PAGE)
    return [data[at : at + PAGE] for at in range(0, len(data), PAGE)], b"secret!!" * 512


def gather(image):
    return {int(p): d.tobytes() for ppns, pages in image for p, d in zip(ppns, pages, strict=True)}


def state(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]


def runs_again(pid):
    deadline = time.monotonic() + 5
    while state(pid) in "Tt" and time.monotonic() < deadline:
        time.sleep(0.01)
    return state(pid) not in "Tt"


def test_the_content_of_a_process_is_read_in_place(child):
    pages, secret = known_pages()
    with images.open(f"/proc/{child.pid}", stop=True) as image:
        assert image.kind == "process" and str(child.pid) in image.description
        assert state(child.pid) in "Tt"
        found = gather(image)
        by_content = {data: ppn for ppn, data in found.items()}
        first = by_content[pages[0]]
        assert [found[first + i] for i in range(16)] == pages and found[first + 40] == secret
        assert image.address_of(first + 40) - image.address_of(first) == 40 * PAGE
        assert len(found) < image.pages, "what was never touched is a hole"
        assert all(first + i not in found for i in range(17, 39))
    assert runs_again(child.pid)


def test_reading_does_not_fill_memory_in(child):
    def resident():
        with open(f"/proc/{child.pid}/statm") as file:
            return int(file.read().split()[1])

    before = resident()
    for _ in images.process(child.pid):
        pass
    assert resident() - before < 64


def test_a_capture_reads_back_equal(child, tmp_path):
    path = tmp_path / "memory.elf"
    calls = []
    child.send_signal(signal.SIGSTOP)  # nothing may run between the capture and the comparison
    while state(child.pid) not in "Tt":
        time.sleep(0.001)
    result = images.capture(
        child.pid, path, stop=False, progress=lambda done, total: calls.append((done, total))
    )
    with images.process(child.pid) as image, images.open(path) as core:
        assert core.kind == "elf" and not core.physical
        assert (
            (core.pages, core.segments, core.unknown, core.kinds)
            == (image.pages, image.segments, image.unknown, image.kinds)
            and core.kinds.unknown == result.unknown_pages
            and result.pages == core.pages
        )
        read, known = gather(core), known_pages()[0]
        assert len(read) == result.data_pages == core.data_pages
        live_pages = gather(image)
        assert live_pages == read
        assert set(known) <= set(read.values())
    assert calls[-1][0] == calls[-1][1] == result.data_pages * PAGE
    assert result.file_bytes == path.stat().st_size and result.unreadable_pages == 0


def test_a_capture_is_its_owners_alone_and_replaces_only_when_whole(child, tmp_path, monkeypatch):
    path = tmp_path / "memory.elf"
    path.write_bytes(b"older")
    os.chmod(path, 0o644)

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(corefile, "write_all", fail)
    with pytest.raises(OSError, match="No space"):
        images.capture(child.pid, path)
    assert path.read_bytes() == b"older" and os.listdir(tmp_path) == ["memory.elf"]
    assert runs_again(child.pid)
    monkeypatch.undo()
    images.capture(child.pid, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and os.listdir(tmp_path) == ["memory.elf"]


def test_an_interrupted_capture_leaves_nothing_and_lets_the_process_run(child, tmp_path):
    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        images.capture(child.pid, tmp_path / "memory.elf", progress=interrupt)
    assert os.listdir(tmp_path) == [] and runs_again(child.pid)


def test_too_many_holes_are_left_in_their_place(child, tmp_path, monkeypatch):
    path = tmp_path / "memory.elf"
    with images.process(child.pid, stop=True) as image:
        monkeypatch.setattr(corefile, "SMALL_HOLE", 0)
        many, few = corefile.plan(image), corefile.plan_with_gap(image, image.pages)
        assert len(few) < len(many) - 8
        monkeypatch.setattr(corefile, "SEGMENTS_LIMIT", len(few) + 8)
        assert len(few) <= len(corefile.plan(image)) < len(few) + 8
        monkeypatch.setattr(corefile, "SEGMENTS_LIMIT", 1)  # it does what it can
        with open(path, "wb") as file:
            corefile.write(image, file)
        there = gather(image)
        with images.open(path) as core:
            assert core.kinds == image.kinds and core.segments == image.segments
            assert gather(core) == there


def test_a_count_beyond_the_header_is_written_and_read(child, tmp_path, monkeypatch):
    path = tmp_path / "memory.elf"
    with images.process(child.pid, stop=True) as image:
        monkeypatch.setattr(corefile, "PN_XNUM", 3)
        with open(path, "wb") as file:
            corefile.write(image, file)
        head, count = path.read_bytes()[:64], len(corefile.plan(image)) + 1
        assert head[56:58] == b"\3\0" and int.from_bytes(head[60:62], "little") == 1
        at = int.from_bytes(head[40:48], "little")
        assert int.from_bytes(path.read_bytes()[at + 44 : at + 48], "little") == count
        monkeypatch.setattr(elf, "PN_XNUM", 3)
        with images.open(path) as core:
            assert gather(core) == gather(image)


@pytest.mark.skipif(shutil.which("gdb") is None, reason="needs gdb")
def test_gdb_reads_the_capture(child, tmp_path):
    path = tmp_path / "memory.elf"
    images.capture(child.pid, path)
    with images.process(child.pid) as image:
        pages = gather(image)
        address = next(image.address_of(p) for p, d in pages.items() if d == known_pages()[1])
    command = ["gdb", "-q", "-nx", "-batch", "-ex", f"x/s {address}", sys.executable, str(path)]
    shown = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120).stdout
    assert "secret!!secret!!" in shown


def test_a_stopped_process_stays_stopped(child):
    os.kill(child.pid, signal.SIGSTOP)
    while state(child.pid) not in "Tt":
        time.sleep(0.001)
    with images.process(child.pid, stop=True) as image:
        assert image.pages
    assert state(child.pid) in "Tt"
    os.kill(child.pid, signal.SIGCONT)


def test_a_forgotten_image_lets_the_process_run(child):
    image = images.process(child.pid, stop=True)
    assert state(child.pid) in "Tt"
    del image
    assert runs_again(child.pid)


def test_a_process_that_ends_is_an_error(child):
    image = images.process(child.pid, batch=1)
    steps = iter(image)
    next(steps)
    child.kill()
    child.wait()
    with pytest.raises(ImageError, match="ended while it was read"):
        list(steps)
    with pytest.raises(ImageError, match="no such process"):
        images.process(child.pid)


def test_pages_that_cannot_be_read_are_counted_and_left_out(child, monkeypatch, tmp_path):
    with images.process(child.pid, stop=True) as image:
        whole, bad = gather(image), image.address_of(image.runs[1][0])
        true_read = os.preadv

        def failing(handle, buffers, address):
            if address <= bad < address + len(buffers[0]):
                if address == bad:
                    raise OSError(5, "Input/output error")
                return true_read(handle, [buffers[0][: bad - address]], address)
            return true_read(handle, buffers, address)

        monkeypatch.setattr(live.os, "preadv", failing)
        before = image.kinds
        found = gather(image)
        assert image.unreadable_pages == 1
        missing = image.runs[1][0]
        assert image.kinds == (before.data - 1, before.hole, before.unknown + 1, 0)
        assert (bad, 1) in image.unknown
        with open(tmp_path / "core", "wb") as file:
            corefile.write(image, file)
        with images.open(tmp_path / "core") as core:
            assert core.kinds == image.kinds
            assert any(0 <= bad - at < pages * PAGE for at, pages in core.unknown)
            assert list(gather(core).values()) == list(found.values())
    del whole[missing]
    assert found == whole


def test_bad_processes_are_named():
    with pytest.raises(ValueError, match="-4"):
        images.process(-4)
    with pytest.raises(TypeError, match="'12'"):
        images.process("12")
    with pytest.raises(ValueError, match="cannot stop itself"):
        images.process(os.getpid(), stop=True)
    with pytest.raises(ImageError, match="no memory of its own|no such process|may not be read"):
        images.process(2)
    with pytest.raises(ImageError, match="no such process"):
        images.open("/proc/4194999")
