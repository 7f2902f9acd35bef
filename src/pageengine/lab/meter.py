"""Meter: what happened to each VM in the last epoch, from counters that only grow, but for
those of a guest, which begin anew when it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.core.events import Events
from pageengine.core.guests import numbers_of
from pageengine.core.records import GuestStats
from pageengine.errors import CheckpointError
from pageengine.lab import costs, counting
from pageengine.lab.timeline import HOST_EVENTS, VM_EVENTS
from pageengine.plumbing.kept import checked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pageengine.lab.simulated_vm import SimulatedVM

    Counts = NDArray[np.int64]
GUEST = GuestStats.__match_args__
_OWN = ("double_paging", "guest_reads", "guest_writes")
_DISK = [GUEST.index("disk_reads"), GUEST.index("disk_writes")]
_WANTED = {*costs.EVENTS, *HOST_EVENTS, *VM_EVENTS}
_COUNTED = [name for name in Events.__match_args__ if name in _WANTED]


class Meter:
    """Is read once per epoch. events: of each VM in the epoch, by name; sums: of all."""

    def __init__(self) -> None:
        self._running: list[SimulatedVM] = []
        self._before = np.zeros((len(_COUNTED) + len(_OWN), 0), np.int64)
        self._passed_over: dict[SimulatedVM, Counts] = {}
        self.events: dict[str, Counts] = {}
        self.sums: dict[str, int] = {}

    def read(
        self, running: list[SimulatedVM], columns: Mapping[str, Counts], guests: Counts
    ) -> None:
        """columns: ``Host.columns`` of the VMs; guests: what ``of_guests`` says of them."""
        if running != self._running:
            self._before = self._moved(running)
            self._running = list(running)
        for row, simulated in enumerate(running if self._passed_over else ()):
            self._before[:, row] += self._passed_over.get(simulated, 0)
        self._passed_over.clear()
        after = counted(running, columns, guests)
        since, sums = counting.since(after, self._before)
        self._before = after
        self.events = dict(zip((*_COUNTED, *_OWN), since, strict=True))
        self.sums = dict(zip(self.events, sums, strict=True))

    def pass_over(self, running: list[SimulatedVM], grown: Counts) -> None:
        """What has happened to these VMs is no event. grown: by how much ``counted`` grew."""
        for simulated, counts in zip(running, grown.T, strict=True):
            self._passed_over[simulated] = self._passed_over.get(simulated, 0) + counts

    def state(self) -> dict[str, Any]:
        """The last reading, of which VMs it was, and what is still to be passed over."""
        return {
            "names": [each.name for each in self._running],
            "before": self._before,
            "passed_over": {each.name: counts for each, counts in self._passed_over.items()},
        }

    def resume(self, state: Mapping[str, Any], running: Mapping[str, SimulatedVM]) -> None:
        """Goes on from what ``state`` said. Of VMs that have left since nothing is asked again."""
        there = [i for i, name in enumerate(state["names"]) if name in running]
        before = checked(state, self.state(), "a meter")["before"]
        if before.shape != (len(self._before), len(state["names"])):
            raise CheckpointError("a meter was read of other VMs than it names")
        self._running = [running[state["names"][i]] for i in there]
        self._before = before[:, there]
        passed = state["passed_over"].items()
        self._passed_over = {running[name]: counts for name, counts in passed if name in running}

    def _moved(self, running: list[SimulatedVM]) -> Counts:
        """The last reading in another order; of VMs that have come since, nothing but what their
        guests did elsewhere.
        """
        rows = {simulated: row for row, simulated in enumerate(self._running)}
        before = np.zeros((len(self._before), len(running)), np.int64)
        for row, simulated in enumerate(running):
            if simulated in rows:
                before[:, row] = self._before[:, rows[simulated]]
            elif simulated.came_with is not None:
                before[len(_COUNTED) + 1 :, row] = np.asarray(simulated.came_with)[_DISK]
        return before


def counted(running: list[SimulatedVM], columns: Mapping[str, Counts], guests: Counts) -> Counts:
    """Counters of VMs by the names of ``Meter.events``, int64 [names, n]. columns, guests: as for
    ``Meter.read``.
    """
    paged_twice = np.array([simulated.memory.double_paging for simulated in running], np.int64)
    return counting.stacked(
        [*[columns[name] for name in _COUNTED], paged_twice, *[guests[row] for row in _DISK]],
        len(running),
    )


def of_guests(running: list[SimulatedVM]) -> Counts:
    """GUEST of each VM's guest, int64 [names, n]; nothing where there is none."""
    return numbers_of([simulated.vm.guest for simulated in running])
