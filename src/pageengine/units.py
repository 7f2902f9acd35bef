"""Sizes as people write them: "512 MiB" to bytes, and bytes back to text."""

import re
from typing import SupportsIndex

from pageengine.plumbing import given

Size = SupportsIndex | str  # as people give one: bytes, or a text such as "512 MiB"
PAGE_BYTES = 4096
PAGES_MOST = 2**32 - 2**16  # of a host, a VM or swap space: 16 TiB
KIB = 2**10
MIB = 2**20
GIB = 2**30

_FACTORS = {
    "": 1,
    "b": 1,
    "k": 2**10,
    "kib": 2**10,
    "kb": 1000,
    "m": 2**20,
    "mib": 2**20,
    "mb": 10**6,
    "g": 2**30,
    "gib": 2**30,
    "gb": 10**9,
    "t": 2**40,
    "tib": 2**40,
    "tb": 10**12,
}
_PERCENT = re.compile(r"\s*([0-9]{1,24}(?:\.[0-9]{1,24})?)\s*%\s*")
_SIZE = re.compile(r"\s*([0-9]{1,24})(?:\.([0-9]{1,24}))?\s*([a-zA-Z]{0,3})\s*")


def parse_percent(text: str) -> float | None:
    """The number of a text such as ``"75 %"``; None where it is no such text."""
    match = _PERCENT.fullmatch(text)
    return float(match[1]) if match else None


def parse_size(value: Size, what: str = "size", most: int = given.MOST) -> int:
    """Bytes from a number of bytes or a text such as ``"512 MiB"``, ``"1.5G"`` or ``"64 MB"``.

    K, M, G, T and KiB, MiB, GiB, TiB are powers of 1024; kB, MB, GB, TB powers of 1000.
    Raises ValueError or TypeError that name ``what`` and the value; more than ``most`` bytes are
    a ValueError.
    """
    number = _bytes_of(value, what) if isinstance(value, str) else value
    try:
        number = given.whole(number, what)
    except TypeError:
        raise TypeError(
            f"{what} must be a number of bytes or a text like '64 MiB', not {given.shown(value)}"
        ) from None
    if number > most:
        raise ValueError(
            f"{what} must be {format_size(most)} ({most} bytes) at most, got {given.shown(value)}"
        )
    return number


def _bytes_of(text: str, what: str) -> int:
    match = _SIZE.fullmatch(text)
    if not match or match[3].lower() not in _FACTORS:
        raise ValueError(
            f"{what} {given.shown(text)} is not a size: write a number and a unit, such as "
            "'64 MiB' or '2 GiB'"
        )
    digits = match[2] or ""  # in whole numbers throughout: a float would round
    number = int(match[1] + digits) * _FACTORS[match[3].lower()]
    scale: int = 10 ** len(digits)
    if number % scale:
        raise ValueError(f"{what} {text!r} is not a whole number of bytes")
    return number // scale


def unit_bytes(name: str) -> int:
    """Bytes of a unit of memory: ``"MiB"``, ``"kB"``, as in ``parse_size``; ``"bytes"`` too.
    ValueError: it is none.
    """
    factor = 1 if name.lower() == "bytes" else _FACTORS.get(name.lower())
    if not name or factor is None:
        raise ValueError(f"{given.shown(name)} is no unit of memory: write B, KiB, MiB or GiB")
    return factor


def parse_pages(value: Size, what: str = "size", most: int = given.MOST // PAGE_BYTES) -> int:
    """Like parse_size, in pages, ``most`` at most; refuses sizes that are not whole pages."""
    size = parse_size(value, what, most * PAGE_BYTES)
    if size % PAGE_BYTES:
        raise ValueError(
            f"{what} {value!r} is not a multiple of the page size {PAGE_BYTES}: "
            f"{size - size % PAGE_BYTES} or {size - size % PAGE_BYTES + PAGE_BYTES} would be"
        )
    return size // PAGE_BYTES


def format_size(size: float) -> str:
    """Bytes as short text with three significant digits: ``"512 MiB"``, ``"1.50 GiB"``."""
    size = given.real(size, "size", -1e24, 1e24)
    sign, size = ("-", -size) if size < 0 else ("", size)
    for unit, factor in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= factor:
            number = size / factor
            digits = 0 if number >= 100 or number == int(number) else 1 if number >= 10 else 2
            return f"{sign}{number:.{digits}f} {unit}"
    return f"{sign}{size} B"
