"""One simulated VM: its workload, its memory, and the time it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.control.driver_faults import DriverFaults
from pageengine.host.options import number_of
from pageengine.lab.carried import TakenAlong
from pageengine.lab.contents import find as find_contents
from pageengine.lab.life import Life
from pageengine.lab.memory import VMMemory
from pageengine.lab.workloads import kept, make as make_workload, warmed
from pageengine.plumbing import given
from pageengine.plumbing.generators import set_generator
from pageengine.plumbing.kept import Kept
from pageengine.units import PAGE_BYTES, PAGES_MOST, parse_pages

if TYPE_CHECKING:
    from pageengine.core.device import Device
    from pageengine.core.guest import Guest
    from pageengine.host.host import Host
    from pageengine.lab.events import Event
    from pageengine.lab.specs import VMSpec
    from pageengine.lab.storage import Storage
    from pageengine.lab.workloads import Workload

    Told = Workload | Mapping[str, Any] | str  # what a workload is made of
BOOT_SECONDS = 30.0  # after a restart the guest's balloon driver is away for so long


@dataclass(frozen=True)
class GuestSpec(DriverFaults):
    """A guest operating system. swap: of the guest, bytes or text (its memory's size by default);
    kernel: memory that it never gives back; boot: seconds until its balloon driver runs;
    replacement: which page goes when one is needed, "clock", "lru" or "fifo". The rest is what is
    wrong with its balloon driver and statistics: nothing, unless it says so.
    """

    swap: Any = None
    kernel: Any = "16 MiB"
    boot: float = 0.0
    replacement: str = "clock"

    def __post_init__(self) -> None:
        from pageengine.core.guest import SWAP_MOST, find_replacement

        super().__post_init__()
        find_replacement(self.replacement)
        object.__setattr__(self, "boot", given.seconds(self.boot, "boot"))
        parse_pages(self.kernel, "kernel of the guest", PAGES_MOST)
        if self.swap is not None:
            parse_pages(self.swap, "swap of the guest", SWAP_MOST)


class SimulatedVM(Life, Kept):
    """spec: what it is; options: what events have changed of that; workload: what it does first, or
    what ``workloads.make`` makes that of. storage: what it waits for;
    seed: of its random draws, which go by its name, so that no order of VMs changes them.
    carried: what it took along from another host; without it, it begins.

    progress, stall, idle: parts of the last epoch. blocked: whether it was, at any time of it.
    held: whether it waits for memory, or is blocked, now.
    """

    KEPT = (
        "client",
        "held",
        "blocked",
        "_was_blocked",
        "_slowness",
        "_made",
        "_owed",
        "_stalled",
        "_idle",
        "_unpaid",
        "_since",
        "progress",
        "stall",
        "idle",
    )
    _device: Device
    _was_blocked: bool
    _slowness: float  # seconds that a second of running has cost lately
    _made: float
    _owed: float
    _stalled: float
    _idle: float
    _unpaid: float
    _since: float
    came_with: tuple[int, ...] | None  # numbers of its guest, where it came from elsewhere

    def __init__(
        self,
        host: Host,
        spec: VMSpec,
        options: dict[str, Any],
        workload: Told,
        storage: Storage,
        seed: int,
        carried: TakenAlong | None = None,
    ):
        self.name, self.spec = spec.name, spec
        chosen = {
            key: options.get(key, getattr(spec, key))
            for key in ("shares", "reservation", "limit", "balloon_max")
        }
        pages = parse_pages(spec.size, "size")
        guest = carried.made_guest() if carried else None
        if guest is None and spec.guest:
            guest = _guest(spec.guest, pages)
        self.vm = host.add_vm(
            spec.name,
            spec.size,
            salt=spec.salt,
            overhead=spec.overhead,
            driver=spec.balloon_driver,
            guest=guest,
            **chosen,
        )
        self._furnish(host, storage, seed)
        self.client = storage.join(spec.name)
        self._new()
        if carried:
            self.came_with = None if guest is None else guest.numbers()
            self._go_on(carried.vm, lambda _: carried.own)
            self._owed = carried.vm["self"]["_owed"]
            return
        self._begin(workload)
        self._asked = options.get("workload", spec.workload)
        self.memory.boot()
        if spec.guest and spec.guest.boot:
            self.vm.reboot(spec.guest.boot)

    def _furnish(self, host: Host, storage: Storage, seed: int) -> None:
        """What follows from its name and spec, on a host where it is."""
        bytes_, number = host.contents == "bytes", number_of(self.name)
        self.number, self._device = number, storage.device
        self.memory = VMMemory(self.vm, number, find_contents(self.spec.contents), bytes_)
        self.vm.on_guest_accesses(self.memory.make_guest_accesses)
        self._rng = np.random.Generator(np.random.Philox(key=[seed, number]))

    def _new(self) -> None:
        """Nothing has happened yet."""
        self.held = self.blocked = self._was_blocked = False
        self._slowness = self._made = self._owed = self._stalled = self._idle = self._unpaid = 0.0
        self.came_with = None
        self._since = self._device.time
        self.progress = self.stall = self.idle = 0.0

    @classmethod
    def resumed(
        cls,
        host: Host,
        spec: VMSpec,
        storage: Storage,
        seed: int,
        state: Mapping[str, Any],
        own: Callable[[str], Any],
    ) -> SimulatedVM:
        """The VM that ``state`` told of, on a host where it is. own: finds a workload of somebody's
        own. CheckpointError: it cannot be.
        """
        self = cls.__new__(cls)
        self.name, self.spec, self.vm = spec.name, spec, host[spec.name]
        self._furnish(host, storage, seed)
        self.client = 0
        self._new()
        self._go_on(state, own)
        Kept.restore(self, state["self"])
        storage.device.at(self.client)
        return self

    def _go_on(self, state: Mapping[str, Any], own: Callable[[str], Any]) -> None:
        """What it does goes on from where it was."""
        set_generator(self._rng, state["born"])
        asked = self.spec.workload if state["as_told"] else kept.revived(state["asked"], own)
        self._begin(asked if state["as_asked"] else kept.revived(state["workload"], own))
        self._asked = asked
        set_generator(self._rng, state["rng"])
        kept.restore(self.name, self.workload, state["done"])
        self.memory.restore(state["memory"])

    def state(self) -> dict[str, Any]:
        """The VM as it is, but for what its host knows."""
        asked, workload = self._asked, self.workload
        return {
            "self": Kept.state(self),
            "memory": self.memory.state(),
            "rng": self._rng.bit_generator.state,
            "born": self._born,
            "asked": kept.told_of(asked),
            "as_told": asked is self.spec.workload,
            "workload": kept.told_of(self._told),
            "as_asked": self._told is asked or self._told == asked,
            "done": kept.state_of(self.name, workload),
        }

    def _begin(self, workload: Told) -> None:
        self._asked, self.workload = workload, make_workload(workload)
        self._told = workload  # from which this one was made
        self._born = self._rng.bit_generator.state  # with which it is started
        self.workload.start(self.vm.pages, self._rng)

    def warm(self, now: float) -> None:
        """Makes at once what its workload would have done by now, as far as there is room for it.
        What has none waits, as accesses do that find no memory.
        """
        self.memory.do(warmed(self.workload, now))

    def carry(self, overrides: Mapping[str, Any], events: tuple[Event, ...]) -> TakenAlong:
        """What it takes along to another host; it must not live here any more. A guest takes back
        what its balloon holds, which nobody inflated where it goes.
        """
        guest = self.vm.guest
        if guest is not None:
            guest.deflate(self.vm.pages)
        return TakenAlong(
            self.spec,
            dict(overrides),
            events,
            self.state(),
            None if guest is None else (guest.options, guest.state()),
            *self.memory.held(),
            own=kept.own_of(self._told),
        )

    def wait(self, seconds: float) -> None:
        """It loses so many seconds now, to something that is none of its accesses."""
        self._device.add(self.client, 0.0, seconds)

    def end_row(self, epoch: float) -> None:
        """An epoch is over: progress, stall and idle are the parts of it in which the VM ran,
        waited, and had nothing to do or was not there. They add up to 1.
        """
        there = self._device.time - self._since
        self.stall = min(1.0, self._stalled / epoch)
        self.idle = min(1.0 - self.stall, max(0.0, self._idle + epoch - there) / epoch)
        self.progress = 1.0 - self.stall - self.idle
        self.blocked, self._was_blocked = self._was_blocked, False
        self._stalled, self._idle, self._since = 0.0, 0.0, self._device.time

    def leave(self) -> None:
        """Nobody waits any more."""
        self._device.leave(self.client)

    def reboot(self) -> None:
        """The guest starts again, and its workload from the beginning."""
        self.vm.reboot(self.spec.guest.boot if self.spec.guest else BOOT_SECONDS)
        self.memory.boot()
        self._owed = 0.0
        self._begin(self._asked)

    def change(self, key: str, value: Any) -> None:
        """An event changes what it is promised or does."""
        if key == "workload":
            self._begin(value)
        elif key == "balloon_max":
            self.vm.set_balloon_max(value)
        else:
            self.vm.configure(**{key: value})


def _guest(spec: GuestSpec, pages: int) -> Guest:
    from pageengine.core.guest import Guest

    swap = pages if spec.swap is None else parse_pages(spec.swap, "swap of the guest")
    kernel = parse_pages(spec.kernel, "kernel of the guest")
    if kernel * 2 > pages:
        raise ValueError(
            f"the kernel of the guest takes {kernel * PAGE_BYTES} bytes, more than half of the "
            f"VM's {pages * PAGE_BYTES}"
        )
    return Guest(pages, swap_pages=swap, kernel_pages=kernel, replacement=spec.replacement)
