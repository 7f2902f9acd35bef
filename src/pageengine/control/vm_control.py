"""What is done for one virtual machine when it is due. When that is, ticker.py knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pageengine.control.balloon import ControlledVM, GuestPages, UntouchedPages
from pageengine.control.balloon_driver import BalloonDriver
from pageengine.plumbing import given
from pageengine.policy.base import GuestView
from pageengine.units import PAGE_BYTES

if TYPE_CHECKING:
    from pageengine.policy.workingset import WorkingSet


class VMControl:
    """One virtual machine's estimator and balloon driver."""

    def __init__(self, vm: ControlledVM, estimator: WorkingSet):
        self.vm, self.estimator = vm, estimator
        self._driver = BalloonDriver(
            UntouchedPages(vm) if vm.guest is None else GuestPages(vm, vm.guest)
        )
        self.row = -1  # in the columns of the VM table
        self._sampled = self._outside_balloon  # the part of the machine that the sample is of
        if self.samples:
            vm._engine.sample_begin(vm._id, self.sample_size)

    @property
    def _outside_balloon(self) -> float:
        return 1 - self._in_balloon / self.vm.pages

    @property
    def _in_balloon(self) -> int:
        """Pages. The engine knows; the driver does not notice when a guest takes one back."""
        return self.vm._engine.ballooned(self.vm._id)

    def active_now(self) -> int:
        """As ``active``, of what there is now."""
        vm = self.vm
        return self.active(*vm._engine.sample_now(vm._id), self._in_balloon)

    def active(self, touched: int, marked: int, in_balloon: int) -> int:
        """The estimate of the working set in bytes. Readings are of what is not in the balloon, but
        kept as parts of the whole machine: when a balloon takes what is idle, what is in use does
        not become less.
        """
        if self.samples:
            fraction = self.estimator.fraction(touched * self._sampled, marked)
        else:
            fraction = self.estimator.fraction()
        return min(int(fraction * self.vm.pages), self.vm.pages - in_balloon) * PAGE_BYTES

    def guest_view(self) -> GuestView | None:
        """What the driver tells of its guest."""
        if self.vm.guest is None:
            return None
        stats = self.vm.guest.stats
        return GuestView(
            total=stats.total - stats.ballooned,
            free=stats.free,
            cache=stats.cache_clean + stats.cache_dirty,
            swapped=stats.swapped,
            major_faults=stats.swap_in,
        )

    def restart(self) -> None:
        """The guest starts again, and its balloon is gone: a restarted driver first resets (OSDI
        2002 section 3.2).
        """
        vm = self.vm
        vm._engine.deflate(vm._id, vm.pages)
        if vm.guest is not None:
            vm.guest.restart()
        self._driver.reset()

    @property
    def samples(self) -> bool:
        """Whether the estimator goes by samples, or by idle ages."""
        return self.estimator.kind == "sample"

    @property
    def sample_size(self) -> int:
        """Pages of the next sample."""
        estimator: Any = self.estimator  # one that goes by samples says of how many pages
        return min(given.whole(estimator.n, "n of the estimator"), self.vm.pages)

    def end_period(self, touched: int, marked: int) -> None:
        """The estimator gets a reading of a sample; the next period begins."""
        self.estimator.observe(touched * self._sampled, marked)
        self._sampled = self._outside_balloon

    def read_ages(self) -> None:
        """The estimator gets a reading of idle ages."""
        vm = self.vm
        vm.age()
        self.estimator.observe(vm.idle_ages(), vm.pages)

    def poll(self, polls: int, target: int) -> bool:
        """So many polls of the driver towards ``target`` pages; whether it is there, and would do
        nothing if it were polled again.
        """
        driver = self._driver
        driver.size = min(driver.size, self._in_balloon)
        for _ in range(polls):
            before = driver.size, driver.slow_rate, driver.slow_polls
            driver.poll(target)
            if (driver.size, driver.slow_rate, driver.slow_polls) == before:
                break  # and so would every further poll be
        return driver.size == target and driver.slow_polls == 0

    def report_free(self) -> None:
        """The guest reports its free blocks."""
        if self.vm.guest is not None:
            self.vm.report_free(self.vm.guest.report_free())
