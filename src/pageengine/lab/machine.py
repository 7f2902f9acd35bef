"""One simulated machine: its workload, its memory, and the time it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from pageengine.lab.contents import find as find_contents
from pageengine.lab.memory import MachineMemory
from pageengine.lab.workloads import make as make_workload
from pageengine.units import PAGE_BYTES, parse_pages

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

    def __post_init__(self):
        from pageengine.guest import find_replacement

        find_replacement(self.replacement)


class Machine:
    """spec: what it is; options: what events have changed of that. number: of its contents and
    random draws.
    """

    def __init__(self, host, spec, options: dict[str, Any], number: int, seed: int):
        self.name, self.spec = spec.name, spec
        chosen = {key: options.get(key, getattr(spec, key)) for key in (
            "shares", "reservation", "limit", "balloon_max")}  # fmt: skip
        pages = parse_pages(spec.size, "size")
        guest = _guest(spec.guest, pages) if spec.guest else None
        self.vm = host.add_vm(spec.name, spec.size, salt=spec.salt, overhead=spec.overhead,
                              driver=spec.driver, guest=guest, **chosen)  # fmt: skip
        bytes_ = host.contents == "bytes"
        self.memory = MachineMemory(self.vm, number, find_contents(spec.contents), bytes_)
        self.vm.run_ops = self.memory.run_ops
        self._rng = np.random.Generator(np.random.Philox(key=[seed % 2**64, number]))
        self._begin(options.get("workload", spec.workload))
        self.memory.boot()
        if spec.guest and spec.guest.boot:
            self.vm.reboot(spec.guest.boot)
        self._debt = 0.0
        self.stall = self.progress = 0.0

    def _begin(self, workload) -> None:
        self._asked, self.workload = workload, make_workload(workload)
        self.workload.start(self.vm.pages, self._rng)

    def step(self, epoch: float, now: float) -> float:
        """Runs for an epoch; the seconds it really ran."""
        given = max(0.0, epoch - self._debt)
        self._debt = max(0.0, self._debt - epoch)
        if self.vm.blocked or (self.memory.waits and not self.memory.go_on()):
            given = 0.0
        if given > 0:
            self.memory.do(self.workload.step(given, now))
            if self.memory.waits:  # it stopped somewhere in between: half, for want of better
                given /= 2
        self.progress = given / epoch
        self.stall = 1 - self.progress
        return given

    def owe(self, seconds: float) -> None:
        """What the events of an epoch cost is waited for in the next."""
        self._debt += seconds

    def reboot(self) -> None:
        """The guest starts again, and its workload from the beginning."""
        self.vm.reboot(self.spec.guest.boot if self.spec.guest else BOOT_SECONDS)
        self.memory.boot()
        self._begin(self._asked)

    def change(self, key: str, value) -> None:
        """An event changes what it is promised or does."""
        if key == "workload":
            self._begin(value)
        elif key == "balloon_max":
            self.vm.set_balloon_max(value)
        else:
            self.vm.configure(**{key: value})


def _guest(spec: GuestSpec, pages: int):
    from pageengine.guest import Guest

    swap = pages if spec.swap is None else parse_pages(spec.swap, "swap of the guest")
    kernel = parse_pages(spec.kernel, "kernel of the guest")
    if kernel * 2 > pages:
        raise ValueError(
            f"the kernel of the guest takes {kernel * PAGE_BYTES} bytes, more than half of the "
            f"machine's {pages * PAGE_BYTES}"
        )
    return Guest(pages, swap_pages=swap, kernel_pages=kernel, replacement=spec.replacement)
