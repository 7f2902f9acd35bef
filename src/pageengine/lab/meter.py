"""Meter: what happened to each machine in the last epoch, from counters that only grow, but for
those of a guest, which begin anew when it does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from pageengine.core.events import Events
from pageengine.core.records import GuestStats
from pageengine.lab import costs
from pageengine.lab.timeline import HOST_EVENTS, VM_EVENTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pageengine.lab.machine import Machine

    Counts = NDArray[np.int64]
GUEST = GuestStats.__match_args__
_OWN = ("double_paging", "guest_reads", "guest_writes")
_DISK = [GUEST.index("disk_reads"), GUEST.index("disk_writes")]
_WANTED = {*costs.EVENTS, *HOST_EVENTS, *VM_EVENTS}
_COUNTED = [name for name in Events.__match_args__ if name in _WANTED]


class Meter:
    """Is read once per epoch. events: of each machine in the epoch, by name; sums: of all."""

    def __init__(self) -> None:
        self._machines: list[Machine] = []
        self._before = np.zeros((len(_COUNTED) + len(_OWN), 0), np.int64)
        self.events: dict[str, Counts] = {}
        self.sums: dict[str, int] = {}

    def read(self, machines: list[Machine], columns: Mapping[str, Counts], guests: Counts) -> None:
        """columns: ``Host.columns`` of the machines; guests: what ``of_guests`` says of them."""
        if machines != self._machines:
            self._before = self._moved(machines)
            self._machines = list(machines)
        after = np.array(
            [
                *(columns[name] for name in _COUNTED),
                [machine.memory.double_paging for machine in machines],
                *guests[_DISK],
            ]
        )
        grown = after >= self._before
        since, self._before = np.where(grown, after - self._before, after), after
        self.events = dict(zip((*_COUNTED, *_OWN), since, strict=True))
        self.sums = dict(zip(self.events, since.sum(axis=1).tolist(), strict=True))

    def _moved(self, machines: list[Machine]) -> Counts:
        """The last reading in another order; of machines that have come since, nothing."""
        rows = {machine: row for row, machine in enumerate(self._machines)}
        before = np.zeros((len(self._before), len(machines)), np.int64)
        for row, machine in enumerate(machines):
            if machine in rows:
                before[:, row] = self._before[:, rows[machine]]
        return before


def of_guests(machines: list[Machine]) -> Counts:
    """GUEST of each machine's guest, int64 [names, n]; nothing where there is none."""
    found = np.zeros((len(GUEST), len(machines)), np.int64)
    for row, machine in enumerate(machines):
        if machine.vm.guest is not None:
            found[:, row] = machine.vm.guest.numbers()
    return found
