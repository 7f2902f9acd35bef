"""Carried: what a VM takes along that moves to another simulation.

Its workload and draws, its guest, what its pages hold, and what is still to happen to it go along,
so that it goes on where it was. What belongs to the host does not: which pages were shared or
touched lately, its balloon, the reading of its working set, and what it still waited for. What was
compressed or swapped goes to swap space where it comes, as ESX copies its swap files: room is taken
for what was in memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pageengine.units import PAGE_BYTES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from pageengine.core.guest import Guest
    from pageengine.lab.events import Event
    from pageengine.lab.specs import VMSpec


@dataclass(frozen=True)
class TakenAlong:
    """Plain values, for it may go to another process. spec, overrides: what the VM is, and what
    events have changed of that. events: what is still to happen to it. vm: as
    ``SimulatedVM.state``. guest: what its guest was made with, and its state; None without one.
    ppns, contents: what its pages hold, int64 [n] and uint64 [n] (uint8 [n, 4096] of a host that
    holds bytes). put_out: so many of them, the first, were compressed or swapped. own: its
    workload, where that is of somebody's own class.
    """

    spec: VMSpec
    overrides: Mapping[str, Any]
    events: tuple[Event, ...]
    vm: Mapping[str, Any]
    guest: tuple[Mapping[str, Any], bytes] | None
    ppns: NDArray[np.int64]
    contents: NDArray[Any]
    put_out: int
    own: Any = None

    @property
    def bytes(self) -> int:
        """What its pages hold, in bytes."""
        return len(self.ppns) * PAGE_BYTES

    def made_guest(self) -> Guest | None:
        """Its guest, as it left."""
        from pageengine.core.guest import Guest

        if self.guest is None:
            return None
        options, state = self.guest
        guest = Guest(**options)
        guest.restore(state)
        return guest
