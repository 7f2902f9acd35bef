"""Given: how one value of a caller's comes in. It is looked at once, where it is handed over, and
what goes on from there is plain Python.

A number of numpy's that is what it says (``np.int64(5)``, ``np.bool_(True)``) is taken as the
number; a bool is no count, a float no whole number, a text no flag, and NaN and infinity are no
amounts. What is wrong is said with the name of the parameter, its value (cut short where it is
long) and what would be right: TypeError for a value of another kind, ValueError for one that is out
of range. Sizes are in units.py, arrays in arrays.py; both are made of these.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

import numpy as np

from pageengine.plumbing.visible import visible

_ALIKE = 0.55  # how near a name must be to be what was meant (difflib's ratio)
MOST = 2**63 - 1  # what the core can count
PATH_MOST = 4095  # characters
NAME_MOST = 255  # characters, as in the names of files
SECONDS_MOST = 1e9  # 31 years: moments of so long a time still differ by less than a microsecond
_SHOWN = 80  # characters of a value in a message


def shown(value: Any) -> str:
    """The value as messages have it: its repr, cut short in the middle where it is long."""
    if isinstance(value, int) and not -(10**_SHOWN) < value < 10**_SHOWN:
        return f"a number of {value.bit_length()} bits"
    if isinstance(value, (str, bytes)) and len(value) > _SHOWN:
        kind = "characters" if isinstance(value, str) else "bytes"
        return f"{value[:20]!r}... ({len(value)} {kind})"
    try:
        text = repr(value)
    except Exception:  # a repr of somebody's that fails is not what is wrong here
        text = f"<{type(value).__name__}>"
    return text if len(text) <= 4 * _SHOWN else f"{text[:_SHOWN]}...{text[-20:]}"


def listed(names: Iterable[str], most: int = 20) -> str:
    """Names for a message, the first of them where there are many."""
    names = list(names)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) or "none") + more


def near(name: object, names: Iterable[str]) -> str:
    """``"did you mean 'zipf'?"``, or nothing."""
    import difflib  # where a name is wrong only

    said = name[:NAME_MOST].lower() if isinstance(name, str) else ""
    close = difflib.get_close_matches(said, list(names), 1, _ALIKE)
    return f"did you mean {close[0]!r}?" if close else ""


def unknown(what: str, name: object, names: Iterable[str]) -> str:
    """The message for a name that is not one of those there are."""
    names = list(names)
    hint = near(name, names)
    return f"unknown {what} {shown(name)}; there are {listed(names)}{hint and '; ' + hint}"


def is_whole(value: Any) -> bool:
    """Whether it is a whole number: neither a bool nor a span of time, which numpy has among its
    integers.
    """
    return isinstance(value, Integral) and not isinstance(value, (bool, np.timedelta64))


def whole(value: Any, what: str, least: int = 0, most: int = MOST) -> int:
    """A whole number from ``least`` to ``most``."""
    if type(value) is not int:
        if not is_whole(value):
            raise TypeError(f"{what} must be a whole number, got {shown(value)}")
        value = int(value)
    number: int = value
    if number < least or number > most:
        if least == 0 and number < 0:
            raise ValueError(f"{what} must not be negative, got {shown(value)}")
        raise ValueError(
            f"{what} must be a whole number from {least} to {most}, got {shown(value)}"
        )
    return number


def real(
    value: Any,
    what: str,
    least: float = 0.0,
    most: float = math.inf,
    ends: str = "[]",
    unit: str = "",
) -> float:
    """A finite number from ``least`` to ``most``; ``ends`` as in the notation of intervals: "(" and
    ")" leave that end out. A whole number stays one: what is shown of it later is what was given.
    """
    number: float = value
    if type(value) is not float and type(value) is not int:
        if not is_whole(value) and (isinstance(value, Integral) or not isinstance(value, Real)):
            raise TypeError(f"{what} must be a number{_of(unit)}, got {shown(value)}")
        number = int(value) if isinstance(value, Integral) else _as_float(value)
    above = number > least if ends[0] == "(" else number >= least
    below = number < most if ends[1] == ")" else number <= most
    if not (above and below and math.isfinite(_as_float(number))):  # NaN is neither
        span = _span(least, most, ends, unit and f" {unit}")
        raise ValueError(f"{what} must be {span}, got {shown(value)}")
    return number


def seconds(value: Any, what: str, least: float = 0.0, ends: str = "[]") -> float:
    """A time in seconds, at most 31 years, as a float."""
    return float(real(value, what, least, SECONDS_MOST, ends, "seconds"))


def several(values: Any, what: str) -> list[Any]:
    """The members of something that has them, but no text."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise TypeError(f"{what} must be a list, got {shown(values)}")
    return list(values)


def flag(value: Any, what: str) -> bool:
    """True or False."""
    if value is True or value is False:
        return value
    if isinstance(value, np.bool_):
        return bool(value)
    raise TypeError(f"{what} must be True or False, got {shown(value)}")


def choice(value: Any, what: str, choices: Iterable[str]) -> str:
    """One of a few names."""
    names = list(choices)
    if isinstance(value, str) and value in names:
        return str(value)
    there = ", ".join(names)
    if not isinstance(value, str):
        raise TypeError(f"{what} must be one of {there}, got {shown(value)}")
    hint = near(value, names)
    raise ValueError(f"{what} must be one of {there}, got {shown(value)}{hint and '; ' + hint}")


def text(value: Any, what: str, most: int = NAME_MOST, least: int = 0) -> str:
    """A text of ``least`` to ``most`` characters that can be written to a file."""
    if not isinstance(value, str):
        raise TypeError(f"{what} must be a text, got {shown(value)}")
    if len(value) < least:
        raise ValueError(f"{what} must not be empty, got {value!r}")
    if len(value) > most:
        raise ValueError(f"{what} must have {most} characters at most, got {shown(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(
            f"{what} must be a text that UTF-8 can hold, without surrogates, got {shown(value)}"
        ) from None
    return str(value)


def name_of_file(said: str) -> str:
    """What a file is called, as a name that ``text`` takes: a file may be called what no text can
    hold.
    """
    return visible(said)[:NAME_MOST]


def path(value: Any, what: str) -> str:
    """The path of a file as text, from a text, bytes or an ``os.PathLike``."""
    if not isinstance(value, (str, bytes, os.PathLike)):
        raise TypeError(f"{what} must be a path, got {shown(value)}")
    try:
        name = os.fsdecode(value)
        bad = b"\0" in os.fsencode(name) or not name or len(name) > PATH_MOST
    except Exception:  # a PathLike of somebody's, or a text that is no file name
        bad = True
    if bad:
        raise ValueError(f"{what} must be a path that files can have, got {shown(value)}")
    return name


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _of(unit: str) -> str:
    return f" of {unit}" if unit else ""


def _span(least: float, most: float, ends: str, unit: str = "") -> str:
    """The interval in words."""
    if most == math.inf:
        return f"above {least:g}{unit}" if ends[0] == "(" else f"a number from {least:g}{unit} on"
    if ends == "[]":
        return f"a number from {least:g} to {most:g}{unit}"
    low = f"above {least:g}" if ends[0] == "(" else f"at least {least:g}"
    return f"{low} and {'below' if ends[1] == ')' else 'at most'} {most:g}{unit}"
