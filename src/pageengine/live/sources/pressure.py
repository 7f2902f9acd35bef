"""Pressure stall information: how long programs waited for memory, by proc/pressure/memory or a
cgroup's memory.pressure.
"""

from __future__ import annotations

import re
from pathlib import Path

from pageengine.live.sources import files
from pageengine.plumbing.frozen import Frozen

_LINE = re.compile(r"^(some|full) avg10=.*\btotal=(\d+)$", re.M | re.ASCII)


class Stalls(Frozen):
    """How long programs waited for memory.

    Attributes:
        some: [seconds] since the start, in which at least one waited
        full: [seconds] in which all that could run waited at once
    """

    some: float | None = None
    full: float | None = None


def read_pressure(root: Path = Path("/"), folder: str = "") -> Stalls:
    """Of the host, or of the cgroup in this folder. All None where the kernel does not count; some
    kernels show zeros then, but no host has run without any task ever waiting for a processor.
    """
    if not folder and _waited(root / "proc/pressure/cpu").get("some") == 0:
        return Stalls()
    path = Path(folder) / "memory.pressure" if folder else root / "proc/pressure/memory"
    found = _waited(path)
    return Stalls(some=found.get("some"), full=found.get("full"))


def counts_memory(root: Path = Path("/")) -> bool:
    """Whether waiting for memory is counted at all: some kernels count it for processors only."""
    return read_pressure(root).some is not None


def _waited(path: Path) -> dict[str, float]:
    """Seconds since the start, of "some" and "full"."""
    return {name: int(total) / 1e6 for name, total in _LINE.findall(files.text(path) or "")}
