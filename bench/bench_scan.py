"""The sharing scan of a cold image, all steps (hash, look up, compare, merge), beside hashing
alone, plain Python, and KSM.

The clock of the scan runs over ``host.scan()`` alone: the pages were written before. By KSM's rule
nothing merges before the second pass, so two are timed, each page of each an item. KSM's clock runs
from the moment it is switched on until a full scan merges nothing more; it runs only where
/sys/kernel/mm/ksm is writable, and its knobs are put back. The Python peer counts and merges
nothing.
"""

import mmap
import time

import numpy as np
import pytest
from peers import KSM, imported, need

import pageengine as pe

GROUP = "sharing scan of a cold image"
SIZE = 512 * 2**20


@pytest.fixture(scope="module")
def image(real_pages):
    """512 MiB of real pages: the captured ones, repeated with a change so that a third are
    duplicates.
    """
    copies = -(-SIZE // (len(real_pages) * 4096))
    parts = []
    for i in range(copies):
        part = real_pages.copy()
        if i % 3:  # two of three copies are made different from the others
            part[:, :8] = np.frombuffer(np.uint64(i + 1).tobytes(), dtype=np.uint8) ^ part[:, :8]
        parts.append(part)
    return np.concatenate(parts)[: SIZE // 4096]


def _note(benchmark, image, peer=None, passes=1):
    benchmark.extra_info.update(
        per_item=passes * len(image), unit="page", bytes=passes * image.nbytes
    )
    if peer:
        benchmark.extra_info["peer"] = peer


def _scan(benchmark, image, rule, passes):
    hosts, merged = [], []

    def setup():
        while hosts:  # the one before
            hosts[0].check()
            hosts.pop().close()
        host = pe.Host(image.nbytes + 64 * 2**20, compression=None, swap=0)
        host.add_vm("a", image.nbytes).write(np.arange(len(image)), image)
        hosts.append(host)
        return (host,), {}

    def run(host):
        result = sum((host.scan(rule=rule) for _ in range(passes)), pe.ScanResult())
        merged.append(result.merged + result.zero_merged)

    _note(benchmark, image, "bench_xxh3_alone", passes)
    benchmark.pedantic(run, setup=setup, rounds=5)
    assert len(set(merged)) == 1
    benchmark.extra_info["merged"] = merged[0]


@pytest.mark.benchmark(group=GROUP)
def bench_scan(benchmark, image):
    _scan(benchmark, image, "hint", 1)


@pytest.mark.benchmark(group=GROUP)
def bench_scan_by_ksms_rule(benchmark, image):
    _scan(benchmark, image, "two-scans", 2)


@pytest.mark.benchmark(group=GROUP)
def bench_xxh3_alone(benchmark, image):
    """XXH3-64 over the same pages, from one call per page."""
    pages = [memoryview(page) for page in image]
    digest = imported("xxhash", "xxhash").xxh3_64_intdigest

    def run():
        for page in pages:
            digest(page)

    _note(benchmark, image)
    benchmark.pedantic(run, rounds=3)


@pytest.mark.benchmark(group=GROUP)
def bench_own_hash_alone(benchmark, image):
    from pageengine.stores.hashing import hash_pages

    _note(benchmark, image, "bench_xxh3_alone")
    benchmark.pedantic(hash_pages, args=(image,), rounds=3)


@pytest.mark.benchmark(group=GROUP)
def bench_twelve_lines_of_python(benchmark, image):
    data = memoryview(image.reshape(-1))
    digest = imported("xxhash", "xxhash").xxh3_64_intdigest

    def run():
        zero, seen, zeros, equal = bytes(4096), {}, 0, 0
        for start in range(0, len(data), 4096):
            page = data[start : start + 4096]
            if page == zero:
                zeros += 1
                continue
            key = digest(page)
            first = seen.setdefault(key, start)
            if first != start and data[first : first + 4096] == page:
                equal += 1
        return zeros + equal

    _note(benchmark, image, "bench_scan")
    benchmark.pedantic(run, rounds=3)


def _ksm(name, value=None):
    if value is not None:
        (KSM / name).write_text(str(value))
    return int((KSM / name).read_text())


@pytest.fixture(scope="module")
def ksm_knobs():
    """KSM, switched off again and its knobs as they were when all is done."""
    need("Linux KSM")
    kept = {name: _ksm(name) for name in ("run", "pages_to_scan", "sleep_millisecs")}
    yield
    _ksm("run", 2)
    for name, value in kept.items():
        _ksm(name, value)


@pytest.mark.benchmark(group=GROUP)
def bench_linux_ksm(benchmark, image, ksm_knobs):
    memories = []

    def setup():
        _ksm("run", 2)  # unmerge everything
        memories.clear()
        memory = mmap.mmap(-1, image.nbytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        memory.madvise(mmap.MADV_NOHUGEPAGE)
        np.frombuffer(memory, dtype=np.uint8)[:] = image.reshape(-1)
        memory.madvise(mmap.MADV_MERGEABLE)
        memories.append(memory)
        _ksm("pages_to_scan", 10**6)
        _ksm("sleep_millisecs", 0)

    def run():
        scans, merged = _ksm("full_scans"), -1
        _ksm("run", 1)
        while True:
            while _ksm("full_scans") == scans:
                time.sleep(0.001)
            scans = _ksm("full_scans")
            if (now := _ksm("pages_sharing")) == merged and now:
                return
            merged = now

    _note(benchmark, image, "bench_scan")
    benchmark.pedantic(run, setup=setup, rounds=3)
