"""What every plan must keep to, whoever made it. A plan that breaks a rule is refused as a whole,
before anything of it is done.
"""

from __future__ import annotations

import math

from pageengine.errors import PlanError
from pageengine.policy.base import Plan, Snapshot, VMPlan, VMView
from pageengine.units import format_size

RECLAIM = ("sharing", "compression", "swap", "ladder")
SCAN_RULES = ("hint", "two-scans")


def check_plan(snapshot: Snapshot, plan: Plan) -> None:
    """Raises PlanError that names the machine, the value and the rule."""
    if not isinstance(plan, Plan):
        raise PlanError(f"a policy answers with a Plan, got {plan!r}")
    views = {view.name: view for view in snapshot.vms}
    for name, wish in plan.vms.items():
        if name not in views:
            raise PlanError(f"the plan names a virtual machine {name!r}{_instead(name, views)}")
        _check_vm(views[name], wish)
    targets = {name: wish.target for name, wish in plan.vms.items() if wish.target is not None}
    if sum(targets.values()) > snapshot.memory:
        raise PlanError(
            f"the targets add up to {format_size(sum(targets.values()))}, more than the "
            f"{format_size(snapshot.memory)} of machine memory"
        )
    _check_host(snapshot, plan)
    for advice in plan.migrate:
        if advice.vm not in views:
            raise PlanError(
                f"the plan advises to migrate {advice.vm!r}{_instead(advice.vm, views)}"
            )


def _check_vm(view: VMView, wish: VMPlan) -> None:
    for what in ("target", "balloon", "reclaim", "scan"):
        value = getattr(wish, what)
        if value is not None and (not math.isfinite(value) or value < 0):
            raise PlanError(f"{what} of {view.name!r} is {value}; it must be 0 or more")
    if wish.technique not in RECLAIM:
        raise PlanError(
            f"technique of {view.name!r} is {wish.technique!r}; there are {', '.join(RECLAIM)}"
            f"{_near(wish.technique, RECLAIM)}"
        )
    if wish.target is not None and wish.target < view.reservation:
        raise PlanError(
            f"the target of {view.name!r}, {format_size(wish.target)}, is under its reservation, "
            f"{format_size(view.reservation)}"
        )
    if wish.balloon is not None and wish.balloon > view.balloon_max:
        raise PlanError(
            f"the balloon target of {view.name!r}, {format_size(wish.balloon)}, is above what its "
            f"driver can give up, {format_size(view.balloon_max)}"
        )
    if wish.reclaim and view.consumed - wish.reclaim < min(view.reservation, view.consumed):
        raise PlanError(
            f"reclaiming {format_size(wish.reclaim)} from {view.name!r} would leave it under its "
            f"reservation: it holds {format_size(view.consumed)} and "
            f"{format_size(view.reservation)} are reserved"
        )


def _check_host(snapshot: Snapshot, plan: Plan) -> None:
    for what in ("wake_below", "wake_above", "again"):
        value = getattr(plan, what)
        if value is not None and (not math.isfinite(value) or value < 0):
            raise PlanError(f"{what} of the plan is {value}; it must be 0 or more")
    if plan.wake_below is not None and plan.wake_below >= snapshot.memory:
        raise PlanError(
            f"wake_below, {format_size(plan.wake_below)}, must be less than machine memory, "
            f"{format_size(snapshot.memory)}"
        )
    if plan.again == 0:
        raise PlanError("again is 0 s; a policy may be asked again after more than that")
    if plan.scan_rule not in SCAN_RULES:
        raise PlanError(f"scan_rule is {plan.scan_rule!r}; there are {', '.join(SCAN_RULES)}")


def _instead(name: str, views) -> str:
    return f", and there are: {', '.join(views) or 'none'}{_near(name, views)}"


def _near(name, names) -> str:
    import difflib

    close = difflib.get_close_matches(str(name), list(names), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
