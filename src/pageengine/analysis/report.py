"""What a sharing survey reports: frozen records, and the few sums that are made from them."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pageengine.units import PAGE_BYTES

HALF, QUARTER = PAGE_BYTES // 2, PAGE_BYTES // 4
BIN = 256  # bytes of compressed size that a histogram counts together


@dataclass(frozen=True)
class Grain:
    """Chunks of one size. Every chunk is one of: ``zero``; ``within``, a further copy of a chunk of
    the same image; ``across``, first of its content in this image, but an earlier image of the
    group has it; ``kept``, the first of its content, which must stay in memory."""

    bytes: int
    chunks: int
    zero: int
    within: int
    across: int
    kept: int

    @property
    def saved(self) -> int:
        """Bytes that sharing at this size gives back."""
        return (self.zero + self.within + self.across) * self.bytes


@dataclass(frozen=True)
class ImageSharing:
    """One image. pages: memory whose content is known. Of these, zero: stored, and zero; holes:
    zero, and not stored; both are among the zero pages of the grains. Beside these, unknown: pages
    of memory that the image does not store; gap: page addresses that have no memory. same_filled:
    pages that are one 64-bit word repeated, zero pages not counted. grains: from small to large
    chunks."""

    path: str
    kind: str
    group: str
    pages: int
    zero: int
    holes: int
    unknown: int
    gap: int
    same_filled: int
    grains: tuple[Grain, ...]

    @property
    def bytes(self) -> int:
        """Its pages, holes included, in bytes."""
        return self.pages * PAGE_BYTES


@dataclass(frozen=True)
class Compressibility:
    """What one codec makes of the distinct non-zero pages that were sampled.

    pages: distinct pages compressed. quarter, half: share of them of at most 1024 bytes, and of
    1025 to 2048. ratio: their bytes over the compressed bytes, a page that does not shrink counted
    whole. saved: what ESX slots (quarter and half pages) give back per byte of distinct pages;
    saved_copies: the same per byte of all non-zero pages, each counted as often as it occurs.
    histogram: share of them per 256 bytes of compressed size, sixteen in all.
    """

    codec: str
    pages: int
    quarter: float
    half: float
    ratio: float
    saved: float
    saved_copies: float
    histogram: tuple[float, ...] = ()

    @classmethod
    def of(cls, name: str, sizes: np.ndarray, counts: np.ndarray) -> "Compressibility":
        """Of compressed sizes in bytes, int [n], 0 where a page does not fit 4096; counts: int
        [n], how often each page occurs.
        """
        n = len(sizes)
        if not n:
            return cls(name, 0, 0.0, 0.0, 1.0, 0.0, 0.0)
        quarter, half = sizes <= QUARTER, (sizes > QUARTER) & (sizes <= HALF)
        won = np.where(quarter, PAGE_BYTES - QUARTER, np.where(half, PAGE_BYTES - HALF, 0))
        return cls(
            codec=name,
            pages=n,
            quarter=float(quarter.mean()),
            half=float(half.mean()),
            ratio=n * PAGE_BYTES / int(sizes.sum(dtype=np.int64)),
            saved=float(won.mean() / PAGE_BYTES),
            saved_copies=float(np.average(won, weights=counts) / PAGE_BYTES),
            histogram=tuple((np.bincount((sizes - 1) // BIN, minlength=16) / n).tolist()),
        )


@dataclass(frozen=True)
class SharingReport:
    """The survey of a set of images. What it says can be given back is an upper bound: a host needs
    part of it for bookkeeping, and ESX limits its compression cache (10 % of a VM's size by
    default)."""

    images: tuple[ImageSharing, ...]
    compressibility: tuple[Compressibility, ...]
    distinct_pages: int

    @property
    def bytes(self) -> int:
        """All pages of all images, in bytes."""
        return sum(image.bytes for image in self.images)

    @property
    def collision_chance(self) -> float:
        """Chance that any two different pages were counted as equal."""
        return self.distinct_pages**2 / 2.0**65

    @property
    def groups(self) -> dict[str, tuple[ImageSharing, ...]]:
        """The images by salt group."""
        names = dict.fromkeys(image.group for image in self.images)
        return {n: tuple(i for i in self.images if i.group == n) for n in names}

    @property
    def grains(self) -> tuple[Grain, ...]:
        """The counts of all images together, per chunk size."""
        return add_grains(self.images)

    def techniques(self) -> dict[str, int]:
        """Bytes that each technique alone gives back, and sharing and compression together."""
        pages = self.grains[0]
        saved = {
            "zero pages": pages.zero * PAGE_BYTES,
            "sharing": pages.saved,
        }
        filled = (pages.chunks - pages.zero) * PAGE_BYTES
        zeros = pages.zero * (PAGE_BYTES - QUARTER)
        for one in self.compressibility:
            saved[f"compression ({one.codec})"] = zeros + round(filled * one.saved_copies)
        for one in self.compressibility:
            rest = round(pages.kept * PAGE_BYTES * one.saved)
            saved[f"sharing, then compression ({one.codec})"] = pages.saved + rest
        return saved

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data, ready for JSON."""
        return {
            "bytes": self.bytes,
            **asdict(self),
            "grains": [{**asdict(grain), "saved": grain.saved} for grain in self.grains],
            "groups": {
                name: [{**asdict(grain), "saved": grain.saved} for grain in add_grains(images)]
                for name, images in self.groups.items()
            },
            "techniques": self.techniques(),
            "collision_chance": self.collision_chance,
        }


def add_grains(images: Iterable[ImageSharing]) -> tuple[Grain, ...]:
    """The counts of several images, added up per chunk size."""
    columns = zip(*(image.grains for image in images), strict=True)
    return tuple(
        Grain(
            same[0].bytes,
            *(
                sum(getattr(g, f) for g in same)
                for f in ("chunks", "zero", "within", "across", "kept")
            ),
        )
        for same in columns
    )
