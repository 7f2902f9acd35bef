"""Readings: what was read of the host and of one guest, at one moment. What could not be read is
None, never 0.
"""

from __future__ import annotations

from pageengine.plumbing.frozen import Frozen
from pageengine.policy.base import GuestView


class HostReading(Frozen):
    """What the host's kernel tells.

    Attributes:
        time: [seconds] of a clock that never goes back
        memory: [bytes] machine memory
        free: [bytes] that nobody uses
        available: [bytes] that could be used without paging anything out
        swap_total: [bytes] swap space
        swap_free: [bytes] of it
        pressure_some: [share, 0 to 1] of the time since the last reading, how long some waited
        pressure_full: [share, 0 to 1] how long all waited
        swap_in_rate: [bytes per second] read from swap space since the last reading
        swap_out_rate: [bytes per second] written to it
        merged: [bytes] that KSM saves, by its own count
        scan_rate: [pages per second] that KSM is set to look at; 0 while it does not run
        compressed: [bytes] paged out into zram and zswap, as large as before
        cache: [bytes] machine memory that those hold for them
    """

    time: float
    memory: int | None = None
    free: int | None = None
    available: int | None = None
    swap_total: int | None = None
    swap_free: int | None = None
    pressure_some: float | None = None
    pressure_full: float | None = None
    swap_in_rate: float | None = None
    swap_out_rate: float | None = None
    merged: int | None = None
    scan_rate: float | None = None
    compressed: int | None = None
    cache: int | None = None

    @property
    def unused(self) -> int | None:
        """Bytes that could be used without paging anything out; what nobody uses, where more cannot
        be told.
        """
        return self.free if self.available is None else self.available


class GuestReading(Frozen):
    """What was read of one guest.

    Attributes:
        time: [seconds] of the host's reading's clock
        life: [text] which life of which process this is: its number and when it started, or what
            stands for them, then + and how often it was seen to be reset. Another process is
            another guest, whatever its name
        size: [bytes] configured memory
        actual: [bytes] what its balloon leaves of it now
        resident: [bytes] machine memory behind it, a shared page counted in part
        granted: [bytes] of its memory that is in machine memory, each page in full
        shared: [bytes] of granted, what is shared with others
        swapped: [bytes] in the host's swap space
        overhead: [bytes] machine memory that running it takes beside that (QEMU's own)
        active: [bytes] its working set, where it can be told
        guest: [GuestView] what its balloon driver tells
        stats_age: [seconds] since the guest made that
        busy: [text] as VMView.busy
        driver: [text] as VMView.driver
        stall: [share, 0 to 1] of the time since the last reading, what it waited for memory
        swap_in_rate: [bytes per second] read back from the host's swap space since then
        faults: [events] page faults of the guest, which it counts from when it booted
        unasked: [text] command that has it asked for statistics, where it is asked for none; "": it
            is asked, has no balloon, or nobody can tell
    """

    time: float
    life: str
    size: int
    actual: int | None = None
    resident: int | None = None
    granted: int | None = None
    shared: int | None = None
    swapped: int | None = None
    overhead: int | None = None
    active: int | None = None
    guest: GuestView | None = None
    stats_age: float | None = None
    busy: str = ""
    driver: str = ""
    stall: float | None = None
    swap_in_rate: float | None = None
    faults: int | None = None
    unasked: str = ""

    @property
    def ballooned(self) -> int | None:
        """Bytes that its balloon holds now; None where that cannot be told."""
        return None if self.actual is None else max(0, self.size - self.actual)
