"""Compressed images are streams: their size is known late and their end may be missing without a
word. Files made with gzip and zstandard are read back, cut short and damaged."""

import gzip
import shutil
import struct
import subprocess
import sys
import zlib

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


def skip(content, kind=3):
    return struct.pack("<II", 0x184D2A50 + kind, len(content)) + content


def wide(frame, log):
    """The frame with a larger window in its header: legal, as no reference reaches further."""
    assert not frame[4] & 0x20, "a window of its own"
    return frame[:5] + bytes([log - 10 << 3]) + frame[6:]


def gzip_with_fields(data):
    """Every field that a header may have: extra, name, comment, checksum of the header."""
    head = b"\x1f\x8b\x08\x1e" + bytes(6) + b"\5\0extra" + b"guest.raw\0" + b"of a host\0"
    return head + struct.pack("<H", zlib.crc32(head) & 0xFFFF) + gzip.compress(data)[10:]


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
    "zstd skippable first": lambda d: skip(b"abc") + skip(b"") + zstandard.compress(d) + skip(b"x"),
    "zstd empty frames": lambda d: (
        zstandard.compress(b"") + zstandard.compress(d) + zstandard.compress(b"")
    ),
    "zstd long": lambda d: zstandard.ZstdCompressor(
        compression_params=zstandard.ZstdCompressionParameters(window_log=31, enable_ldm=False)
    ).compress(d),
    "zstd long without size": lambda d: wide(zstd_without_size(d), 31),
    "gzip fields": lambda d: gzip_with_fields(d),
    "gzip empty members": lambda d: gzip.compress(b"") + gzip.compress(d) + gzip.compress(b""),
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


def run_advice(said, folder):
    """Run the command at the end of a message, as a reader would."""
    subprocess.run(said.rsplit(": ", 1)[1], shell=True, check=True, cwd=folder, capture_output=True)


@pytest.mark.parametrize("maker", ["gzip", "zstd", "zstd without size"])
def test_a_remainder_is_told_with_a_command_that_helps(tmp_path, maker):
    path, content = tmp_path / "it's a guest", MAKERS[maker](b"x" * 5000)
    path.write_bytes(content)
    with pytest.raises(ImageError, match=r"remainder of 904.*truncate -s 8192") as caught:
        list(images.open(path))
    if shutil.which(maker.split()[0]):
        run_advice(str(caught.value), tmp_path)
        with images.open(f"{path}.unpacked") as image:
            assert image.pages == 2
    assert path.read_bytes() == content, "a compressed file that is padded is damaged"


@pytest.mark.parametrize("maker", ["gzip", "zstd", "zstd long without size"])
@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\x7fELF", "an ELF file"),
        (b"EMiL", "a LiME file"),
        (b"KDUMP   ", "a compressed kdump"),
        (b"\x1f\x8b\x08", "a gzip file"),
        (zstandard.compress(b"x"), "a zstd file"),
        (bytes(257) + b"ustar", "a tar file"),
    ],
)
def test_other_files_under_compression_are_refused_with_a_command_that_helps(
    tmp_path, maker, content, what
):
    path = tmp_path / "image"
    path.write_bytes(MAKERS[maker](content.ljust(PAGE, b"\1")))
    with pytest.raises(ImageError, match=f"around {what}.*decompress it first") as caught:
        images.open(path)
    if shutil.which(maker.split()[0]):
        run_advice(str(caught.value), tmp_path)
        assert (tmp_path / "image.unpacked").read_bytes() == content.ljust(PAGE, b"\1")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (skip(b"abc"), "holds no memory"),
        (zstandard.compress(b""), "holds no memory"),
        (gzip.compress(b"", mtime=0), "holds no memory"),
        (skip(b"abc")[:9], "truncated"),
        (wide(zstd_without_size(bytes(PAGE)), 36), "window of 68719476736 bytes.*--long=31"),
        (b"\x28\xb5\x2f\xfd\x21\x07\0\1\0\0", "dictionary 7, and needs it"),
        (gzip.compress(bytes(PAGE), mtime=0) + b"and more", "damaged gzip data"),
    ],
)
def test_what_cannot_be_read_says_what_it_needs(tmp_path, content, words):
    path = tmp_path / "image"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=words):
        list(images.open(path))


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
