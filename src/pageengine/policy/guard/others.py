"""What the guard does with the rest of a VM's plan: reclaim, blocking, the target for the reader;
and with the scan of all.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from pageengine.policy.base import VMPlan, VMView
from pageengine.policy.guard.balloon import Balloon
from pageengine.policy.guard.clip import Clip
from pageengine.policy.guard.guest import agreed_floor, down, is_stale, shrink_most
from pageengine.policy.guard.history import History
from pageengine.policy.guard.limits import ANY, Limits

_ROUNDING = 1e-9  # of sums of rates


def reclaim(wish: VMPlan, balloon: Balloon, past: History, limits: Limits) -> list[Clip]:
    """The clips of what is to be paged out; the last says what is left of it. The balloon's share
    of what may be taken in a window comes first, paging out gets the rest.
    """
    view, value, steps = balloon.view, wish.reclaim, list[Clip]()
    for rule, most in _most_reclaimed(balloon, past, limits):
        if value > most:
            most = max(0, most)
            steps.append(Clip(view.name, rule, "reclaim", float(value), float(most)))
            value = most
            if not value:
                break
    return steps


def _most_reclaimed(balloon: Balloon, past: History, limits: Limits) -> Iterator[tuple[str, int]]:
    """(rule, bytes that may be paged out by it; below 0 as 0), one rule after another."""
    view = balloon.view
    if view.busy:
        yield "busy", 0
    yield "floor", down(view.consumed - agreed_floor(view, limits))
    if is_stale(view, limits):
        yield "stale", 0
    left = shrink_most(view, limits) - int(past.taken(view.name))
    grown = max(balloon.target, balloon.sent) - int(past.least_target(view))  # orders may fail
    yield "rate", down(left - grown)
    if not _named(view.name, limits.may_page_out):
        yield "page-out", 0


def blocked(wish: VMPlan, view: VMView, limits: Limits) -> Clip | None:
    """Blocking a VM, if it may not be. To let one run again is never wrong."""
    if not wish.blocked:
        return None
    rule = ""
    if not _named(view.name, limits.may_block):
        rule = "block"
    elif view.busy and not view.blocked:
        rule = "busy"
    return Clip(view.name, rule, "blocked", 1.0, 0.0) if rule else None


def target(wish: VMPlan, view: VMView) -> Clip | None:
    """The memory that it should come to hold is not above its limit."""
    if wish.target is None:
        return None
    most = max(view.reservation, min(view.size, view.limit))
    if wish.target <= most:
        return None
    return Clip(view.name, "ceiling", "target", float(wish.target), float(most))


def scan(plans: Mapping[str, VMPlan], limits: Limits) -> Clip | None:
    """The scan of all together, which is slowed down in proportion."""
    wanted = math.fsum(plan.scan for plan in plans.values() if plan.scan)
    if wanted <= limits.scan * (1 + _ROUNDING):
        return None
    return Clip("", "scan", "scan", wanted, limits.scan)


def _named(name: str, names: tuple[str, ...]) -> bool:
    return name in names or ANY in names
