"""Memory of one process: which life of it this is, what it holds, which of that it used lately
(proc/PID).

The reading calls return None where a process may not be looked into. Working sets by accessed bits:
``forget_accessed``, wait, and look at ``ProcessMemory.referenced``. A huge page has one accessed
bit, so that one byte used counts as 2 MiB: where ``huge`` is not 0 the result is that coarse.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from pageengine.live.sources import files
from pageengine.plumbing.frozen import Frozen

_HEADER = re.compile(rb"^([0-9a-f]+)-([0-9a-f]+) (\S{4}) \S+ \S+ (\d+) *(.*)$", re.M)
_PSS = re.compile(rb"^Pss:\s+(\d+) kB$", re.M)
Range = tuple[int, int]  # addresses: the first, and the one behind the last


class ProcessMemory(Frozen):
    """What a process holds, or a part of it.

    Attributes:
        resident: [bytes] machine memory, of a page that n processes share 1/n (Pss)
        granted: [bytes] pages in machine memory, each in full (Rss)
        shared: [bytes] of granted, pages that others have too, by KSM or otherwise
        swapped: [bytes] in swap space
        referenced: [bytes] of granted, used since accessed bits were forgotten last
        huge: [bytes] of granted, in huge pages
        elsewhere: [bytes] as resident, of the process outside of this part; 0 for all of it
    """

    resident: int
    granted: int
    shared: int
    swapped: int
    referenced: int
    huge: int
    elsewhere: int = 0


def read_process(
    pid: int, ranges: Sequence[Range] = (), root: Path = Path("/")
) -> ProcessMemory | None:
    """What these addresses of a process hold, or all of it. None: it may not be looked into, or is
    gone.
    """
    name = "smaps" if ranges else "smaps_rollup"
    try:
        said = (root / f"proc/{pid}/{name}").read_bytes()
    except OSError:
        return None
    if not ranges:
        return _sum([files.kilobytes(said)]) if b"Rss:" in said else None
    parts = _HEADER.split(said)[1:]  # start, end, rights, inode, name, body; and again
    inside = [
        files.kilobytes(body)
        for start, body in zip(parts[::6], parts[5::6], strict=True)
        if any(low <= int(start, 16) < high for low, high in ranges)
    ]
    if not inside:
        return None
    all_of_it = sum(int(size) for size in _PSS.findall(said)) * 1024
    return _sum(inside, all_of_it)


def _sum(parts: list[dict[str, int]], all_of_it: int | None = None) -> ProcessMemory:
    def total(*names: str) -> int:
        return sum(part.get(name, 0) for part in parts for name in names)

    resident = total("Pss")
    return ProcessMemory(
        resident=resident,
        granted=total("Rss"),
        shared=total("Shared_Clean", "Shared_Dirty"),
        swapped=total("Swap"),
        referenced=total("Referenced"),
        huge=total("AnonHugePages", "ShmemPmdMapped", "FilePmdMapped"),
        elsewhere=0 if all_of_it is None else max(0, all_of_it - resident),
    )


def private_ranges(pid: int, root: Path = Path("/")) -> list[Range] | None:
    """Where a process has memory of its own that can be paged out: private, writable, of no file.
    None: it may not be looked into, or is gone.
    """
    said = _mappings(pid, root)
    if said is None:
        return None
    return [
        (int(start, 16), int(end, 16))
        for start, end, rights, inode, name in said
        if rights[1:2] == b"w" and rights[3:] == b"p" and inode == b"0" and name != b"[stack]"
    ]


def ranges_within(pid: int, wanted: Sequence[Range], root: Path = Path("/")) -> list[Range] | None:
    """What is mapped of these addresses, writable. None: it may not be looked into, or is gone."""
    said = _mappings(pid, root)
    if said is None:
        return None
    there = [(int(start, 16), int(end, 16)) for start, end, rights, *_ in said if b"w" in rights]
    cut = [(max(a, low), min(b, high)) for a, b in there for low, high in wanted]
    return [(low, high) for low, high in cut if low < high]


def maps_all(pid: int, wanted: Sequence[Range], root: Path = Path("/")) -> bool:
    """Whether all of these addresses are mapped, writable; False also where that is not known."""
    there = sorted(ranges_within(pid, wanted, root) or [])
    for low, high in wanted:
        for start, end in there:
            if start <= low < end:
                low = end
        if low < high:
            return False
    return True


def largest_run(pid: int, least: int, root: Path = Path("/")) -> list[Range]:
    """The longest stretch of writable addresses, if it is that long: where a virtual machine of
    ``least`` bytes has its memory. [] where there is none, or it may not be looked into.
    """
    runs: list[Range] = []
    for start, end, rights, *_ in _mappings(pid, root) or []:
        low, high = int(start, 16), int(end, 16)
        if b"w" in rights:
            if runs and runs[-1][1] == low:
                low = runs.pop()[0]
            runs.append((low, high))
    longest = max(runs, key=lambda run: run[1] - run[0], default=(0, 0))
    return [longest] if longest[1] - longest[0] >= max(1, least) else []


def _mappings(pid: int, root: Path) -> list[tuple[bytes, bytes, bytes, bytes, bytes]] | None:
    try:
        return _HEADER.findall((root / f"proc/{pid}/maps").read_bytes()) or None
    except OSError:
        return None


def forget_accessed(pid: int, root: Path = Path("/")) -> bool:
    """Clears the accessed bits of a process; whether that was allowed."""
    try:
        files.put(root / f"proc/{pid}/clear_refs", 1)
    except OSError:
        return False
    return True


def major_faults(pid: int, root: Path = Path("/")) -> int | None:
    """Pages that it waited for a device for since it started, or rather faults: one may bring more
    pages than one.
    """
    fields = _stat(pid, root)
    return int(fields[9]) if fields else None


def life_of(pid: int, root: Path = Path("/")) -> str | None:
    """The life of a process, as text: its number, and when it started in the kernel's ticks; None
    where there is none, or it has ended and was not buried yet.
    """
    fields = _stat(pid, root)
    return f"{pid}@{fields[19]}" if fields else None


def is_same(life: str, other: str) -> bool:
    """Whether two lives are of one process, whatever it was reset in between, and whoever counts
    resets: what QEMU was told stays with it over a reset of its guest.
    """
    return _process(life) == _process(other)


def _process(life: str) -> str:
    return life.partition("+")[0]


def is_alive(life: str, root: Path = Path("/")) -> bool:
    """Whether the process of a life is known to be there yet; False also for what is no life of a
    process.
    """
    known = _process(life)
    pid = known.partition("@")[0]
    return pid.isdecimal() and life_of(int(pid), root) == known


def has_ended(life: str, root: Path = Path("/")) -> bool:
    """Whether the process of a life is known not to be there any more; False also for what is no
    life of a process.
    """
    return _process(life).partition("@")[0].isdecimal() and not is_alive(life, root)


def age_of(pid: int, root: Path = Path("/")) -> float | None:
    """Seconds since it started."""
    fields, up = _stat(pid, root), files.text(root / "proc/uptime")
    if not fields or not up:
        return None
    return max(0.0, float(up.split()[0]) - int(fields[19]) / os.sysconf("SC_CLK_TCK"))


def name_of(pid: int, root: Path = Path("/")) -> str:
    """The name of its program, "" where that cannot be read."""
    return (files.text(root / f"proc/{pid}/comm") or "").strip()


def command_of(pid: int, root: Path = Path("/")) -> list[str]:
    """Its command line, [] where that cannot be read."""
    said = files.text(root / f"proc/{pid}/cmdline") or ""
    return said.split("\0")[:-1]


def _stat(pid: int, root: Path) -> list[str]:
    """Its proc/PID/stat from the third field (state) on; [] where it is gone or a zombie."""
    said = files.text(root / f"proc/{pid}/stat") or ""
    fields = said.rpartition(")")[2].split()
    return fields if len(fields) > 20 and fields[0] not in "ZXx" else []


def is_stopped(pid: int, root: Path = Path("/")) -> bool:
    """Whether it was stopped by a signal."""
    return _stat(pid, root)[:1] == ["T"]
