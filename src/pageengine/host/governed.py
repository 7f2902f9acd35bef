"""The part of Host that decides, and lives through time: a policy says what it wants, the host does
it (governor.py), and goes on doing it as time goes by (housekeeping.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.core.records import Reclaimed
from pageengine.plumbing import given
from pageengine.plumbing.lock import serialised
from pageengine.policy.base import Plan, Snapshot

RATE_MOST = 1e15  # bytes per second: no memory is as fast


@serialised
class Governed:
    """Policy, time and plans of a ``Host``."""

    if TYPE_CHECKING:
        _governor: Any
        _lock: Any

    @property
    def policy(self):
        """The object that decides: ``decide(snapshot) -> Plan``."""
        return self._governor.policy

    @policy.setter
    def policy(self, policy) -> None:
        self._governor.set_policy(policy)

    @property
    def swap_bandwidth(self) -> float | None:
        """Bytes per second of ``advance`` that plans may write to swap; None: as much as they like,
        at once. A host whose swap is slow falls to lower states before it recovers.
        """
        return self._governor.swap_rate.bandwidth

    @swap_bandwidth.setter
    def swap_bandwidth(self, value: float | None) -> None:
        if value is not None:
            value = given.real(value, "swap_bandwidth", 0, RATE_MOST, "(]", "bytes per second")
        self._governor.swap_rate.bandwidth = value

    def swap_was_read(self, seconds: float) -> None:
        """Tells that reads kept the swap device busy for so long since the last ``advance``: what
        plans may write in the next one is as much less, but not less than half.
        """
        self._governor.swap_rate.was_read(given.seconds(seconds, "seconds"))

    @property
    def headroom(self) -> tuple[int, int]:
        """(pages that accesses may take before the policy is asked, pages that are kept below
        that).
        """
        governor = self._governor
        idle = governor._host._engine.idle
        return max(0, idle - governor.mark), governor.mark - governor.floor

    @property
    def due(self) -> float:
        """The time (seconds) of what comes next: a decision, a poll of a driver at work, a reading
        of an estimator. A clock that stops there misses nothing.
        """
        return self._governor.due()

    @property
    def time(self) -> float:
        """Seconds that have passed, as ``advance`` was told."""
        return self._governor.time

    @property
    def state(self) -> str:
        """The state by the last plan: high, clear, soft, hard or low; "" before the first."""
        return self._governor.plan.state

    def lowest_state(self) -> str:
        """The lowest state since this was last asked: short spells between two steps count, too."""
        return self._governor.lowest_state()

    @property
    def last_plan(self) -> Plan:
        """What the policy said last."""
        return self._governor.plan

    def columns(self, names=None) -> dict[str, np.ndarray]:
        """All numbers of all machines at once: by name an int64 array with an entry per machine, in
        the order of ``vms``, or of these ``names``. They are those of ``VM.stats`` but
        for what a machine is promised (shares, reservation, limit), and of each its ``active``,
        ``balloon_target``, and the plan's ``target`` (its size, where the plan does not say); bytes
        are bytes. Far cheaper than ``stats`` of each.
        """
        return self._governor.columns(names)

    def counts(self) -> dict[str, np.ndarray]:
        """Those of ``columns`` that the core keeps (places and events), of all machines: cheaper
        still.
        """
        return self._governor.counts()

    def snapshot(self) -> Snapshot:
        """What a policy sees now."""
        return self._governor.snapshot()

    def apply(self, plan: Plan) -> Reclaimed:
        """Does what a plan says; returns what was won. PlanError: it breaks a rule, and nothing was
        done. Pages that cannot go out (swap full) stay where they are; when the swap file itself
        fails, the rest of the plan is still done and then SwapError is raised.
        """
        return self._governor.apply(plan)

    def balance(self) -> Reclaimed:
        """Asks the policy and does what it says."""
        return self._governor.balance()

    def advance(self, seconds: float, ran=None) -> None:
        """Lets time pass: sampling periods, the sharing scan at the plan's rates, balloon drivers,
        free page reports, and decisions when they are due. ran: seconds that each machine really
        ran, by name (a machine that waits does not look idle); all the time by default. The policy
        is asked at most once, at the end: steps should be no longer than the balance period (15 s).
        """
        self._governor.advance(seconds, ran)
