"""The controller: asks a policy, and carries its plans out on a host that it knows as a Backend.

Time here is simulated or measured by the caller, who says how much of it has passed (``advance``).
A policy is asked when the balance period is over, when it wanted to be, when virtual machines come,
go or change, and in the middle of a batch of accesses when free memory falls below the low
watermark that the last plan set.

With limits, every plan passes the guard (policy/guard) before anything of it is done.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pageengine.control.backend import Backend, Request
from pageengine.control.clocks import TICK
from pageengine.core.records import Reclaimed
from pageengine.errors import CheckpointError
from pageengine.plumbing import given
from pageengine.plumbing.frozen import Frozen
from pageengine.policy.base import Plan, Policy, Snapshot, VMPlan, hooks
from pageengine.policy.guard import Clip, Limits, guard, remembered
from pageengine.policy.plain import Plain
from pageengine.policy.rules import check_plan

BALANCE_PERIOD = 15.0  # seconds, where a plan does not say (Mem.BalancePeriod)


class Decision(Frozen):
    """One decision, as it is told before anything of it is done.

    Attributes:
        snapshot: [Snapshot] what the policy saw
        plan: [Plan] what it said
        guarded: [Plan] what is carried out: the same, where no limits are set
        clips: [Clip each] what the guard changed
    """

    snapshot: Snapshot
    plan: Plan
    guarded: Plan
    clips: tuple[Clip, ...]


class Controller:
    """Holds the policy, the last plan and the time. limits: what the guard holds plans to; None for
    no guard. clips: what it changed of the last plan.
    """

    def __init__(self, backend: Backend, policy: Policy | str | None, limits: Limits | None = None):
        self._backend = backend
        self.time = 0.0
        self.limits = limits
        self.clips: tuple[Clip, ...] = ()
        self.plan = Plan(state="")
        self._due = 0.0
        self._deciding = False
        self._told: list[Callable[[Plan], object]] = []
        self._told_all: list[Callable[[Decision], object]] = []
        self.set_policy(policy)
        backend.on_low(self.make_room)

    def state(self) -> dict[str, Any]:
        """What is in force, and when the policy is asked next."""
        return {
            "time": self.time,
            "due": self._due,
            "plan": self.plan,
            "limits": self._limits,
            "clips": self.clips,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from what ``state`` said, with the policy that there is."""
        plan = state["plan"]
        if not isinstance(plan, Plan) or not all(
            isinstance(each, VMPlan) for each in plan.vms.values()
        ):
            raise CheckpointError(f"the plan in it is {given.shown(plan)}, and no Plan")
        self.time = given.real(state["time"], "the time of the host")
        self._due = given.real(state["due"], "the time of the next decision", -given.SECONDS_MOST)
        self.plan, self.limits, self.clips = plan, state["limits"], state["clips"]

    def set_policy(self, policy: Policy | str | None) -> None:
        """Another policy decides from now on; None: ``policy.Plain()``."""
        if policy is None:
            policy = Plain()
        else:
            from pageengine.policy.table import find  # which loads all there are

            policy = find(policy)
        reserve = hooks(policy).reserve(self._backend.memory)
        self.policy = policy
        self.plan = Plan(state="", memo=remembered(self.plan.memo))
        self._backend.set_memory_targets({})
        self._backend.set_scan({}, self.plan.scan_rule)
        self._backend.set_free_page_reporting(self.plan.report_free)
        self._backend.set_low_watermark(reserve)
        self._due = 0.0

    def changed(self) -> None:
        """A virtual machine came, left or changed, or was refused memory: the policy is asked at
        the next ``advance``.
        """
        self._due = 0.0

    def on_plan(self, told: Callable[[Plan], object]) -> None:
        """Has this called with every plan that comes into force."""
        self._told.append(told)

    def on_decision(self, told: Callable[[Decision], object]) -> None:
        """Has this called with every decision: what the policy saw and said, and what comes into
        force of it.
        """
        self._told_all.append(told)

    @property
    def limits(self) -> Limits | None:
        """What the guard holds plans to, from the next one on; None for no guard."""
        return self._limits

    @limits.setter
    def limits(self, limits: Limits | None) -> None:
        if limits is not None and not isinstance(limits, Limits):
            raise TypeError(f"the guard takes Limits or None, got {given.shown(limits)}")
        self._limits = limits

    def snapshot(self) -> Snapshot:
        """What a policy sees now."""
        return self._backend.snapshot(self.time, self.plan.state, dict(self.plan.memo))

    # asking the policy, and doing what it says

    def balance(self) -> Reclaimed:
        """Asks the policy and does what it says."""
        self._not_while_deciding()
        self._backend.before_decision()
        snapshot = self.snapshot()
        self._deciding = True
        try:
            plan = self.policy.decide(snapshot)
        finally:
            self._deciding = False
        return self._carry_out(snapshot, plan)

    def make_room(self) -> None:
        """For an access that lacks a frame; one that the policy itself makes cannot ask it."""
        if not self._deciding:
            self.balance()

    def apply(self, plan: Plan) -> Reclaimed:
        """Does what this plan says."""
        self._not_while_deciding()
        self._backend.before_decision()
        return self._carry_out(self.snapshot(), plan)

    def _not_while_deciding(self) -> None:
        if self._deciding:
            raise RuntimeError(
                "the policy is deciding: its decide() may not have the host balance, apply a plan "
                "or advance, but returns a plan"
            )

    def _carry_out(self, snapshot: Snapshot, plan: Plan) -> Reclaimed:
        backend = self._backend
        check_plan(snapshot, plan, backend.techniques)
        plan = self._guarded(snapshot, plan)
        gone = plan.vms.keys() - backend.names()
        if gone:  # decide() itself removed them
            left = {name: vm_plan for name, vm_plan in plan.vms.items() if name not in gone}
            plan = plan.__replace__(vms=left)
        self.plan = plan
        for told in self._told:
            told(plan)
        again = BALANCE_PERIOD if plan.again is None else plan.again
        due = self.time + again
        self._due = due if self._due <= self.time + TICK else min(self._due, due)
        if plan.wake_below is not None:
            backend.set_low_watermark(plan.wake_below)
        backend.decided()
        backend.set_memory_targets(_said(plan, "target"))
        backend.set_balloon_targets(_said(plan, "balloon"))
        backend.set_scan(_said(plan, "scan"), plan.scan_rule)
        backend.set_free_page_reporting(plan.report_free)
        blocked = {view.name for view in snapshot.vms if view.blocked}
        for name, vm_plan in plan.vms.items():
            if bool(vm_plan.blocked) != (name in blocked):
                backend.block(name, vm_plan.blocked)
        return backend.reclaim(
            [
                Request(name, vm_plan.reclaim, vm_plan.technique)
                for name, vm_plan in plan.vms.items()
                if vm_plan.reclaim > 0
            ]
        )

    def _guarded(self, snapshot: Snapshot, said: Plan) -> Plan:
        """The plan as it may be carried out."""
        plan, self.clips = said, ()
        if self._limits is not None:
            plan, self.clips = guard(said, snapshot, self._limits)
        if self._told_all:
            decision = Decision(snapshot, said, plan, self.clips)
            for told in self._told_all:
                told(decision)
        return plan

    # as time goes by

    def advance(self, seconds: float, ran: Any = None) -> None:
        """Time passes, and the policy is asked if that is due."""
        self._not_while_deciding()
        self.time += seconds
        self._backend.advance(seconds, ran)
        above = self.plan.wake_above
        rises = above is not None and self._backend.free() >= above
        if rises or self.time >= self._due - TICK:
            self.balance()

    def due(self) -> float:
        """The time of what comes next: a decision, or something that the backend has to do."""
        return min(self._due, self.time + self._backend.due_in())


def _said(plan: Plan, what: str) -> dict[str, Any]:
    """What a plan says of this, by name."""
    found = {name: getattr(vm_plan, what) for name, vm_plan in plan.vms.items()}
    return {name: value for name, value in found.items() if value is not None}
