"""One table of names: what a guest's statistics are called by QEMU and by libvirt, and in which
unit. Whatever comes in from either goes through here, and is bytes and our names from there on.

The names of libvirt mislead: its "available" is all that the guest has, "unused" is what is free,
"usable" is what is available. And what both call "actual" is not the balloon's size: it is what the
balloon leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from pageengine.policy.base import GuestView

KIB = 1024


class Name(NamedTuple):
    """One statistic.

    Attributes:
        ours: [text] how it is called here
        qemu: [text] in QEMU's guest-stats, or in what query-balloon answers
        libvirt: [text] in what virDomainMemoryStats answers
        libvirt_unit: [number] how many of ours one of libvirt's is; QEMU's sizes are bytes
        meaning: [text] what it is, and in which unit here
    """

    ours: str
    qemu: str
    libvirt: str
    libvirt_unit: int
    meaning: str


NAMES = (
    Name("actual", "actual", "actual", KIB, "bytes that the balloon leaves the guest"),
    Name("total", "stat-total-memory", "available", KIB, "bytes that the guest counts as its own"),
    Name("free", "stat-free-memory", "unused", KIB, "bytes on its free list (MemFree)"),
    Name("available", "stat-available-memory", "usable", KIB, "bytes its programs could have yet"),
    Name("cache", "stat-disk-caches", "disk_caches", KIB, "bytes of its page cache"),
    Name("swap_in", "stat-swap-in", "swap_in", KIB, "bytes read from its swap space, ever"),
    Name("swap_out", "stat-swap-out", "swap_out", KIB, "bytes written to it, ever"),
    Name("major_faults", "stat-major-faults", "major_fault", 1, "faults that read a device, ever"),
    Name("minor_faults", "stat-minor-faults", "minor_fault", 1, "other faults, ever"),
    Name("updated", "last-update", "last_update", 1, "seconds since 1970: when it told this"),
)
_MOST = 2**60  # bytes: more than any of them can be; -1 and 2^64 - 1 mean "not told"


def from_qemu(stats: Mapping[str, Any]) -> dict[str, int]:
    """Of QEMU's guest-stats property, or of query-balloon's answer: ours by name, what is told."""
    inner = stats.get("stats")
    flat = {**stats, **(inner if isinstance(inner, Mapping) else {})}
    found = {name.ours: _told(flat.get(name.qemu), 1) for name in NAMES}
    return _without_gaps(found)


def from_libvirt(stats: Mapping[str, Any]) -> dict[str, int]:
    """Of virDomainMemoryStats: ours by name, what is told."""
    found = {name.ours: _told(stats.get(name.libvirt), name.libvirt_unit) for name in NAMES}
    return _without_gaps(found)


def _told(value: Any, unit: int) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value * unit if 0 <= value * unit < _MOST else None


def _without_gaps(found: Mapping[str, int | None]) -> dict[str, int]:
    told = {name: value for name, value in found.items() if value is not None}
    if told.get("updated") == 0:  # no driver ever told anything
        del told["updated"]
    return told


def view_of(told: Mapping[str, int], size: int) -> GuestView | None:
    """What a guest of so many bytes tells, as policies see it. None: it does not tell what it has
    or what is free, or contradicts itself, so that nothing it says can be gone by.

    ``swapped`` is what went to its swap space less what came back: the most that can be there, as
    pages that are dropped there are in no statistic.
    """
    total, free = told.get("total"), told.get("free")
    if total is None or free is None:
        return None
    available, cache = told.get("available"), told.get("cache", 0)
    if not 0 < total <= size or free > total or cache > total or (available or 0) > total:
        return None
    return GuestView(
        total=total,
        free=free,
        cache=cache,
        swapped=max(0, told.get("swap_out", 0) - told.get("swap_in", 0)),
        major_faults=told.get("major_faults", 0),
        available=available,
        swap_in=told.get("swap_in"),
    )
