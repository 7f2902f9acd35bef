"""What the columns of a plain table are, by their names, and what a time that is written stands
for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from pageengine.demand.base import COLUMNS, Found
from pageengine.errors import DemandError
from pageengine.plumbing import given, reading
from pageengine.units import unit_bytes

_NAME = re.compile(r"\s*(?P<what>[a-z]+)(?:[ _]*[\[(]?(?P<unit>[a-z]+)[\])]?)?\s*", re.IGNORECASE)
NEEDED = ("time", "vm")


def kinds_in(said: Iterable[str]) -> set[str]:
    """Which of time, vm, size, used, active are named."""
    return {match["what"].lower() for name in said if (match := _NAME.fullmatch(name))} & {
        *NEEDED,
        *COLUMNS,
    }


def chosen(
    said: Sequence[str], where: str, unit: str | None, found: Found | None = None
) -> dict[int, tuple[str, float]]:
    """Column -> what it is, and bytes of its unit; the first of each, and ``found`` is told of the
    others. unit: of columns whose names have none. DemandError: time, vm or all of memory are
    missing, or a unit is none.
    """
    names: dict[int, tuple[str, float]] = {}
    for at, name in enumerate(said):
        match = _NAME.fullmatch(name)
        what = match["what"].lower() if match else ""
        if what not in (*NEEDED, *COLUMNS):
            continue
        if what in {each for each, _ in names.values()}:
            if found is not None:
                told = f"{where}: {given.shown(reading.clipped(name))}"
                found.add(f"columns beside one that is {what} already: passed over", told)
            continue
        own: Any = match["unit"] if match else None
        factor = 1.0
        if what in COLUMNS:
            try:
                factor = float(unit_bytes(own or unit or "B"))
            except ValueError as error:
                raise DemandError(f"{where}: column {given.shown(name)}: {error}") from None
        names[at] = what, factor
    missing = [name for name in NEEDED if name not in {each for each, _ in names.values()}]
    if missing or len(names) < 3:
        lacks = missing or [" or ".join(COLUMNS)]
        raise DemandError(
            f"{where}: no column {' and no column '.join(lacks)}; there are {reading.some(said)}; "
            "a table has time, vm, and of size, used, active what was read (size_mib: in MiB)"
        )
    return names


def moment(text: str) -> float:
    """Seconds since 1970, of a number or ISO 8601; NaN where it is no time."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        when = datetime.fromisoformat(text)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return float("nan")
