"""What the pages of simulated VMs hold: a profile that says which part of them is zero, common
to all VMs, repeated within one, and how well the rest compresses.

Contents are tokens (``pageengine.tokens``), functions of profile, VM, page and version: the
same on every run, and nothing is kept. For hosts that hold bytes, ``expand`` makes the pages that
tokens stand for.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import fsum
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.analysis.report import BIN, SharingReport
from pageengine.plumbing import given, reading
from pageengine.stores.profile import STEPS, VMContents
from pageengine.tokens import UNIT
from pageengine.units import PAGES_MOST

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def _bytes(size: Any) -> int:
    """A compressed size, a number or, as in JSON, its digits."""
    if isinstance(size, str) and size.isascii() and size.isdigit() and len(size) < 10:
        return int(size)
    return given.whole(size, "a compressed size")


_TEXT_MOST = 1 << 20  # bytes of a profile


@dataclass(frozen=True)
class ContentProfile:
    """zero, same, common, within: parts of all pages, 0 to 1 in sum: zero pages; pages filled with
    one word; pages that every VM of this profile has too; pages that repeat within a VM
    (each content ``copies`` times). The rest is a VM's own. What a VM writes later is its
    own, too.

    sizes: compressed size in bytes -> part of the pages that compress so well.
    """

    name: str = "own"
    zero: float = 0.0
    same: float = 0.0
    common: float = 0.0
    within: float = 0.0
    copies: int = 4
    sizes: Mapping[int, float] = field(default_factory=lambda: {1024: 0.2, 2048: 0.4, 4032: 0.4})

    def __post_init__(self) -> None:
        parts = {k: getattr(self, k) for k in ("zero", "same", "common", "within")}
        given.text(self.name, "the name of a profile")
        for key, value in parts.items():
            object.__setattr__(self, key, given.real(value, key, 0, 1))
        if sum(parts.values()) > 1 + 1e-9:
            raise ValueError(f"the parts add up to more than 1: {parts}")
        given.whole(self.copies, "copies", 2, PAGES_MOST)
        if not isinstance(self.sizes, Mapping):
            raise TypeError(f"sizes must be parts by bytes, got {given.shown(self.sizes)}")
        sizes = {
            _bytes(size): float(given.real(part, "the part of a size"))
            for size, part in self.sizes.items()
        }
        bad = [size for size in sizes if not 9 <= size <= 63 * UNIT]
        if bad or not sizes or not 0 < sum(sizes.values()) < float("inf"):
            raise ValueError(
                f"sizes must give parts above 0 to compressed sizes of 9 to {63 * UNIT} bytes, "
                f"got {self.sizes!r}"
            )
        sizes = dict(sorted(sizes.items()))
        ends = np.cumsum(list(sizes.values())) / fsum(sizes.values())
        steps = np.searchsorted(ends, (np.arange(STEPS) + 0.5) / STEPS)
        derived = {
            "sizes": sizes,
            "_units": (-(-np.array(list(sizes)) // UNIT)).astype(np.uint8)[steps],
            "_marks": np.cumsum([self.zero, self.same, self.common, self.within]),
        }
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    def tokens(self, vm: int, ppns: ArrayLike, version: ArrayLike = 0) -> NDArray[np.uint64]:
        """Contents uint64 [n] of pages int [n] of a VM (a number). version: int or int [n];
        0 is what a page holds when it is first used, later ones are the VM's own.
        """
        ppns = np.asarray(ppns, dtype=np.int64)
        return self.of(vm).tokens(ppns, np.broadcast_to(version, ppns.shape))

    def of(self, vm: int) -> VMContents:
        """The contents of one VM, for many calls."""
        salt = zlib.crc32(self.name.encode()) * 8
        own = vars(self)  # what __post_init__ derived is no field
        return VMContents(salt, vm, own["_marks"], self.copies, own["_units"])

    @classmethod
    def from_report(
        cls, report: SharingReport, name: str = "scanned", codec: str = "word"
    ) -> ContentProfile:
        """The profile of memory images, from what a survey of them counted
        (``analysis.sharing.survey``). Contents that several images have are common; with one image
        none are known.
        """
        grain, images = report.grains[0], len(report.images)
        found = {one.codec: one for one in report.compressibility}
        if codec not in found:
            raise ValueError(f"the survey did not try codec {codec!r}; it tried {list(found)}")
        if not grain.chunks:
            raise ValueError("the survey counted no page")
        copies = 4
        within = grain.within / grain.chunks * copies / (copies - 1)
        common = grain.across / grain.chunks * images / (images - 1) if images > 1 else 0.0
        zero = grain.zero / grain.chunks
        same = min(sum(i.same_filled for i in report.images) / grain.chunks, 1 - zero)
        common = min(common, 1 - zero - same)
        within = min(within, 1 - zero - same - common)
        ends = [min(BIN * (i + 1), 63 * UNIT) for i in range(16)]
        parts = found[codec].histogram or (1.0,) * 16
        sizes = {end: round(part, 6) for end, part in zip(ends, parts, strict=True) if part > 0}
        zero, same, common, within = (
            round(max(0.0, part), 6) for part in (zero, same, common, within)
        )
        return cls(name, zero, same, common, within, copies, sizes or {63 * UNIT: 1.0})

    def to_json(self) -> str:
        """The profile as text."""
        return json.dumps(asdict(self), indent=2, sort_keys=True)

    @classmethod
    def from_table(cls, values: Any) -> ContentProfile:
        """The profile of these values by name."""
        if not isinstance(values, Mapping):
            raise ValueError(f"this is not a content profile: {given.shown(values)}")
        known = set(cls.__dataclass_fields__)
        unknown = sorted(map(str, set(values) - known))
        if unknown:
            raise ValueError(f"unknown keys {unknown}; there are {sorted(known)}")
        return cls(**values)

    @classmethod
    def from_json(cls, text: str) -> ContentProfile:
        """The profile of a text that ``to_json`` or ``pageengine scan --profile`` wrote."""
        values = reading.parsed(text, json.loads, "this is not a content profile", ValueError)
        try:
            return cls.from_table(values)
        except (TypeError, ValueError) as error:
            raise ValueError(f"this is not a content profile: {reading.brief(error)}") from None


#: Assumptions, for want of measured ones; ``pageengine scan --profile`` measures. "linux": the
#: reproduction of OSDI 2002 figure 4 (about two thirds of a small guest common to all of one kind);
#: today's guests have far less in common. "mixed": USENIX ATC 2012 (Barker): under 15 % shared
#: besides zero pages, most of it within one VM. "own": nothing shared at all.
PROFILES = {
    "own": ContentProfile(),
    "linux": ContentProfile(
        "linux",
        zero=0.07,
        same=0.01,
        common=0.55,
        within=0.05,
        sizes={512: 0.1, 1024: 0.15, 1536: 0.2, 2048: 0.15, 4032: 0.4},
    ),
    "mixed": ContentProfile(
        "mixed",
        zero=0.15,
        same=0.01,
        common=0.02,
        within=0.12,
        sizes={512: 0.15, 1024: 0.2, 1536: 0.15, 2048: 0.1, 4032: 0.4},
    ),
    "random": ContentProfile("random", sizes={4032: 1.0}),
}


def find(
    contents: ContentProfile | Mapping[str, Any] | str | PathLike[str] | None,
) -> ContentProfile:
    """A preset by name, a profile as it is, a table of its values, or the path of a JSON file."""
    if contents is None:
        return PROFILES["own"]
    if isinstance(contents, ContentProfile):
        return contents
    if isinstance(contents, Mapping):
        return ContentProfile.from_table(contents)
    if not isinstance(contents, (str, PathLike)):
        raise TypeError(f"contents must be a name, a path or a table, got {given.shown(contents)}")
    contents = given.path(contents, "contents")
    if contents in PROFILES:
        return PROFILES[contents]
    path = Path(contents)
    if path.suffix == ".json":
        told = reading.text(path, ValueError, _TEXT_MOST)
        try:
            return ContentProfile.from_json(told)
        except ValueError as error:
            raise ValueError(f"{path}: {reading.clipped(str(error), 600)}") from None
    raise ValueError(given.unknown("contents", contents, (*PROFILES, "FILE.json")))


def expand(tokens: ArrayLike) -> NDArray[np.uint8]:
    """Pages uint8 [n, 4096] for tokens uint64 [n]: equal exactly when the tokens are, and of the
    size class (a quarter page, half a page, more) that the token says, under the word codec. Each
    is a run of random words, as long as the size asks for, and zeros.
    """
    tokens = np.asarray(tokens, dtype=np.uint64)
    units = (tokens & np.uint64(63)).astype(np.int64)
    words = np.clip((units * UNIT - 128) // 8, 2, 512)
    at = np.arange(512, dtype=np.uint64)
    pages = _mix(np.uint64(0), tokens[:, None], at[None, :])
    pages[at.astype(np.int64)[None, :] >= words[:, None]] = 0
    same = (units == 0) & (tokens != 0)
    pages[same] = tokens[same, None]
    pages[tokens == 0] = 0
    return pages.astype("<u8").view(np.uint8).reshape(len(tokens), 4096)


def _mix(salt: np.uint64, *parts: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A 64-bit hash of uint64 arrays (the finaliser of splitmix64, part after part)."""
    h = np.asarray(salt, np.uint64)
    with np.errstate(over="ignore"):
        for part in parts:
            h = (h ^ part) + np.uint64(0x9E3779B97F4A7C15)
            h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            h = h ^ (h >> np.uint64(31))
    return h
