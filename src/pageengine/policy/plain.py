"""The plainest policy that is safe: proportional reclaim between two marks of free memory."""

from pageengine.plumbing import given
from pageengine.policy.base import Plan, Snapshot, VMPlan
from pageengine.policy.ladder import VMNumbers
from pageengine.policy.watermarks import by_consumption, with_limits


class Plain:
    """Below ``low`` of free memory, takes from every virtual machine in proportion to what it
    consumes, by sharing, then compression, then swap, until ``high`` is free again. Never takes a
    VM under its reservation, and takes what is above a VM's limit at any time.

    low, high: fractions of the host's memory, 0 <= low <= high < 1. Source: none; it is the default
    that surprises least.
    """

    name = "plain"
    promises = frozenset({"reservation", "limit"})

    def __init__(self, low: float = 0.02, high: float = 0.04):
        low = given.real(low, "low", 0, 1, "[)")
        if not low <= given.real(high, "high", 0, 1, "[)"):
            raise ValueError(
                f"the marks must satisfy 0 <= low <= high < 1, got low={low}, high={high}"
            )
        self.low, self.high = low, high

    def __repr__(self) -> str:
        return f"Plain(low={self.low}, high={self.high})"

    def reserve(self, memory: int) -> int:
        """Free memory in bytes below which accesses wait for the policy."""
        return int(memory * self.low)

    def decide(self, snapshot: Snapshot) -> Plan:
        m, reserve = VMNumbers(snapshot.vms), self.reserve(snapshot.memory)
        need = 0
        if snapshot.free <= reserve:
            need = max(int(snapshot.memory * self.high), reserve + 1) - snapshot.free
        parts = with_limits(m, by_consumption(m, need))
        return Plan(
            state="low" if need else "high",
            vms={
                vm.name: VMPlan(reclaim=part, blocked=vm.blocked)
                for vm, part in zip(m.vms, parts.tolist(), strict=True)
                if part > 0
            },
        )
