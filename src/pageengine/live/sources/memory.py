"""Memory of the host: proc/meminfo and proc/vmstat."""

from __future__ import annotations

from pathlib import Path

from pageengine.live.sources import files
from pageengine.plumbing.frozen import Frozen


class HostMemory(Frozen):
    """Memory of the host now.

    Attributes:
        total: [bytes] that the kernel manages
        free: [bytes] that nobody uses
        available: [bytes] that could be used without paging anything out
        swap_total: [bytes] swap space
        swap_free: [bytes] of it
        committed: [bytes] that programs were promised
        swapped_in: [bytes] read from swap space since the host started
        swapped_out: [bytes] written to it since then
        out_of_memory: [kills] by the kernel for want of memory since then
    """

    total: int | None = None
    free: int | None = None
    available: int | None = None
    swap_total: int | None = None
    swap_free: int | None = None
    committed: int | None = None
    swapped_in: int | None = None
    swapped_out: int | None = None
    out_of_memory: int | None = None


def read_memory(root: Path = Path("/")) -> HostMemory:
    """What cannot be read is None."""
    sizes = files.kilobytes((files.text(root / "proc/meminfo") or "").encode())
    counts = files.counters(root / "proc/vmstat")
    pages_in, pages_out = counts.get("pswpin"), counts.get("pswpout")
    return HostMemory(
        total=sizes.get("MemTotal"),
        free=sizes.get("MemFree"),
        available=sizes.get("MemAvailable"),
        swap_total=sizes.get("SwapTotal"),
        swap_free=sizes.get("SwapFree"),
        committed=sizes.get("Committed_AS"),
        swapped_in=None if pages_in is None else pages_in * files.PAGE,
        swapped_out=None if pages_out is None else pages_out * files.PAGE,
        out_of_memory=counts.get("oom_kill"),
    )
