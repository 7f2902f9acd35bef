"""Options of hosts and VMs as users write them, read into numbers."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from pageengine.plumbing import given, kinds
from pageengine.policy.workingset import ESTIMATORS, WorkingSet
from pageengine.units import Size, parse_percent, parse_size

SALT_MOST = 4096  # characters: a salt may be a key or a certificate's print
#: What makes estimators of working sets, as ``find_estimator`` takes it.
Estimator = str | Mapping[str, Any] | Callable[[], WorkingSet]
_OWN = 2**63
THREADS_MOST = 64  # PE_THREADS_MAX
THREADS_UNASKED = 8  # beyond that memory is the limit, and others want processors too
THREADS_VARIABLE = "PAGEENGINE_THREADS"


def salt_number(salt: str | None, name: str) -> int:
    """The group whose VMs share pages: 0 for "", one of the lower half of all numbers for any
    other text, and one of the upper half, made of its name, for a VM that is alone (None). So
    no text leads into the group of a VM that is alone, nor into the one that has no salt.
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


def thread_count(threads: int | None) -> int:
    """How many threads one call may use: what was said, else what PAGEENGINE_THREADS in the
    environment says, else as many as there are processors for this process, eight at most.
    """
    if threads is not None:
        return given.whole(threads, "threads", 1, THREADS_MOST)
    said = os.environ.get(THREADS_VARIABLE, "").strip()
    if said:
        few = said.isascii() and said.isdecimal() and len(said) <= len(str(THREADS_MOST))
        if not few or not 1 <= int(said) <= THREADS_MOST:
            raise ValueError(
                f"{THREADS_VARIABLE} in the environment is {given.shown(said)}; it must be a whole "
                f"number from 1 to {THREADS_MOST}, or not be set"
            )
        return int(said)
    if hasattr(os, "sched_getaffinity"):
        return min(len(os.sched_getaffinity(0)), THREADS_UNASKED)
    return min(os.cpu_count() or 1, THREADS_UNASKED)


class ChosenEstimator:
    """Makes the estimator of a table, which a checkpoint has."""

    def __init__(self, table: Mapping[str, Any]):
        self.table = dict(table)
        self._made, self._options = kinds.chosen(table, ESTIMATORS, "estimator")
        self()

    def __call__(self) -> WorkingSet:
        made: WorkingSet = self._made(**self._options)
        return made


def find_estimator(value: Any) -> Callable[[], WorkingSet]:
    """A function that makes a working-set estimator, by name, of a table ``{"kind": name, option:
    value, ...}``, or as it is.
    """
    if callable(value):
        function: Callable[[], WorkingSet] = value
        return function
    if isinstance(value, Mapping) and "kind" in value:
        return ChosenEstimator(value)
    try:
        return ESTIMATORS[given.choice(value, "estimator", ESTIMATORS)]
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"{error}; a table of its kind and options, or a function that makes one, will do, too"
        ) from None


def told_estimator(made: Callable[[], WorkingSet]) -> str | dict[str, Any] | None:
    """What ``find_estimator`` was given; None where that is somebody's own."""
    if isinstance(made, ChosenEstimator):
        return made.table
    return next((name for name, each in ESTIMATORS.items() if each is made), None)
