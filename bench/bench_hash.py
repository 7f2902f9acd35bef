"""Page hash, zero test and comparison against only reading the same memory, and against xxHash.

The memory is larger than the last-level cache. "Reading" is a loop over its words, as the compiler
makes it; beside it stands the C library's search for a byte that is not there, unrolled by hand.
"""

import ctypes

import numpy as np
import pytest
from peers import compiled, imported, pointer, size

from pageengine.stores.hashing import hash_pages, hash_tokens, pages_equal, same_filled, zero_pages

LIBC = ctypes.CDLL(None)
LIBC.memchr.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
LIBC.memchr.restype = ctypes.c_void_p


def said(benchmark, items, peer=None, pages=1, unit="page"):
    benchmark.extra_info.update(per_item=items, unit=unit)
    if pages:
        benchmark.extra_info["bytes"] = items * pages * 4096
    if peer:
        benchmark.extra_info["peer"] = peer


@pytest.fixture(scope="module")
def memory():
    """1 GiB of zeroes that are resident."""
    pages = np.empty((1 << 18, 4096), np.uint8)
    pages[:] = 0
    return pages


@pytest.mark.benchmark(group="beyond the caches")
def bench_only_reading(benchmark, memory):
    said(benchmark, len(memory))
    benchmark(compiled("peers.c").read_words, pointer(memory), size(memory.nbytes // 8))


@pytest.mark.benchmark(group="beyond the caches")
def bench_memchr(benchmark, memory):
    said(benchmark, len(memory), "only_reading")
    benchmark(LIBC.memchr, memory.ctypes.data, 1, memory.nbytes)


@pytest.mark.benchmark(group="beyond the caches")
def bench_hash_pages(benchmark, memory):
    said(benchmark, len(memory), "only_reading")
    out = np.empty(len(memory), np.uint64)
    benchmark(hash_pages, memory, out=out)


@pytest.mark.benchmark(group="beyond the caches")
def bench_zero_pages(benchmark, memory):
    said(benchmark, len(memory), "only_reading")
    assert benchmark(zero_pages, memory).all()


@pytest.mark.benchmark(group="beyond the caches")
def bench_same_filled(benchmark, memory):
    said(benchmark, len(memory), "only_reading")
    benchmark(same_filled, memory)


@pytest.mark.benchmark(group="beyond the caches")
def bench_pages_equal(benchmark, memory):
    half = len(memory) // 2
    said(benchmark, half, "only_reading", pages=2)
    assert benchmark(pages_equal, memory[:half], memory[half:]).all()


@pytest.mark.benchmark(group="beyond the caches")
def bench_xxh3_in_a_loop(benchmark, memory):
    xxhash = imported("xxhash", "xxhash")
    pages = list(memory[: 1 << 16])
    said(benchmark, len(pages), "hash_pages")
    benchmark(lambda: [xxhash.xxh3_64_intdigest(page) for page in pages])


@pytest.mark.benchmark(group="in the cache, 1 MiB")
def bench_hash_cached(benchmark, memory):
    said(benchmark, 256, "xxh3_cached")
    benchmark(hash_pages, memory[:256])


@pytest.mark.benchmark(group="in the cache, 1 MiB")
def bench_xxh3_cached(benchmark, memory):
    xxhash = imported("xxhash", "xxhash")
    pages = list(memory[:256])
    said(benchmark, 256)
    benchmark(lambda: [xxhash.xxh3_64_intdigest(page) for page in pages])


@pytest.mark.benchmark(group="real pages")
def bench_zero_pages_of_real_ones(benchmark, real_pages):
    said(benchmark, len(real_pages), "numpy_any", pages=0)
    benchmark(zero_pages, real_pages)


@pytest.mark.benchmark(group="real pages")
def bench_numpy_any(benchmark, real_pages):
    said(benchmark, len(real_pages), pages=0)
    benchmark(lambda: ~real_pages.view(np.uint64).any(axis=1))


@pytest.mark.benchmark(group="tokens")
def bench_hash_tokens(benchmark):
    tokens = np.arange(1_000_000, dtype=np.uint64)
    said(benchmark, len(tokens), pages=0, unit="token")
    benchmark(hash_tokens, tokens)
