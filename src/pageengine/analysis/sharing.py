"""What page sharing and compression would give back on a set of memory images, without a host.

Every image is read once, in batches. Kept are one 64-bit hash per page of the image being read, one
per distinct page of all images, and the compressed sizes of a sample of the distinct pages: about
16 bytes per page, never the pages themselves.

Equal pages are counted by their 64-bit hash and not compared byte by byte (the engine compares
every pair it merges; this is a count). Among n distinct pages the chance that any two are taken for
equal by mistake is about n * n / 2**65: 2e-10 for 256 MiB of distinct pages, one in 8000 for 256
GiB. ``SharingReport.collision_chance`` says it for the images at hand.

A larger chunk (64 KiB, 2 MiB) is equal to another when all its pages are; chunks begin at multiples
of their size, as large pages do, and the last pages of an image that fill no chunk are never
shared.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np

from pageengine import codec as codecs
from pageengine.analysis.report import Compressibility, Grain, ImageSharing, SharingReport
from pageengine.analysis.tally import Sample, Seen
from pageengine.hashing import hash_pages, same_filled, zero_pages
from pageengine.units import PAGE_BYTES

GRAINS = (4096, 64 * 1024, 2 * 1024 * 1024)
SAMPLE_PAGES = 16384
_ZERO = np.uint64(0)  # stands for the zero page; a page whose hash is 0 gets 1
_BATCH_PAGES = 2048

Progress = Callable[[str, int, int], object]


class PageSource(Protocol):
    """What is read: ``pageengine.images.open`` gives such objects."""

    path: str
    kind: str

    @property
    def pages(self) -> int:
        """Pages in all, holes included."""

    def batches(self, size: int | None = None) -> Iterable[tuple[np.ndarray, np.ndarray]]:
        """(PPNs int64 [n], pages uint8 [n, 4096]) in ascending order, n at most ``size``."""


def survey(
    images: Sequence[PageSource],
    groups: Mapping[str, str] | None = None,
    *,
    codec_names: Sequence[str] | None = None,
    sample: int | None = SAMPLE_PAGES,
    progress: Progress | None = None,
) -> SharingReport:
    """Counts what could be shared and compressed.

    images: opened images; each is read once, from first to last page. groups: path -> salt group;
    only images of one group share pages, those that are not named are a group of their own ("").
    codec_names: which codecs to try, all by default. sample: how many distinct pages are compressed
    to judge compressibility, None for every one. progress(path, pages done, pages in all) after
    each batch.
    """
    if sample is not None and sample < 1:
        raise ValueError(f"sample must be at least 1 page, got {sample}")
    names = [image.path for image in images]
    for path, group in (groups or {}).items():
        if path not in names:
            raise ValueError(f"group {group!r} names {path}, which is not among the images")
    tried = _codecs(codec_names)
    survey = _Survey(tried, sample)
    found = [survey.add(image, (groups or {}).get(image.path, ""), progress) for image in images]
    return SharingReport(
        images=tuple(found),
        compressibility=survey.compressibility(),
        distinct_pages=sum(image.grains[0].kept for image in found),
    )


def _codecs(names: Sequence[str] | None) -> dict:
    return {name: codecs.Codec(name) for name in names} if names else codecs.codecs()


class _Survey:
    """Counts over the images so far. A group is a salt of the hash, so that one set serves all
    groups."""

    def __init__(self, tried: dict, sample: int | None):
        self._tried = tried
        self._sample = Sample(sample, len(tried))
        self._salts: dict[str, int] = {}
        self._seen = [Seen() for _ in GRAINS]

    def add(self, image: PageSource, group: str, progress: Progress | None) -> ImageSharing:
        salt = self._salts.setdefault(group, len(self._salts))
        pages = image.pages
        hashes = np.zeros(pages, np.uint64)
        same = held = 0
        for ppns, contents in image.batches(_BATCH_PAGES):
            same += self._page_batch(contents, salt, hashes, ppns)
            held += len(ppns)
            if progress:
                progress(image.path, int(ppns[-1]) + 1, pages)
        if progress:
            progress(image.path, pages, pages)
        grains = tuple(
            _grain(size, _chunk_hashes(hashes, size // PAGE_BYTES, salt), seen)
            for size, seen in zip(GRAINS, self._seen, strict=True)
        )
        return ImageSharing(image.path, image.kind, group, pages, pages - held, same, grains)

    def _page_batch(self, contents, salt: int, hashes, ppns) -> int:
        """Notes the hashes of a batch and samples it; returns the pages that hold one repeated
        word."""
        filled = ~zero_pages(contents)
        same, _ = same_filled(contents)
        batch = np.maximum(hash_pages(contents, salt), np.uint64(1))
        batch[~filled] = _ZERO
        hashes[ppns] = batch
        if self._tried:
            rows = np.flatnonzero(filled)
            distinct, first, counts = np.unique(batch[rows], return_index=True, return_counts=True)
            new = self._sample.wanted(distinct, counts)
            chosen = contents[rows[first[new]]]
            if len(chosen):
                self._sample.put(distinct[new], counts[new], self._sizes(chosen))
        return int(np.count_nonzero(same & filled))

    def _sizes(self, contents) -> np.ndarray:
        """Compressed size under each codec, uint16 [n, codecs]; a whole page where it does not
        fit."""
        rows = np.empty((len(contents), len(self._tried)), np.uint16)
        for column, codec in enumerate(self._tried.values()):
            sizes = codec.sizes(contents)
            rows[:, column] = np.where((sizes == 0) | (sizes > PAGE_BYTES), PAGE_BYTES, sizes)
        return rows

    def compressibility(self) -> tuple[Compressibility, ...]:
        counts, rows = self._sample.close()
        return tuple(
            Compressibility.of(name, rows[:, column], counts)
            for column, name in enumerate(self._tried)
        )


def _chunk_hashes(hashes: np.ndarray, pages: int, salt: int) -> np.ndarray:
    """Hashes of chunks of ``pages`` pages each, from the hashes of the pages; 0 for a chunk of zero
    pages."""
    if pages == 1:
        return hashes
    chunks = hashes[: len(hashes) // pages * pages].reshape(-1, pages)
    combined = np.empty(len(chunks), np.uint64)
    for start in range(0, len(chunks), _BATCH_PAGES):
        part = chunks[start : start + _BATCH_PAGES]
        padded = np.zeros((len(part), PAGE_BYTES // 8), np.uint64)
        padded[:, :pages] = part
        combined[start : start + len(part)] = hash_pages(padded.view(np.uint8), salt)
    combined = np.maximum(combined, np.uint64(1))
    combined[~chunks.any(axis=1)] = _ZERO
    return combined


def _grain(size: int, hashes: np.ndarray, seen: Seen) -> Grain:
    filled = hashes[hashes != _ZERO]
    distinct = np.unique(filled)
    kept = int(np.count_nonzero(seen.add(distinct)))
    return Grain(
        bytes=size,
        chunks=len(hashes),
        zero=len(hashes) - len(filled),
        within=len(filled) - len(distinct),
        across=len(distinct) - kept,
        kept=kept,
    )
