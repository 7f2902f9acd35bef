"""The guest model against numpy doing the least that its work could be: an independent
read-modify-write for every touch. Then replacement, which has no such limit, and the balloon.
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


@pytest.mark.benchmark(group="guest: replacement")
@pytest.mark.parametrize("kind", ["memory", "file"])
def bench_twice_its_memory(benchmark, kind):
    """Touches at random over twice what the guest has: half of them bring a page in and push
    another out.
    """
    guest = Guest(PAGES, swap_pages=2 * PAGES)
    wide = np.random.default_rng(2).integers(0, 2 * PAGES, N)
    guest.access(kind, wide, False)
    benchmark.pedantic(guest.access, (kind, wide, True), rounds=5)
    said(benchmark)


@pytest.mark.benchmark(group="guest: balloon")
def bench_in_and_out(benchmark):
    """Free pages into the balloon and back."""
    guest = Guest(PAGES)

    def breathe():
        guest.inflate(PAGES // 2)
        guest.deflate(PAGES // 2)

    benchmark(breathe)
    said(benchmark, PAGES // 2, "page")


@pytest.mark.benchmark(group="guest: balloon")
def bench_out_of_a_full_guest(benchmark):
    """Pages that the guest has to write to its swap first."""

    def full():
        guest = Guest(PAGES, swap_pages=PAGES)
        guest.access("memory", np.arange(PAGES), True)
        return (guest,), {}

    benchmark.pedantic(lambda guest: guest.inflate(PAGES // 2, True), setup=full, rounds=5)
    said(benchmark, PAGES // 2, "page")
