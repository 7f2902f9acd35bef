"""The host's side of policy: what a policy is shown, doing what it says, and when it is asked.

Time here is simulated or measured by the caller, who says how much of it has passed
(``Host.advance``). A policy is asked when the balance period is over, when it wanted to be, when
machines come, go or change, and in the middle of a batch of accesses when free memory falls below
the mark that the last plan set.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pageengine.control.swap_rate import SwapRate
from pageengine.control.ticker import TICK, Housekeeping
from pageengine.core.records import Reclaimed
from pageengine.core.status import STATUS_NAMES, error_of
from pageengine.core.vm_columns import ROWS
from pageengine.plumbing import given
from pageengine.policy.base import Plan, Snapshot, VMView
from pageengine.policy.plain import Plain
from pageengine.policy.rules import check_plan
from pageengine.units import PAGE_BYTES

BALANCE_PERIOD = 15.0  # seconds, where a plan does not say (Mem.BalancePeriod)

_VIEW = VMView.__match_args__
_SHOWN = [name for name in ROWS if name in _VIEW]
_SHOWN_ROWS = [ROWS.index(name) for name in _SHOWN]
_TOLD = ROWS.index("touched")  # rows from here on are for the estimator


class Governor:
    """Holds the policy, the last plan and the time."""

    def __init__(self, host, policy):
        self._host = host
        self.time = 0.0
        self.plan = Plan(state="")
        self.mark = 0
        self.keeping = Housekeeping(host)
        self._due = 0.0
        self._deciding = False
        self.floor = 0  # frames that the overhead of machines takes: no access may use them
        self._states: set[str] = set()
        self.swap_rate = SwapRate()
        self.set_policy(policy)

    def set_policy(self, policy) -> None:
        if policy is None:
            policy = Plain()
        else:
            from pageengine.policy.table import find  # which loads all there are

            policy = find(policy)
        reserve = getattr(policy, "reserve", lambda memory: 0)(self._host.memory)
        self.policy = policy
        self.plan = Plan(state="")
        self.keeping.no_targets()
        self._due = 0.0
        self._set_mark(reserve)

    def _set_mark(self, below: int) -> None:
        """Accesses stop, and the policy is asked, when less than this is free: one frame less, so
        that it finds free memory below its threshold and not at it.
        """
        self._below = below
        self.mark = max(0, -(-int(below) // PAGE_BYTES) - 1) + self.floor
        self._host._engine.set_mark(self.mark)

    def add(self, vm, estimator, driver: bool, balloon_max: int) -> None:
        self.keeping.add(vm, estimator, driver, balloon_max)
        self.floor += vm.overhead // PAGE_BYTES
        self._set_mark(self._below)
        self.changed()

    def remove(self, vm) -> None:
        self.keeping.remove(vm)
        self.floor -= vm.overhead // PAGE_BYTES
        self._set_mark(self._below)
        self.changed()

    def lowest_state(self) -> str:
        """The lowest state that a plan has named since the last call, the present one included."""
        from pageengine.policy.states import rank

        lowest = max(self._states | {self.plan.state}, key=rank)
        self._states.clear()
        return lowest

    def changed(self) -> None:
        """A machine came, left or changed, or was refused memory: the policy is asked at the next
        ``advance``.
        """
        self._due = 0.0

    def configured(self, vm) -> None:
        """What a machine is promised has changed."""
        self.keeping.configured(vm)
        self.changed()

    # what a policy is shown

    def snapshot(self) -> Snapshot:
        host = self._host
        numbers = host._engine.host_numbers()
        overhead = self.floor * PAGE_BYTES
        return Snapshot(
            memory=numbers["memory"] - overhead,
            free=max(0, numbers["free"] - overhead),
            swap_free=numbers["swap_free"],
            vms=tuple(self._views()),
            time=self.time,
            state=self.plan.state,
            memo=dict(self.plan.memo),
        )

    def _views(self):
        keeping, machines = self.keeping, list(self._host.vms.values())
        numbers = keeping.numbers()
        runs = keeping.runs().tolist()
        claims = [vm.claim for vm in machines]
        columns = dict(zip(_SHOWN, numbers[_SHOWN_ROWS].tolist(), strict=True))
        columns |= {
            "name": keeping.names,
            "shares": [claim.shares for claim in claims],
            "reservation": [claim.reservation for claim in claims],
            "limit": [claim.limit for claim in claims],
            "overhead": [claim.overhead for claim in claims],
            "blocked": map(bool, columns["blocked"]),
            "active": keeping.active(numbers).tolist(),
            "balloon_target": map(int, keeping.balloon_target.tolist()),
            "balloon_max": map(int, keeping.balloon_max().tolist()),
            "stall": keeping.stall().tolist(),
            "guest": [
                keeping[vm.name].guest_view() if run and vm.guest is not None else None
                for vm, run in zip(machines, runs, strict=True)
            ],
        }
        return map(VMView, *(columns[name] for name in _VIEW))

    def counts(self) -> dict[str, np.ndarray]:
        """What ``Host.counts`` says."""
        return dict(zip(ROWS[:_TOLD], self.keeping.numbers(), strict=False))

    def columns(self, names=None) -> dict[str, np.ndarray]:
        """What ``Host.columns`` says."""
        numbers = self.keeping.numbers()
        found = dict(zip(ROWS[:_TOLD], numbers, strict=False))
        found["active"] = self.keeping.active(numbers)
        found["balloon_target"] = self.keeping.balloon_target.astype(np.int64)
        found["target"] = self.keeping.targets(found["size"])
        there = list(self.keeping.names)
        names = there if names is None else given.several(names, "names")
        if names == there:
            return found
        row = {name: i for i, name in enumerate(there)}
        rows = [row[self._host[name].name] for name in names]
        return {key: column[rows] for key, column in found.items()}

    # doing what it says

    def balance(self) -> Reclaimed:
        self._not_while_deciding()
        self.keeping.hold()
        snapshot = self.snapshot()
        self._deciding = True
        try:
            plan = self.policy.decide(snapshot)
        finally:
            self._deciding = False
        return self._do(snapshot, plan)

    def make_room(self) -> None:
        """For an access that lacks a frame; one that the policy itself makes cannot ask it."""
        if not self._deciding:
            self.balance()

    def apply(self, plan: Plan) -> Reclaimed:
        self._not_while_deciding()
        self.keeping.hold()
        return self._do(self.snapshot(), plan)

    def _not_while_deciding(self) -> None:
        if self._deciding:
            raise RuntimeError(
                "the policy is deciding: its decide() may not have the host balance, apply a plan "
                "or advance, but returns a plan"
            )

    def _do(self, snapshot: Snapshot, plan: Plan) -> Reclaimed:
        check_plan(snapshot, plan)
        gone = plan.vms.keys() - self._host.vms.keys()
        if gone:  # decide() itself removed them
            left = {name: wish for name, wish in plan.vms.items() if name not in gone}
            plan = plan.__replace__(vms=left)
        self.plan = plan
        self._states.add(plan.state)
        again = BALANCE_PERIOD if plan.again is None else plan.again
        due = self.time + again
        self._due = due if self._due <= self.time + TICK else min(self._due, due)
        if plan.wake_below is not None:
            self._set_mark(plan.wake_below)
        self.keeping.decided(plan)
        return self._reclaim(plan, {view.name for view in snapshot.vms if view.blocked})

    def _reclaim(self, plan: Plan, blocked: set[str]) -> Reclaimed:
        won, failure = Reclaimed(), None
        host, asked = self._host, []
        for name, wish in plan.vms.items():
            if bool(wish.blocked) != (name in blocked):
                host[name].block(wish.blocked)
            if wish.reclaim > 0:
                machine = host[name]
                frames = min(-(-int(wish.reclaim) // PAGE_BYTES), self._spare(machine, wish))
                asked.append((name, machine, frames, wish.technique))
        for name, machine, frames, technique in self.swap_rate.within(asked):
            # what compression cannot take while the device is busy is not looked for everywhere
            brief = technique != plan.vms[name].technique
            result, status = host._reclaim(machine, frames, technique, brief)
            self.swap_rate.wrote(result.swapped + result.evicted)
            won += result
            if status and STATUS_NAMES[status] != "PE_NO_SLOT":
                done = result.swapped + result.evicted
                machines = host._vms.values()
                failure = failure or error_of(status, host._engine, name, done, machines)
        if failure:
            raise failure
        return won

    def _spare(self, machine, wish) -> int:
        """Frames that can be won without going under the reservation. What is charged for
        compressed pages goes by slots, which may be less than the frames won by a part of a frame
        for each class of slots.
        """
        if machine.reservation == 0:
            return machine.pages
        spare = (machine.stats.consumed - machine.reservation) // PAGE_BYTES
        classes = 2 if self._host.packing == "esx" else 40
        return max(0, spare - classes * (wish.technique in ("compression", "ladder")))

    # as time goes by

    def advance(self, seconds: float, ran) -> None:
        seconds = given.seconds(seconds, "seconds", ends="(]")
        self._not_while_deciding()
        self._host._engine.idle  # Closed, before time passes
        ran = self._seconds_of_each(seconds, {} if ran is None else ran)
        self.time += seconds
        self.swap_rate.advance(seconds)
        self.keeping.advance(seconds, ran, lambda: self.plan)
        if self.keeping.ends_scan_pass():  # hints older than one pass over every machine expire
            self._host.new_scan_pass()
        rises = self.plan.wake_above is not None and self._free() >= self.plan.wake_above
        if rises or self.time >= self._due - TICK:
            self.balance()

    def _free(self) -> int:
        """Bytes that are free to machines."""
        return (self._host._engine.idle - self.floor) * PAGE_BYTES

    def due(self) -> float:
        """The time of what comes next: a decision, a poll of a driver at work, a reading."""
        return min(self._due, self.time + self.keeping.due_in(self.plan))

    def _seconds_of_each(self, seconds: float, ran) -> np.ndarray:
        """What each machine ran, in order."""
        if not isinstance(ran, Mapping):
            raise TypeError(f"ran must be seconds by the names of machines, got {given.shown(ran)}")
        if not ran.keys() <= self.keeping.names:
            unknown = given.listed(map(str, ran.keys() - self.keeping.names))
            raise ValueError(f"ran names virtual machines that are not there: {unknown}")
        if not set(map(type, ran.values())) <= {float}:
            ran = {name: given.real(value, f"ran of {name!r}") for name, value in ran.items()}
        each = np.array([ran.get(name, seconds) for name in self.keeping.names], float)
        if not ((0 <= each) & (each <= seconds * (1 + 1e-9))).all():
            name, value = next(
                (name, value) for name, value in ran.items()
                if not 0 <= value <= seconds * (1 + 1e-9)
            )  # fmt: skip
            raise ValueError(f"{name!r} cannot have run {value!r} of {seconds!r} seconds")
        return each
