"""A host to a file and back, held against the same bytes written (with fsync) and read by the
system. With tokens a page is some ten bytes, so the bytes per second are few and the pages many.
"""

import os

import numpy as np
import pytest

from pageengine import Host

PAGES = {"tokens": 1 << 20, "bytes": 1 << 15}
each = pytest.mark.parametrize("contents", PAGES)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """By contents: a host full of pages that nobody shares, all of them scanned, a quarter of them
    swapped; where it is saved; and the bytes of that.
    """
    found, folder = {}, tmp_path_factory.mktemp("checkpoints")
    for contents, pages in PAGES.items():
        host = Host(pages * 4096 * 3 // 4, contents=contents, compression=None, seed=1)
        rng, vm = np.random.default_rng(1), host.add_vm("a", pages * 4096)
        for first in range(0, pages, 4096):
            if contents == "tokens":
                made = rng.integers(1, 2**63, 4096).astype(np.uint64)
            else:
                made = rng.integers(0, 256, (4096, 4096), dtype=np.uint8)
            vm.write(np.arange(first, first + 4096), made)
        host.scan()
        host.save(folder / contents)
        found[contents] = host, folder / contents, (folder / contents).read_bytes()
    yield found
    for host, _, _ in found.values():
        host.close()


def note(benchmark, contents, data, peer=None):
    n = PAGES[contents]
    told = {"per_item": n, "unit": "page", "bytes": len(data)}
    benchmark.extra_info.update(told, **({"peer": f"{peer}[{contents}]"} if peer else {}))
    if peer:
        benchmark.extra_info["bytes per page"] = round(len(data) / n, 2)


@each
def bench_save(benchmark, files, contents):
    host, path, data = files[contents]
    benchmark.group = f"checkpoint: {contents} out"
    benchmark.pedantic(host.save, (path,), rounds=7, warmup_rounds=1)
    note(benchmark, contents, data, "bench_write_and_fsync")


@each
def bench_write_and_fsync(benchmark, files, contents):
    _, path, data = files[contents]
    benchmark.group = f"checkpoint: {contents} out"

    def write():
        with open(f"{path}.plain", "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    benchmark.pedantic(write, rounds=7, warmup_rounds=1)
    note(benchmark, contents, data)


@each
def bench_load(benchmark, files, contents):
    _, path, data = files[contents]
    benchmark.group = f"checkpoint: {contents} in"
    benchmark.pedantic(lambda: Host.load(path).close(), rounds=7, warmup_rounds=1)
    note(benchmark, contents, data, "bench_plain_read")


@each
def bench_plain_read(benchmark, files, contents):
    _, path, data = files[contents]
    benchmark.group = f"checkpoint: {contents} in"
    benchmark.pedantic(path.read_bytes, rounds=7, warmup_rounds=1)
    note(benchmark, contents, data)
