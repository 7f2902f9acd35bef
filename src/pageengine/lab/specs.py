"""Specs: what a machine of a simulation is, before it runs. All of it is looked at when the spec is
made.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pageengine.host.admission import read_allocation
from pageengine.host.options import part_of, salt_number
from pageengine.lab.machine import GuestSpec
from pageengine.plumbing import given


@dataclass(frozen=True)
class VMSpec:
    """A machine that is to run. size, reservation, limit, overhead, balloon_max: as for
    ``Host.add_vm``. workload: a table, or an object (``lab.workloads``); contents: a profile
    (``lab.contents``); guest: a GuestSpec, or None for a machine whose workload uses its pages
    directly. start, stop: seconds.
    """

    name: str
    size: Any
    workload: Any = "idle"
    shares: Any = "normal"
    reservation: Any = 0
    limit: Any = None
    overhead: Any = 0
    driver: bool = True
    balloon_max: Any = "65%"
    guest: GuestSpec | None = None
    contents: Any = None
    salt: str | None = ""
    start: float = 0.0
    stop: float | None = None

    def __post_init__(self) -> None:
        told = {
            "name": given.text(self.name, "the name of a machine", least=1),
            "start": given.seconds(self.start, "start"),
            "stop": None if self.stop is None else given.seconds(self.stop, "stop"),
            "driver": given.flag(self.driver, "driver"),
        }
        if self.guest is not None and not isinstance(self.guest, GuestSpec):
            raise TypeError(f"guest must be a GuestSpec or None, got {given.shown(self.guest)}")
        allocation = read_allocation(
            self.size, self.shares, self.reservation, self.limit, self.overhead
        )
        part_of(self.balloon_max, allocation.size, "balloon_max")
        salt_number(self.salt, self.name)
        for key, value in told.items():
            object.__setattr__(self, key, value)


def by_name(vms: Iterable[VMSpec]) -> dict[str, VMSpec]:
    """The machines of a simulation. ValueError: two have one name."""
    found: dict[str, VMSpec] = {}
    for spec in given.several(vms, "vms"):
        if not isinstance(spec, VMSpec):
            raise TypeError(f"vms are of VMSpec, got {given.shown(spec)}")
        if spec.name in found:
            raise ValueError(f"two machines are named {spec.name!r}")
        found[spec.name] = spec
    return found
