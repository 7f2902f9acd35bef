"""Hands off: guests that are left alone for a while, because somebody else has moved their balloon.

A driver only ever moves towards what it was told last. Where a balloon goes away from that, someone
else told it something, or its guest took pages back in need (deflate-on-oom): either way it is not
for us to set it again at once.
"""

from __future__ import annotations

from collections.abc import Mapping

from pageengine.live.snapshot import Remembered
from pageengine.units import MIB, format_size

FAR = 16 * MIB  # more than drivers wobble, and more than a guest takes back at a time


class Hands:
    """Finds out whose balloons others move, and remembers for how long these are left alone.

    seconds: for how long.
    """

    def __init__(self, seconds: float):
        self.seconds = seconds
        self._nearest: dict[str, tuple[object, int]] = {}  # what it was told, least distance so far
        self._until: dict[str, tuple[float, str]] = {}

    def look(self, last: Mapping[str, Remembered], now: float) -> dict[str, str]:
        """Guests that are left alone from now on, and why."""
        found = {}
        for name, known in last.items():
            why = self._moved(name, known)
            if why and name not in self._until:
                self.leave(name, now + self.seconds, why)
                found[name] = why
        for name in self._nearest.keys() - last.keys():
            del self._nearest[name]
        return found

    def leave(self, name: str, until: float, why: str) -> None:
        """It is left alone until then."""
        self._until[name] = until, why

    def over(self, now: float) -> list[str]:
        """Guests that are not left alone any longer."""
        over = [name for name, (until, _) in self._until.items() if until <= now]
        for name in over:
            del self._until[name]
            self._nearest.pop(name, None)
        return over

    def forget(self, name: str) -> None:
        """It is another guest now, whatever its name."""
        self._until.pop(name, None)
        self._nearest.pop(name, None)

    @property
    def alone(self) -> dict[str, str]:
        """Guests that are left alone, and why."""
        return {name: why for name, (_, why) in self._until.items()}

    def _moved(self, name: str, known: Remembered) -> str:
        reading = known.reading
        # what a guest that boots tells is of the driver before: the new one begins at nothing
        boots, held = reading.busy == "boot", reading.ballooned
        if boots or known.target is None or held is None or name in self._until:
            self._nearest.pop(name, None)
            return ""
        may_be = [known.target, *known.others]
        low, high = min(may_be), max(may_be)
        off = max(0, low - held, held - high)
        told = known.life, known.target, known.others
        before, nearest = self._nearest.get(name, (told, off))
        if before != told:
            nearest = off
        self._nearest[name] = told, min(nearest, off)
        if off - nearest <= FAR:
            return ""
        return (
            f"its balloon was told to hold {format_size(known.target)} and went away from that, to "
            f"{format_size(held)}: somebody else moves it, or the guest took memory back in need"
        )
