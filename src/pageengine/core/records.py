"""What the engine reports: frozen records with the names that vSphere and esxtop use.

Amounts are bytes; names that end in ``_pages`` and all event counts are pages. Docstrings list the
fields with their units in brackets; docs/fields.md is made from them. The numbers come
from the core as they are (csrc/pe_stats.h, csrc/pe_vm.h); a test holds the fields here against the
core's own list of names.
"""

from enum import IntEnum
from operator import add
from typing import Any, ClassVar, TypeVar

from pageengine.core.events import Events
from pageengine.plumbing.frozen import Frozen
from pageengine.units import format_size

_Sum = TypeVar("_Sum", bound=Frozen)


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

    def to_dict(self) -> dict[str, Any]:
        """The record as a plain dict, ready for JSON."""
        return dict(vars(self))

    def _repr_html_(self) -> str:
        from pageengine.inline import hosts  # where there is a notebook only

        return hosts.record(type(self).__name__, {name: self._shown(name) for name in vars(self)})

    def _shown(self, name: str) -> str:
        value = getattr(self, name)
        return format_size(value) if name in self._BYTES else str(value)


class VMStats(_Record, Events):
    """One virtual machine: the counts of ``Events``, and what there is now.

    Attributes:
        size: [bytes] configured memory
        granted: [bytes] guest memory backed by machine memory as pages: private + shared
        consumed: [bytes] machine memory charged to it: private + its part of the shared + zipped
        mapped: [bytes] pages it ever accessed, wherever they are now
        private: [bytes] in machine frames of its own
        shared: [bytes] mapped copy-on-write, in full, zero pages included
        zero: [bytes] of shared, pages that map the zero page
        compressed: [bytes] guest memory in the compression cache, as large as before
        zipped: [bytes] slots it takes there
        swapped: [bytes] in swap space
        ballooned: [bytes] given up by the guest
        absent: [bytes] never touched
        half_pages: [pages] in the compression cache that take half a page
        quarter_pages: [pages] there that take a quarter or less
        shares: [number] its weight
        reservation: [bytes] machine memory it is guaranteed
        limit: [bytes] most machine memory it may hold
        blocked: [yes or no] whether it may not run
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
    """The host: the counts of ``Events`` added up, and what there is now.

    Attributes:
        memory: [bytes] machine memory
        free: [bytes] of it, idle
        consumed: [bytes] memory - free
        granted: [bytes] of all VMs, as are shared, zero, compressed, swapped, ballooned and
            zipped
        shared: [bytes] guest memory that is shared, in full
        zero: [bytes] of shared, pages that map a zero page
        compressed: [bytes] guest memory in the compression cache, as large as before
        swapped: [bytes] in swap space
        ballooned: [bytes] in balloons
        shared_common: [bytes] machine memory that holds shared contents
        saving: [bytes] shared - shared_common (esxtop's PSHARE line)
        zipped: [bytes] slots of the compression cache in use
        cache: [bytes] machine memory lent to the compression cache
        zip_saved: [bytes] compressed - cache
        swap_size: [bytes] swap space
        swap_free: [bytes] room in it
        sharing_table: [bytes] bookkeeping of the sharing table
        metadata: [bytes] all bookkeeping
        hint_pages: [pages] scanned without finding a partner (COWH)
        swap_writes: [calls] to write to the swap file
        swap_reads: [calls] to read from it
        vms: [number] VMs
        configured: [bytes] memory of all VMs
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
    """What a guest's memory is used for, and what happened in it since it started.

    Attributes:
        total: [bytes] memory of the VM, the balloon included
        free: [bytes] on the free list
        kernel: [bytes] the kernel's own
        cache_clean: [bytes] page cache, as it is on disk
        cache_dirty: [bytes] page cache, to be written yet
        anonymous: [bytes] memory of programs
        ballooned: [bytes] in the balloon
        swapped: [bytes] in the guest's own swap space
        swap_in: [pages] read back from there
        swap_out: [pages] written there
        cache_hits: [pages] file accesses met by the page cache
        cache_misses: [pages] and those that were not
        disk_reads: [pages] read from disk
        disk_writes: [pages] written to disk
        oom: [times] that there was no memory left to free
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
    *Events.__match_args__,
    "hint_pages",
    "half_pages",
    "quarter_pages",
    "shares",
    "blocked",
    "vms",
    "swap_writes",
    "swap_reads",
}
VMStats._BYTES = frozenset(VMStats.__match_args__) - _COUNTS
HostStats._BYTES = frozenset(HostStats.__match_args__) - _COUNTS
GuestStats._BYTES = frozenset(GuestStats.__match_args__[:8])


class Faults(_Record):
    """What one batch of accesses met, by the names of ``VM.events``.

    Attributes:
        accesses: [pages] accesses made
        faults_absent: [pages] first touches
        cow_breaks: [pages] writes to shared pages
        decompressions: [pages] brought back from the compression cache
        swap_in: [pages] read back from swap
        balloon_pops: [pages] accesses to ballooned pages
        discarded: [pages] compressed or swapped ones that were overwritten whole
    """

    accesses: int = 0
    faults_absent: int = 0
    cow_breaks: int = 0
    decompressions: int = 0
    swap_in: int = 0
    balloon_pops: int = 0
    discarded: int = 0

    @property
    def total(self) -> int:
        """Accesses that were not hits (a balloon pop is a first touch as well and counts once)."""
        faults = self.faults_absent + self.cow_breaks + self.decompressions
        return faults + self.swap_in + self.discarded


class ScanResult(_Record):
    """What a sharing scan did.

    Attributes:
        visited: [pages] looked at
        scanned: [pages] of these, hashed
        merged: [pages] merged with an equal page
        zero_merged: [pages] merged into the zero page
        hinted: [pages] noted as hints
        unstable: [pages] hashed, and held back by the two-scan rule
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
    """What a reclaim won.

    Attributes:
        frames: [pages] machine frames that became idle
        merged: [pages] victims merged with an equal page
        zero_merged: [pages] victims merged into the zero page
        compressed: [pages] victims put into the compression cache
        swapped: [pages] victims written to swap
        evicted: [pages] compressed ones that went on to swap to make room
        incompressible: [pages] victims that did not fit half a page
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


def _sum(a: _Sum, b: _Sum) -> _Sum:
    return type(a)(*map(add, vars(a).values(), vars(b).values()))  # in the order of the fields
