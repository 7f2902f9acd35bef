"""Options of hosts and machines as users write them, read into numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pageengine.plumbing import given
from pageengine.policy.workingset import ESTIMATORS, WorkingSet
from pageengine.units import Size, parse_percent, parse_size

SALT_MOST = 4096  # characters: a salt may be a key or a certificate's print
_OWN = 2**63


def salt_number(salt: str | None, name: str) -> int:
    """The group whose machines share pages: 0 for "", one of the lower half of all numbers for any
    other text, and one of the upper half, made of its name, for a machine that is alone (None). So
    no text leads into the group of a machine that is alone, nor into the one that has no salt.
    """
    if salt is None:
        return _OWN | number_of(name)
    salt = given.text(salt, "salt", SALT_MOST)
    return max(1, number_of(salt) & (_OWN - 1)) if salt else 0


def number_of(name: str) -> int:
    """A number from 0 to 2**64 - 1 of a name, the same everywhere."""
    import hashlib  # which brings a library of cryptography with it

    digest = hashlib.blake2b(name.encode(errors="surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def part_of(value: Size, whole: int, what: str) -> int:
    """Bytes: a size, or a percentage of ``whole``."""
    if isinstance(value, str) and value.strip().endswith("%"):
        percent = parse_percent(value)
        if percent is None or percent > 100:
            raise ValueError(f"{what} {given.shown(value)} is not a percentage from 0% to 100%")
        return int(whole * percent / 100)
    return parse_size(value, what)


def find_estimator(value: Any) -> Callable[[], WorkingSet]:
    """A function that makes a working-set estimator, by name or as it is."""
    if callable(value):
        function: Callable[[], WorkingSet] = value
        return function
    try:
        return ESTIMATORS[given.choice(value, "estimator", ESTIMATORS)]
    except (TypeError, ValueError) as error:
        raise type(error)(f"{error}; a function that makes one will do, too") from None
