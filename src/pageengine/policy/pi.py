"""A PI controller for each guest's balloon, as qemus/qemu runs one beside each of its guests."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.plumbing import given
from pageengine.policy.ballooning import counted
from pageengine.policy.base import Plan, Snapshot, VMView
from pageengine.policy.ladder import VMNumbers
from pageengine.policy.rounds import due
from pageengine.policy.watermarks import Watermarks
from pageengine.units import MIB, Size, parse_size

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.int64]
    Numbers = NDArray[np.float64]

PERIOD = 5.0  # seconds
FREE, HARD = 0.20, 0.10
KP, KI, MOST_INTEGRAL = 0.5, 0.05, 1.0
LEAST = 0.33
HYSTERESIS = 128 * MIB
MARGIN = 128 * MIB  # of a limit, for what QEMU itself takes
STALLED, FULLY_STALLED = 0.10, 0.50  # shares of the last ten seconds
AVERAGE_SECONDS = 10.0
INTEGRAL = "pi "  # with a name: the key of its integral in the memo
TIME, ROUND, STALL = "pi_time", "pi_round", "pi_stall"


class PI:
    """Proportional-integral control of every balloon by one error, that of the host.

    Source: balloon.py of qemus/qemu (pull request 1012, May 2026; as of August 2026), which runs
    once for each guest; docs/policies.md has the whole rule. Each 5 s, with error = free less the
    available part of memory: integral += 5 error, between +-1, and the guest is to have what it has
    now less (kp error + ki integral) of its size, between a least and its size. Changes under
    ``hysteresis`` are dropped, unless they end at a bound.

    free: part of memory that should be available. hard: part below which guests go under what they
    use. kp, ki: gains. least: part of its size that a guest keeps. most_integral: bound of the
    integral. back_calculate: at a bound the integral becomes what would just lead there (the
    original does so); False: it winds up to its own bound. scale: vm.watermark_scale_factor.
    """

    name = "pi"
    promises = frozenset({"reservation", "limit"})

    def __init__(
        self,
        free: float = FREE,
        hard: float = HARD,
        kp: float = KP,
        ki: float = KI,
        least: float = LEAST,
        hysteresis: Size = HYSTERESIS,
        most_integral: float = MOST_INTEGRAL,
        back_calculate: bool = True,
        scale: float = 10,
    ):
        self.free = given.real(free, "free", 0, 1, "()")
        self.hard = given.real(hard, "hard", 0, self.free, "[)")
        self.kp = given.real(kp, "kp", 0, 1e6)
        self.ki = given.real(ki, "ki", 0, 1e6)
        self.least = given.real(least, "least", 0, 1)
        self.hysteresis = parse_size(hysteresis, "hysteresis")
        self.most_integral = given.real(most_integral, "most_integral", 0, 1e6)
        self.back_calculate = given.flag(back_calculate, "back_calculate")
        self.marks = Watermarks(scale)

    def __repr__(self) -> str:
        return f"PI(free={self.free}, kp={self.kp}, ki={self.ki}, hysteresis={self.hysteresis})"

    def reserve(self, memory: int) -> int:
        """Free memory in bytes below which accesses wait for the policy."""
        return self.marks.low(memory)

    def decide(self, snapshot: Snapshot) -> Plan:
        m = VMNumbers(snapshot.vms)
        old: Mapping[str, Any] = snapshot.memo
        memo: dict[str, float] = {TIME: snapshot.time}
        stall = average_stall(snapshot)
        if stall is not None:
            memo[STALL] = stall
        balloon = None
        if due(snapshot, ROUND, PERIOD):
            memo[ROUND] = snapshot.time
            part = (m.balloon_max > 0) & np.array([vm.guest is not None for vm in m.vms], bool)
            keys = [INTEGRAL + name for name in m.names]
            balloon, integral = self._round(m, snapshot, stall, [old.get(key, 0.0) for key in keys])
            balloon[~part] = None
            memo |= {key: i for key, i, in_it in zip(keys, integral, part, strict=True) if in_it}
        else:
            memo |= {key: value for key, value in old.items() if key.startswith(INTEGRAL)}
            memo[ROUND] = old[ROUND]
        return self.marks.plan(snapshot, m, balloon, PERIOD, memo)

    def _round(
        self, m: VMNumbers, snapshot: Snapshot, stall: float | None, integrals: list[float]
    ) -> tuple[NDArray[np.object_], list[float]]:
        """(balloon targets, None for who stays as it is; integrals) of all VMs, those that
        take no part too.
        """
        available = snapshot.unused
        left = available / max(1, snapshot.memory)
        error = self.free - left
        floor = np.array([vm.floor for vm in m.vms], np.int64)
        most_balloon = np.clip(m.size - floor, 0, m.balloon_max)
        bottom = np.maximum((m.size * self.least).astype(np.int64), m.size - most_balloon)
        low = bottom
        if left >= self.hard:
            low = np.maximum(bottom, np.array([used(vm) for vm in m.vms], np.int64))
        high = ceiling(m, bottom, stall)
        has = m.size - m.ballooned
        before: Numbers = np.array(integrals, np.float64)
        grown = np.clip(before + error * PERIOD, -self.most_integral, self.most_integral)
        wanted = np.trunc(has - (self.kp * error + self.ki * grown) * m.size).astype(np.int64)
        target = np.minimum(high, np.maximum(low, wanted))
        after = self._bounded(m, error, grown, target, (has, low, high))
        balloon = np.clip(m.size - target, 0, most_balloon)
        last = np.array([vm.balloon_target for vm in m.vms], np.int64)
        moved = np.abs(target - (m.size - last)) >= self.hysteresis
        sent = (balloon != last) & (moved | (target == high) | (target == low))
        told: NDArray[np.object_] = balloon.astype(object)
        told[~sent] = None
        return told, after.tolist()

    def _bounded(
        self,
        m: VMNumbers,
        error: float,
        grown: Numbers,
        target: Bytes,
        place: tuple[Bytes, Bytes, Bytes],
    ) -> Numbers:
        """The integrals after this round. place: what guests have, and their bounds."""
        if not self.back_calculate:
            return grown
        has, low, high = place
        at_a_bound = ((target == low) & (error > 0)) | ((target == high) & (error < 0))
        if not self.ki:
            return np.where(at_a_bound, 0.0, grown)
        just = (has - target) / (self.ki * np.maximum(1, m.size)) - self.kp * error / self.ki
        just = np.clip(just, -self.most_integral, self.most_integral)
        return np.where(at_a_bound, just, grown)


def used(vm: VMView) -> int:
    """Bytes that a guest says it uses: its memory less what is available, or, where it tells
    nothing of that, less free memory and caches. A driver that counts the balloon as used memory
    has it taken off again. 0 for a guest that tells nothing, which is not asked for anything.
    """
    guest = vm.guest
    if guest is None:
        return 0
    return max(0, guest.total - guest.unused - counted(vm))


def ceiling(m: VMNumbers, bottom: Bytes, stall: float | None) -> Bytes:
    """The most that each guest may have: its size, less the more the host stalled lately, from 10
    to 50 % of the last ten seconds down to the bottom; and its limit less a margin.
    """
    high = m.size
    if stall is not None and stall >= STALLED:
        part = min(1.0, (stall - STALLED) / (FULLY_STALLED - STALLED))
        high = (m.size - part * (m.size - bottom)).astype(np.int64)
    limited = np.maximum(0, m.limit - MARGIN)
    return np.where(m.limit < m.size, np.minimum(high, limited), high)


def average_stall(snapshot: Snapshot) -> float | None:
    """avg10 of the kernel's pressure stall information, from the share of time since the last
    decision: an average whose weight falls to 1/e in ten seconds. None where nobody can tell, and
    then what was known before is forgotten.
    """
    share = snapshot.pressure_some
    if share is None:
        return None
    old: Mapping[str, Any] = snapshot.memo
    before: float = old.get(STALL, share)
    weight = math.exp(-max(0.0, snapshot.time - old.get(TIME, snapshot.time)) / AVERAGE_SECONDS)
    return before * weight + share * (1 - weight)
