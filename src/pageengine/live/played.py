"""Moments of what was recorded of real guests, or saved of a simulation, one row of the timelines
after the other; and how one steps through them by keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.live.moment import TEXTS, Moment, Row

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Columns = Mapping[str, NDArray[Any]]

KEYS = "left/right: step, [ and ]: ten steps, space: play, home/end, up/down: guests, q: quit"


class Played:
    """The moments of a result. host, vms: its tables, rows in the order of time."""

    def __init__(self, host: Columns, vms: Columns):
        self._host, self._vms = host, vms
        self._times = np.asarray(host.get("time", ()), dtype=float)
        self._rows = np.asarray(vms.get("time", ()), dtype=float)

    def __len__(self) -> int:
        return len(self._times)

    def at(self, number: int) -> Moment:
        """The moment of that number, from 0."""
        time = float(self._times[number])
        before = float(self._times[number - 1]) if number else 0.0
        first, end = (int(np.searchsorted(self._rows, time, side)) for side in ("left", "right"))
        guests = tuple(_row(self._vms, i) for i in range(first, end))
        return Moment(time, time - before or None, _row(self._host, number), guests)

    def number_at(self, time: float) -> int:
        """The number of the last moment that is not after this time; the first where all are."""
        return max(int(np.searchsorted(self._times, time, "right")) - 1, 0)


class Player:
    """Which moment is shown, by the keys that were pressed. count: of all moments."""

    def __init__(self, count: int, number: int = 0):
        self.count, self.number = count, number
        self.first = 0  # of the guests that are shown
        self.playing = False
        self.ended = False

    def press(self, key: str) -> None:
        """One key, by its name; others mean nothing."""
        steps = {"left": -1, "right": 1, "[": -10, "]": 10}
        if key in steps:
            self.playing = False
            self._to(self.number + steps[key])
        elif key in ("home", "end"):
            self.playing = False
            self._to(0 if key == "home" else self.count - 1)
        elif key in ("up", "down"):
            self.first = max(self.first + (1 if key == "down" else -1), 0)
        elif key == " ":
            if not self.playing and self.number == self.count - 1:
                self.number = 0
            self.playing = not self.playing
        elif key in ("q", "Q"):
            self.ended = True

    def tick(self) -> None:
        """Time passes: one moment further while it plays, up to the last."""
        if self.playing:
            self._to(self.number + 1)
            self.playing = self.number < self.count - 1

    def _to(self, number: int) -> None:
        self.number = max(0, min(number, self.count - 1))


def _row(table: Columns, number: int) -> Row:
    """A row, with None for what is not known."""
    found: dict[str, float | str | None] = {}
    for key, column in table.items():
        value = column[number]
        if key in TEXTS:
            found[key] = str(value)
        else:
            found[key] = None if np.isnan(value) else value.item()
    return found
