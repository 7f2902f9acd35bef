"""Sizes as people write them: "512 MiB" to bytes, and bytes back to text."""

import re

PAGE_BYTES = 4096
MIB = 2**20
GIB = 2**30

_FACTORS = {
    "": 1, "b": 1,
    "k": 2**10, "kib": 2**10, "kb": 1000,
    "m": 2**20, "mib": 2**20, "mb": 10**6,
    "g": 2**30, "gib": 2**30, "gb": 10**9,
    "t": 2**40, "tib": 2**40, "tb": 10**12,
}  # fmt: skip
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*")


def parse_size(value, what: str = "size") -> int:
    """Bytes from a number of bytes or a text such as ``"512 MiB"``, ``"1.5G"`` or ``"64 MB"``.

    K, M, G, T and KiB, MiB, GiB, TiB are powers of 1024; kB, MB, GB, TB powers of 1000.
    Raises ValueError or TypeError that name ``what`` and the value.
    """
    if isinstance(value, bool):
        raise TypeError(f"{what} must be a number of bytes or a text like '64 MiB', not {value!r}")
    if isinstance(value, str):
        match = _SIZE.fullmatch(value)
        if not match or match[2].lower() not in _FACTORS:
            raise ValueError(
                f"{what} {value!r} is not a size: write a number and a unit, such as '64 MiB' or "
                "'2 GiB'"
            )
        number = float(match[1]) * _FACTORS[match[2].lower()]
        if number != int(number):
            raise ValueError(f"{what} {value!r} is not a whole number of bytes")
        return int(number)
    try:
        number = value.__index__()
    except AttributeError:
        raise TypeError(
            f"{what} must be a number of bytes or a text like '64 MiB', not {value!r}"
        ) from None
    if number < 0:
        raise ValueError(f"{what} must not be negative, got {number}")
    return number


def parse_pages(value, what: str = "size") -> int:
    """Like parse_size, in pages; refuses sizes that are not whole pages."""
    size = parse_size(value, what)
    if size % PAGE_BYTES:
        raise ValueError(
            f"{what} {value!r} is not a multiple of the page size {PAGE_BYTES}: "
            f"{size - size % PAGE_BYTES} or {size - size % PAGE_BYTES + PAGE_BYTES} would be"
        )
    return size // PAGE_BYTES


def format_size(size: int) -> str:
    """Bytes as short text with three significant digits: ``"512 MiB"``, ``"1.50 GiB"``."""
    sign, size = ("-", -size) if size < 0 else ("", size)
    for unit, factor in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= factor:
            number = size / factor
            digits = 0 if number >= 100 or number == int(number) else 1 if number >= 10 else 2
            return f"{sign}{number:.{digits}f} {unit}"
    return f"{sign}{size} B"
