"""What every plan must keep to, whoever made it. A plan that breaks a rule is refused as a whole,
before anything of it is done.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from pageengine.errors import PlanError
from pageengine.plumbing import given
from pageengine.policy.base import Migration, Plan, Snapshot, VMPlan, VMView
from pageengine.units import format_size

RECLAIM = ("sharing", "compression", "swap", "ladder")
SCAN_RULES = ("hint", "two-scans")


def check_plan(snapshot: Snapshot, plan: Plan, techniques: Collection[str] = RECLAIM) -> None:
    """Raises PlanError that names the VM, the value and the rule. techniques: those that the
    host has.
    """
    if not isinstance(plan, Plan):
        raise PlanError(f"a policy answers with a Plan, got {given.shown(plan)}")
    if not isinstance(plan.vms, Mapping):
        raise PlanError(f"vms of a plan are VMPlans by name, got {given.shown(plan.vms)}")
    views = {view.name: view for view in snapshot.vms}
    for name, vm_plan in plan.vms.items():
        if name not in views:
            said = given.shown(name)
            raise PlanError(f"the plan names a virtual machine {said}{_instead(name, views)}")
        _check_vm(views[name], vm_plan, techniques)
    targets = {
        name: vm_plan.target for name, vm_plan in plan.vms.items() if vm_plan.target is not None
    }
    if sum(targets.values()) > snapshot.memory:
        raise PlanError(
            f"the targets add up to {format_size(sum(targets.values()))}, more than the "
            f"{format_size(snapshot.memory)} of machine memory"
        )
    _check_host(snapshot, plan)
    if not isinstance(plan.migrate, (tuple, list)):
        raise PlanError(f"migrate is of Migrations, got {given.shown(plan.migrate)}")
    for advice in plan.migrate:
        if not isinstance(advice, Migration):
            raise PlanError(f"migrate is of Migrations, got {given.shown(advice)}")
        if advice.vm not in views:
            raise PlanError(
                f"the plan advises to migrate {advice.vm!r}{_instead(advice.vm, views)}"
            )


def _check_vm(view: VMView, plan: VMPlan, techniques: Collection[str]) -> None:
    if not isinstance(plan, VMPlan):
        raise PlanError(f"the plan of {view.name!r} must be a VMPlan, got {given.shown(plan)}")
    for what in ("target", "balloon", "reclaim", "scan"):
        _check_amount(getattr(plan, what), what, view.name)
    if plan.reclaim is None:
        raise PlanError(f"reclaim of {view.name!r} is None; it must be a number, 0 or more")
    if type(plan.blocked) is not bool:  # the text is made for those alone
        _check_flag(plan.blocked, f"blocked of {view.name!r}")
    if not isinstance(plan.technique, str) or plan.technique not in RECLAIM:
        raise PlanError(
            f"technique of {view.name!r} is {given.shown(plan.technique)}; "
            f"there are {', '.join(RECLAIM)}{_near(plan.technique, RECLAIM)}"
        )
    if plan.reclaim and plan.technique not in techniques:
        raise PlanError(
            f"the plan reclaims from {view.name!r} by {plan.technique}, which this host does not "
            f"have; it has {given.listed(techniques) or 'no technique of its own'}"
        )
    if plan.target is not None and plan.target < view.reservation:
        raise PlanError(
            f"the target of {view.name!r}, {format_size(plan.target)}, is under its reservation, "
            f"{format_size(view.reservation)}"
        )
    if plan.balloon is not None and plan.balloon > view.balloon_max:
        raise PlanError(
            f"the balloon target of {view.name!r}, {format_size(plan.balloon)}, is above what its "
            f"driver can give up, {format_size(view.balloon_max)}"
        )
    if plan.reclaim and view.consumed - plan.reclaim < min(view.reservation, view.consumed):
        raise PlanError(
            f"reclaiming {format_size(plan.reclaim)} from {view.name!r} would leave it under its "
            f"reservation: it holds {format_size(view.consumed)} and "
            f"{format_size(view.reservation)} are reserved"
        )


def _check_host(snapshot: Snapshot, plan: Plan) -> None:
    for what in ("wake_below", "wake_above", "again"):
        _check_amount(getattr(plan, what), what, "")
    _check_flag(plan.report_free, "report_free")
    try:
        given.text(plan.state, "state")
    except (TypeError, ValueError) as error:
        raise PlanError(str(error)) from None
    if not isinstance(plan.memo, Mapping):
        raise PlanError(f"memo must be numbers by name, got {given.shown(plan.memo)}")
    if plan.wake_below is not None and plan.wake_below >= snapshot.memory:
        raise PlanError(
            f"wake_below, {format_size(plan.wake_below)}, must be less than machine memory, "
            f"{format_size(snapshot.memory)}"
        )
    if plan.again == 0:
        raise PlanError("again is 0 s; a policy may be asked again after more than that")
    if not isinstance(plan.scan_rule, str) or plan.scan_rule not in SCAN_RULES:
        raise PlanError(
            f"scan_rule is {given.shown(plan.scan_rule)}; there are {', '.join(SCAN_RULES)}"
        )


def _check_amount(value: Any, what: str, name: str) -> None:
    """None, or a finite number from 0 on."""
    if value is None or (type(value) in (int, float) and 0 <= value <= given.MOST):
        return
    try:
        given.real(value, what, 0, float(given.MOST))
    except (TypeError, ValueError):
        of = repr(name) if name else "the plan"
        raise PlanError(
            f"{what} of {of} is {given.shown(value)}; it must be a number, 0 or more (below 2**63)"
        ) from None


def _check_flag(value: Any, what: str) -> None:
    try:
        given.flag(value, what)
    except TypeError as error:
        raise PlanError(str(error)) from None


def _instead(name: object, views: Iterable[str]) -> str:
    return f", and there are: {given.listed(views)}{_near(name, views)}"


def _near(name: object, names: Iterable[str]) -> str:
    hint = given.near(name, names)
    return f"; {hint}" if hint else ""
