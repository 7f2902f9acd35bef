"""Housekeeping: what a host does for one machine as time goes by.

Sampling goes by the machine's own time, everything else by the host's. Nothing here decides: rates
and targets come from the last plan.
"""

from __future__ import annotations

import math

from pageengine.balloon import GuestPages, UntouchedPages
from pageengine.driver import BalloonDriver
from pageengine.policy import GuestView
from pageengine.units import PAGE_BYTES

REPORT_SECONDS = 2.0  # a guest reports free blocks after this long (virtio-balloon)


class Keeping:
    """One machine's share of the work."""

    def __init__(self, vm, estimator, driver: bool, balloon_max: int):
        self._vm, self._estimator = vm, estimator
        self._has_driver, self._balloon_limit = driver, balloon_max
        guest = vm.guest
        self._driver = BalloonDriver(UntouchedPages(vm) if guest is None else GuestPages(vm, guest))
        self.balloon_target = 0
        self.scan_rate = 0.0
        self._boot_left = 0.0
        self._period = self._scan_due = self._poll_due = self._report_due = 0.0
        self._elapsed = self._ran = self._last_stall = 0.0
        self.scanned = 0
        self._open_period()

    @property
    def pages(self) -> int:
        return self._vm.pages

    def set_balloon_max(self, limit: int) -> None:
        """Bytes that the driver may give up from now on."""
        self._balloon_limit = limit

    # what a policy is shown

    @property
    def balloon_max(self) -> int:
        """Most bytes the driver can give up now; 0 without a driver or while the guest boots. What
        is reserved is never asked for: a guest that gave it up could not hold its reservation.
        """
        if not self._driver_runs:
            return 0
        return min(self._balloon_limit, self._vm.size - self._vm.reservation)

    @property
    def _driver_runs(self) -> bool:
        return self._has_driver and self._boot_left <= 0

    @property
    def _in_balloon(self) -> int:
        """Pages. The engine knows; the driver does not notice when a guest takes one back."""
        return self._vm._engine.ballooned(self._vm._id)

    @property
    def active(self) -> int:
        """The estimate of the working set in bytes. What is in the balloon is not in use, and no
        part of what the estimate is a fraction of.
        """
        vm = self._vm
        if self._estimator.kind == "sample":
            fraction = self._estimator.fraction(*vm._engine.sample_now(vm._id))
        else:
            fraction = self._estimator.fraction()
        return int(fraction * (vm.pages - self._in_balloon)) * PAGE_BYTES

    @property
    def stall(self) -> float:
        """Share of the time since the last decision that the machine did not run. A decision in the
        middle of a batch, with no time since the last one, is shown what that one was shown.
        """
        if self._elapsed == 0:
            return self._last_stall
        return 1 - min(1.0, self._ran / self._elapsed)

    def guest_view(self) -> GuestView | None:
        guest = self._vm.guest
        if guest is None or not self._driver_runs:
            return None
        stats = guest.stats
        return GuestView(
            total=stats.total - stats.ballooned,
            free=stats.free,
            cache=stats.cache_clean + stats.cache_dirty,
            swapped=stats.swapped,
            major_faults=stats.swap_in,
        )

    def decided(self) -> None:
        """A decision was made: the stall is counted anew."""
        self._last_stall = self.stall
        self._elapsed = self._ran = 0.0

    # what time brings

    def reboot(self, boot_seconds: float) -> None:
        """The guest starts again: its driver is gone until it has booted, and the balloon with it
        (a restarted driver first resets: OSDI 2002 section 3.2).
        """
        vm, boot_seconds = self._vm, float(boot_seconds)
        if not 0 <= boot_seconds < math.inf:
            raise ValueError(f"boot_seconds must be 0 or more, got {boot_seconds}")
        self._boot_left = boot_seconds
        vm._engine.deflate(vm._id, vm.pages)
        if vm.guest is not None:
            vm.guest.restart()
        self._driver.reset()

    def advance(self, seconds: float, ran: float, plan) -> None:
        self._elapsed += seconds
        self._ran += ran
        awake = max(0.0, seconds - self._boot_left)
        self._boot_left = max(0.0, self._boot_left - seconds)
        self._watch(ran)
        self._scan(seconds, plan.scan_rule)
        self._poll_driver(awake)
        if plan.report_free:
            self._report_free(awake)

    def _watch(self, ran: float) -> None:
        self._period += ran
        if self._period < self._estimator.period:
            return
        self._period %= self._estimator.period
        vm = self._vm
        if self._estimator.kind == "sample":
            self._estimator.observe(*vm.end_sample())
        else:
            vm.age()
            self._estimator.observe(vm.idle_ages(), max(1, vm.pages - self._in_balloon))
        self._open_period()

    def _open_period(self) -> None:
        if self._estimator.kind == "sample":
            self._vm.start_sample(self._estimator.n)

    def _scan(self, seconds: float, rule: str) -> None:
        self._scan_due += self.scan_rate * seconds
        pages = int(self._scan_due)
        if pages:
            self._scan_due -= pages
            pages = min(pages, self._vm.pages)
            self._vm.host.scan(pages, self._vm, rule=rule)
            self.scanned += pages

    def _poll_driver(self, seconds: float) -> None:
        self._poll_due += seconds
        polls = int(self._poll_due)
        self._poll_due -= polls
        if not polls or not self._driver_runs:
            return
        target = min(self.balloon_target, self.balloon_max) // PAGE_BYTES
        driver = self._driver
        driver.size = min(driver.size, self._in_balloon)
        for _ in range(polls):
            before = driver.size, driver.slow_rate, driver.slow_polls
            driver.poll(target)
            if (driver.size, driver.slow_rate, driver.slow_polls) == before:
                break  # and so would every further poll be

    def _report_free(self, seconds: float) -> None:
        guest = self._vm.guest
        self._report_due += seconds
        if guest is None or self._boot_left > 0 or self._report_due < REPORT_SECONDS:
            return
        self._report_due %= REPORT_SECONDS
        self._vm.report_free(guest.report_free())
