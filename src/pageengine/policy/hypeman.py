"""hypeman: under pressure all VMs give in proportion, and when that is over all get it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.plumbing import given
from pageengine.policy.ballooning import Ballooning, Sizes, kept
from pageengine.policy.base import Plan, Snapshot
from pageengine.policy.ladder import VMNumbers
from pageengine.policy.rounds import due_in
from pageengine.units import MIB

if TYPE_CHECKING:
    from pageengine.policy.ladder import Bytes

LITTLE, ENOUGH = 10, 15  # percent of memory that is available
FLOOR, FLOOR_PERCENT = 512 * MIB, 50
LEAST_CHANGE, MOST_CHANGE = 64 * MIB, 256 * MIB
COOLDOWN_SECONDS, PERIOD_SECONDS = 5.0, 2.0
STALLED = 0.0001  # the least share of time that the kernel shows in its averages
# keys of the memo: when it was asked last, whether there was pressure then; when a VM was told
LAST, PRESSURE, TOLD = "hypeman_time", "hypeman_pressure", "hypeman_told "


def shared_out(need: int, most: Bytes) -> Bytes:
    """``need`` bytes in parts in proportion to ``most``, none above it; int64 [n] of bytes. What
    rounding leaves comes from the first that have it.
    """
    rooms = most.tolist()  # products of two sizes need more than 64 bits
    whole = sum(rooms)
    need = min(max(0, need), whole)
    if not need:
        return np.zeros(len(most), np.int64)
    parts = np.array([need * room // whole for room in rooms], np.int64)
    rest, room = need - int(parts.sum()), most - parts
    found: Bytes = parts + np.clip(rest - (np.cumsum(room) - room), 0, room)
    return found


class Hypeman(Ballooning):
    """The balloons of hypeman: two marks of available memory, parts, steps and a cooldown.

    Source: kernel/hypeman, lib/guestmemory (pull requests 160 and 278), 2026. docs/policies.md has
    the whole rule.

    Each 2 s: under pressure once less than 10 % of memory is available or somebody waited for
    memory (PSI some), healthy again at 15 % and nobody waiting. Under pressure VMs are to give 15 %
    of memory less what is available, in proportion to what they have above their floor (512 MiB,
    or half of their size where that is more); when nothing is missing and somebody still waits,
    they stay; healthy, all get all of it back. Changes of less than 64 MiB are left out; a VM
    changes by 256 MiB at most, and 5 s after a change not again.

    What is to be given is all of it, and not what is to be given more: what balloons hold already
    counts as available, so that this ends half way. corrected: it is what is to be given more.

    No guest is asked for anything; VMs without a driver stay as they are. Where nobody knows how
    long somebody waited, available memory alone counts. miniature: a factor for all amounts in
    bytes. scale: vm.watermark_scale_factor.
    """

    name = "hypeman"

    def __init__(self, corrected: bool = False, miniature: float = 1.0, scale: float = 10):
        super().__init__(miniature, scale)
        self.corrected = given.flag(corrected, "corrected")

    def __repr__(self) -> str:
        return f"Hypeman(corrected={self.corrected}, miniature={self.miniature})"

    def decide(self, snapshot: Snapshot) -> Plan:
        m, memo = VMNumbers(snapshot.vms), snapshot.memo
        if rest := due_in(snapshot, LAST, PERIOD_SECONDS):
            return self.marks.plan(snapshot, m, None, rest, kept(snapshot, (LAST, PRESSURE, TOLD)))
        s = Sizes(m)
        available = snapshot.unused
        stalled = (snapshot.pressure_some or 0.0) >= STALLED
        mark = ENOUGH if memo.get(PRESSURE) else LITTLE
        pressure = stalled or available * 100 < mark * snapshot.memory
        least = np.maximum(self.amount(FLOOR), s.most * FLOOR_PERCENT // 100)
        least = np.minimum(np.maximum(least, s.least), s.most)
        current = np.clip(s.told, 0, s.most)
        given_up = np.where(s.can, s.most - current, 0)
        need = self._need(snapshot.memory, available, stalled, int(given_up.sum()))
        parts = shared_out(need if pressure else 0, np.where(s.can, s.most - least, 0))
        change = s.most - parts - current
        chosen = s.can & (np.abs(change) >= self.amount(LEAST_CHANGE))
        hot = [due_in(snapshot, TOLD + name, COOLDOWN_SECONDS) > 0 for name in m.names]
        chosen &= ~np.array(hot, bool)
        step = self.amount(MOST_CHANGE)
        sizes = np.clip(current + np.clip(change, -step, step), least, s.most)
        chosen &= sizes != current
        found: dict[str, Any] = {LAST: snapshot.time, PRESSURE: float(pressure)}
        found |= {TOLD + m.names[i]: memo[TOLD + m.names[i]] for i in np.flatnonzero(hot).tolist()}
        found |= {TOLD + m.names[i]: snapshot.time for i in np.flatnonzero(chosen).tolist()}
        return self.marks.plan(snapshot, m, s.balloons(sizes, chosen), PERIOD_SECONDS, found)

    def _need(self, memory: int, available: int, stalled: bool, given_up: int) -> int:
        """What VMs should give up under pressure, in all."""
        missing = memory * ENOUGH // 100 - available
        if missing > 0:
            return missing + given_up if self.corrected else missing
        return given_up if stalled else 0
