"""The compression cache, whole path (compress, find room, copy; and back), against its codec alone;
and what packing wins.
"""

import numpy as np
import pytest

from pageengine.stores.codec import Codec
from pageengine.stores.zcache import NONE, CompressionCache

N = 4096


@pytest.fixture(scope="module")
def pages(real_pages_nonzero):
    return np.ascontiguousarray(real_pages_nonzero[:N])


def note(benchmark, pages, peer=None, **more):
    benchmark.extra_info.update(per_item=len(pages), unit="page", bytes=pages.nbytes, **more)
    if peer:
        benchmark.extra_info["peer"] = peer


@pytest.mark.benchmark(group="cache: store")
@pytest.mark.parametrize("codec", ["word", "lz"])
def bench_codec_alone_in(benchmark, pages, codec):
    made = Codec(codec)
    benchmark(made.sizes, pages, 2048)
    note(benchmark, pages)


@pytest.mark.benchmark(group="cache: store")
@pytest.mark.parametrize("codec", ["word", "lz"])
@pytest.mark.parametrize("packing", ["esx", "dense"])
def bench_store(benchmark, pages, codec, packing):
    def fresh():
        cache = CompressionCache(N, codec=codec, packing=packing)
        cache.erase([b for b in cache.store(pages) if b != NONE])  # its memory is there already
        return (cache,), {}

    benchmark.pedantic(lambda cache: cache.store(pages), setup=fresh, rounds=7)
    cache = CompressionCache(N, codec=codec, packing=packing)
    held = int((cache.store(pages) != NONE).sum())
    gained = held - cache.stats()["frames"]
    note(
        benchmark,
        pages,
        f"bench_codec_alone_in[{codec}]",
        held=f"{held / len(pages):.0%}",
        frames_gained=gained,
    )


@pytest.mark.benchmark(group="cache: load")
@pytest.mark.parametrize("codec", ["word", "lz"])
def bench_codec_alone_out(benchmark, pages, codec):
    made = Codec(codec)
    blobs = [blob for blob in made.compress(pages, 2048) if blob is not None]
    out = np.empty((len(blobs), 4096), np.uint8)
    benchmark(made.decompress, blobs, out)
    note(benchmark, out)


@pytest.mark.benchmark(group="cache: load")
@pytest.mark.parametrize("codec", ["word", "lz"])
@pytest.mark.parametrize("packing", ["esx", "dense"])
def bench_load(benchmark, pages, codec, packing):
    cache = CompressionCache(N, codec=codec, packing=packing)
    blobs = cache.store(pages)
    blobs = blobs[blobs != NONE]
    benchmark(cache.load, blobs)
    note(benchmark, pages[: len(blobs)], f"bench_codec_alone_out[{codec}]")
