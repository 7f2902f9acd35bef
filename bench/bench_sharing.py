"""The sharing table against Abseil's flat hash map (where it is installed) and a Python dict with
the same entries, at one and at sixteen million entries.

Lookups are of random entries; the table is as full as its number of frames lets it be.
"""

import ctypes
import gc

import numpy as np
import pytest
from peers import ABSEIL, compiled, pointer, size

from pageengine.stores.hashing import hash_pages, hash_tokens
from pageengine.stores.sharing import EMPTY, HINT, SHARED, SharingTable

SAMPLE = 1_000_000
SIZES = pytest.mark.parametrize(
    "entries", [1_000_000, 16_000_000], ids=["1M", "16M"], scope="module"
)


def said(benchmark, items, unit, peer=None, **more):
    benchmark.extra_info.update(per_item=items, unit=unit, **more)
    if peer:
        benchmark.extra_info["peer"] = peer


@pytest.fixture(scope="module")
def hashes(entries):
    return hash_tokens(np.arange(entries, dtype=np.uint64), 1)


@pytest.fixture(scope="module")
def sample(hashes):
    """Hashes that are there, in random order."""
    return hashes[np.random.default_rng(1).integers(0, len(hashes), SAMPLE)]


@pytest.fixture(scope="module")
def absent():
    return hash_tokens(np.arange(SAMPLE, dtype=np.uint64), 2)


@pytest.fixture(scope="module")
def table(hashes):
    table = SharingTable(len(hashes))
    table.inserts(hashes, np.arange(len(hashes), dtype=np.uint32))
    return table


@pytest.fixture(scope="module")
def peer(hashes):
    gc.disable()
    peer = dict(zip(hashes.tolist(), range(len(hashes)), strict=True))
    gc.enable()
    return peer


@SIZES
@pytest.mark.benchmark(group="insert into an empty table")
def bench_inserts(benchmark, hashes, entries):
    frames = np.arange(entries, dtype=np.uint32)
    tables = []

    def fresh():
        tables[:] = [SharingTable(entries)]

    benchmark.pedantic(lambda: tables[0].inserts(hashes, frames), setup=fresh, rounds=2)
    made = tables[0]
    said(
        benchmark,
        entries,
        "entry",
        "dict_inserts",
        bytes_per_entry=made.nbytes / made.shared,
        moves=made.moves,
    )


@SIZES
@pytest.mark.benchmark(group="insert into an empty table")
def bench_dict_inserts(benchmark, hashes, entries):
    keys = hashes[:: max(1, entries // 4_000_000)].tolist()
    said(benchmark, len(keys), "entry", entries=len(keys))  # 4 million stand for 16
    benchmark.pedantic(lambda: dict(zip(keys, keys, strict=True)), rounds=2)


@SIZES
@pytest.mark.benchmark(group="look up what is there")
def bench_lookup(benchmark, table, sample):
    said(benchmark, SAMPLE, "lookup", "abseil_lookup")
    kinds, _ = benchmark(table.lookup, sample)
    assert (kinds == SHARED).all()


@SIZES
@pytest.mark.benchmark(group="look up what is not there")
def bench_lookup_absent(benchmark, table, absent):
    said(benchmark, SAMPLE, "lookup", "abseil_lookup_absent")
    kinds, _ = benchmark(table.lookup, absent)
    assert (kinds == EMPTY).sum() > 0.99 * SAMPLE


@SIZES
@pytest.mark.benchmark(group="a scan pass over pages that were seen in the pass before")
def bench_hints_of_the_next_pass(benchmark, hashes, entries):
    table, owners = SharingTable(entries), np.arange(entries, dtype=np.uint64)
    table.hints(hashes, owners)

    def next_pass():
        table.new_generation()
        table.new_generation()

    said(benchmark, entries, "hint")
    benchmark.pedantic(lambda: table.hints(hashes, owners), setup=next_pass, rounds=2)
    assert table.lookup(hashes[:10])[0].tolist() == [HINT] * 10


@pytest.fixture(scope="module")
def abseil(hashes):
    """Abseil's flat hash map with the same keys: (library, map)."""
    library = compiled("peers.cc", *ABSEIL)
    library.map_new.restype = ctypes.c_void_p
    library.map_find.restype = ctypes.c_uint64
    made = ctypes.c_void_p(library.map_new(pointer(hashes), ctypes.c_uint32(len(hashes))))
    yield library, made
    library.map_delete(made)


def _find(abseil, keys):
    library, made = abseil
    out = np.empty(len(keys), np.uint32)
    return library.map_find(made, pointer(keys), size(len(keys)), pointer(out))


@SIZES
@pytest.mark.benchmark(group="look up what is there")
def bench_abseil_lookup(benchmark, abseil, sample):
    said(benchmark, SAMPLE, "lookup")
    assert benchmark(_find, abseil, sample) == SAMPLE


@SIZES
@pytest.mark.benchmark(group="look up what is not there")
def bench_abseil_lookup_absent(benchmark, abseil, absent):
    said(benchmark, SAMPLE, "lookup")
    benchmark(_find, abseil, absent)


@SIZES
@pytest.mark.benchmark(group="look up what is there")
def bench_dict_lookup(benchmark, peer, sample):
    keys, get = sample.tolist(), peer.get
    said(benchmark, SAMPLE, "lookup")
    benchmark.pedantic(lambda: [get(key) for key in keys], rounds=3)


@SIZES
@pytest.mark.benchmark(group="look up what is not there")
def bench_dict_lookup_absent(benchmark, peer, absent):
    keys, get = absent.tolist(), peer.get
    said(benchmark, SAMPLE, "lookup")
    benchmark.pedantic(lambda: [get(key) for key in keys], rounds=3)


@pytest.mark.benchmark(group="scan: hash, look up, leave hints")
def bench_scan_without_comparing(benchmark, big_pages):
    table = SharingTable(len(big_pages))
    owners = np.arange(len(big_pages), dtype=np.uint64)

    def scan():
        for first in range(0, len(big_pages), 1024):
            hashes = hash_pages(big_pages[first : first + 1024])
            kinds, _ = table.lookup(hashes)
            new = kinds == EMPTY
            table.hints(hashes[new], owners[first : first + 1024][new])

    said(benchmark, len(big_pages), "page", bytes=big_pages.nbytes)
    benchmark.pedantic(scan, rounds=3)
