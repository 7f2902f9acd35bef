"""The guard: the rules, one after another, over one plan."""

from __future__ import annotations

from typing import Any

from pageengine.policy.base import Plan, Snapshot, VMPlan
from pageengine.policy.guard import others
from pageengine.policy.guard.balloon import Balloon, settle
from pageengine.policy.guard.clip import Clip
from pageengine.policy.guard.grants import hand_out
from pageengine.policy.guard.history import PREFIX, History
from pageengine.policy.guard.limits import Limits

_AS_IT_IS, _STAYS_BLOCKED = VMPlan(), VMPlan(blocked=True)


def guard(plan: Plan, snapshot: Snapshot, limits: Limits) -> tuple[Plan, tuple[Clip, ...]]:
    """The plan as it may be carried out, and what was changed of it, by which rule.

    plan: one that ``rules.check_plan`` lets pass. Pure: the same arguments give the same answer,
    and whatever must be remembered is in the memos. A plan within all limits comes back as it is,
    but for the memo; what comes back is changed no further by the same limits. VMs that the plan
    does not name may be named in what comes back.
    """
    past = History(snapshot, limits.window)
    balloons = [Balloon(view, plan.vms.get(view.name), past, limits) for view in snapshot.vms]
    for balloon in balloons:
        settle(balloon, past, limits)
    hand_out(balloons, snapshot, limits)
    vms, clips = dict(plan.vms), []
    for balloon in balloons:
        view = balloon.view
        wish = vms.get(view.name)
        found = _clips(balloon, wish, past, limits)
        if found:
            clips += found
            wish = vms[view.name] = _changed(balloon, wish, found)
        past.carry(view, balloon.target, wish.reclaim if wish is not None else 0)
    slower = others.scan(vms, limits)
    if slower is not None:
        clips.append(slower)
        factor = limits.scan / (slower.wanted or 1.0)
        for name, wish in vms.items():
            if wish.scan:
                vms[name] = wish.__replace__(scan=wish.scan * factor)
    past.carry_absent(snapshot)
    memo = {key: value for key, value in plan.memo.items() if not key.startswith(PREFIX)}
    return plan.__replace__(vms=vms, memo={**memo, **past.next}), tuple(clips)


def _clips(balloon: Balloon, wish: VMPlan | None, past: History, limits: Limits) -> list[Clip]:
    clips, view = balloon.clips(), balloon.view
    if wish is None:  # what is not named stays as it is, if it may
        if not view.blocked:
            return clips
        wish = _STAYS_BLOCKED
    if wish.reclaim:
        clips = clips + others.reclaim(wish, balloon, past, limits)
    for clip in (others.blocked(wish, view, limits), others.target(wish, view)):
        if clip is not None:
            clips = [*clips, clip]
    return clips


def _changed(balloon: Balloon, wish: VMPlan | None, clips: list[Clip]) -> VMPlan:
    """The plan of one VM after its clips."""
    if wish is None:
        wish = _STAYS_BLOCKED if balloon.view.blocked else _AS_IT_IS
    changes: dict[str, Any] = {}
    for clip in clips:
        given = clip.given
        if clip.what == "balloon":
            given = None if balloon.target == balloon.sent else balloon.target
        elif clip.what == "blocked":
            given = bool(given)
        else:
            given = int(given or 0)
        changes[clip.what] = given
    return wish.__replace__(**changes)
