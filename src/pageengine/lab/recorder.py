"""What is recorded of every epoch: a row of the host and one of every VM."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.errors import CheckpointError
from pageengine.lab.meter import GUEST
from pageengine.lab.timeline import (
    FRACTIONS,
    HOST,
    HOST_EVENTS,
    HOST_LEVELS,
    VM,
    VM_EVENTS,
    VM_LEVELS,
    Table,
)
from pageengine.plumbing.kept import checked
from pageengine.policy.states import rank
from pageengine.units import PAGE_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pageengine.host.host import Host
    from pageengine.lab.meter import Meter
    from pageengine.lab.simulated_vm import SimulatedVM
    from pageengine.policy.base import Plan

    Columns = Mapping[str, NDArray[Any]]


class Recorder:
    """names: of all VMs that may run, in order."""

    def __init__(self, names: Iterable[str]):
        self._names = list(names)
        self._number = {name: i for i, name in enumerate(self._names)}
        self._host, self._vms = Table(HOST), Table(VM)
        self._states: set[str] = set()  # that plans have named since the last row

    def state(self) -> dict[str, Any]:
        """What was recorded so far."""
        return {
            "names": list(self._names),
            "host": self._host.rows(),
            "vms": self._vms.rows(),
            "states": sorted(self._states),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on after what ``state`` said; it may know VMs that have left since."""
        taken = checked(state, self.state(), "the recorder")
        known, self._names, self._number = self._names, [], {}
        for name in taken["names"]:
            self.know(name)
        if self._names != taken["names"] or not set(known) <= set(self._names):
            raise CheckpointError("its recorder knows other VMs than there are")
        self._host.begin_with(taken["host"])
        self._vms.begin_with(taken["vms"])
        self._states = set(taken["states"])

    def forget(self) -> None:
        """Nothing was recorded yet."""
        self._host, self._vms = Table(HOST), Table(VM)
        self._states.clear()

    def saw(self, plan: Plan) -> None:
        """A plan came into force."""
        self._states.add(plan.state)

    def know(self, name: str) -> None:
        """One more VM that may run."""
        if name not in self._number:
            self._number[name] = len(self._names)
            self._names.append(name)

    def record(
        self,
        host: Host,
        time: float,
        running: list[SimulatedVM],
        columns: Columns,
        guests: NDArray[np.int64],
        meter: Meter,
    ) -> None:
        """A row of the host and one of every VM. columns: ``Host.columns`` of the VMs;
        guests, meter: what was read of them.
        """
        numbers, events = host.numbers(), meter.events
        overhead = sum([simulated.vm.allocation.overhead for simulated in running])
        stalls = [simulated.stall for simulated in running]
        levels = [numbers[name] for name in HOST_LEVELS]
        levels[0] -= overhead  # free, as the policy sees it
        self._host.add(
            [
                time,
                self._lowest(host.state),
                *levels,
                int(columns["private"].sum()),
                overhead,
                float(np.mean(stalls)) if running else 0.0,
                *(meter.sums[key] for key in HOST_EVENTS),
                meter.sums["double_paging"],
            ]
        )
        if not running:
            return
        guest = dict(zip(GUEST, guests, strict=True))
        self._vms.add(
            [
                time,
                [self._number[simulated.name] for simulated in running],
                *(columns[name] for name in VM_LEVELS),
                columns["active"],
                [simulated.workload.in_use * PAGE_BYTES for simulated in running],
                columns["target"],
                columns["ballooned"],
                columns["balloon_target"],
                stalls,
                [simulated.progress for simulated in running],
                [simulated.idle for simulated in running],
                [simulated.blocked for simulated in running],
                guest["free"],
                guest["cache_clean"] + guest["cache_dirty"],
                guest["swapped"],
                *(events[key] for key in VM_EVENTS),
                events["double_paging"],
            ],
            len(running),
        )

    def _lowest(self, state: str) -> int:
        """The rank of the lowest state since the last row: short spells count, too."""
        lowest = max(map(rank, {*self._states, state}))
        self._states.clear()
        return lowest

    def tables(self) -> tuple[Columns, Columns]:
        """(host, vms) as columns; the VMs by name."""
        host = self._host.arrays(frozenset(HOST) - FRACTIONS)
        vms = self._vms.arrays(frozenset(VM) - FRACTIONS)
        vms["vm"] = np.array(self._names, dtype=str)[vms["vm"]]
        return host, vms
