"""What a learner is shown of a simulated host: a policy's Snapshot as numbers from 0 to 1.

Amounts are parts of what they are a part of: of the host's memory, of the VM's size, of what the
device can read. What is beyond that counts as all of it. What nobody can tell is UNKNOWN, which is
none of these numbers; so is everything of a VM that is not on the host.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.policy.states import STATES, rank
from pageengine.units import PAGE_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pageengine.lab.simulation import Simulation
    from pageengine.policy.base import Snapshot, VMView

UNKNOWN = -1.0
AGE_SECONDS = 60.0  # from which on an age counts as 1


@dataclass(frozen=True)
class Scale:
    """What amounts are parts of. memory: bytes of the host. swap: bytes of its swap space.
    read_rate: bytes per second that the device can read. seconds: of the episode. shares: of all
    VMs together.
    """

    memory: int
    swap: int
    read_rate: float
    seconds: float
    shares: int


@dataclass(frozen=True)
class ObservedColumn:
    """says: what it is and what it is a part of. of: the number, from the Snapshot or a VMView;
    None where nobody can tell.
    """

    says: str
    of: Callable[[Any, Scale], float | None]


def _of_memory(field: str, says: str) -> ObservedColumn:
    return ObservedColumn(
        f"{says}; of the host's memory", lambda s, scale: _part(getattr(s, field), scale.memory)
    )


def _of_size(field: str, says: str) -> ObservedColumn:
    return ObservedColumn(
        f"{says}; of its size", lambda vm, scale: _part(getattr(vm, field), vm.size)
    )


def _of_time(field: str, says: str) -> ObservedColumn:
    return ObservedColumn(
        f"{says}; of the time since the last decision", lambda seen, scale: getattr(seen, field)
    )


def _of_guest(field: str, says: str) -> ObservedColumn:
    def of(vm: VMView, scale: Scale) -> float | None:
        return None if vm.guest is None else _part(getattr(vm.guest, field), vm.size)

    return ObservedColumn(f"{says}; of the VM's size", of)


def _age(field: str, says: str) -> ObservedColumn:
    return ObservedColumn(
        f"{says}; of a minute", lambda vm, scale: _part(getattr(vm, field), AGE_SECONDS)
    )


def _swapped_in(seen: Snapshot | VMView, scale: Scale) -> float | None:
    return _part(seen.swap_in_rate, scale.read_rate)


def _part(value: float | None, whole: float) -> float | None:
    if value is None:
        return None
    return value / whole if whole > 0 else 0.0


#: Of the host, by the names of Snapshot's fields.
HOST_COLUMNS = {
    "memory": _of_memory("memory", "what pages of VMs may use"),
    "free": _of_memory("free", "what nobody holds"),
    "available": _of_memory("available", "what could be used without paging anything out"),
    "swap_free": ObservedColumn(
        "room in swap; of the swap space", lambda s, scale: _part(s.swap_free, scale.swap)
    ),
    "pressure_some": _of_time("pressure_some", "how long at least one VM waited"),
    "pressure_full": _of_time("pressure_full", "how long all waited at once"),
    "swap_in_rate": ObservedColumn("read back from swap; of what the device can read", _swapped_in),
    "state": ObservedColumn(
        "0 high to 1 low, in equal steps; unknown before the first decision",
        lambda s, scale: rank(s.state) / (len(STATES) - 1) if s.state else None,
    ),
    "time": ObservedColumn(
        "how much is over; of the episode", lambda s, scale: _part(s.time, scale.seconds)
    ),
}

#: Of each VM, by the names of VMView's fields, and of GuestView's behind "guest.".
VM_COLUMNS = {
    "size": _of_memory("size", "configured memory"),
    "consumed": _of_size("consumed", "machine memory charged to it"),
    "granted": _of_size("granted", "backed by machine memory as pages"),
    "shared": _of_size("shared", "pages that are shared"),
    "swapped": _of_size("swapped", "in the host's swap space"),
    "compressed": _of_size("compressed", "in the compression cache"),
    "ballooned": _of_size("ballooned", "what its balloon holds"),
    "mapped": _of_size("mapped", "accessed at least once"),
    "shares": ObservedColumn(
        "its weight; of the shares of all VMs", lambda vm, scale: _part(vm.shares, scale.shares)
    ),
    "reservation": _of_size("reservation", "what it is guaranteed"),
    "limit": _of_size("limit", "most that it may hold"),
    "blocked": ObservedColumn("1 while it may not run", lambda vm, scale: float(vm.blocked)),
    "active": _of_size("active", "the estimate of its working set"),
    "balloon_target": _of_size("balloon_target", "what its driver was last told to hold"),
    "balloon_max": _of_size("balloon_max", "most that its driver can give up now"),
    "stall": _of_time("stall", "what it waited for memory"),
    "stats_age": _age("stats_age", "since its guest made what it tells"),
    "progress_age": _age("progress_age", "since its balloon last moved towards its target"),
    "floor": _of_size("floor", "what its balloon has to leave it"),
    "busy": ObservedColumn(
        "1 while it cannot be asked for memory: it boots, or is blocked",
        lambda vm, scale: float(bool(vm.busy)),
    ),
    "driver": ObservedColumn(
        "1 where it has a balloon driver", lambda vm, scale: float(vm.driver != "none")
    ),
    "swap_in_rate": ObservedColumn("read back from swap; of what the device can read", _swapped_in),
    "guest.total": _of_guest("total", "what the balloon leaves the guest"),
    "guest.free": _of_guest("free", "on its free list"),
    "guest.cache": _of_guest("cache", "its page cache"),
    "guest.swapped": _of_guest("swapped", "in its own swap space"),
    "guest.available": _of_guest("available", "what its programs could use without paging"),
    "guest.stall": ObservedColumn(
        "what its programs waited for memory of its own; of the time since the last decision",
        lambda vm, scale: None if vm.guest is None else vm.guest.stall,
    ),
}


def names(vms: Iterable[str]) -> tuple[str, ...]:
    """Of the numbers, in their order: "host.free", ..., and "web.size", ... of each VM."""
    return (
        *(f"host.{name}" for name in HOST_COLUMNS),
        *(f"{vm}.{name}" for vm in vms for name in VM_COLUMNS),
    )


def observe(simulation: Simulation, vms: Iterable[str], seconds: float) -> NDArray[np.float32]:
    """What the policy would be shown now: float32 [columns of the host + VMs times columns of a
    VM], as ``names`` has them. vms: all that may ever run. seconds: of the episode.
    """
    host = simulation.host
    snapshot = host.snapshot()
    scale = Scale(
        memory=simulation.memory,
        swap=host.numbers()["swap_size"],
        read_rate=simulation.costs.read_rate * PAGE_BYTES,
        seconds=seconds,
        shares=sum(vm.shares for vm in snapshot.vms),
    )
    there = {vm.name: vm for vm in snapshot.vms}
    told: list[float | None] = [column.of(snapshot, scale) for column in HOST_COLUMNS.values()]
    for name in vms:
        vm = there.get(name)
        told += [None if vm is None else column.of(vm, scale) for column in VM_COLUMNS.values()]
    return np.array(
        [UNKNOWN if value is None else min(1.0, max(0.0, value)) for value in told], np.float32
    )
