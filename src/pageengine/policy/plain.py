"""The plainest policy that is safe: proportional reclaim between two marks of free memory."""

from pageengine.policy.base import Plan, Snapshot, VMPlan


class Plain:
    """Below ``low`` of free memory, takes from every virtual machine in proportion to what it
    consumes, by sharing, then compression, then swap, until ``high`` is free again. Never takes a
    machine under its reservation, and takes what is above a machine's limit at any time.

    low, high: fractions of the host's memory, 0 <= low <= high < 1. Source: none; it is the default
    that surprises least.
    """

    name = "plain"
    promises = frozenset({"reservation", "limit"})

    def __init__(self, low: float = 0.02, high: float = 0.04):
        if not 0 <= low <= high < 1:
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
        over = {vm.name: max(0, vm.consumed - max(vm.limit, vm.reservation)) for vm in snapshot.vms}
        reserve = self.reserve(snapshot.memory)
        want = 0
        if snapshot.free <= reserve:
            want = max(int(snapshot.memory * self.high), reserve + 1) - snapshot.free
        share = _in_proportion(
            want, {vm.name: max(0, vm.consumed - vm.reservation) for vm in snapshot.vms}
        )
        plans = {
            vm.name: VMPlan(reclaim=amount, blocked=vm.blocked)
            for vm in snapshot.vms
            if (amount := max(over[vm.name], share[vm.name])) > 0
        }
        return Plan(state="low" if want else "high", vms=plans)


def _in_proportion(want: int, weights: dict[str, int]) -> dict[str, int]:
    """Splits ``want`` by weight; no part above its weight, rounded up so that the sum is not
    short.
    """
    total = sum(weights.values())
    if total == 0:
        return dict.fromkeys(weights, 0)
    return {name: min(weight, -(-want * weight // total)) for name, weight in weights.items()}
