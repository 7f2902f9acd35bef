"""Backend: what governs a host knows of it. One small protocol, so that the same controller and the
same policies work on any host that has one: the core's (host/engine_backend.py), or a hypervisor
that is not ours.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence, Set
from typing import Any, NamedTuple, Protocol

from pageengine.core.records import Reclaimed
from pageengine.policy.base import Snapshot


class Request(NamedTuple):
    """Memory to win now.

    Attributes:
        vm: [text] from which virtual machine
        memory: [bytes] how much
        technique: [text] by which, one of the backend's
    """

    vm: str
    memory: float
    technique: str


class Backend(Protocol):
    """A host as a controller sees it. What it sets stands until it is set again; names that a
    mapping does not have are left as they are. Virtual machines are named by their names.

    memory: bytes of machine memory. techniques: what ``reclaim`` knows, by name.
    """

    memory: int
    techniques: Collection[str]

    def names(self) -> Set[str]:
        """The virtual machines that are there."""

    def snapshot(self, time: float, state: str, memo: Mapping[str, Any]) -> Snapshot:
        """All that a policy may see; the three are the controller's own."""

    def set_low_watermark(self, free: float) -> None:
        """Bytes of free memory under which accesses wait, and whoever asked is told."""

    def on_low(self, told: Callable[[], None]) -> None:
        """Has this called when free memory would fall below the low watermark."""

    def set_memory_targets(self, targets: Mapping[str, float]) -> None:
        """Bytes of machine memory that each should come to hold, for the reader; those that are not
        named have no target.
        """

    def set_balloon_targets(self, targets: Mapping[str, float]) -> None:
        """Bytes that each balloon should come to hold; drivers move there at their own speed."""

    def set_scan(self, rates: Mapping[str, float], rule: str) -> None:
        """Pages per second of each to look at for sharing, and by which rule (Plan.scan_rule)."""

    def set_free_page_reporting(self, on: bool) -> None:
        """Whether guests hand free blocks back."""

    def block(self, vm: str, blocked: bool) -> None:
        """A blocked virtual machine does not run."""

    def reclaim(self, requests: Sequence[Request]) -> Reclaimed:
        """Wins memory now, from each what it can, without going under a reservation. An error of
        one keeps nothing from the others and is raised at the end.
        """

    def before_decision(self) -> None:
        """A decision is coming: all that the snapshot will say is to be as it is now."""

    def decided(self) -> None:
        """A decision was made; stalls are counted from now on."""

    def advance(self, seconds: float, ran: Any) -> None:
        """Time passes. ran: what each virtual machine ran of it, as the backend has it."""

    def due_in(self) -> float:
        """Seconds until the backend has something to do in ``advance``."""

    def free(self) -> int:
        """Bytes of machine memory that nobody holds."""
