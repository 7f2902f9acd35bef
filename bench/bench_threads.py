"""What two threads inside one call gain over one: a host of 256 MiB that is written, read and
scanned, the same with ``threads=1`` and ``threads=2``, beside two plain threads of Python that hash
the same pages and share nothing. Where those gain little, the computer has no second processor to
give; a call can gain no more.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import pageengine as pe
from pageengine.stores.hashing import hash_pages

PAGES = 65536
REFERENCE = "large calls: two plain threads that hash, for what the computer gives"
THREADS = [1, 2]


@pytest.fixture(scope="module")
def image(real_pages):
    """256 MiB of real pages; of what is repeated, two of three copies are made different."""
    parts = []
    for i in range(-(-PAGES // len(real_pages))):
        part = real_pages.copy()
        if i % 3:
            part[:, :8] ^= np.frombuffer(np.uint64(i + 1).tobytes(), dtype=np.uint8)
        parts.append(part)
    return np.concatenate(parts)[:PAGES]


def _note(benchmark, threads, name):
    benchmark.extra_info.update(per_item=PAGES, unit="page", bytes=PAGES * 4096)
    if threads != 1:
        benchmark.extra_info["peer"] = f"{name}[1]"


@pytest.fixture
def host_of():
    """Makes hosts with one VM, one after the other."""
    hosts = []

    def make(threads, image=None):
        while hosts:
            hosts.pop().close()
        host = pe.Host((PAGES + 16384) * 4096, compression=None, swap=0, threads=threads)
        hosts.append(host)
        vm = host.add_vm("a", PAGES * 4096)
        if image is not None:
            vm.write(np.arange(PAGES), image)
        return host, vm

    yield make
    while hosts:
        hosts.pop().close()


@pytest.mark.benchmark(group="large calls: first write")
@pytest.mark.parametrize("threads", THREADS)
def bench_first_write(benchmark, image, host_of, threads):
    ppns = np.arange(PAGES)
    _note(benchmark, threads, "bench_first_write")

    def setup():
        return (host_of(threads)[1],), {}

    benchmark.pedantic(lambda vm: vm.write(ppns, image), setup=setup, rounds=5)


@pytest.mark.benchmark(group="large calls: write")
@pytest.mark.parametrize("threads", THREADS)
def bench_write(benchmark, image, host_of, threads):
    ppns = np.arange(PAGES)
    _note(benchmark, threads, "bench_write")

    def setup():
        return (host_of(threads, image)[1],), {}

    benchmark.pedantic(lambda vm: vm.write(ppns, image), setup=setup, rounds=5)


@pytest.mark.benchmark(group="large calls: read")
@pytest.mark.parametrize("threads", THREADS)
def bench_read(benchmark, image, host_of, threads):
    """Into an array that is used again, as the core does it: a new one would be the system's time
    more than ours.
    """
    ppns, out = np.arange(PAGES), np.ones(PAGES * 4096, np.uint8)
    _note(benchmark, threads, "bench_read")

    def setup():
        host, vm = host_of(threads, image)
        return (host._engine, vm._id), {}

    def run(engine, vm_id):
        assert engine.read(vm_id, ppns, out) == (PAGES, 0)

    benchmark.pedantic(run, setup=setup, rounds=5)


@pytest.mark.benchmark(group="large calls: scan")
@pytest.mark.parametrize("threads", THREADS)
def bench_scan(benchmark, image, host_of, threads):
    _note(benchmark, threads, "bench_scan")

    def setup():
        return (host_of(threads, image)[0],), {}

    benchmark.pedantic(lambda host: host.scan(), setup=setup, rounds=5)


@pytest.fixture(scope="module")
def pools():
    with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(2) as two:
        yield {1: one, 2: two}


@pytest.mark.benchmark(group=REFERENCE)
@pytest.mark.parametrize("threads", THREADS)
def bench_plain_hashes(benchmark, image, pools, threads):
    halves = [image[: PAGES // 2], image[PAGES // 2 :]]
    _note(benchmark, threads, "bench_plain_hashes")
    benchmark.pedantic(lambda: list(pools[threads].map(hash_pages, halves)), rounds=5)
