"""DAMON_RECLAIM: the kernel pages out what lies idle, a little each second, before memory is short;
how much may follow from how long the host waits for memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from pageengine.plumbing import given
from pageengine.policy.advice import migration
from pageengine.policy.base import Plan, Snapshot
from pageengine.policy.ladder import VMNumbers, plans, split
from pageengine.policy.rounds import due
from pageengine.policy.simple import checked_technique
from pageengine.policy.watermarks import Watermarks, by_consumption, state_of, with_limits
from pageengine.units import MIB, PAGE_BYTES, Size, parse_size

WINDOW, CHECK = 1.0, 5.0  # seconds of a quota; between two looks at free memory while it is off
QUOTA, QUOTA_MS, BYTES_PER_MS = 128 * MIB, 10.0, 4 * MIB
HIGH, MID, LOW = 0.5, 0.4, 0.2
GOAL = 10_000  # the score that is aimed at; quotas are kept in as many parts of a byte
LARGEST = 2**64 - 1
ACTIVE, CHECKED, FROM, PARTS = "damon_active", "damon_checked", "damon_from", "damon_parts"
STALLED, TIME = "damon_stalled", "damon_time"
Memo = dict[str, float]


class DamonReclaim:
    """Idle memory is paged out within a quota, while free memory is neither plenty nor nearly out.

    Source: Linux mm/damon/reclaim.c and mm/damon/core.c, 6.12; docs/policies.md has the whole rule.
    Each second it takes at most ``quota``, and what ``quota_ms`` milliseconds are enough for at
    ``bytes_per_ms``, from what VMs hold beyond their working set, in proportion to that. It
    begins below ``mid`` of free memory and ends above ``high`` or below ``low``, where the kernel's
    own reclaim takes over. A VM whose working set nobody can tell gives nothing before that.

    Give the host ``estimator="idle-age"``: its working set is what was used within 120 s, and so
    the rest is what DAMON_RECLAIM calls cold.

    stall_us: the goal, microseconds of each second in which anybody may wait for memory; the quota
    follows it from one byte on (``next_quota``). 0: no goal, as the kernel has it. quota, quota_ms:
    0 for none. scale: vm.watermark_scale_factor.
    """

    name = "damon-reclaim"
    promises = frozenset({"reservation", "limit"})

    def __init__(
        self,
        stall_us: int = 0,
        quota: Size = QUOTA,
        quota_ms: float = QUOTA_MS,
        bytes_per_ms: Size = BYTES_PER_MS,
        high: float = HIGH,
        mid: float = MID,
        low: float = LOW,
        technique: str = "swap",
        scale: float = 10,
    ):
        self.stall_us = given.whole(stall_us, "stall_us", 0, 1_000_000)
        self.quota = parse_size(quota, "quota")
        self.quota_ms = given.real(quota_ms, "quota_ms", 0, 1000)
        self.bytes_per_ms = parse_size(bytes_per_ms, "bytes_per_ms")
        self.high = given.real(high, "high", 0, 1)
        self.mid = given.real(mid, "mid", 0, self.high)
        self.low = given.real(low, "low", 0, self.mid)
        self.technique, self.marks = checked_technique(technique), Watermarks(scale)

    def __repr__(self) -> str:
        return f"DamonReclaim(stall_us={self.stall_us}, quota={self.quota})"

    def reserve(self, memory: int) -> int:
        """Free memory in bytes below which accesses wait for the policy."""
        return self.marks.low(memory)

    def decide(self, snapshot: Snapshot) -> Plan:
        m, need = VMNumbers(snapshot.vms), self.marks.need(snapshot)
        parts = by_consumption(m, need)
        memo = stalled(snapshot) | self._active(snapshot)
        old: Mapping[str, Any] = snapshot.memo
        memo |= {key: old[key] for key in (FROM, PARTS) if key in old}
        if memo[ACTIVE] and due(snapshot, FROM, WINDOW):
            cold = np.minimum(m.above_reservation, np.maximum(0, m.consumed - m.active))
            parts = np.maximum(parts, split(self._window(snapshot, memo, cold), cold))
        return Plan(
            state=state_of(need),
            vms=plans(m, reclaim=with_limits(m, parts), technique=self.technique),
            wake_below=self.marks.low(snapshot.memory),
            again=WINDOW if memo[ACTIVE] else CHECK,
            migrate=migration(snapshot, m),
            memo=memo,
        )

    def _active(self, snapshot: Snapshot) -> Memo:
        """Whether it works, and when it last looked. While it does not, it looks each 5 s."""
        was = bool(snapshot.memo.get(ACTIVE, 0.0))
        if not was and not due(snapshot, CHECKED, CHECK):
            checked: Any = snapshot.memo[CHECKED]
            return {ACTIVE: 0.0, CHECKED: checked}
        high, mid, low = (round(1000 * mark) for mark in (self.high, self.mid, self.low))
        free = snapshot.free * 1000 // max(1, snapshot.memory)
        works = low <= free <= high and (was or free < mid)
        return {ACTIVE: float(works), CHECKED: snapshot.time}

    def _window(self, snapshot: Snapshot, memo: Memo, cold: np.ndarray) -> int:
        """Bytes, in whole pages, of the quota that begins now; the memo has what is to be known at
        the next one.
        """
        memo[FROM] = snapshot.time
        bounds = [int(cold.sum())]
        waited = memo.get(STALLED)
        if self.stall_us and waited is not None:
            score = int(waited) * GOAL // self.stall_us
            parts = next_quota(int(memo.get(PARTS, GOAL)), score)
            memo[PARTS] = parts
            bounds.append(parts // GOAL)
        if self.quota_ms:
            bounds.append(int(self.quota_ms * self.bytes_per_ms))
        if self.quota:
            bounds.append(self.quota)
        memo[STALLED] = 0.0
        return min(bounds) // PAGE_BYTES * PAGE_BYTES


def stalled(snapshot: Snapshot) -> Memo:
    """The part of the memo that counts how long somebody waited for memory, in microseconds, since
    the last quota began. Where nobody can tell of a part of that, of none.
    """
    old: Mapping[str, Any] = snapshot.memo
    memo, share = {TIME: snapshot.time}, snapshot.pressure_some
    if share is not None and (TIME not in old or STALLED in old):
        passed = max(0.0, snapshot.time - old.get(TIME, snapshot.time))
        memo[STALLED] = old.get(STALLED, 0.0) + share * passed * 1e6
    return memo


def next_quota(last: int, score: int) -> int:
    """The next quota in parts of 1/10,000 byte, from the last and its score: 10,000 x stalled /
    goal. At 10,000 it stays; below, it grows by what is missing, a part of itself: twice at score
    0; above, it shrinks as much, and from 20,000 on it is the least, a byte, at once (Linux
    mm/damon/core.c, damon_feed_loop_next_input).
    """
    last = max(last, GOAL)
    if score == GOAL:
        return last
    if score >= 2 * GOAL:
        return GOAL
    gap = abs(GOAL - score)
    change = last * gap // GOAL if last < LARGEST // gap else last // GOAL * gap
    if score > GOAL:
        return max(last - change, GOAL)
    return min(last + change, LARGEST)
