"""What is known of a guest's balloon driver by what it tells and does, QEMU's or libvirt's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pageengine.live import names
from pageengine.policy.base import GuestView

BOOT_SECONDS = 120.0  # so long after its start a guest that tells nothing may still be booting
OLD_PERIODS = 3  # statistics that are older than so many polling periods are old
AHEAD = 2.0  # seconds that statistics may be of the future, before a clock has been set back
MUCH = 8 << 20  # bytes by which a balloon moves before anything is concluded from it


class Told(NamedTuple):
    """What a guest tells, judged.

    Attributes:
        guest: [GuestView] its statistics, or None
        age: [seconds] of them, or None
        driver: [text] as VMView.driver
        booting: [yes or no] whether it tells nothing and has not been there for long
        active: [bytes] what it uses and could not do without at once: what it has less what is
            available; the most that its working set can be. None where it does not tell
        anew: [yes or no] whether this shows that it was reset since it was looked at last
    """

    guest: GuestView | None
    age: float | None
    driver: str
    booting: bool
    active: int | None
    anew: bool = False


def faults_of(told: Mapping[str, int]) -> int | None:
    """Page faults that a guest counts since it booted; None where it does not tell."""
    minor, major = told.get("minor_faults"), told.get("major_faults")
    return None if minor is None or major is None else minor + major


class Driver:
    """Of one process of one guest, whoever speaks to it. ``judge`` it again and again.

    A reset inside the process is told by an event, where one is heard (``reset``), or by the
    guest's own count of page faults, which goes back only when it boots. QEMU keeps target, balloon
    and statistics of the life before until the guest's new driver says something.

    reset: seconds since 1970, when this life began by a reset.
    """

    def __init__(self, reset: float | None = None) -> None:
        self._reset = reset
        self._first: int | None = None  # statistics of this life
        self._actual: int | None = None
        self._moved = float("-inf")  # wall clock
        self._counts = False
        self._at_first: tuple[int, int] | None = None  # what its balloon left, what it counted
        self._was_seen = False
        self._faults: int | None = None

    def judge(
        self,
        told: Mapping[str, int],
        *,
        size: int,
        wall: float,
        period: float,
        up: float | None,
        there: bool | None = None,
    ) -> Told:
        """told: by names.NAMES, "actual" too. size: bytes of the guest. wall: seconds since 1970.
        period: seconds between two of its statistics, 0: it is not asked for any. up: seconds since
        the guest started. there: whether a driver is known to run, where that can be told.
        """
        if anew := self._began_anew(told):
            # these statistics are the first of the new life; what the balloon holds may be old
            vars(self).update(vars(Driver(reset=told["updated"] - 1)), _faults=self._faults)
        return self._judged(told, size, wall, period, up, there)._replace(anew=anew)

    def _began_anew(self, told: Mapping[str, int]) -> bool:
        """Whether its count of page faults went back."""
        faults = faults_of(told)
        if faults is None or "updated" not in told:
            return False
        before, self._faults = self._faults, faults
        return before is not None and faults < before

    def _judged(
        self,
        told: Mapping[str, int],
        size: int,
        wall: float,
        period: float,
        up: float | None,
        there: bool | None,
    ) -> Told:
        actual = told.get("actual", size)
        if actual != self._actual:
            self._was_seen |= self._actual is not None
            self._actual, self._moved = actual, wall
        guest = names.view_of(told, size)
        updated = told.get("updated")
        if guest is None or updated is None:
            return self._silent(actual, size, up, there)
        if self._is_before(updated, wall) and (period or up is None or up < BOOT_SECONDS):
            return Told(None, None, "", True, None)
        age = max(0.0, wall - updated)
        if updated > self._moved + 1:  # statistics are in whole seconds
            self._find_out(actual, size, guest.total)
        active = None
        if guest.available is not None and (self._counts or guest.total <= actual):
            counted = size - actual if self._counts else 0
            active = max(0, guest.total - counted - guest.available)
        driver = "counts-balloon" if self._counts else "reporting"
        if not period or age > OLD_PERIODS * max(1.0, period) or updated - wall > AHEAD:
            driver = "stale"
        return Told(guest, age, driver, False, active if driver != "stale" else None)

    def _is_before(self, updated: int, wall: float) -> bool:
        """Whether statistics are of the life before a reset, or the first of this one, which a
        driver makes before it says that its balloon holds nothing yet.
        """
        if self._reset is None:
            return False
        self._reset = min(self._reset, wall)  # the clock may have been set back
        if self._first is None and updated > self._reset:
            self._first = updated
        return self._first is None or updated == self._first

    def _find_out(self, actual: int, size: int, total: int) -> None:
        """Whether it counts its balloon as used memory: what it says that it has does not follow
        its balloon, or is more than its balloon leaves. What a kernel keeps for itself is in
        neither, and may be as large as a small balloon.
        """
        if self._at_first is None:
            self._at_first = actual, total
        then, counted = self._at_first
        if abs(actual - then) >= MUCH:
            self._counts = abs(total - counted) < abs(actual - then) / 2
        elif size - actual >= MUCH and total > actual:
            self._counts = True

    def _silent(self, actual: int, size: int, up: float | None, there: bool | None) -> Told:
        young = up is None or up < BOOT_SECONDS
        kept = self._reset is not None and young  # what the balloon holds may be of the life before
        if there or self._was_seen or (actual < size and not kept):
            driver = "silent"
        elif there is None and young:
            driver = ""
        else:
            driver = "none"
        booting = up is not None and up < BOOT_SECONDS and driver != "silent"
        return Told(None, None, driver, booting, None)
