"""The dense codec, and word beside it, against zstd level 1, image by image: frames that slots of a
half and a quarter of a frame gain, and the time of both ways.

An image is what one program holds; ``PAGEENGINE_PAGES=FOLDER`` adds every ``*.pages`` there (pages
of 4096 bytes one after the other). Zero pages are left out. Refusing a page takes time too, so
compressing is measured over all pages, restoring over those that fit. A page in a quarter gains
three quarters of a frame, one in a half gains half.
"""

import os
from pathlib import Path

import numpy as np
import pytest

from pageengine.stores.codec import PAGE_BYTES, codecs

PAGES = 2048
LIMIT = 2048
CODECS = codecs()
FOLDER = os.environ.get("PAGEENGINE_PAGES")
FILES = {path.stem: path for path in sorted(Path(FOLDER).glob("*.pages"))} if FOLDER else {}
IMAGES = ["records", "numbers", "compiler", *(f"{name} (file)" for name in FILES)]
each = pytest.mark.parametrize("name", [n for n in ("dense", "word", "zstd") if n in CODECS])
each_image = pytest.mark.parametrize("image", IMAGES, scope="module")


@pytest.fixture(scope="module")
def pages(image, pages_of_programs):
    """Pages of the image that are not zero, evenly: uint8 [at most 2048, 4096]."""
    if image.endswith(" (file)"):
        found = np.fromfile(FILES[image.removesuffix(" (file)")], np.uint8)
        found = found[: len(found) // PAGE_BYTES * PAGE_BYTES].reshape(-1, PAGE_BYTES)
    else:
        found = pages_of_programs[image]
    found = found[found.view(np.uint64).any(axis=1)]
    return found[np.linspace(0, len(found) - 1, min(len(found), PAGES)).astype(int)]


def gained(sizes):
    """Frames that slots gain, of as many as there are pages."""
    return np.select([sizes == 0, sizes <= 1024, sizes <= 2048], [0, 0.75, 0.5]).mean()


@pytest.mark.benchmark(group="dense: compress pages to at most 2048 bytes")
@each_image
@each
def bench_in(benchmark, pages, name, image):
    benchmark(CODECS[name].sizes, pages, LIMIT)
    benchmark.extra_info.update(per_item=len(pages), unit="page", bytes=pages.nbytes)
    benchmark.extra_info["gained"] = f"{gained(CODECS[name].sizes(pages, LIMIT)):.1%}"
    _against_zstd(benchmark, name)


@pytest.mark.benchmark(group="dense: restore pages that were compressed to at most 2048 bytes")
@each_image
@each
def bench_out(benchmark, pages, name, image):
    blobs = [blob for blob in CODECS[name].compress(pages, LIMIT) if blob is not None]
    out = np.empty((len(blobs), PAGE_BYTES), np.uint8)
    benchmark(CODECS[name].decompress, blobs, out)
    benchmark.extra_info.update(per_item=len(blobs), unit="page", bytes=out.nbytes)
    _against_zstd(benchmark, name)


def _against_zstd(benchmark, name):
    if name != "zstd" and "zstd" in CODECS:
        benchmark.extra_info["peer"] = benchmark.name.replace(f"[{name}-", "[zstd-", 1)
