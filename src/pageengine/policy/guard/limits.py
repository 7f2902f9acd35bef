"""Limits: what the guard holds plans to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pageengine.plumbing import given
from pageengine.plumbing.frozen import Frozen
from pageengine.units import MIB, Size, parse_percent, parse_size

ANY = "*"  # stands for every VM in a list of names


class Limits(Frozen):
    """Amounts may be given as bytes or text ("256 MiB"), shares as numbers or text ("5 %"); kept
    are numbers. TypeError, ValueError: a value that is none, or out of range.

    Attributes:
        shrink: [bytes] most that is taken of one VM in any window, by balloon and paging out
            together
        shrink_part: [share, 0 to 1] of its size, the same; the smaller of both holds
        window: [seconds] how long such a window is
        floor_part: [share, 0 to 1] of its size that a guest keeps where no floor is agreed for it
        margin: [share, 0 to 1] of its size that a guest keeps beside what it uses, where it tells
        stats_age: [seconds] age of a guest's statistics from which on nothing is taken; should be
            three periods
        must_tell: [yes or no] whether a guest that tells nothing keeps its memory
        stuck: [seconds] without progress after which a driver is stuck
        reserve: [bytes] free memory of the host that is not given to guests
        reserve_part: [share, 0 to 1] of the host's memory, the same; the larger of both holds
        available: [share, 0 to 1] of its size; a guest with less available is under pressure
        stall: [share, 0 to 1] of its time that a guest under pressure waits for memory of its own
        swap_in: [bytes per second] that a guest under pressure reads from its own swap space
        kept: [bytes] that the host may still hold of what a balloon took, before that counts as no
            gain; it does not before two windows' worth is held
        scan: [pages per second] most that all VMs together are scanned
        may_block: [names] VMs that may be blocked; "*" stands for all
        may_page_out: [names] VMs whose memory may be reclaimed; "*" stands for all
    """

    shrink: int = 256 * MIB
    shrink_part: float = 0.05
    window: float = 10.0
    floor_part: float = 0.35
    margin: float = 0.10
    stats_age: float = 15.0
    must_tell: bool = True
    stuck: float = 5.0
    reserve: int = 0
    reserve_part: float = 0.05
    available: float = 0.05
    stall: float = 0.10
    swap_in: float = 1.0 * MIB
    kept: int = 256 * MIB
    scan: float = 125_000.0
    may_block: tuple[str, ...] = ()
    may_page_out: tuple[str, ...] = (ANY,)

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        for name, value in vars(self).items():
            self.__dict__[name] = _READERS[KINDS[name]](value, name)

    def kept_free(self, memory: int) -> int:
        """Bytes of a host of so much memory that guests are not given: the reserve."""
        return max(self.reserve, int(self.reserve_part * memory))


def _size(value: Size, what: str) -> int:
    return parse_size(value, what)


def _part(value: Any, what: str) -> float:
    if isinstance(value, str):
        percent = parse_percent(value)
        if percent is None:
            raise ValueError(
                f"{what} {given.shown(value)} is not a part: write a number from 0 to 1, or '5 %'"
            )
        value = percent / 100
    return float(given.real(value, what, 0, 1))


def _window(value: Any, what: str) -> float:
    return given.seconds(value, what, ends="(]")


def _seconds(value: Any, what: str) -> float:
    return given.seconds(value, what)


def _rate(value: Any, what: str) -> float:
    number = parse_size(value, what) if isinstance(value, str) else value
    return float(given.real(number, what, 0, float(given.MOST)))


def _names(value: Any, what: str) -> tuple[str, ...]:
    return tuple(given.text(name, f"a name of {what}") for name in given.several(value, what))


#: What each limit is: "size", "part", "seconds", "window" (seconds, not none), "rate", "flag",
#: "names".
KINDS: dict[str, str] = {
    "shrink": "size",
    "shrink_part": "part",
    "window": "window",
    "floor_part": "part",
    "margin": "part",
    "stats_age": "seconds",
    "must_tell": "flag",
    "stuck": "seconds",
    "reserve": "size",
    "reserve_part": "part",
    "available": "part",
    "stall": "part",
    "swap_in": "rate",
    "kept": "size",
    "scan": "rate",
    "may_block": "names",
    "may_page_out": "names",
}
_READERS: dict[str, Callable[[Any, str], Any]] = {
    "size": _size,
    "part": _part,
    "seconds": _seconds,
    "window": _window,
    "rate": _rate,
    "flag": given.flag,
    "names": _names,
}
