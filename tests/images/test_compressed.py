"""Compressed images are streams: their size is known late and their end may be missing without a
word. Files made with gzip and zstandard are read back, cut short and damaged."""

import gzip
import struct
import sys

import numpy as np
import pytest

from pageengine import images
from pageengine.errors import ImageError

zstandard = pytest.importorskip("zstandard")
PAGE = 4096


def some_pages(n, seed=0):
    pages = np.random.default_rng(seed).integers(0, 4, (n, PAGE), dtype=np.uint8)
    pages[n // 3 : n // 2] = 0
    return pages


def zstd_without_size(data):
    compressor = zstandard.ZstdCompressor().compressobj()
    return compressor.compress(data) + compressor.flush()


MAKERS = {
    "gzip": gzip.compress,
    "gzip members": lambda d: gzip.compress(d[:5000]) + gzip.compress(d[5000:]) + bytes(512),
    "zstd": zstandard.compress,
    "zstd checksum": zstandard.ZstdCompressor(write_checksum=True).compress,
    "zstd without size": zstd_without_size,
    "zstd frames": lambda d: (
        zstandard.compress(d[:5000])
        + struct.pack("<II", 0x184D2A53, 3)
        + b"abc"
        + zstandard.compress(d[5000:])
    ),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_what_was_compressed_is_read_as_often_as_wanted(tmp_path, maker):
    pages, path = some_pages(300), tmp_path / "image"
    path.write_bytes(MAKERS[maker](pages.tobytes()))
    with images.open(path, batch=64) as image:
        assert image.kind == maker.split()[0] and image.pages == 300 and image.bytes == pages.nbytes
        for _ in range(2):
            got = list(image)
            assert [len(ppns) for ppns, _ in got] == [64, 64, 64, 64, 44]
            assert (np.concatenate([p for _, p in got]) == pages).all()
            assert (np.concatenate([n for n, _ in got]) == np.arange(300)).all()
    with pytest.raises(ValueError, match="closed"):
        list(image)


@pytest.mark.parametrize("maker", MAKERS)
def test_every_cut_is_an_error(tmp_path, maker):
    data, path = some_pages(8).tobytes(), tmp_path / "image"
    whole = MAKERS[maker](data)
    step = max(1, len(whole) // 150)
    for size in range(4, len(whole) - 512 if "members" in maker else len(whole), step):
        path.write_bytes(whole[:size])
        with pytest.raises(ImageError, match="image"):
            list(images.open(path))


@pytest.mark.parametrize("maker", ["gzip", "zstd checksum"])
def test_flipped_bytes_are_noticed(tmp_path, maker):
    path = tmp_path / "image"
    whole = bytearray(MAKERS[maker](some_pages(8).tobytes()))
    for at in range(40, len(whole), 97):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        with pytest.raises(ImageError, match="image"):
            list(images.open(path))


@pytest.mark.parametrize("maker", ["gzip", "zstd", "zstd without size"])
def test_a_remainder_is_told_with_the_size_it_would_need(tmp_path, maker):
    path = tmp_path / "image"
    path.write_bytes(MAKERS[maker](b"x" * 5000))
    with pytest.raises(ImageError, match=r"remainder of 904.*truncate -s 8192"):
        list(images.open(path))


@pytest.mark.parametrize("content", [b"\x7fELF", b"EMiL", b"KDUMP   "])
def test_other_images_under_compression_are_refused_with_advice(tmp_path, content):
    path = tmp_path / "image"
    path.write_bytes(gzip.compress(content.ljust(PAGE, b"x")))
    with pytest.raises(ImageError, match="decompress it first: gzip -d"):
        images.open(path)


def test_much_memory_in_few_bytes_is_read_in_bounded_batches(tmp_path):
    path = tmp_path / "zeros"
    path.write_bytes(zstandard.compress(bytes(64 << 20)))
    sizes = [pages.nbytes for _, pages in images.open(path, batch=256)]
    assert sum(sizes) == 64 << 20 and max(sizes) == 256 * PAGE


def test_without_zstandard_the_message_names_the_extra(tmp_path, monkeypatch):
    path = tmp_path / "image"
    path.write_bytes(zstandard.compress(bytes(PAGE)))
    for name in ("zstandard", "compression", "compression.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImageError, match=r"pageengine\[cli\]"):
        images.open(path)
