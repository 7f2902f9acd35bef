"""Balloons between two marks of guest memory, as vm0 runs them; with the fault that pinned one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pageengine.plumbing import given
from pageengine.policy.base import Plan, Snapshot, VMView
from pageengine.policy.ladder import VMNumbers
from pageengine.policy.rounds import due
from pageengine.policy.watermarks import Watermarks, optional
from pageengine.units import MIB, Size, parse_size

PERIOD = 5.0  # seconds
FREE, ABOVE, UNDER = 256 * MIB, 128 * MIB, 64 * MIB
STEP, KEEP = 256 * MIB, 512 * MIB
RELEASES = ("full", "pending", "actual")
ROUND = "hysteresis_round"


class Hysteresis:
    """vm0's balloon controller: each guest is kept between two marks of its own memory, whatever
    the host has.

    Source: balloon.rs of vm0 (pull requests 3700 and 3711, March 2026; 26040 and 30227, August
    2026). Each 5 s, in whole MiB: a balloon grows while more than ``free`` + ``above`` of the
    guest's memory is free, by what is above ``free``, ``step`` at most, and leaves it ``keep``. It
    shrinks once less than ``free`` - ``under`` is available.

    release: how it shrinks. "full": to nothing, at once, as since pull request 30227. The others
    are what was there before, to show why: "actual": by what is missing to ``free``, from what the
    balloon holds now; "pending": to the smaller of that and of what was ordered last, which pinned
    a balloon at 3.1 of 4 GiB for ten minutes (issue 30221). free, above, under, step, keep: sizes.
    scale: vm.watermark_scale_factor.
    """

    name = "hysteresis"
    promises = frozenset({"reservation", "limit"})

    def __init__(
        self,
        free: Size = FREE,
        above: Size = ABOVE,
        under: Size = UNDER,
        step: Size = STEP,
        keep: Size = KEEP,
        release: str = "full",
        scale: float = 10,
    ):
        self.free, self.above = parse_size(free, "free"), parse_size(above, "above")
        self.under = parse_size(under, "under", self.free)
        self.step, self.keep = parse_size(step, "step"), parse_size(keep, "keep")
        self.release = given.choice(release, "release", RELEASES)
        self.marks = Watermarks(scale)

    def __repr__(self) -> str:
        return f"Hysteresis(free={self.free}, step={self.step}, release={self.release!r})"

    def reserve(self, memory: int) -> int:
        """Free memory in bytes below which accesses wait for the policy."""
        return self.marks.low(memory)

    def decide(self, snapshot: Snapshot) -> Plan:
        m = VMNumbers(snapshot.vms)
        old: Mapping[str, Any] = snapshot.memo
        last, balloon = old.get(ROUND, snapshot.time), None
        if due(snapshot, ROUND, PERIOD):
            last = snapshot.time
            told = {vm.name: self.target(vm) for vm in snapshot.vms}
            balloon = optional(
                m, {name: mib * MIB for name, mib in told.items() if mib is not None}
            )
        return self.marks.plan(snapshot, m, balloon, PERIOD, {ROUND: last})

    def target(self, vm: VMView) -> int | None:
        """MiB that its balloon should hold; None: nothing is ordered."""
        most = min(vm.size - self.keep, vm.size - vm.floor, vm.balloon_max) // MIB
        if vm.guest is None or most <= 0:
            return None
        guest, free = vm.guest, self.free // MIB
        unused = guest.free // MIB
        available = guest.unused // MIB
        holds, ordered = vm.ballooned // MIB, vm.balloon_target
        if self.release == "actual":
            ordered = holds * MIB  # what was ordered does not count
        if unused > (self.free + self.above) // MIB:
            wanted = min(holds + min(unused - free, self.step // MIB), most)
            return wanted if wanted * MIB > ordered else None
        if available < (self.free - self.under) // MIB:
            wanted = 0 if self.release == "full" else max(0, holds - (free - available))
            return wanted if wanted * MIB < ordered else None
        return None
