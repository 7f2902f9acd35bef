"""What a policy sees, and what it answers: Snapshot and Plan. Plain data; no engine object is
reachable from either.

A policy is any object with ``decide(snapshot) -> Plan``. The same snapshot gives the same plan.
"""

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable


@dataclass(frozen=True)
class VMView:
    """One virtual machine as a policy sees it. Amounts in bytes."""

    name: str
    size: int
    consumed: int
    granted: int
    shared: int
    swapped: int
    compressed: int
    ballooned: int
    mapped: int
    shares: int
    reservation: int
    limit: int
    blocked: bool


@dataclass(frozen=True)
class Snapshot:
    """All numbers a policy may see. Amounts in bytes."""

    memory: int
    free: int
    swap_free: int
    vms: tuple[VMView, ...]


@dataclass(frozen=True)
class VMPlan:
    """What is to be done with one virtual machine: win ``reclaim`` bytes of machine memory by
    ``technique`` ("sharing", "compression", "swap" or "ladder": each in turn); let it run or block
    it.
    """

    reclaim: int = 0
    technique: str = "ladder"
    blocked: bool = False


@dataclass(frozen=True)
class Plan:
    """A policy's answer. Virtual machines that are not named are left as they are. ``state`` is for
    the reader.
    """

    state: str = "high"
    vms: dict[str, VMPlan] = field(default_factory=dict)


@runtime_checkable
class Policy(Protocol):
    """Anything that decides. ``reserve(memory)``, where it exists, is the free memory in bytes that
    accesses must not use up before the policy has been asked.
    """

    def decide(self, snapshot: Snapshot) -> Plan: ...
