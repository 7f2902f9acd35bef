"""Statistics of guests that do not say what is so: hidden, frozen, or with the balloon among what
is used. What is shown is that of a guest that tells the truth, changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from pageengine.control.driver_faults import DriverFaults
from pageengine.plumbing.kept import Kept
from pageengine.policy.base import GuestView
from pageengine.policy.guard import Limits

STALE_SECONDS = Limits.stats_age  # older statistics are stale, to the guard as well
TICK = 1e-9


class FaultyStatistics(Kept):
    """What a guest of so many bytes tells with these faults. Seconds are since its driver began to
    run.
    """

    KEPT = ("_kept",)

    def __init__(self, faults: DriverFaults, size: int):
        self._faults, self._size = faults, size
        self._freeze = math.inf if faults.freeze is None else faults.freeze
        self._thaw = self._freeze + (math.inf if faults.freeze_for is None else faults.freeze_for)
        self.restart()

    def restart(self) -> None:
        """The guest starts again."""
        self._kept: tuple[GuestView, float] | None = None

    def due_in(self, seconds: float) -> float:
        """Until they freeze."""
        return math.inf if self._kept else max(TICK, self._freeze - seconds)

    def pass_time(self, seconds: float, told: Callable[[], GuestView]) -> None:
        """So many are over. told: what the guest tells now, which is kept once they freeze."""
        if self._kept is None and seconds >= self._freeze - TICK:
            self._kept = told(), seconds

    def shown(self, view: GuestView, seconds: float) -> tuple[GuestView | None, float | None, str]:
        """What is shown where the guest tells ``view``: statistics, their age, kind of driver."""
        if self._faults.silent:
            return None, None, "silent"
        age = 0.0
        if self._kept is not None and seconds < self._thaw - TICK:
            view, age = self._kept[0], seconds - self._kept[1]
        if self._faults.counts_balloon:
            view = view.__replace__(total=self._size)
        if age > STALE_SECONDS:
            return view, age, "stale"
        return view, age, "counts-balloon" if self._faults.counts_balloon else "reporting"
