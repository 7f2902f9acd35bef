"""How fast images are read, against os.preadv of the same file into one buffer, which is the speed
of the page cache."""

import gzip
import os
import subprocess
import sys

import numpy as np
import pytest
from peers import need

from pageengine import images

PAGE, PAGES = 4096, 32768
BATCH = 1024


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """One image of 128 MiB of each kind, on a quarter of it zeros."""
    folder = tmp_path_factory.mktemp("images")
    content = np.random.default_rng(0).integers(0, 16, (PAGES, PAGE), dtype=np.uint8)
    content[::4] = 0
    raw = folder / "image.raw"
    content.tofile(raw)
    made = {"raw": raw, "gzip": folder / "image.gz"}
    made["gzip"].write_bytes(gzip.compress(content.tobytes(), 1))
    try:
        import zstandard
    except ImportError:
        pass
    else:
        made["zstd"] = folder / "image.zst"
        made["zstd"].write_bytes(zstandard.compress(content.tobytes()))
    return made


def drain(path, **options):
    with images.open(path, batch=BATCH, **options) as image:
        return sum(len(ppns) for ppns, _ in image)


def read_plainly(path):
    handle = os.open(path, os.O_RDONLY)
    buffer, done = memoryview(bytearray(BATCH * PAGE)), 0
    while got := os.preadv(handle, [buffer], done):
        done += got
    os.close(handle)
    return done // PAGE


def note(benchmark, peer=None):
    benchmark.extra_info.update(per_item=PAGES, unit="page", bytes=PAGES * PAGE)
    if peer:
        benchmark.extra_info["peer"] = peer


@pytest.mark.benchmark(group="read an image")
def test_plain_preadv(benchmark, files):
    note(benchmark)
    assert benchmark(read_plainly, files["raw"]) == PAGES


@pytest.mark.benchmark(group="read an image")
@pytest.mark.parametrize("kind", ["raw", "gzip", "zstd"])
def test_read(benchmark, files, kind):
    if kind not in files:
        need("zstandard")
    note(benchmark, "test_plain_preadv")
    assert benchmark.pedantic(drain, (files[kind],), rounds=3 if kind == "gzip" else 10) == PAGES


@pytest.fixture(scope="module")
def process():
    """A process that holds 64 MiB."""
    code = "data = bytes(range(256)) * (1 << 18); print(flush=True); input()"
    pipe = subprocess.PIPE
    run = subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe)
    run.stdout.readline()
    yield run.pid
    run.communicate(b"\n")


@pytest.mark.benchmark(group="read a process")
@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs Linux /proc")
def test_read_process(benchmark, process):
    pages = benchmark.pedantic(drain, (f"/proc/{process}",), rounds=5)
    benchmark.extra_info.update(per_item=pages, unit="page", bytes=pages * PAGE)


@pytest.mark.benchmark(group="read a process")
@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs Linux /proc")
def test_capture_process(benchmark, process, tmp_path):
    result = benchmark.pedantic(images.capture, (process, tmp_path / "core"), rounds=5)
    pages = result.data_pages
    benchmark.extra_info.update(
        per_item=pages, unit="page", bytes=pages * PAGE, peer="test_read_process"
    )


@pytest.mark.benchmark(group="read a process")
@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="needs Linux /proc")
def test_read_captured_process(benchmark, process, tmp_path):
    images.capture(process, tmp_path / "core")
    pages = benchmark.pedantic(drain, (tmp_path / "core",), rounds=5)
    benchmark.extra_info.update(
        per_item=pages, unit="page", bytes=pages * PAGE, peer="test_read_process"
    )
