"""What is done for one virtual machine when it is due. When that is, ticker.py knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pageengine.control.balloon import ControlledVM, GuestPages, UntouchedPages
from pageengine.control.balloon_driver import BalloonDriver
from pageengine.control.driver_faults import DriverFaults, FaultyDriver
from pageengine.control.faulty_statistics import FaultyStatistics
from pageengine.plumbing import given
from pageengine.units import PAGE_BYTES

if TYPE_CHECKING:
    from pageengine.policy.workingset import WorkingSet


def estimator_state(estimator: Any) -> Any:
    """What an estimator has learned. TypeError: it cannot say."""
    if not callable(getattr(estimator, "state", None)) or not hasattr(estimator, "restore"):
        raise TypeError(
            f"the estimator {given.shown(estimator)} cannot be saved: give it state(), which "
            "returns what it has learned as plain values, and restore(state)"
        )
    return estimator.state()


class VMControl:
    """One virtual machine's estimator and balloon driver. statistics: what it tells, where that is
    not what is so; else None. state: what ``state`` said, of a VM that goes on.
    """

    def __init__(
        self,
        vm: ControlledVM,
        estimator: WorkingSet,
        faults: DriverFaults | None = None,
        state: Mapping[str, Any] | None = None,
    ):
        self.vm, self.estimator, self.faults = vm, estimator, faults
        pages = UntouchedPages(vm) if vm.guest is None else GuestPages(vm, vm.guest)
        self._driver, self.statistics = BalloonDriver(pages), None
        if faults is not None and faults.there:
            self._driver = FaultyDriver(pages, faults, vm.pages)
            if faults.of_statistics:
                self.statistics = FaultyStatistics(faults, vm.size)
        self.row = -1  # in the columns of the VM table
        self._sampled = self._outside_balloon  # the part of the VM that the sample is of
        if state is not None:
            self._restore(state)
        elif self.samples:
            vm._engine.sample_begin(vm._id, self.sample_size)

    def state(self) -> dict[str, Any]:
        """What its estimator and driver have come to."""
        estimator, told = self.estimator, self.statistics
        return {
            "estimator": estimator_state(estimator),
            "period": estimator.period,
            "sampled": self._sampled,
            "driver": self._driver.state(),
            "statistics": None if told is None else told.state(),
        }

    def _restore(self, state: Mapping[str, Any]) -> None:
        self.estimator.period = given.real(state["period"], "the period of an estimator")
        restored: Any = self.estimator
        restored.restore(state["estimator"])
        self._sampled = given.real(state["sampled"], "the part that is sampled")
        self._driver.restore(state["driver"])
        if self.statistics is not None:
            self.statistics.restore(state["statistics"])

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
        kept as parts of the whole VM: when a balloon takes what is idle, what is in use does
        not become less.
        """
        if self.samples:
            fraction = self.estimator.fraction(touched * self._sampled, marked)
        else:
            fraction = self.estimator.fraction()
        return min(int(fraction * self.vm.pages), self.vm.pages - in_balloon) * PAGE_BYTES

    def restart(self) -> None:
        """The guest starts again, and its balloon is gone: a restarted driver first resets (OSDI
        2002 section 3.2).
        """
        vm = self.vm
        vm._engine.deflate(vm._id, vm.pages)
        if vm.guest is not None:
            vm.guest.restart()
        self._driver.reset()
        if self.statistics is not None:
            self.statistics.restart()

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

    def poll(self, polls: int, target: int, seconds: int) -> tuple[bool, int | None]:
        """So many polls of the driver towards ``target`` pages, the last of them ``seconds`` after
        it began to run: whether it is there, and would do nothing if it were polled again; and what
        ``BalloonDriver.work`` says.
        """
        driver = self._driver
        driver.size = min(driver.size, self._in_balloon)
        unmoved = driver.work(polls, target, seconds)
        return driver.size == target and driver.slow_polls == 0, unmoved

    def report_free(self) -> None:
        """The guest reports its free blocks."""
        if self.vm.guest is not None:
            self.vm.report_free(self.vm.guest.report_free())
