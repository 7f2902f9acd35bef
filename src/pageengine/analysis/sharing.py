"""What page sharing and compression would give back on a set of memory images, without a host.

Every image is read once, in batches. Kept are one 64-bit hash per page of the image being read, one
per distinct page of all images, and the compressed sizes of a sample of the distinct pages: about
16 bytes per page, never the pages themselves.

Equal pages are counted by their 64-bit hash and not compared byte by byte (the engine compares
every pair it merges; this is a count). Among n distinct pages the chance that any two are taken for
equal by mistake is about n * n / 2**65: 2e-10 for 256 MiB of distinct pages, one in 8000 for 256
GiB. ``SharingReport.collision_chance`` says it for the images at hand.

A larger chunk (64 KiB, 2 MiB) is equal to another when all its pages are; chunks begin at multiples
of their size, as large pages do (``analysis.chunks``).

Counted is memory whose content is known: what an image stores, and its holes, which are zero. What
it does not store (``Image.unknown``) and addresses without memory (``Image.gaps``) are named beside
and are no part of any sum.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from pageengine.analysis.chunks import Chunks
from pageengine.analysis.report import Compressibility, Grain, ImageSharing, SharingReport
from pageengine.analysis.tally import HashSet, Sample
from pageengine.plumbing.shapes import Pages, Row
from pageengine.stores import codec as codecs
from pageengine.stores.hashing import hash_pages, same_filled, zero_pages
from pageengine.units import PAGE_BYTES

GRAINS = (4096, 64 * 1024, 2 * 1024 * 1024)
SAMPLE_PAGES = 16384
_BATCH_PAGES = 2048

Progress = Callable[[str, int, int], object]


class PageSource(Protocol):
    """What is read: ``pageengine.images.open`` gives such objects."""

    path: str
    kind: str

    @property
    def known(self) -> list[tuple[int, int]]:
        """Data and holes as ordered runs: (first PPN, PPN after the last)."""

    @property
    def kinds(self) -> Any:
        """How many pages of each kind there are, of which only data is in ``batches``."""

    def batches(self, size: int | None = None) -> Iterable[tuple[Row[np.int64], Pages]]:
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
    to judge compressibility, None for every one. progress(path, stored pages done, stored pages in
    all) after each batch.
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


def _codecs(names: Sequence[str] | None) -> dict[str, codecs.Codec]:
    return {name: codecs.Codec(name) for name in names} if names else codecs.codecs()


class _Survey:
    """Counts over the images so far. A group is a salt of the hash, so that one set serves all
    groups."""

    def __init__(self, tried: dict[str, codecs.Codec], sample: int | None):
        self._tried = tried
        self._sample = Sample(sample, len(tried))
        self._salts: dict[str, int] = {}
        self._seen = [HashSet() for _ in GRAINS]

    def add(self, image: PageSource, group: str, progress: Progress | None) -> ImageSharing:
        salt = self._salts.setdefault(group, len(self._salts))
        stored = image.kinds.data
        hashes, filled = np.empty(stored, np.uint64), 0
        chunks = [Chunks(size // PAGE_BYTES, salt) for size in GRAINS[1:]]
        same = held = 0
        for ppns, contents in image.batches(_BATCH_PAGES):
            found, batch, repeated = self._page_batch(contents, salt)
            hashes[filled : filled + len(batch)] = batch
            filled, same, held = filled + len(batch), same + repeated, held + len(ppns)
            for each in chunks:
                each.add(ppns[found], batch)
            if progress:
                progress(image.path, held, stored)
        if progress:
            progress(image.path, stored, stored)
        known, kinds = image.known, image.kinds  # after reading: some pages may be unreadable
        pages = sum(end - first for first, end in known)
        parts = [(pages, hashes[:filled]), *(each.finish(known) for each in chunks)]
        grains = tuple(
            _grain(size, *part, seen)
            for size, part, seen in zip(GRAINS, parts, self._seen, strict=True)
        )
        return ImageSharing(
            path=image.path,
            kind=image.kind,
            group=group,
            pages=pages,
            zero=held - filled,
            holes=pages - held,
            unknown=kinds.unknown,
            gap=kinds.gap,
            same_filled=same,
            grains=grains,
        )

    def _page_batch(self, contents: np.ndarray, salt: int) -> tuple[np.ndarray, np.ndarray, int]:
        """Samples a batch: (which of its rows are not zero, their hashes, how many of them are one
        repeated word).
        """
        filled = ~zero_pages(contents)
        same, _ = same_filled(contents)
        rows = np.flatnonzero(filled)
        batch = np.maximum(hash_pages(contents, salt)[rows], np.uint64(1))
        if self._tried:
            distinct, first, counts = np.unique(batch, return_index=True, return_counts=True)
            new = self._sample.wanted(distinct, counts)
            chosen = contents[rows[first[new]]]
            if len(chosen):
                self._sample.put(distinct[new], counts[new], self._sizes(chosen))
        return rows, batch, int(np.count_nonzero(same & filled))

    def _sizes(self, contents: np.ndarray) -> np.ndarray:
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


def _grain(size: int, chunks: int, filled: np.ndarray, seen: HashSet) -> Grain:
    """The counts of ``chunks`` chunks, of which those with the hashes ``filled`` are not zero."""
    distinct = np.unique(filled)
    kept = int(np.count_nonzero(seen.add(distinct)))
    return Grain(
        bytes=size,
        chunks=chunks,
        zero=chunks - len(filled),
        within=len(filled) - len(distinct),
        across=len(distinct) - kept,
        kept=kept,
    )
