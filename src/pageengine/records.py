"""What the engine reports: frozen records with the names that vSphere and esxtop use.

Amounts are bytes; names that end in ``_pages`` and all event counts are pages. The numbers come
from the core as they are (csrc/pe_stats.h, csrc/pe_vm.h); a test holds the fields here against the
core's own list of names.
"""

from enum import IntEnum
from operator import add
from typing import ClassVar

from pageengine.frozen import Frozen
from pageengine.units import format_size


class Place(IntEnum):
    """Where a page's content is."""

    ABSENT = 0  # never touched: reads as zeros
    PRIVATE = 1  # in a machine frame of its own
    SHARED = 2  # in a machine frame that other pages may map too, copy-on-write
    COMPRESSED = 3  # in the compression cache
    SWAPPED = 4  # in a slot of swap space
    BALLOONED = 5  # given up by the guest; there is no content


class _Record(Frozen):
    _BYTES: ClassVar[frozenset[str]] = frozenset()

    def to_dict(self) -> dict:
        """The record as a plain dict, ready for JSON."""
        return dict(vars(self))

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{name}</td><td style='text-align:right'>{self._shown(name)}</td></tr>"
            for name in self.__match_args__
        )
        return f"<table><caption>{type(self).__name__}</caption>{rows}</table>"

    def _shown(self, name: str) -> str:
        value = getattr(self, name)
        return format_size(value) if name in self._BYTES else str(value)


class Events(Frozen):
    """Cumulative counts since the virtual machine was added, in pages; on a host, the sum over its
    machines.
    """

    accesses: int = 0
    faults_absent: int = 0
    cow_breaks: int = 0
    merged: int = 0
    zero_merged: int = 0
    compressions: int = 0
    decompressions: int = 0
    incompressible: int = 0
    compressed_half: int = 0
    compressed_quarter: int = 0
    cache_evictions: int = 0
    swap_out: int = 0
    swap_in: int = 0
    balloon_in: int = 0
    balloon_out: int = 0
    balloon_pops: int = 0
    scanned: int = 0
    hinted: int = 0
    discarded: int = 0
    block_stops: int = 0
    sample_faults: int = 0
    reported: int = 0


class VMStats(_Record, Events):
    """One virtual machine.

    granted: guest memory backed by machine memory as pages (private + shared). consumed: machine
    memory charged to it (private + its part of the shared + its compressed slots). mapped: every
    page it ever accessed, wherever it is now.
    shared: in full, zero pages included. zipped: slots its compressed pages take.
    """

    size: int = 0
    granted: int = 0
    consumed: int = 0
    mapped: int = 0
    private: int = 0
    shared: int = 0
    zero: int = 0
    compressed: int = 0
    zipped: int = 0
    swapped: int = 0
    ballooned: int = 0
    absent: int = 0
    half_pages: int = 0
    quarter_pages: int = 0
    shares: int = 0
    reservation: int = 0
    limit: int = 0
    blocked: bool = False


class HostStats(_Record, Events):
    """The host. saving = shared - shared_common (esxtop's PSHARE line); cache: machine memory lent
    to the compression cache; zip_saved = compressed - cache; metadata: all bookkeeping; hint_pages:
    scanned pages without a partner (COWH).
    """

    memory: int = 0
    free: int = 0
    consumed: int = 0
    granted: int = 0
    shared: int = 0
    zero: int = 0
    compressed: int = 0
    swapped: int = 0
    ballooned: int = 0
    shared_common: int = 0
    saving: int = 0
    zipped: int = 0
    cache: int = 0
    zip_saved: int = 0
    swap_size: int = 0
    swap_free: int = 0
    sharing_table: int = 0
    metadata: int = 0
    hint_pages: int = 0
    swap_writes: int = 0
    swap_reads: int = 0
    vms: int = 0
    configured: int = 0


class GuestStats(_Record):
    """What a guest's memory is used for, in bytes, and what happened in it since it started, in
    pages. total: of the machine, the balloon included. swapped: in the guest's own swap space.
    """

    total: int = 0
    free: int = 0
    kernel: int = 0
    cache_clean: int = 0
    cache_dirty: int = 0
    anonymous: int = 0
    ballooned: int = 0
    swapped: int = 0
    swap_in: int = 0
    swap_out: int = 0
    cache_hits: int = 0
    cache_misses: int = 0
    disk_reads: int = 0
    disk_writes: int = 0
    oom: int = 0


_COUNTS = {
    *Events.__match_args__, "hint_pages", "half_pages", "quarter_pages", "shares", "blocked", "vms",
    "swap_writes", "swap_reads",
}  # fmt: skip
VMStats._BYTES = frozenset(VMStats.__match_args__) - _COUNTS
HostStats._BYTES = frozenset(HostStats.__match_args__) - _COUNTS
GuestStats._BYTES = frozenset(GuestStats.__match_args__[:8])


class Faults(_Record):
    """What one batch of accesses met, in pages."""

    accesses: int = 0
    absent: int = 0  # first touches
    cow_breaks: int = 0
    decompressed: int = 0
    swapped_in: int = 0
    balloon_pops: int = 0
    discarded: int = 0  # compressed or swapped pages that were overwritten whole

    @property
    def total(self) -> int:
        """Accesses that were not hits (a balloon pop is a first touch as well and counts once)."""
        return self.absent + self.cow_breaks + self.decompressed + self.swapped_in + self.discarded


class ScanResult(_Record):
    """What a sharing scan did, in pages: looked at, hashed, merged with an equal page, merged into
    the zero page, noted as hints. unstable: hashed, and held back by the two-scan rule.
    """

    visited: int = 0
    scanned: int = 0
    merged: int = 0
    zero_merged: int = 0
    hinted: int = 0
    unstable: int = 0

    def __add__(self, other: "ScanResult") -> "ScanResult":
        return _sum(self, other)


class Reclaimed(_Record):
    """What a reclaim won: machine frames, and the pages that each technique took. evicted:
    compressed pages that went on to swap to make room; incompressible: victims that did not fit
    half a page.
    """

    frames: int = 0
    merged: int = 0
    zero_merged: int = 0
    compressed: int = 0
    swapped: int = 0
    evicted: int = 0
    incompressible: int = 0

    @property
    def pages(self) -> int:
        """Pages that left their private frames."""
        return self.merged + self.zero_merged + self.compressed + self.swapped

    def __add__(self, other: "Reclaimed") -> "Reclaimed":
        return _sum(self, other)


def _sum(a, b):
    return type(a)(*map(add, vars(a).values(), vars(b).values()))  # in the order of the fields
