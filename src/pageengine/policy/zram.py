"""Swap into compressed memory, as on hosts without a swap device."""

from __future__ import annotations

from typing import Any

from pageengine.plumbing import given
from pageengine.policy.advice import migration
from pageengine.policy.base import Plan, Snapshot
from pageengine.policy.ladder import VMNumbers, plans
from pageengine.policy.watermarks import Watermarks, by_consumption, state_of, with_limits


class Zram:
    """zram as the only swap: below the low watermark, pages of all VMs in proportion to what
    they hold are compressed and stay in memory; nothing moves on to disk by age.

    Source: Linux zram.rst. disk: whether pages go to a swap device (zram's backing_dev) once
    compression wins nothing more; without it, VMs find no memory then, and one above its limit
    stays there: limits are kept with a disk only. scale: vm.watermark_scale_factor.
    """

    name = "zram"
    promises = frozenset({"reservation"})

    def __init__(self, disk: bool = False, scale: float = 10):
        self.disk, self.marks = given.flag(disk, "disk"), Watermarks(scale)
        if self.disk:
            self.promises = Zram.promises | {"limit"}

    def __repr__(self) -> str:
        return f"Zram(disk={self.disk}, scale={self.marks.scale})"

    def reserve(self, memory: int) -> int:
        """Free memory in bytes below which accesses wait for the policy."""
        return self.marks.low(memory)

    def decide(self, snapshot: Snapshot) -> Plan:
        m, need = VMNumbers(snapshot.vms), self.marks.need(snapshot)
        parts = with_limits(m, by_consumption(m, need))
        compressed = int(m.compressed.sum())
        # what was asked for last time did not come: compression is at its end
        last: Any = snapshot.memo.get("compressed", -1)
        full = self.disk and compressed <= last
        return Plan(
            state=state_of(need),
            vms=plans(
                m,
                reclaim=parts,
                technique="swap" if full else "compression",
            ),
            wake_below=self.marks.low(snapshot.memory),
            migrate=migration(snapshot, m),
            memo={"compressed": float(compressed)} if parts.any() else {},
        )
