"""Specs: what a VM of a simulation is, before it runs. All of it is looked at when the spec is
made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pageengine.control.driver_faults import DriverFaults
from pageengine.host.admission import read_allocation
from pageengine.host.options import part_of, salt_number
from pageengine.lab.simulated_vm import GuestSpec
from pageengine.plumbing import given

if TYPE_CHECKING:
    from os import PathLike

    from pageengine.lab.contents import ContentProfile
    from pageengine.lab.workloads import Workload
    from pageengine.units import Size


@dataclass(frozen=True)
class VMSpec:
    """A VM that is to run. size, reservation, limit, overhead, balloon_max: as for
    ``Host.add_vm``. workload: a table, or an object (``lab.workloads``); contents: a profile
    (``lab.contents``); guest: a GuestSpec, or None for a VM whose workload uses its pages directly.
    driver: whether there is a balloon driver, or its DriverFaults. start, stop: seconds. warm:
    whether it starts with what its workload would hold after a long run, instead of with nothing.
    """

    name: str
    size: Size
    workload: Workload | Mapping[str, Any] | str = "idle"
    shares: Size = "normal"
    reservation: Size = 0
    limit: Size | None = None
    overhead: Size = 0
    driver: bool | DriverFaults = True
    balloon_max: Size = "65%"
    guest: GuestSpec | None = None
    contents: ContentProfile | Mapping[str, Any] | str | PathLike[str] | None = None
    salt: str | None = ""
    start: float = 0.0
    stop: float | None = None
    warm: bool = False

    def __post_init__(self) -> None:
        told = {
            "name": given.text(self.name, "the name of a VM", least=1),
            "start": given.seconds(self.start, "start"),
            "stop": None if self.stop is None else given.seconds(self.stop, "stop"),
            "warm": given.flag(self.warm, "warm"),
        }
        if not isinstance(self.driver, DriverFaults):
            told["driver"] = given.flag(self.driver, "driver")
        if self.guest is not None and not isinstance(self.guest, GuestSpec):
            raise TypeError(f"guest must be a GuestSpec or None, got {given.shown(self.guest)}")
        allocation = read_allocation(
            self.size, self.shares, self.reservation, self.limit, self.overhead
        )
        part_of(self.balloon_max, allocation.size, "balloon_max")
        salt_number(self.salt, self.name)
        self._check_driver(allocation.size)
        for key, value in told.items():
            object.__setattr__(self, key, value)

    def _check_driver(self, size: int) -> None:
        if self.guest is not None and self.guest.there and self.driver is not True:
            raise ValueError(
                "guest says what is wrong with its balloon driver, and driver says "
                + ("that there is none" if self.driver is False else "it as well")
            )
        if isinstance(self.balloon_driver, DriverFaults):
            self.balloon_driver.check_vm(size, self.guest is not None)

    @property
    def balloon_driver(self) -> bool | DriverFaults:
        """As for ``Host.add_vm``: its guest may say what is wrong with it."""
        return self.guest if self.guest is not None and self.guest.there else self.driver


def by_name(vms: Iterable[VMSpec]) -> dict[str, VMSpec]:
    """The VMs of a simulation. ValueError: two have one name."""
    found: dict[str, VMSpec] = {}
    for spec in given.several(vms, "vms"):
        if not isinstance(spec, VMSpec):
            raise TypeError(f"vms are of VMSpec, got {given.shown(spec)}")
        if spec.name in found:
            raise ValueError(f"two VMs are named {spec.name!r}")
        found[spec.name] = spec
    return found
