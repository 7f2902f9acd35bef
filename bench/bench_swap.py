"""Swap: pages out and in, with slots, checksums and verification, against bare pwrite and pread.

The peer moves the same bytes to and from the same kind of file in pieces of 1 MiB and keeps no
books. All of it fits the system's page cache, so no disk is measured, only what the bookkeeping
adds to the copy.
"""

import itertools
import os
import tempfile

import numpy as np
import pytest

from pageengine.stores.swap import SwapSpace

PIECE = 1 << 20
BATCHES = [256, 4096]


@pytest.fixture(scope="module")
def pages():
    return np.random.default_rng(1).integers(0, 256, (max(BATCHES), 4096), np.uint8)


@pytest.fixture(scope="module")
def swap():
    """Room for what is read, and to go in a circle with what is written."""
    with SwapSpace(8 * max(BATCHES)) as space:
        yield space


@pytest.fixture(scope="module")
def file(pages):
    with tempfile.TemporaryFile(buffering=0) as handle:
        for at in (0, pages.nbytes):
            os.pwrite(handle.fileno(), pages.data, at)
        yield handle.fileno()


def note(benchmark, n, peer):
    benchmark.extra_info.update(per_item=n, unit="page", bytes=n * 4096, peer=peer)


@pytest.mark.parametrize("n", BATCHES)
def bench_swap_out(benchmark, swap, pages, n):
    benchmark.group = f"swap: {n} pages out"
    for _ in range(10):  # all of the file is in the page cache from now on
        swap.give_back(swap.write(pages))
    slots = []

    def setup():
        if slots:
            swap.give_back(slots.pop())

    benchmark.pedantic(
        lambda: slots.append(swap.write(pages[:n])), setup=setup, rounds=60, warmup_rounds=3
    )
    note(benchmark, n, f"bench_pwrite[{n}]")


@pytest.mark.parametrize("n", BATCHES)
def bench_pwrite(benchmark, file, pages, n):
    benchmark.group = f"swap: {n} pages out"
    data = memoryview(pages[:n]).cast("B")
    start = itertools.cycle(
        range(0, 2 * pages.nbytes, len(data))
    )  # swap space is used in a circle too

    def run():
        first = next(start)
        for at in range(0, len(data), PIECE):
            os.pwrite(file, data[at : at + PIECE], first + at)

    benchmark.pedantic(run, rounds=60, warmup_rounds=3)
    note(benchmark, n, f"bench_pwrite[{n}]")


@pytest.mark.parametrize("order", ["in order", "at random"])
@pytest.mark.parametrize("n", BATCHES)
def bench_swap_in(benchmark, swap, pages, n, order):
    benchmark.group = f"swap: {n} pages in"
    slots = swap.write(pages[:n])
    if order == "at random":
        slots = np.random.default_rng(2).permutation(slots)
    benchmark.pedantic(swap.read, (slots,), rounds=60, warmup_rounds=3)
    note(benchmark, n, f"bench_pread[{n}]")


@pytest.mark.parametrize("n", BATCHES)
def bench_pread(benchmark, file, n):
    benchmark.group = f"swap: {n} pages in"

    def run():
        out = np.empty((n, 4096), np.uint8)
        view = memoryview(out).cast("B")
        for at in range(0, len(view), PIECE):
            os.preadv(file, [view[at : at + PIECE]], at)

    benchmark.pedantic(run, rounds=60, warmup_rounds=3)
    note(benchmark, n, f"bench_pread[{n}]")
