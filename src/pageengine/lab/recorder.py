"""What is recorded of every epoch: the columns of the timelines, under esxtop's and vSphere's
names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.lab.meter import GUEST
from pageengine.lab.timeline import HOST_EVENTS, HOST_LEVELS, VM_EVENTS, VM_LEVELS, Table
from pageengine.policy.states import rank
from pageengine.units import PAGE_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pageengine.host.host import Host
    from pageengine.lab.machine import Machine
    from pageengine.lab.meter import Meter
    from pageengine.policy.base import Plan

    Columns = Mapping[str, NDArray[Any]]

HOST = (
    "time",
    "state",
    *HOST_LEVELS,
    "private",
    "overhead",
    "stall",
    *HOST_EVENTS,
    "double_paging",
)
VM = (
    "time",
    "vm",
    *VM_LEVELS,
    "active",
    "touched",
    "target",
    "balloon",
    "balloon_target",
    "stall",
    "progress",
    "idle",
    "blocked",
    "guest_free",
    "guest_cache",
    "guest_swapped",
    *VM_EVENTS,
    "double_paging",
)
FRACTIONS = frozenset({"time", "stall", "progress", "idle"})


class Recorder:
    """names: of all machines that may run, in order."""

    def __init__(self, names: Iterable[str]):
        self._names = list(names)
        self._number = {name: i for i, name in enumerate(self._names)}
        self._host, self._vms = Table(HOST), Table(VM)
        self._states: set[str] = set()  # that plans have named since the last row

    def saw(self, plan: Plan) -> None:
        """A plan came into force."""
        self._states.add(plan.state)

    def know(self, name: str) -> None:
        """One more machine that may run."""
        if name not in self._number:
            self._number[name] = len(self._names)
            self._names.append(name)

    def record(
        self,
        host: Host,
        time: float,
        machines: list[Machine],
        columns: Columns,
        guests: NDArray[np.int64],
        meter: Meter,
    ) -> None:
        """A row of the host and one of every machine. columns: ``Host.columns`` of the machines;
        guests, meter: what was read of them.
        """
        numbers, events = host.numbers(), meter.events
        overhead = sum([machine.vm.allocation.overhead for machine in machines])
        stalls = [machine.stall for machine in machines]
        levels = [numbers[name] for name in HOST_LEVELS]
        levels[0] -= overhead  # free, as the policy sees it
        self._host.add(
            [
                time,
                self._lowest(host.state),
                *levels,
                int(columns["private"].sum()),
                overhead,
                float(np.mean(stalls)) if machines else 0.0,
                *(meter.sums[key] for key in HOST_EVENTS),
                meter.sums["double_paging"],
            ]
        )
        if not machines:
            return
        guest = dict(zip(GUEST, guests, strict=True))
        self._vms.add(
            [
                time,
                [self._number[machine.name] for machine in machines],
                *(columns[name] for name in VM_LEVELS),
                columns["active"],
                [machine.workload.in_use * PAGE_BYTES for machine in machines],
                columns["target"],
                columns["ballooned"],
                columns["balloon_target"],
                stalls,
                [machine.progress for machine in machines],
                [machine.idle for machine in machines],
                [machine.blocked for machine in machines],
                guest["free"],
                guest["cache_clean"] + guest["cache_dirty"],
                guest["swapped"],
                *(events[key] for key in VM_EVENTS),
                events["double_paging"],
            ],
            len(machines),
        )

    def _lowest(self, state: str) -> int:
        """The rank of the lowest state since the last row: short spells count, too."""
        lowest = max(map(rank, {*self._states, state}))
        self._states.clear()
        return lowest

    def tables(self) -> tuple[Columns, Columns]:
        """(host, vms) as columns; the machines by name."""
        host = self._host.arrays(frozenset(HOST) - FRACTIONS)
        vms = self._vms.arrays(frozenset(VM) - FRACTIONS)
        vms["vm"] = np.array(self._names, dtype=str)[vms["vm"]]
        return host, vms
