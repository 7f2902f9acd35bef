"""Proactive reclaim by pressure: a little of every VM, until it begins to wait."""

from __future__ import annotations

from typing import Any

import numpy as np

from pageengine.plumbing import given
from pageengine.policy.advice import migration
from pageengine.policy.base import Plan, Snapshot
from pageengine.policy.ladder import VMNumbers, plans
from pageengine.policy.simple import checked_technique
from pageengine.policy.watermarks import Watermarks, by_consumption, state_of, with_limits


class Pressure:
    """Senpai of Meta's TMO: each 6 s, every VM gives up ratio * what it holds * max(0, 1 -
    stall / threshold), where stall is the share of its time that it waited for memory (PSI some).
    It needs no idea of what is idle, and no shares.

    Source: Weiner et al., TMO: Transparent Memory Offloading in Datacenters, ASPLOS 2022; ratio
    0.0005 and threshold 0.1 % as published. Below the low watermark the kernel takes in proportion
    to what VMs hold. scale: vm.watermark_scale_factor.
    """

    name = "pressure"
    promises = frozenset({"reservation", "limit"})

    def __init__(
        self,
        ratio: float = 0.0005,
        threshold: float = 0.001,
        period: float = 6.0,
        technique: str = "ladder",
        scale: float = 10,
    ):
        self.ratio = given.real(ratio, "ratio", 0, 1, "(]")
        self.threshold = given.real(threshold, "threshold", 0, 1, "(]")
        self.period = given.real(period, "period", 0, given.SECONDS_MOST, "(]", "seconds")
        self.technique, self.marks = checked_technique(technique), Watermarks(scale)

    def __repr__(self) -> str:
        return f"Pressure(ratio={self.ratio}, threshold={self.threshold}, period={self.period})"

    def reserve(self, memory: int) -> int:
        """Free memory in bytes below which accesses wait for the policy."""
        return self.marks.low(memory)

    def decide(self, snapshot: Snapshot) -> Plan:
        m, need = VMNumbers(snapshot.vms), self.marks.need(snapshot)
        parts = by_consumption(m, need)
        last: Any = snapshot.memo.get("time", -self.period)
        # to the moment, as in kvm.mom; and the period may be as short as the slack of rounds.py
        if snapshot.time - last >= self.period:
            last = snapshot.time
            stall = np.array([vm.stall for vm in snapshot.vms], np.float64)
            little = m.consumed * self.ratio * np.maximum(0, 1 - stall / self.threshold)
            parts = np.maximum(parts, little.astype(np.int64))
        return Plan(
            state=state_of(need),
            vms=plans(m, reclaim=with_limits(m, parts), technique=self.technique),
            wake_below=self.marks.low(snapshot.memory),
            again=self.period,
            migrate=migration(snapshot, m),
            memo={"time": last},
        )
