"""A quick look at how fast each codec is on pages of this very process."""

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pageengine import images
from pageengine.analysis.report import Compressibility
from pageengine.plumbing.shapes import Pages
from pageengine.stores.codec import Codec
from pageengine.stores.hashing import zero_pages
from pageengine.units import PAGE_BYTES

_ROUNDS = 3
_PAGES = 8192


@dataclass(frozen=True)
class Speed:
    """One codec on some pages, best of a few rounds. Speeds are 10**6 bytes of pages per second:
    compress_mb_s over all pages, decompress_mb_s over those that became smaller; 0 where none did.
    """

    codec: str
    bytes: int
    compress_mb_s: float
    decompress_mb_s: float
    quarter: float
    half: float
    ratio: float

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data, ready for JSON."""
        return asdict(self)


def own_pages(limit: int = _PAGES) -> Pages:
    """Non-zero pages of this process, uint8 [n, 4096]; of the libraries on disk where memory cannot
    be read."""
    found, count = [], 0
    try:
        with images.open(f"/proc/{os.getpid()}") as image:
            for _, pages in image:
                found.append(pages[~zero_pages(pages)])
                count += len(found[-1])
                if count >= limit:
                    break
    except (OSError, images.ImageError):
        found = [_file_pages(np.__file__)]
    return np.ascontiguousarray(np.concatenate(found)[:limit])


def _file_pages(path: str) -> np.ndarray:
    data = np.fromfile(path, np.uint8)
    return data[: len(data) // PAGE_BYTES * PAGE_BYTES].reshape(-1, PAGE_BYTES)


def measure(codec: Codec, pages: Pages) -> Speed:
    """Compresses all pages and decompresses what fitted, a few times each."""
    seconds = _best(lambda: codec.sizes(pages))
    blobs = [blob for blob in codec.compress(pages, PAGE_BYTES - 1) if blob is not None]
    out = np.empty((len(blobs), PAGE_BYTES), np.uint8)
    back = _best(lambda: codec.decompress(blobs, out)) if blobs else 0.0
    sizes = codec.sizes(pages)
    sizes = np.where(sizes == 0, PAGE_BYTES, sizes).astype(np.uint16)
    made = Compressibility.of(codec.name, sizes, np.ones(len(sizes)))
    return Speed(
        codec=codec.name,
        bytes=pages.nbytes,
        compress_mb_s=pages.nbytes / seconds / 1e6,
        decompress_mb_s=len(blobs) * PAGE_BYTES / back / 1e6 if blobs else 0.0,
        quarter=made.quarter,
        half=made.half,
        ratio=made.ratio,
    )


def _best(work: Callable[[], object]) -> float:
    times = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)
