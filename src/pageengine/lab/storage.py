"""Storage: the device that the VMs of a simulation wait for. What happened to them becomes
work and requests there, and the device says how long each waited.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.core.device import Device
from pageengine.host.options import number_of
from pageengine.lab import life
from pageengine.lab.costs import EVENTS, REQUESTS, WRITES, CostModel
from pageengine.lab.counting import weighed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pageengine.lab.simulated_vm import SimulatedVM
COSTS = tuple(name for name in EVENTS if name not in REQUESTS)
_EACH = np.ones(len(REQUESTS))


class Storage:
    """costs: what events cost. seed: of the moments at which requests are made."""

    def __init__(self, costs: CostModel, seed: int):
        self.costs, self._seed = costs, seed % 2**64
        self.device = Device(costs.service)

    @classmethod
    def resumed(cls, costs: CostModel, seed: int, state: dict[str, Any]) -> Storage:
        """With the device that ``Device.state`` told of."""
        made = cls(costs, seed)
        made.device = Device.restored(state)
        return made

    def join(self, name: str) -> int:
        """A VM that begins now; its number here."""
        return self.device.join(self.device.time, seed=self._seed, stream=number_of(name))

    def charge(self, running: list[SimulatedVM], events: Mapping[str, NDArray[np.int64]]) -> None:
        """What these VMs ran, and what it cost them, is now work of theirs. events: of each,
        by name.
        """
        costs = self.costs.stalls(events, COSTS)
        requests = weighed([events[name] for name in REQUESTS], _EACH)
        waits = self.costs.stalls(events, REQUESTS)
        life.charge(running, self.device, costs, requests, waits)

    def serve(self, until: float, sums: Mapping[str, int]) -> None:
        """Time passes. sums: of the events since the last call."""
        writes = self.costs.writing(sum(sums[name] for name in WRITES))
        self.device.serve(until, writes, self.costs.writing(self.costs.cluster))
