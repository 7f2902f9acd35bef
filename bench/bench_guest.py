"""The guest model against numpy doing the least that its work could be: an independent
read-modify-write for every touch, two marks for every page that the balloon takes and gives back.
Replacement has no such limit, and is held against libCacheSim where that is installed.
"""

import numpy as np
import pytest

from pageengine import Guest

PAGES = 1 << 18  # 1 GiB
N = 1 << 20


def said(benchmark, n=N, unit="access", peer=None, **more):
    benchmark.extra_info.update(per_item=n, unit=unit, **more)
    if peer:
        benchmark.extra_info["peer"] = peer


@pytest.fixture(scope="module")
def ids():
    return np.random.default_rng(1).integers(0, PAGES - PAGES // 8, N)


@pytest.mark.benchmark(group="guest: touches of what is in memory")
def bench_hits(benchmark, ids):
    guest = Guest(PAGES, swap_pages=0)
    guest.access("memory", np.arange(PAGES - PAGES // 8), True)
    benchmark(guest.access, "memory", ids, True)
    said(benchmark, peer="bench_read_modify_write")


@pytest.mark.benchmark(group="guest: touches of what is in memory")
def bench_read_modify_write(benchmark, ids):
    words = np.zeros(PAGES, np.int64)

    def touch():
        words[ids] = words[ids] + 1

    benchmark(touch)
    said(benchmark)


@pytest.fixture(scope="module")
def wide():
    """Twice what fits, at random."""
    return np.random.default_rng(2).integers(0, 2 * PAGES, N)


@pytest.mark.benchmark(group="guest: replacement")
@pytest.mark.parametrize("kind", ["memory", "file"])
def bench_twice_its_memory(benchmark, wide, kind):
    """About half of the touches bring a page in and push another out."""
    guest = Guest(PAGES, swap_pages=2 * PAGES)
    guest.access(kind, wide, False)
    before = guest.stats.disk_reads
    guest.access(kind, wide, True)
    misses = (guest.stats.disk_reads - before) / N
    benchmark.pedantic(guest.access, (kind, wide, True), rounds=5)
    said(benchmark, peer="bench_libcachesim[Clock]", misses=misses)


@pytest.mark.benchmark(group="guest: replacement")
@pytest.mark.parametrize("name", ["FIFO", "Clock"])
def bench_libcachesim(benchmark, wide, tmp_path, name):
    """The same places and capacity in a simulator of caches, which reads them from a file, keeps a
    hash table of them, and moves nothing.
    """
    other = pytest.importorskip("libcachesim")
    records = np.zeros(N, [("time", "<u4"), ("id", "<u8"), ("size", "<u4"), ("next", "<i8")])
    records["time"], records["id"], records["size"] = np.arange(N), wide + 1, 1
    records.tofile(path := tmp_path / "trace.oracleGeneral.bin")
    trace = other.TraceReader(str(path), other.TraceType.ORACLE_GENERAL_TRACE)
    cache = getattr(other, name)(PAGES)
    cache.process_trace(trace)

    def replay():
        trace.reset()
        return cache.process_trace(trace)[0]

    misses = replay()
    benchmark.pedantic(replay, rounds=3)
    said(benchmark, misses=float(misses))


@pytest.mark.benchmark(group="guest: balloon")
@pytest.mark.parametrize("pages", [4096, PAGES // 2])
def bench_in_and_out(benchmark, pages):
    """Free pages into the balloon and back."""
    guest = Guest(PAGES)

    def breathe():
        guest.inflate(pages)
        guest.deflate(pages)

    benchmark(breathe)
    said(benchmark, pages, "page", "bench_two_marks")


@pytest.mark.benchmark(group="guest: balloon")
@pytest.mark.parametrize("pages", [4096, PAGES // 2])
def bench_two_marks(benchmark, pages):
    """The least of it: each page is marked as lent, and as free again."""
    state = np.zeros(PAGES, np.uint8)
    ppns = np.random.default_rng(3).permutation(PAGES)[:pages]

    def mark():
        state[ppns] = 1
        state[ppns] = 0

    benchmark(mark)
    said(benchmark, pages, "page")


@pytest.mark.benchmark(group="guest: balloon")
def bench_out_of_a_full_guest(benchmark):
    """Pages that the guest has to write to its swap first."""

    def full():
        guest = Guest(PAGES, swap_pages=PAGES)
        guest.access("memory", np.arange(PAGES), True)
        return (guest,), {}

    benchmark.pedantic(lambda guest: guest.inflate(PAGES // 2, True), setup=full, rounds=5)
    said(benchmark, PAGES // 2, "page")
