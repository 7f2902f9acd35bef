"""One simulated machine: its workload, its memory, and the time it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.host.options import number_of
from pageengine.lab.contents import find as find_contents
from pageengine.lab.memory import MachineMemory
from pageengine.lab.workloads import make as make_workload
from pageengine.plumbing import given
from pageengine.units import PAGE_BYTES, PAGES_MOST, parse_pages

if TYPE_CHECKING:
    from pageengine.core.guest import Guest
    from pageengine.host.host import Host
    from pageengine.lab.specs import VMSpec
    from pageengine.lab.storage import Storage
    from pageengine.lab.workloads import Workload

    Told = Workload | Mapping[str, Any] | str  # what a workload is made of
BOOT_SECONDS = 30.0  # after a restart the guest's balloon driver is away for so long


@dataclass(frozen=True)
class GuestSpec:
    """A guest operating system. swap: of the guest, bytes or text (its memory's size by default);
    kernel: memory that it never gives back; boot: seconds until its balloon driver runs;
    replacement: which page goes when one is needed, "clock", "lru" or "fifo".
    """

    swap: Any = None
    kernel: Any = "16 MiB"
    boot: float = 0.0
    replacement: str = "clock"

    def __post_init__(self) -> None:
        from pageengine.core.guest import SWAP_MOST, find_replacement

        find_replacement(self.replacement)
        object.__setattr__(self, "boot", given.seconds(self.boot, "boot"))
        parse_pages(self.kernel, "kernel of the guest", PAGES_MOST)
        if self.swap is not None:
            parse_pages(self.swap, "swap of the guest", SWAP_MOST)


class Machine:
    """spec: what it is; options: what events have changed of that; workload: what it does first, or
    what ``workloads.make`` makes that of. storage: what it waits for;
    seed: of its random draws, which go by its name, so that no order of machines changes them.

    progress, stall, idle: parts of the last epoch. blocked: whether it was, at any time of it.
    held: whether it waits for memory, or is blocked, now.
    """

    def __init__(
        self,
        host: Host,
        spec: VMSpec,
        options: dict[str, Any],
        workload: Told,
        storage: Storage,
        seed: int,
    ):
        self.name, self.spec = spec.name, spec
        chosen = {
            key: options.get(key, getattr(spec, key))
            for key in ("shares", "reservation", "limit", "balloon_max")
        }
        pages = parse_pages(spec.size, "size")
        guest = _guest(spec.guest, pages) if spec.guest else None
        self.vm = host.add_vm(
            spec.name,
            spec.size,
            salt=spec.salt,
            overhead=spec.overhead,
            driver=spec.driver,
            guest=guest,
            **chosen,
        )
        bytes_, number = host.contents == "bytes", number_of(spec.name)
        self.number = number
        self.memory = MachineMemory(self.vm, number, find_contents(spec.contents), bytes_)
        self.vm.on_guest_accesses(self.memory.make_guest_accesses)
        self._rng = np.random.Generator(np.random.Philox(key=[seed, number]))
        self._begin(workload)
        self._asked = options.get("workload", spec.workload)
        self.memory.boot()
        if spec.guest and spec.guest.boot:
            self.vm.reboot(spec.guest.boot)
        self._device, self.client = storage.device, storage.join(spec.name)
        self.held = self.blocked = self._was_blocked = False
        self._slowness = 0.0  # seconds that a second of running has cost lately
        self._made = self._owed = self._stalled = self._idle = self._unpaid = 0.0
        self._since = self._device.time
        self.progress = self.stall = self.idle = 0.0

    def _begin(self, workload: Told) -> None:
        self._asked, self.workload = workload, make_workload(workload)
        self.workload.start(self.vm.pages, self._rng)

    def live(self, now: float, until: float) -> None:
        """Makes the accesses of its time until then, as far as it does not wait for what it did
        before.
        """
        self.held, made = False, 0.0
        if self.vm.blocked:
            self.held = self._was_blocked = True
            return
        if self.memory.waits:
            made = self._owed * self.memory.go_on()
            self._owed = self._owed - made if self.memory.waits else 0.0
        if not self.memory.waits and not self.over:
            given = (until - self._device.end(self.client) - made) / (1 + self._slowness)
            if given > 0:
                part = self.memory.do(self.workload.step(given, now))
                made += given * part
                self._owed = given - given * part
        self.held = self.memory.waits
        self._made += made

    @property
    def over(self) -> bool:
        """Whether its program has ended."""
        return getattr(self.workload, "ended", False)

    def take_made(self, waits: float) -> float:
        """Seconds whose accesses were made since the last call. waits: what they will probably wait
        for in all; a machine that waits much makes few accesses in a slice.
        """
        made, self._made = self._made, 0.0
        if made > 0:
            self._slowness = (self._slowness + waits / made) / 2
        return made

    def pass_time(self, seconds: float) -> float:
        """So many seconds are over; in how many of them it ran. What it waited in time that counts
        as run already, because it was behind, is counted now.
        """
        self._unpaid += self._device.take_waited(self.client)
        if self.held:
            self._unpaid += self._device.hold(self.client)
        elif self.over:
            self._idle += self._device.hold(self.client)
        waited = min(seconds, self._unpaid)
        self._unpaid -= waited
        self._stalled += waited
        return seconds - waited

    def end_row(self, epoch: float) -> None:
        """An epoch is over: progress, stall and idle are the parts of it in which the machine ran,
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
            f"machine's {pages * PAGE_BYTES}"
        )
    return Guest(pages, swap_pages=swap, kernel_pages=kernel, replacement=spec.replacement)
