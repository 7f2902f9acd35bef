"""Where the host pages out to: swap areas, zram devices, zswap."""

from __future__ import annotations

from pathlib import Path

from pageengine.live.sources import files
from pageengine.plumbing.frozen import Frozen


class SwapArea(Frozen):
    """One line of proc/swaps.

    Attributes:
        path: [text] the device or file
        kind: [text] "partition" or "file"
        size: [bytes] of it
        used: [bytes] of that
        priority: [number] the highest is used first
    """

    path: str
    kind: str
    size: int
    used: int
    priority: int

    @property
    def in_memory(self) -> bool:
        """Whether it is a zram device."""
        return self.path.startswith("/dev/zram")


class Zipped(Frozen):
    """What zram devices and zswap hold together: memory that was paged out and lies compressed in
    machine memory.

    Attributes:
        stored: [bytes] of pages, as large as before
        memory: [bytes] machine memory that they take
    """

    stored: int | None = None
    memory: int | None = None


def read_swaps(root: Path = Path("/")) -> tuple[SwapArea, ...] | None:
    """All swap areas; None where that cannot be read, which is not the same as none."""
    said = files.text(root / "proc/swaps")
    if said is None:
        return None
    found = []
    for line in said.splitlines()[1:]:
        words = line.rsplit(None, 4)
        numbers = [files.as_number(word) for word in words[2:]]
        if len(words) == 5 and None not in numbers:
            size, used, priority = (number or 0 for number in numbers)
            path = words[0].replace("\\040", " ")
            found.append(SwapArea(path, words[1], size * 1024, used * 1024, priority))
    return tuple(found)


def read_zipped(root: Path = Path("/")) -> Zipped:
    """None where the kernel has neither, or one that is there does not tell."""
    sizes = files.kilobytes((files.text(root / "proc/meminfo") or "").encode())
    zswap = sizes.get("Zswapped"), sizes.get("Zswap")
    found = [] if zswap == (None, None) else [zswap]
    for folder in sorted((root / "sys/block").glob("zram*")):
        if files.number(folder / "disksize"):  # it was given a size, and may be in use
            said = (files.text(folder / "mm_stat") or "").split()
            numbers = [files.as_number(word) for word in said] + [None] * 3
            found.append((numbers[0], numbers[2]))
    return Zipped(_all([one for one, _ in found]), _all([two for _, two in found]))


def _all(parts: list[int | None]) -> int | None:
    """Their sum; None where one is not known, or there are none."""
    known = [part for part in parts if part is not None]
    return sum(known) if parts and len(known) == len(parts) else None
