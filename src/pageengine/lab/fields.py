"""Values in scenario files as people write them: sizes, times, parts, names; what is wrong with one
is said so that it can be put right.

Every kind is a function from the TOML value to what the program uses. It raises ValueError whose
message continues the sentence "<key> <value> ...".
"""

import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from pageengine.errors import PageEngineError
from pageengine.lab.bounds import HOSTS_MOST, VMS_MOST
from pageengine.plumbing import given
from pageengine.policy.shares import SHARES_MOST, SHARES_PER_MIB
from pageengine.units import PAGE_BYTES, PAGES_MOST, parse_percent, parse_size

_SECONDS = {
    "ms": 0.001,
    "s": 1,
    "sec": 1,
    "second": 1,
    "seconds": 1,
    "m": 60,
    "min": 60,
    "minute": 60,
    "minutes": 60,
    "h": 3600,
    "hour": 3600,
    "hours": 3600,
    "d": 86400,
    "day": 86400,
    "days": 86400,
}
TEXT_MOST = 100_000  # characters of a description
_TIME = re.compile(r"([0-9]{1,24}(?:\.[0-9]{1,24})?)\s*([a-zA-Z]*)")
_NAME = re.compile(r"[A-Za-z0-9_-]+")


class ScenarioError(PageEngineError, ValueError):
    """A scenario cannot be run as it is written; the message names file, line and key."""


@dataclass(frozen=True)
class Field:
    """One key of a section: how its value is read, what it means, and what holds without it."""

    read: Callable[[Any], Any]
    says: str
    default: Any = None
    required: bool = False


def close_to(name: Any, names: Iterable[str]) -> str:
    """``"did you mean 'zipf'? "`` or nothing."""
    hint = given.near(name, names)
    return f"{hint} " if hint else ""


def unknown(name: Any, names: Iterable[str]) -> str:
    """What is there instead of a name that is not."""
    names = sorted(names)
    return f"{close_to(name, names)}There are: {', '.join(names)}"


def _bytes(value: Any) -> int:
    try:
        return parse_size(value, "this", PAGES_MOST * PAGE_BYTES)
    except TypeError:
        raise ValueError("is not a size: write it as '512 MiB'") from None
    except ValueError as error:
        said = str(error).removeprefix(f"this {given.shown(value)} ").removeprefix("this ")
        raise ValueError(said) from None


def bandwidth(value: Any) -> int:
    """Bytes per second, from a number or "1.25 GB"."""
    number = _bytes(value)
    if not number:
        raise ValueError("must be more than nothing")
    return number


def size(value: Any) -> int:
    """Bytes, of whole pages."""
    number = _bytes(value)
    if number % PAGE_BYTES:
        raise ValueError(f"is not whole pages: it must be a multiple of {PAGE_BYTES} bytes")
    return number


def positive_size(value: Any) -> int:
    """Bytes, at least a page."""
    number = size(value)
    if not number:
        raise ValueError("must be more than nothing")
    return number


def duration(value: Any) -> float:
    """Seconds from a number or "90 s", "30 min", "1 h 30 min"."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _time(value)
    wrong = ValueError("is not a time: write it as '90 s', '30 min' or '2 h'")
    if not isinstance(value, str) or not value.strip():
        raise wrong
    total, rest = 0.0, value.strip()
    while rest:
        match = _TIME.match(rest)
        if not match or match[2].lower() not in {"", *_SECONDS}:
            raise wrong
        total += float(match[1]) * _SECONDS.get(match[2].lower(), 1)
        rest = rest[match.end() :].lstrip(" ,")
    return _time(total)


def _time(seconds: float) -> float:
    try:
        return given.seconds(seconds, "it")
    except ValueError:
        raise ValueError(
            f"is not a time: it must be from 0 to {given.SECONDS_MOST:.0f} seconds"
        ) from None


def positive_duration(value: Any) -> float:
    """Seconds, more than none."""
    seconds = duration(value)
    if not seconds:
        raise ValueError("must be longer than no time at all")
    return seconds


def _of_percent(value: Any) -> Any:
    """The number of a text such as "75 %", None of any other text; what is no text as it is."""
    if not isinstance(value, str):
        return value
    percent = parse_percent(value)
    return None if percent is None else percent / 100


def part(value: Any) -> float:
    """A fraction, 0 to 1, from 0.75 or "75 %"."""
    number = _of_percent(value)
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number <= 1:
        raise ValueError("is not a part: write a number from 0 to 1, or '75 %'")
    return float(number)


def factor(value: Any) -> float:
    """A number above 0, or a text such as "150 %"."""
    number = _of_percent(value)
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 < number <= 100:
        raise ValueError("is no factor: write a number above 0, up to 100, or '150 %'")
    return float(number)


def size_or_part(value: Any) -> int | str:
    """Bytes, or the text of a part such as "65 %" of what it belongs to."""
    if isinstance(value, str) and "%" in value:
        return f"{100 * part(value):g}%"
    return size(value)


def shares(value: Any) -> int | str:
    """A number of shares, or "low", "normal", "high"."""
    if isinstance(value, str) and value in SHARES_PER_MIB:
        return value
    try:
        return given.whole(value, "it", 0, SHARES_MOST)
    except (TypeError, ValueError):
        hint = close_to(value, SHARES_PER_MIB) if isinstance(value, str) else ""
        raise ValueError(
            f"are no shares: write a whole number up to {SHARES_MOST}, 'low', 'normal' or 'high'. "
            f"{hint}"
        ) from None


def whole(value: Any, most: int = given.MOST) -> int:
    """A whole number, not negative."""
    try:
        return given.whole(value, "it", 0, most)
    except (TypeError, ValueError):
        raise ValueError(f"is not a whole number from 0 to {most}") from None


def count(value: Any, most: int = VMS_MOST) -> int:
    """How many VMs: a whole number from 1."""
    number = whole(value)
    if not 1 <= number <= most:
        raise ValueError(f"must be at least 1, and {most} at most")
    return number


def hosts(value: Any) -> int:
    """How many hosts: a whole number from 1."""
    return count(value, HOSTS_MOST)


def truth(value: Any) -> bool:
    """true or false."""
    if not isinstance(value, bool):
        raise ValueError("must be true or false, without quotes")
    return value


def truth_or_table(value: Any) -> bool | dict[str, Any]:
    """true, false, or a table of keys and values."""
    return dict(value) if isinstance(value, dict) else truth(value)


def text(value: Any) -> str:
    """Any text that is no book."""
    if not isinstance(value, str):
        raise ValueError("is not a text: write it in quotes")
    return given.text(value, "it", TEXT_MOST)


def name(value: Any) -> str:
    """The name of a VM: letters, digits, - and _."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError("is no name: use letters, digits, '-' and '_'")
    return given.text(value, "it")


def anything(value: Any) -> Any:
    """Whatever it is; the part of the program that takes it says what is wrong."""
    return value


def table(value: Any) -> dict[str, Any]:
    """A table of keys and values."""
    if not isinstance(value, dict):
        raise ValueError("is not a table: write { key = value, ... }")
    return dict(value)


def either(*names: str) -> Callable[[Any], str]:
    """One of a few names."""

    def read(value: Any) -> str:
        if not isinstance(value, str) or value not in names:
            raise ValueError(f"is not known. {unknown(value, names)}")
        return value

    return read


def value(text: str) -> Any:
    """What a text of a command line stands for: what TOML reads it as, a number, or the text."""
    text = text.strip()
    try:
        found = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError, ValueError):
        found = {}
    if len(found) == 1 and isinstance(found["value"], bool | int | float | str | list | dict):
        return found["value"]
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text.strip("'\"")


def split(text: str, at: str = ",") -> list[str]:
    """The parts of a list; what stands in brackets, braces or quotes stays together."""
    parts, depth, quote = [""], 0, ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "'\"":
            quote = letter
        else:
            depth += (letter in "[{") - (letter in "]}")
        if letter == at and not quote and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]
