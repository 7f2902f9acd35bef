"""A guest that zeroes all of its memory when it boots, as Windows does, and then runs something."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from pageengine.lab.workloads.base import Accesses, Paced, Release, Workload, burst, fastest, warmed
from pageengine.plumbing import given
from pageengine.units import PAGE_BYTES, Size, parse_size


class Boot(Paced):
    """Zeroes every page once, at ``speed`` bytes per second of the VM's time, and goes on as
    ``then``, another workload as a table. The zeroed pages are free memory to the guest.
    """

    KEPT = (*Paced.KEPT, "_zeroed")
    PART = 1.0
    zeroes = True

    def __init__(
        self,
        *,
        speed: Size = "256 MiB",
        memory: Size | None = None,
        then: Workload | Mapping[str, Any] | str | None = None,
    ):
        super().__init__(rate=parse_size(speed, "speed") / PAGE_BYTES, memory=memory, write=1.0)
        if not self.rate > 0:
            raise ValueError(f"speed must be above 0 bytes per second, got {given.shown(speed)}")
        from pageengine.lab.workloads import make

        self.then, self._zeroed = make(then if then is not None else {"kind": "idle"}), 0
        self.pages = 1
        self.needs_guest = self.then.needs_guest

    def start(self, pages: int, rng: np.random.Generator) -> None:
        super().start(pages, rng)
        self.then.start(pages, rng)
        self._zeroed = 0

    def state(self) -> dict[str, Any]:
        from pageengine.lab.workloads import kept

        return {"boot": super().state(), "then": kept.state_of("then", self.then)}

    def restore(self, state: Mapping[str, Any]) -> None:
        from pageengine.lab.workloads import kept

        super().restore(state["boot"])
        kept.restore("then", self.then, state["then"])

    def fastest(self) -> float:
        then = fastest(self.then)
        return max(self.rate, then) if self.booting else then

    def burst(self) -> int:
        return max(1, burst(self.then))

    @property
    def booting(self) -> bool:
        """Whether it still zeroes."""
        return self._zeroed < self.pages

    def warm(self, time: float) -> list[Accesses | Release]:
        self._zeroed = self.pages
        found = [Accesses(np.arange(self.pages), True, "zero"), *warmed(self.then, time)]
        self.in_use = self.then.in_use
        return found

    def step(self, seconds: float, time: float) -> list[Accesses | Release]:
        if not self.booting:
            then = self.then.step(seconds, time)
            self.in_use = self.then.in_use
            return then
        wanted = self._zeroed + self.touches(seconds)
        end = min(self.pages, wanted)
        zeroed = Accesses(np.arange(self._zeroed, end), True, "zero")
        self._zeroed = end
        if end < self.pages:
            return [zeroed]
        return [zeroed, *self.then.step((wanted - end) / self.rate, time)]
