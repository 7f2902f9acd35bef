"""Sub-page sharing as potential: pages that nearly equal another, kept as a patch against it.

Difference Engine (Gupta et al., OSDI 2008, section 4.2): of every page that has no equal, two
blocks of 64 bytes at fixed random places are hashed; a page with an equal block is a candidate
reference. If the difference to it takes less than half a page, the page can go and a patch be kept.
A page that is patched is no reference for others. This counts what that would give back; the engine
has no patched pages.

A patch here is a header of 8 bytes, then for each run of differing 64-bit words 4 bytes (where, how
many) and the words.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pageengine.stores.codec import Codec
from pageengine.stores.hashing import hash_pages, zero_pages
from pageengine.units import PAGE_BYTES

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from pageengine.images.base import Image
    from pageengine.plumbing.shapes import Pages, Row

HALF = PAGE_BYTES // 2
HEADER, RUN, WORD = 8, 4, 8
BLOCK, BLOCKS = 64, 2
MOST_PAGES = 65536
_BATCH = 4096


@dataclass(frozen=True)
class SubPage:
    """pages: looked at; bytes given back by equal pages alone (``sharing``, zero pages too), with
    compression of the others (``compressed``), with patches instead (``patched``), and with
    whichever is smaller for each page (``both``). similar: pages for which a patch was taken. A
    page counts as compressed or patched when it takes half a page or less, by its exact size.
    """

    pages: int
    similar: int
    sharing: int
    compressed: int
    patched: int
    both: int

    @property
    def more(self) -> float:
        """Given back by patches beyond sharing and compression, as a part of those."""
        return self.both / self.compressed - 1 if self.compressed else 0.0


def potential(pages: ArrayLike, codec: str = "word", seed: int = 0) -> SubPage:
    """What patches would give back of ``pages``, uint8 [n, 4096]. seed: of the blocks' places."""
    pages = np.asarray(pages)
    distinct = pages[_first_of_each(pages)]
    shared = (len(pages) - len(distinct)) * PAGE_BYTES
    squeezed = _sizes(Codec(codec), distinct)
    patches = patch_choice(distinct, seed)
    return SubPage(
        pages=len(pages),
        similar=int((patches > 0).sum()),
        sharing=shared,
        compressed=shared + _saved(squeezed),
        patched=shared + _saved(patches),
        both=shared + _saved(_smaller(squeezed, patches)),
    )


def of_images(opened: Iterable[Image], most: int = MOST_PAGES) -> SubPage:
    """The same of opened images together, of their first ``most`` pages that hold anything: they
    are kept in memory while this looks.
    """
    parts, left = [], most
    for image in opened:
        for _, contents in image.batches(_BATCH):
            parts.append(contents[:left].copy())
            left -= len(parts[-1])
            if left <= 0:
                return potential(np.concatenate(parts))
    return potential(np.concatenate(parts)) if parts else SubPage(0, 0, 0, 0, 0, 0)


def patch_choice(distinct: Pages, seed: int = 0) -> Row[np.int64]:
    """Size of the patch that each page can be kept as, int64 [n]; 0 for pages that stay whole."""
    draw = np.random.Generator(np.random.Philox(key=[seed, 1]))
    starts = draw.choice(PAGE_BYTES // BLOCK, BLOCKS, replace=False) * BLOCK
    n = len(distinct)
    references = np.stack([_first_with_block(distinct, int(at)) for at in starts], axis=1)
    sizes = np.stack([_against(distinct, references[:, k]) for k in range(BLOCKS)], axis=1)
    sizes[references == np.arange(n)[:, None]] = PAGE_BYTES  # a page is no reference of itself
    chosen = np.zeros(n, np.int64)
    for page in np.flatnonzero(sizes.min(axis=1) <= HALF).tolist():
        for k in np.argsort(sizes[page], kind="stable").tolist():
            if sizes[page, k] <= HALF and not chosen[references[page, k]]:
                chosen[page] = sizes[page, k]
                break
    return chosen


def patch_sizes(pages: Pages, references: Pages) -> Row[np.int64]:
    """Bytes of the patches that make ``pages`` of ``references``, both uint8 [n, 4096]."""
    differ = np.ascontiguousarray(pages).view(np.uint64) != np.ascontiguousarray(references).view(
        np.uint64
    )
    runs = differ[:, 0].astype(np.int64) + (differ[:, 1:] & ~differ[:, :-1]).sum(axis=1)
    sizes: Row[np.int64] = HEADER + RUN * runs + WORD * differ.sum(axis=1)
    return sizes


def _against(pages: np.ndarray, references: np.ndarray) -> np.ndarray:
    parts = [
        patch_sizes(pages[at : at + _BATCH], pages[references[at : at + _BATCH]])
        for at in range(0, len(pages), _BATCH)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def _first_of_each(pages: np.ndarray) -> np.ndarray:
    """Rows of the first page of each content, without zero pages, in order."""
    filled = np.flatnonzero(~zero_pages(pages))
    _, first = np.unique(hash_pages(pages[filled]), return_index=True)
    return filled[np.sort(first)]


def _first_with_block(pages: np.ndarray, start: int) -> np.ndarray:
    """For each page the first that holds the same block there; itself if none does earlier."""
    blocks = np.ascontiguousarray(pages[:, start : start + BLOCK]).view(f"V{BLOCK}").ravel()
    _, first, group = np.unique(blocks, return_index=True, return_inverse=True)
    return first[group.ravel()]


def _sizes(codec: Codec, pages: np.ndarray) -> np.ndarray:
    """Compressed sizes, 0 where a page does not fit half a page."""
    if not len(pages):
        return np.zeros(0, np.int64)
    return codec.sizes(pages, HALF).astype(np.int64)


def _saved(sizes: np.ndarray) -> int:
    return int((PAGE_BYTES - sizes[sizes > 0]).sum())


def _smaller(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The smaller of two sizes of which 0 is none."""
    none = PAGE_BYTES + 1
    least = np.minimum(np.where(a > 0, a, none), np.where(b > 0, b, none))
    return np.where(least == none, 0, least)
