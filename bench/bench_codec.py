"""Every codec on pages of real processes, and python-lz4, all held against liblz4 through the calls
of a Codec.

Zero pages are left out: no codec sees them. Compression is measured with the limit of the
compression cache (2048 bytes, where a codec may give up early) and with that of a page. Blobs are
made as bytes objects everywhere, and pages are restored into memory that is there already; only
python-lz4 makes a bytes object of each page too, and is called once per page.
"""

import numpy as np
import pytest
from peers import imported

from pageengine.stores.codec import PAGE_BYTES, codecs

PAGES = 8192
CODECS = codecs()
PEER = {name: "lz4" for name in CODECS if name != "lz4"}
group = pytest.mark.benchmark
each = pytest.mark.parametrize("name", CODECS)


@pytest.fixture(scope="module")
def pages(real_pages_nonzero):
    """A part of all that was captured, evenly: uint8 [8192, 4096]."""
    step = max(1, len(real_pages_nonzero) // PAGES)
    return np.ascontiguousarray(real_pages_nonzero[::step][:PAGES])


def _note(benchmark, n, peer):
    benchmark.extra_info.update(per_item=n, unit="page", bytes=n * PAGE_BYTES)
    if peer:
        benchmark.extra_info["peer"] = peer


def _note_sizes(benchmark, sizes):
    """What became of the pages; one that does not shrink counts whole."""
    sizes = np.where(sizes == 0, PAGE_BYTES, sizes)
    benchmark.extra_info.update(
        {
            "compressed to 1/": float(PAGE_BYTES / sizes.mean()),
            "<= 1 KiB": f"{(sizes <= 1024).mean():.1%}",
            "<= 2 KiB": f"{(sizes <= 2048).mean():.1%}",
        }
    )


def _peer(call, name):
    return f"{call}[lz4]" if name in PEER and "lz4" in CODECS else None


@group(group="compress pages to at most 2048 bytes, as the compression cache does")
@each
def bench_compress_half(benchmark, pages, name):
    _note(benchmark, len(pages), _peer("bench_compress_half", name))
    benchmark(CODECS[name].compress, pages, 2048)
    _note_sizes(benchmark, CODECS[name].sizes(pages, 2048))


@group(group="compress pages to at most 4096 bytes")
@each
def bench_compress(benchmark, pages, name):
    _note(benchmark, len(pages), _peer("bench_compress", name))
    benchmark(CODECS[name].compress, pages)
    _note_sizes(benchmark, CODECS[name].sizes(pages))


@group(group="compress pages to at most 4096 bytes")
def bench_compress_with_python_lz4(benchmark, pages):
    block = imported("python-lz4", "lz4.block")
    views = [memoryview(page) for page in pages]

    def run():
        return [block.compress(view, store_size=False) for view in views]

    _note(benchmark, len(pages), _peer("bench_compress", "python-lz4"))
    sizes = np.array([len(blob) for blob in benchmark(run)])
    _note_sizes(benchmark, np.minimum(sizes, PAGE_BYTES))


@group(group="restore pages that were compressed to at most 2048 bytes")
@each
def bench_decompress_half(benchmark, pages, name):
    _decompress(benchmark, CODECS[name], CODECS[name].compress(pages, 2048))
    benchmark.extra_info["peer"] = _peer("bench_decompress_half", name)


@group(group="restore pages that were compressed to at most 4096 bytes")
@each
def bench_decompress(benchmark, pages, name):
    _decompress(benchmark, CODECS[name], CODECS[name].compress(pages))
    benchmark.extra_info["peer"] = _peer("bench_decompress", name)


@group(group="restore pages that were compressed to at most 4096 bytes")
def bench_decompress_with_python_lz4(benchmark, pages):
    block = imported("python-lz4", "lz4.block")
    blobs = _lz4_blobs(pages)

    def run():
        for blob in blobs:
            block.decompress(blob, uncompressed_size=PAGE_BYTES)

    _note(benchmark, len(blobs), _peer("bench_decompress", "python-lz4"))
    benchmark(run)


@group(group="restore pages from the same LZ4 blocks, made by python-lz4")
@pytest.mark.parametrize("name", [name for name in ("lz", "lz4") if name in CODECS])
def bench_decompress_same_blobs(benchmark, pages, name):
    _decompress(benchmark, CODECS[name], _lz4_blobs(pages))
    benchmark.extra_info["peer"] = _peer("bench_decompress_same_blobs", name)


def _decompress(benchmark, codec, blobs):
    blobs = [blob for blob in blobs if blob is not None]
    out = np.empty((len(blobs), PAGE_BYTES), np.uint8)
    _note(benchmark, len(blobs), None)
    benchmark(codec.decompress, blobs, out)


def _lz4_blobs(pages):
    block = imported("python-lz4", "lz4.block")
    blobs = [block.compress(memoryview(page), store_size=False) for page in pages]
    return [blob for blob in blobs if len(blob) <= PAGE_BYTES]
