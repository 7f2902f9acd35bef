"""The VM table: the virtual machines of a host, and what is known of each for a policy.

What is a number of every VM is a column over all of them, in the order they were added, so that a
thousand are looked at in a few array operations. Time moves the columns in ticker.py.
"""

from __future__ import annotations

from collections.abc import KeysView, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.control.clocks import Clocks
from pageengine.control.driver_faults import DriverFaults
from pageengine.control.vm_control import VMControl
from pageengine.core import vm_columns as columns
from pageengine.errors import CheckpointError
from pageengine.plumbing import given
from pageengine.plumbing.kept import checked
from pageengine.units import PAGE_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pageengine.control.balloon import ControlledVM
    from pageengine.control.faulty_statistics import FaultyStatistics
    from pageengine.core.engine import Engine
    from pageengine.policy.workingset import WorkingSet

    Floats = NDArray[np.float64]
# Columns, float64 as all are seconds, pages or bytes below 2**53. What time moves stands first.
_CLOCKS = (
    "boot_left",
    "period",
    "scan_due",
    "poll_due",
    "polls",  # of the driver since the guest has booted
    "unmoved",  # seconds that its driver has worked without coming nearer to the target
    "report_due",
    "elapsed",
    "ran",
)
_COUNTERS = ("swap_in", "guest_swap_in", "guest_reads")  # whose growth since a decision is shown
_COLUMNS = (
    *_CLOCKS,
    "last_stall",
    *(f"{counter}_before" for counter in _COUNTERS),  # at the last decision
    *(f"{counter}_seen" for counter in _COUNTERS),  # when they were last looked at
    "swap_in_rate",
    "guest_stall",
    "scan_rate",
    "scanned",
    "balloon_target",
    "balloon_limit",  # most that the driver gives up, as the VM was added
    "unreserved",  # size - reservation
    "target",  # what the plan wants it to hold, or -1
    "rest",  # the target in pages at which the driver is at rest, or -1
    "has_driver",
    "has_guest",
    "every",
    "pages",
)
_TIME = Clocks(_COLUMNS)
_BALLOONED, _TOUCHED, _MARKED = (columns.ROWS.index(n) for n in ("ballooned", "touched", "marked"))


class VMTable:
    """The virtual machines by name: ``table["web"]`` is a VMControl. Columns have a row for each;
    ``clocks`` are those that time moves, a column each, ``controls`` the VMControls, and ``lying``
    those whose statistics have faults.
    """

    boot_left: Floats
    period: Floats
    scan_due: Floats
    poll_due: Floats
    polls: Floats
    unmoved: Floats
    report_due: Floats
    elapsed: Floats
    ran: Floats
    last_stall: Floats
    swap_in_rate: Floats
    guest_stall: Floats
    scan_rate: Floats
    scanned: Floats
    balloon_target: Floats
    balloon_limit: Floats
    unreserved: Floats
    target: Floats
    rest: Floats
    has_driver: Floats
    has_guest: Floats
    every: Floats
    pages: Floats

    clocks: Floats
    controls: list[VMControl]
    lying: list[tuple[VMControl, FaultyStatistics]]

    def __init__(self, engine: Engine):
        self._engine = engine
        self._of: dict[str, VMControl] = {}
        self._all = np.zeros((len(_COLUMNS), 4))
        self._rows = 0  # of VMs that left too, until they are swept out
        self._laid_out = False
        self.tidy()

    # the VMs

    def __getitem__(self, name: str) -> VMControl:
        return self._of[name]

    def __len__(self) -> int:
        return len(self._of)

    @property
    def names(self) -> KeysView[str]:
        """In the order they were added."""
        return self._of.keys()

    def add(
        self,
        vm: ControlledVM,
        estimator: WorkingSet,
        driver: bool | DriverFaults,
        balloon_limit: int,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        """state: of its VMControl, where it goes on."""
        faults = driver if isinstance(driver, DriverFaults) else None
        control = VMControl(vm, estimator, faults, state)
        if self._rows == self._all.shape[1]:
            self.tidy()  # there may be room where others were
        if self._rows == self._all.shape[1]:
            self._all = np.concatenate([self._all, np.zeros_like(self._all)], axis=1)
        values = {
            "balloon_limit": balloon_limit,
            "unreserved": vm.size - vm.reservation,
            "rest": -1,
            "target": -1,
            "has_driver": driver is not False,
            "has_guest": vm.guest is not None,
            "every": estimator.period,
            "pages": vm.pages,
        }
        self._all[:, self._rows] = [values.get(name, 0) for name in _COLUMNS]
        control.row, self._rows = self._rows, self._rows + 1
        self._of[vm.name], self._laid_out = control, False

    def has(self, control: VMControl) -> bool:
        """False once its VM was removed."""
        return self._of.get(control.vm.name) is control

    def polled(
        self, control: VMControl, polls: int, target: int, there: bool, unmoved: int | None
    ) -> None:
        """Its driver was, so many times towards a target in pages. there: whether it is at rest
        now. unmoved: polls since it last moved; None: not in any of these.
        """
        if not self.has(control):
            return
        self.tidy()
        row = control.row
        if unmoved is None and self.rest[row] == target:
            unmoved = polls  # it was at rest, and its guest took pages back
        if unmoved is not None:
            self.unmoved[row] = unmoved + self.poll_due[row]
        self.rest[row] = target if there else -1

    def remove(self, vm: ControlledVM) -> None:
        del self._of[vm.name]
        self._laid_out = False

    def configured(self, vm: ControlledVM) -> None:
        """What the VM is promised has changed."""
        self.tidy()
        self.unreserved[self._of[vm.name].row] = vm.size - vm.reservation

    def tidy(self) -> None:
        """The columns are of the VMs that there are: row i is of the i-th."""
        if self._laid_out:
            return
        controls = self.controls = list(self._of.values())
        n = len(controls)
        if n < self._rows:
            self._all[:, :n] = self._all[:, [control.row for control in controls]]
            for row, control in enumerate(controls):
                control.row = row
            self._rows = n
        self.lying = [(each, each.statistics) for each in controls if each.statistics is not None]
        self.ids = np.array([control.vm._id for control in controls], np.uint64)
        self.clocks = self._all[: len(_CLOCKS), :n]
        for i, name in enumerate(_COLUMNS):
            setattr(self, name, self._all[i, :n])
        self._seen, self._active = np.full((3, n), -1, np.int64), np.zeros(n, np.int64)
        self._laid_out = True

    def state(self) -> dict[str, Floats]:
        """The columns by name."""
        self.tidy()
        return {name: self._all[i, : self._rows].copy() for i, name in enumerate(_COLUMNS)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """The columns are those that ``state`` told; the VMs are there."""
        self.tidy()
        for name, column in checked(state, self.state(), "the VM table").items():
            if len(column) != len(self):
                raise CheckpointError(f"column {name} is of {len(column)} VMs, not of {len(self)}")
            getattr(self, name)[:] = column

    def balloon_target_of(self, name: str) -> int:
        """Bytes that the driver was last told to give up."""
        self.tidy()
        return int(self.balloon_target[self._of[name].row])

    def balloon_max_of(self, name: str) -> int:
        """As ``balloon_max``, of one VM."""
        self.tidy()
        row = self._of[name].row
        return int(self.balloon_max(slice(row, row + 1))[0])

    def set_balloon_limit(self, name: str, limit: int) -> None:
        """Most bytes that the driver may give up from now on."""
        self.tidy()
        self.balloon_limit[self._of[name].row] = limit

    def reboot(self, name: str, boot_seconds: float) -> None:
        """The guest starts again: its driver is gone until it has booted."""
        boot_seconds = given.seconds(boot_seconds, "boot_seconds")
        self.tidy()
        control = self._of[name]
        row = control.row
        self.boot_left[row], self.rest[row] = boot_seconds, -1
        self.polls[row] = self.unmoved[row] = 0.0
        control.restart()

    # as time goes by

    def pass_time(
        self, first: int, ran: Floats, seconds: float, reports_free: bool
    ) -> tuple[tuple[Any, Any, Any, Any, Any, Any], tuple[bool, bool, bool, bool]]:
        """``Clocks.pass_time`` of the VMs from row ``first`` on."""
        return _TIME.pass_time(self._all, first, ran, seconds, reports_free)

    def due_in(self, reports_free: bool) -> float:
        """``Clocks.due_in`` of all VMs."""
        self.tidy()
        return _TIME.due_in(self._all, len(self), reports_free)

    def ends_scan_pass(self) -> bool:
        """``Clocks.ends_scan_pass`` of all VMs."""
        self.tidy()
        return _TIME.ends_scan_pass(self._all, len(self))

    # what a policy is shown

    def numbers(self) -> NDArray[np.int64]:
        """``columns.ROWS`` of all VMs."""
        self.tidy()
        return columns.numbers(self._engine, self.ids)

    def runs(self, rows: slice = slice(None)) -> NDArray[np.bool_]:
        """Whether the driver is there."""
        return (self.has_driver[rows] > 0) & (self.boot_left[rows] <= 0)

    def driver_seconds(self, control: VMControl) -> float:
        """How long the driver of this one has run since its guest started."""
        return float(self.polls[control.row] + self.poll_due[control.row])

    def balloon_max(self, rows: slice = slice(None)) -> Floats:
        """Most bytes the driver can give up now; 0 without a driver or while the guest boots. What
        is reserved is never asked for: a guest that gave it up could not hold its reservation.
        """
        return np.where(self.runs(rows), self.balloon_most(rows), 0.0)

    def balloon_most(self, rows: slice = slice(None)) -> Floats:
        """And could, if there were a driver."""
        return np.minimum(self.balloon_limit[rows], self.unreserved[rows])

    def target_pages(self) -> Floats:
        """What the driver works towards: what it was told, as far as it may."""
        return _TIME.targets(self._all, len(self))

    def stall(self) -> Floats:
        """Share of the time since the last decision that the VM did not run. A decision in the
        middle of a batch, with no time since the last one, is shown what that one was shown.
        """
        some = self.elapsed > 0
        share = np.divide(self.ran, self.elapsed, out=np.zeros(len(self)), where=some)
        return np.where(some, 1 - np.minimum(1.0, share), self.last_stall)

    def active(self, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """The estimates of the working sets in bytes. An estimate changes with a reading, or with
        how the open period stands; others are not asked for again.
        """
        seen = numbers[[_TOUCHED, _MARKED, _BALLOONED]]
        for row in np.flatnonzero((seen != self._seen).any(axis=0)).tolist():
            touched, marked, ballooned = seen[:, row].tolist()
            self._active[row] = self.controls[row].active(touched, marked, ballooned // PAGE_BYTES)
        self._seen = seen
        return self._active.copy()

    def decided(self) -> None:
        """A decision was made: what is shown of the time since is counted anew."""
        self.tidy()
        self.last_stall[:] = self.stall()
        some = self.elapsed > 0
        for counter in _COUNTERS:
            getattr(self, f"{counter}_before")[some] = getattr(self, f"{counter}_seen")[some]
        self.elapsed[:] = self.ran[:] = 0.0

    def set(self, column: str, values: Mapping[str, float]) -> None:
        """What a plan says of some VMs, by name."""
        if values:
            self.tidy()
            rows = [self._of[name].row for name in values]
            getattr(self, column)[rows] = list(values.values())

    def read_again(self, rows: NDArray[np.intp]) -> None:
        """Estimates of these rows have changed, though what the engine counts may not have."""
        self._seen[:, rows] = -1

    def no_targets(self) -> None:
        """There is no plan that wants anything."""
        self.tidy()
        self.target[:] = -1

    def targets(self, sizes: NDArray[np.int64]) -> NDArray[np.int64]:
        """What the plan wants each VM to hold; all of it, where it does not say."""
        return np.where(self.target < 0, sizes, self.target).astype(np.int64)
