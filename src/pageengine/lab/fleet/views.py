"""What a fleet knows of its hosts and of a VM that is to be placed, when it decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pageengine.plumbing import given


@dataclass(frozen=True)
class Newcomer:
    """A VM that is to be placed, or to move. Bytes. size: configured memory; promised: reservation
    and overhead; active: its working set where one has been seen, and else what it is supposed to
    be. contents: what it has in common with VMs of the same.
    """

    name: str
    size: int
    promised: int
    active: int
    contents: str = ""


@dataclass(frozen=True)
class HostView:
    """A host as the last round left it, and with what has been placed there since. Bytes. sizes:
    configured memory of its VMs, with overhead; promised: what they are guaranteed; active: their
    working sets, seen or supposed; room: what admission would let these grow to, less them.
    contents: sizes of VMs by what they have in common.
    """

    name: str
    memory: int
    vms: int = 0
    sizes: int = 0
    promised: int = 0
    active: int = 0
    room: int = 0
    contents: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Admission:
    """Which VMs a host may take: those with which, of its memory, what is guaranteed fits, the
    sizes of all VMs are no more than ``overcommit`` times as much (None: whatever they are), and
    their working sets no more than the part ``full``. A VM whose working set nobody has seen yet
    counts with the part ``unseen`` of its size: VMs that are placed at once know of each other,
    though no host has been looked at in between.
    """

    full: float = 0.9
    overcommit: float | None = None
    unseen: float = 0.5

    def __post_init__(self) -> None:
        told = {
            "full": float(given.real(self.full, "full", 0, 100, "(]")),
            "unseen": float(given.real(self.unseen, "unseen", 0, 1)),
        }
        if self.overcommit is not None:
            told["overcommit"] = float(given.real(self.overcommit, "overcommit", 0, 1e6, "(]"))
        for key, value in told.items():
            object.__setattr__(self, key, value)

    def room(self, memory: int, active: int) -> int:
        """Bytes that working sets of so many bytes on a host of so much memory may grow by."""
        return int(self.full * memory) - active

    def admits(self, host: HostView, vm: Newcomer) -> bool:
        """Whether the host may take this VM too."""
        most = self.overcommit
        return (
            vm.active <= host.room
            and host.promised + vm.promised <= host.memory
            and (most is None or host.sizes + vm.size <= most * host.memory)
        )
