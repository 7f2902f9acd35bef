"""The core's host as a controller knows it: what a policy is shown, and how what it says is done on
real pages.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine import errors
from pageengine.control import vm_views
from pageengine.control.backend import Request
from pageengine.control.direct_reclaim import DirectReclaim
from pageengine.control.pressure import HostPressure
from pageengine.control.swap_rate import SwapRate
from pageengine.control.ticker import Ticker
from pageengine.control.vm_table import VMTable
from pageengine.core.engine import TECHNIQUES
from pageengine.core.records import Reclaimed
from pageengine.core.status import STATUS_NAMES, error_of
from pageengine.core.vm_columns import ROWS
from pageengine.plumbing import given
from pageengine.policy.base import Snapshot, VMView
from pageengine.units import PAGE_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pageengine.control.driver_faults import DriverFaults
    from pageengine.core.engine import Engine
    from pageengine.host.vm import VM
    from pageengine.policy.workingset import WorkingSet

    Ran = Mapping[str, float] | NDArray[np.float64]

_SHOWN = [name for name in ROWS if name in VMView.__match_args__]
_SHOWN_ROWS = [ROWS.index(name) for name in _SHOWN]
_KEPT = ("_ticker", "swap_rate", "_pressure")
_TOLD = ROWS.index("touched")  # rows from here on are for the estimator


class EngineBackend:
    """vms: the host's virtual machines by name, as they are at any time. dense: how its compression
    cache is packed.
    """

    techniques: Collection[str] = TECHNIQUES

    def __init__(self, engine: Engine, memory: int, vms: Mapping[str, VM], dense: bool):
        self._engine, self.memory, self._vms = engine, memory, vms
        self._classes = 40 if dense else 2  # of slots in the compression cache
        self.table = VMTable(engine)
        self._ticker = Ticker(self.table, engine)
        self.swap_rate, self._pressure = SwapRate(), HostPressure()
        self.floor = 0  # frames that the overhead of VMs takes: no access may use them
        self.mark = 0  # frames: with no more than these idle, accesses wait
        self._watermark = 0.0
        self._low: Callable[[], None] = lambda: None

    def names(self) -> Set[str]:
        return self._vms.keys()

    # virtual machines come and go

    def add(
        self,
        vm: VM,
        estimator: WorkingSet,
        driver: bool | DriverFaults,
        balloon_max: int,
        state: Mapping[str, Any] | None = None,
    ) -> None:
        """vm: the VM. driver: as for ``Host.add_vm``, and the most that its balloon may take.
        state: of its control, where it goes on.
        """
        self.table.add(vm, estimator, driver, balloon_max, state)
        self.floor += vm.overhead // PAGE_BYTES
        self.set_low_watermark(self._watermark)

    def state(self) -> dict[str, Any]:
        """What is known of all VMs, and of the host."""
        return {
            "watermark": self._watermark,
            "table": self.table.state(),
            **{name: getattr(self, name).state() for name in _KEPT},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from what ``state`` said; the VMs are there."""
        self.table.restore(state["table"])
        for name in _KEPT:
            getattr(self, name).restore(state[name])
        watermark = given.real(state["watermark"], "the low watermark", 0, float(given.MOST))
        self.set_low_watermark(watermark)

    def remove(self, vm: VM) -> None:
        self.table.remove(vm)
        self.floor -= vm.overhead // PAGE_BYTES
        self.set_low_watermark(self._watermark)

    # free memory

    def set_low_watermark(self, free: float) -> None:
        """Accesses stop when less than this is free: one frame less, so that a policy finds free
        memory below its threshold and not at it.
        """
        self._watermark = free
        self.mark = max(0, -(-int(free) // PAGE_BYTES) - 1) + self.floor
        self._engine.set_mark(self.mark)

    def on_low(self, told: Callable[[], None]) -> None:
        self._low = told

    def direct_reclaim(self) -> DirectReclaim:
        """While a batch cannot go on for want of a frame."""
        return DirectReclaim(self._engine, self._low, lambda: (self.mark, self.floor))

    def headroom(self) -> tuple[int, int]:
        """What ``Host.headroom`` says."""
        return max(0, self._engine.idle - self.mark), self.mark - self.floor

    def free(self) -> int:
        return (self._engine.idle - self.floor) * PAGE_BYTES

    # what a policy is shown

    def before_decision(self) -> None:
        self._ticker.hold()

    def decided(self) -> None:
        self.table.decided()
        self._pressure.decided()

    def snapshot(self, time: float, state: str, memo: Mapping[str, Any]) -> Snapshot:
        numbers = self._engine.host_numbers()
        overhead = self.floor * PAGE_BYTES
        free = max(0, numbers["free"] - overhead)
        some, full = self._pressure.shown()
        return Snapshot(
            memory=numbers["memory"] - overhead,
            free=free,
            swap_free=numbers["swap_free"],
            vms=tuple(self._views()),
            time=time,
            state=state,
            memo=memo,
            available=free,  # a host has no page cache: what it holds are pages of its VMs
            pressure_some=some,
            pressure_full=full,
            swap_in_rate=float(self.table.swap_in_rate.sum()),
        )

    def _views(self) -> Iterator[VMView]:
        table = self.table
        numbers = table.numbers()
        allocations = [vm.allocation for vm in self._vms.values()]
        columns = dict(zip(_SHOWN, numbers[_SHOWN_ROWS].tolist(), strict=True))
        columns |= {
            "name": table.names,
            "shares": [allocation.shares for allocation in allocations],
            "reservation": [allocation.reservation for allocation in allocations],
            "limit": [allocation.limit for allocation in allocations],
            "overhead": [allocation.overhead for allocation in allocations],
            "blocked": map(bool, columns["blocked"]),
            **vm_views.columns(table, numbers),
        }
        return map(VMView, *(columns[name] for name in VMView.__match_args__))

    def counts(self) -> dict[str, NDArray[np.int64]]:
        """What ``Host.counts`` says."""
        return dict(zip(ROWS[:_TOLD], self.table.numbers(), strict=False))

    def columns(self, rows: Sequence[str] | None) -> dict[str, NDArray[np.int64]]:
        """What ``Host.columns`` says, of these virtual machines."""
        numbers = self.table.numbers()
        found = dict(zip(ROWS[:_TOLD], numbers, strict=False))
        found["active"] = self.table.active(numbers)
        found["balloon_target"] = self.table.balloon_target.astype(np.int64)
        found["target"] = self.table.targets(found["size"])
        there = list(self.table.names)
        if rows is None or rows == there:
            return found
        row = {name: i for i, name in enumerate(there)}
        chosen = [row[name] for name in rows]
        return {key: column[chosen] for key, column in found.items()}

    # doing what it says

    def set_memory_targets(self, targets: Mapping[str, float]) -> None:
        self.table.no_targets()
        self.table.set("target", targets)

    def set_balloon_targets(self, targets: Mapping[str, float]) -> None:
        self.table.set("balloon_target", targets)

    def set_scan(self, rates: Mapping[str, float], rule: str) -> None:
        self.table.set("scan_rate", rates)
        self._ticker.two_scans = rule == "two-scans"

    def set_free_page_reporting(self, on: bool) -> None:
        self._ticker.reports_free = bool(on)

    def block(self, vm: str, blocked: bool) -> None:
        self._vms[vm].block(blocked)

    def reclaim(self, requests: Sequence[Request]) -> Reclaimed:
        won, failures = Reclaimed(), list[Exception]()
        asked = [(request, self._frames(request), request.technique) for request in requests]
        for each in self.swap_rate.within(asked):
            won += self._reclaim_one(*each, failures)
        for each in self.swap_rate.left_for(asked):
            if won.frames or failures:
                break
            won += self._reclaim_one(*each, failures)
        if failures:
            raise failures[0]
        return won

    def _reclaim_one(
        self, request: Request, frames: int, technique: str, failures: list[Exception]
    ) -> Reclaimed:
        """failures: errors of the swap file are added to it."""
        # what compression cannot take while the device is busy is not looked for everywhere
        brief = technique != request.technique
        result, status = self.reclaim_frames(self._vms[request.vm], frames, technique, brief)
        self.swap_rate.wrote(result.swapped + result.evicted)
        if status and STATUS_NAMES[status] != "PE_NO_SLOT":
            done = result.swapped + result.evicted
            vms = self._vms.values()
            failures.append(error_of(status, self._engine, request.vm, done, vms))
        return result

    def reclaim_frames(
        self, vm: VM, frames: int, technique: str, brief: bool = False
    ) -> tuple[Reclaimed, int]:
        """(Reclaimed, status number). brief: what does not fit is not looked for everywhere."""
        steps = TECHNIQUES[technique][0]
        result, status = self._engine.reclaim(vm._id, frames, steps, brief)
        return Reclaimed(**result), status

    def _frames(self, request: Request) -> int:
        """Frames that can be won without going under the reservation. What is charged for
        compressed pages goes by slots, which may be less than the frames won by a part of a frame
        for each class of slots.
        """
        vm, wanted = self._vms[request.vm], -(-int(request.memory) // PAGE_BYTES)
        if vm.reservation == 0:
            return min(wanted, vm.pages)
        spare = (vm.stats.consumed - vm.reservation) // PAGE_BYTES
        compresses = request.technique in ("compression", "ladder")
        return min(wanted, max(0, spare - self._classes * compresses))

    # as time goes by

    def seconds_of_each(self, seconds: float, ran: Ran | None) -> NDArray[np.float64]:
        """What each VM ran, float64 [n] in order, from what ``Host.advance`` was told."""
        if not self._engine.open:
            raise errors.Closed("the host is closed")
        names = self.table.names
        if isinstance(ran, np.ndarray):
            if ran.shape != (len(names),) or ran.dtype != np.float64:
                raise ValueError(f"ran must be float64 of {len(names)} VMs, got {given.shown(ran)}")
            if not len(ran) or (ran.min() >= 0 and ran.max() <= seconds * (1 + 1e-9)):
                return ran
            ran = dict(zip(names, ran.tolist(), strict=True))
        ran = {} if ran is None else ran
        if not isinstance(ran, Mapping):
            raise TypeError(f"ran must be seconds by the names of VMs, got {given.shown(ran)}")
        if not ran.keys() <= names:
            unknown = given.listed(map(str, ran.keys() - names))
            raise ValueError(f"ran names virtual machines that are not there: {unknown}")
        if not set(map(type, ran.values())) <= {float}:
            ran = {name: given.real(value, f"ran of {name!r}") for name, value in ran.items()}
        each = np.array([ran.get(name, seconds) for name in names], float)
        if not ((0 <= each) & (each <= seconds * (1 + 1e-9))).all():
            name, value = next(
                (name, value)
                for name, value in ran.items()
                if not 0 <= value <= seconds * (1 + 1e-9)
            )
            raise ValueError(f"{name!r} cannot have run {value!r} of {seconds!r} seconds")
        return each

    def advance(self, seconds: float, ran: NDArray[np.float64]) -> None:
        self.swap_rate.advance(seconds)
        self._pressure.advance(seconds, ran)
        self._ticker.advance(seconds, ran)
        if self._ticker.ends_scan_pass():  # hints older than one pass over every VM expire
            self.end_scan_pass()

    def end_scan_pass(self) -> None:
        self._engine.end_scan_pass()

    def due_in(self) -> float:
        return self._ticker.due_in()
