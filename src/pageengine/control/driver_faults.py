"""Faults of balloon drivers: drivers that do not do what they are told, as operators meet them
(stuck, stopped at a limit that nobody knows, counted as used memory), so that a policy can be tried
on them. The kinds are those on which xapi's squeezed is tested (ocaml/squeezed, "sticky" drivers,
hidden limits), and those of statistics that Windows and stopped reporters show.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

from pageengine.control.balloon_driver import Balloonable, BalloonDriver
from pageengine.plumbing import given
from pageengine.units import PAGE_BYTES, PAGES_MOST, parse_pages

OF_STATISTICS = ("counts_balloon", "silent", "freeze", "freeze_for")


@dataclass(frozen=True, kw_only=True)
class DriverFaults:
    """What is wrong with a balloon driver; nothing by default.

    sticky: it works for so many seconds, then stands still for as many, by turns, from 1 s on, as
    drivers are polled once a second. dead: it never moves. hidden_floor: guest memory (bytes or
    text) that it leaves, whatever it is told; hidden_ceiling: guest memory above which it gives
    nothing back, whatever it is told, though a guest starts with all of its own. Nobody is told of
    either.

    Of the statistics of a guest: counts_balloon: its balloon counts as used memory (the driver of
    Windows). silent: it tells none. freeze: seconds after the driver began to run (after a restart,
    too) from which on they stay as they are, for freeze_for seconds (None: for good); a clock that
    does not stop there freezes them at the end of its step.
    """

    sticky: float | None = None
    dead: bool = False
    hidden_floor: Any = None
    hidden_ceiling: Any = None
    counts_balloon: bool = False
    silent: bool = False
    freeze: float | None = None
    freeze_for: float | None = None

    def __post_init__(self) -> None:
        told: dict[str, Any] = {
            key: given.flag(getattr(self, key), key) for key in ("dead", "counts_balloon", "silent")
        }
        for key, least, ends in (("sticky", 1.0, "[]"), ("freeze", 0.0, "[]")):
            if getattr(self, key) is not None:
                told[key] = given.seconds(getattr(self, key), key, least, ends)
        if self.freeze_for is not None:
            told["freeze_for"] = given.seconds(self.freeze_for, "freeze_for", ends="(]")
        for key in ("hidden_floor", "hidden_ceiling"):
            if getattr(self, key) is not None:
                told[key] = parse_pages(getattr(self, key), key, PAGES_MOST) * PAGE_BYTES
        for key, value in told.items():
            object.__setattr__(self, key, value)
        self._check_together()

    def _check_together(self) -> None:
        limits = self.hidden_floor, self.hidden_ceiling
        if self.dead and (self.sticky, *limits) != (None,) * 3:
            raise ValueError(
                "a dead driver never moves: it cannot have sticky, hidden_floor or hidden_ceiling"
            )
        floor, ceiling = (limit or 0 for limit in limits)
        if self.hidden_ceiling is not None and ceiling < floor:
            raise ValueError(
                f"hidden_ceiling {ceiling} must not be below hidden_floor, {floor} bytes"
            )
        if self.freeze_for is not None and self.freeze is None:
            raise ValueError("freeze_for says for how long: freeze must say from when on")
        if self.silent and (self.counts_balloon or self.freeze is not None):
            raise ValueError(
                "a driver that is silent tells no statistics: there is nothing to freeze, and "
                "nothing that could count its balloon"
            )

    @property
    def there(self) -> bool:
        """Whether anything is wrong."""
        return any(getattr(self, each.name) != each.default for each in fields(DriverFaults))

    @property
    def of_statistics(self) -> bool:
        """Whether anything is wrong with what it tells."""
        return self.counts_balloon or self.silent or self.freeze is not None

    def check_vm(self, size: int, has_guest: bool) -> None:
        """ValueError, if a VM of so many bytes, with a guest model or without one, cannot have
        these faults.
        """
        for key in ("hidden_floor", "hidden_ceiling"):
            if (getattr(self, key) or 0) > size:
                raise ValueError(f"{key} {getattr(self, key)} is above the size, {size} bytes")
        if self.of_statistics and not has_guest:
            raise ValueError(
                f"{', '.join(OF_STATISTICS)} are faults of a guest's statistics, and a VM "
                "without a guest has none"
            )


def read_driver(driver: Any, size: int, has_guest: bool) -> DriverFaults | bool:
    """What ``Host.add_vm`` was told of the driver of a VM of so many bytes: whether there is one,
    or what is wrong with it. TypeError, ValueError: neither, or faults that it cannot have.
    """
    if not isinstance(driver, DriverFaults):
        return given.flag(driver, "driver")
    driver.check_vm(size, has_guest)
    return driver


class FaultyDriver(BalloonDriver):
    """A driver of a guest of so many pages that has these faults."""

    def __init__(self, guest: Balloonable, faults: DriverFaults, pages: int):
        super().__init__(guest)
        self._faults = faults
        floor, ceiling = faults.hidden_floor or 0, faults.hidden_ceiling
        self._most = pages - int(floor) // PAGE_BYTES
        self._least = 0 if ceiling is None else pages - int(ceiling) // PAGE_BYTES

    def work(self, polls: int, target: int, seconds: int) -> int | None:
        if self._faults.dead:
            return None
        if self._faults.sticky is None:
            return super().work(polls, target, seconds)
        unmoved, idle, turn = None, 0, 2 * math.ceil(self._faults.sticky)
        for left in reversed(range(polls)):
            idle += 1
            if int((seconds - left) / self._faults.sticky) % 2 == 0:
                before = self.slow_rate, self.slow_polls
                if self.poll(target):
                    unmoved = left
                if unmoved == left or before != (self.slow_rate, self.slow_polls):
                    idle = 0
            if idle > turn:
                break  # it had a turn, and could do nothing in it
        return unmoved

    def poll(self, target: int) -> int:
        if target > self.size:
            return super().poll(min(target, self._most))
        return super().poll(min(self.size, max(target, self._least)))
