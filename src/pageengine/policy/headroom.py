"""ChromeOS: the host and its guests come to the same headroom over what is critical for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.plumbing import given
from pageengine.policy.ballooning import Ballooning, Sizes, kept
from pageengine.policy.base import Plan, Snapshot, VMView
from pageengine.policy.ladder import VMNumbers
from pageengine.policy.rounds import due_in
from pageengine.units import MIB

if TYPE_CHECKING:
    from pageengine.policy.ladder import Bytes

CRITICAL_HOST = 0.052
CRITICAL_GUEST = 400 * MIB
FULL_PERCENT = 95
BEYOND_CRITICAL = 10 * MIB
NEAR = MIB
PERIOD_SECONDS = 1.0
# keys of the memo: when balloons moved last; of a VM, what is critical for its guest, what that had
# available and how full its balloon was the last time (in percent), and its largest balloon
LAST, LEARNED = "headroom_time", "headroom_of "


def changes(above: Bytes, bias: Bytes, host: int, beyond: int, near: int) -> Bytes:
    """What balloons are to grow by, int64 [n] of bytes. above: what guests have available above
    what is critical; bias: what each is to have more than that; host: the host's headroom. beyond,
    near: how far anybody may be brought below what is critical, and how near to it little counts.
    """
    n, headroom = len(above), above - bias
    if not n:
        return headroom
    level = host + int(headroom.sum())
    change = _divided(headroom * (n + 1) - level, n + 1)
    least, most = _divided(np.array(-(host + beyond), np.int64), n), above + beyond
    # where bounds cross: no more is taken than a guest can give, or given than the host has
    careful = np.minimum(np.maximum(0, most), least)
    bounded: Bytes = np.where(least > most, careful, np.minimum(np.maximum(change, least), most))
    if host < near:
        return bounded
    hundred = np.abs(change) * 100
    part = np.maximum(hundred // np.maximum(near, headroom), hundred // host)
    bounded[(headroom >= near) & (part <= 1)] = 0
    return bounded


def _divided(amount: Bytes, parts: int) -> Bytes:
    """Towards 0, as C does it."""
    found: Bytes = np.sign(amount) * (np.abs(amount) // parts)
    return found


def available_to(vm: VMView) -> int:
    """Free memory and caches of a guest that tells."""
    assert vm.guest is not None
    return vm.guest.free + vm.guest.cache


class Headroom(Ballooning):
    """The balance of available memory between a ChromeOS host and its VMs.

    Source: ChromiumOS, vm_tools/concierge/balloon_policy.cc (BalanceAvailable), 2024. With one VM
    it does what the original does, to the byte. docs/policies.md has the whole rule.

    Each second: a guest's headroom is its free memory and caches above what is critical for it, the
    host's what it has available above ``critical`` of its memory. Balloons move so that all
    headrooms become one; with one VM, by half of the difference. What is critical for a guest is
    learned: at first 400 MiB, and where a guest has less than that twice in a row, and its balloon
    is not 95 % full, what it had the first time. No guest is brought below that by more than
    10 MiB, nor the host. Changes of less than 2 % of every headroom are left out, unless one of
    them is under 1 MiB. bias: bytes that a guest keeps beside that when its balloon is full, and
    in proportion less.

    VMs without a driver, or whose guests tell nothing (or nothing new), are left as they are, and
    their headroom does not count. miniature: a factor for all amounts in bytes. scale:
    vm.watermark_scale_factor.
    """

    name = "headroom"

    def __init__(
        self,
        critical: float = CRITICAL_HOST,
        bias: int = 0,
        miniature: float = 1.0,
        scale: float = 10,
    ):
        super().__init__(miniature, scale)
        self.critical = given.real(critical, "critical", 0, 1, "[)")
        self.bias = given.whole(bias, "bias")

    def __repr__(self) -> str:
        return f"Headroom(critical={self.critical}, bias={self.bias})"

    def decide(self, snapshot: Snapshot) -> Plan:
        m = VMNumbers(snapshot.vms)
        if rest := due_in(snapshot, LAST, PERIOD_SECONDS):
            return self.marks.plan(snapshot, m, None, rest, kept(snapshot, (LAST, LEARNED)))
        s = Sizes(m)
        available = s.of_guests(available_to)
        critical, full, memo = self._learned(snapshot, s, available)
        host = snapshot.unused
        part = np.flatnonzero(s.tells)
        change = changes(
            (available - critical)[part],
            (self.bias * full // 100)[part],
            host - int(snapshot.memory * self.critical),
            self.amount(BEYOND_CRITICAL),
            self.amount(NEAR),
        )
        change = np.maximum(change, -m.ballooned[part])
        sizes, chosen = s.now.copy(), np.zeros(len(m), bool)
        sizes[part] -= change
        chosen[part] = change != 0
        sizes = np.clip(sizes, s.least, s.most)
        return self.marks.plan(snapshot, m, s.balloons(sizes, chosen), PERIOD_SECONDS, memo)

    def _learned(
        self, snapshot: Snapshot, s: Sizes, available: Bytes
    ) -> tuple[Bytes, Bytes, dict[str, Any]]:
        """What is critical for every guest in bytes, how full its balloon is in percent, and the
        memo. What is known of VMs that tell nothing now is kept.
        """
        old: Any = snapshot.memo
        first = (float(self.amount(CRITICAL_GUEST)), -1.0, 0.0, 0.0)
        rows = [old.get(LEARNED + name, first) for name in s.m.names]
        columns = np.array(rows, np.float64).astype(np.int64).reshape(-1, 4).T
        critical, before, full_before, largest = columns
        # the largest seen; at first three quarters of its memory, or what its driver can give up
        first_largest = np.minimum(s.m.size * 3 // 4, s.m.balloon_max)
        largest = np.maximum(np.where(largest > 0, largest, first_largest), s.m.ballooned)
        full = s.m.ballooned * 100 // np.maximum(1, largest)
        twice = (available < critical) & (0 <= before) & (before < critical)
        twice &= (full < FULL_PERCENT) & (full_before < FULL_PERCENT)
        critical = np.where(twice, before, critical)
        now = zip(
            *(column.tolist() for column in (critical, available, full, largest)), strict=True
        )
        memo: dict[str, Any] = {LAST: snapshot.time}
        for name, tells, numbers in zip(s.m.names, s.tells.tolist(), now, strict=True):
            if tells:
                memo[LEARNED + name] = tuple(map(float, numbers))
            elif LEARNED + name in old:
                memo[LEARNED + name] = old[LEARNED + name]
        return critical, full, memo
