"""Small files of the kernel's, below a root: their text, numbers and tables; None where they are
not there, cannot be read or say something else.
"""

from __future__ import annotations

import re
from pathlib import Path

PAGE = 4096  # bytes of what the kernel counts in pages, on the processors that KSM and QEMU share
_KB = re.compile(rb"^(\w[^:]*):\s+(\d+) kB$", re.M)


def text(path: Path) -> str | None:
    """All of a file."""
    try:
        return path.read_text(errors="replace")
    except (OSError, ValueError):  # ValueError: a name with a zero byte in it
        return None


def number(path: Path) -> int | None:
    """Of a file that holds one whole number."""
    said = text(path)
    return as_number(said.strip()) if said is not None else None


def as_number(said: str) -> int | None:
    """Of digits, with a sign perhaps, and nothing else."""
    return int(said) if re.fullmatch(r"-?\d{1,20}", said, re.ASCII) else None


def put(path: Path, value: object) -> None:
    """Sets what a file of the kernel's stands for, in one write. Raises OSError."""
    with open(path, "wb", buffering=0) as knob:
        knob.write(f"{value}\n".encode())


def counters(path: Path) -> dict[str, int]:
    """Of a file with a name and a number in each line, such as vmstat; other lines are left out."""
    found = {}
    for line in (text(path) or "").splitlines():
        name, _, value = line.partition(" ")
        if (count := as_number(value.strip())) is not None:
            found[name] = count
    return found


def kilobytes(said: bytes) -> dict[str, int]:
    """Bytes by name of lines such as "MemFree:  1234 kB"; of a name that comes twice the last."""
    return {name.decode(): int(value) * 1024 for name, value in _KB.findall(said)}
