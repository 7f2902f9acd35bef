"""How a command follows real guests: one look after the other, until it is told to end."""

import argparse
import asyncio
import time
from collections.abc import Callable, Sequence

from pageengine.lab import fields
from pageengine.live.settings import GuestSettings
from pageengine.live.watch import Seen, Watch

_SLICE = 0.05  # seconds after which signals and keys are heard
_LEAST = 0.1  # seconds between two looks
_PART = 0.8  # of the time between two looks, what guests may take to answer


def duration(text: str) -> float:
    """Seconds that an option says."""
    try:
        return fields.positive_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} {error}") from None


def period(text: str) -> float:
    """Seconds between two looks."""
    seconds = duration(text)
    if seconds < _LEAST:
        raise argparse.ArgumentTypeError(f"{text!r} is too often: {_LEAST:g} s is the least")
    return seconds


def add_every(parser: argparse.ArgumentParser, default: float) -> None:
    """The option of all that look again and again. default: seconds."""
    parser.add_argument(
        "--every",
        type=period,
        default=default,
        metavar="TIME",
        help=f"time between two looks (default: {default:g}s)",
    )


def follow(
    settings: Sequence[GuestSettings],
    every: float,
    hear: Callable[[Seen], bool],
    idle: Callable[[], bool] = lambda: True,
) -> None:
    """Looks every so many seconds. ``hear`` is given what was seen, ``idle`` is called many times a
    second; the first that says no ends it.
    """
    asyncio.run(_follow(settings, every, hear, idle))


def look_twice(settings: Sequence[GuestSettings], apart: float) -> tuple[Seen, Seen]:
    """Two looks so many seconds apart, for rates are of the time between."""
    seen: list[Seen] = []

    def hear(what: Seen) -> bool:
        seen.append(what)
        return len(seen) < 2

    follow(settings, apart, hear)
    return seen[0], seen[1]


async def _follow(
    settings: Sequence[GuestSettings],
    every: float,
    hear: Callable[[Seen], bool],
    idle: Callable[[], bool],
) -> None:
    watch = Watch(settings)
    try:
        following = time.monotonic()
        while idle() and hear(await watch.look(_PART * every)):
            following = max(following + every, time.monotonic())
            while (left := following - time.monotonic()) > 0:
                await asyncio.sleep(min(left, _SLICE))
                if not idle():
                    return
    finally:
        await watch.close()
