"""Where memory that was promised twice can go: where there is no room for it, a kernel kills."""

from __future__ import annotations

from collections.abc import Iterator

from pageengine.live.evidence import Evidence, sizes_of
from pageengine.live.findings import Finding
from pageengine.units import format_size

_FULL = 0.9  # of swap space
_MAKE = "fallocate -l SIZE /swapfile && chmod 600 /swapfile && mkswap /swapfile && swapon /swapfile"


def find(evidence: Evidence) -> Iterator[Finding]:
    """Findings about swap space."""
    host, promised = evidence.host, sum(sizes_of(evidence))
    if host.memory is None or host.swap_total is None or host.swap_free is None:
        return
    beyond = promised - host.memory
    if host.swap_total == 0:
        yield Finding(
            "unsafe" if beyond > 0 else "warning",
            "swap",
            "missing",
            "",
            "there is no swap space",
            "what balloons cannot give back at once cannot go anywhere: the kernel kills a guest",
            _MAKE.replace("SIZE", _round_up(max(beyond, host.memory // 8))),
        )
    elif beyond > host.swap_free:
        yield Finding(
            "unsafe",
            "swap",
            "overcommit",
            "",
            f"guests of {format_size(promised)} on {format_size(host.memory)} of memory and "
            f"{format_size(host.swap_free)} of free swap space",
            "if all of them use what they were promised, the kernel kills one",
            _MAKE.replace("SIZE", _round_up(beyond - host.swap_free)),
        )
    if evidence.swaps and all(area.in_memory for area in evidence.swaps):
        devices = ", ".join(area.path for area in evidence.swaps)
        yield Finding(
            "warning" if beyond > 0 else "note",
            "swap",
            "in memory",
            "",
            f"all swap space is compressed memory ({devices})",
            "what is paged out goes on taking memory, in its compressed size",
            _MAKE.replace("SIZE", _round_up(max(beyond, host.memory // 8))),
        )
    if host.swap_total and host.swap_free < (1 - _FULL) * host.swap_total:
        used = host.swap_total - host.swap_free
        yield Finding(
            "warning",
            "swap",
            "full",
            "",
            f"{format_size(used)} of {format_size(host.swap_total)} of swap space is used",
            "soon nothing more can be paged out",
            "see who uses it: grep VmSwap /proc/*/status; then add swap space",
        )


def _round_up(size: int) -> str:
    """In whole GiB, as fallocate takes it."""
    return f"{-(-size // 2**30)}G"
