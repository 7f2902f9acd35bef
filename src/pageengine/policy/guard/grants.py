"""Memory that balloons give back to their guests: no more than is free beyond the reserve, and to
whom first. And who gives what is missing.

A grant is what a target lies below what the balloon holds. What donors were told to give is free
when it was given, and not before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pageengine.policy.base import Snapshot
from pageengine.policy.guard.balloon import Balloon, up
from pageengine.policy.guard.limits import Limits


def hand_out(balloons: Sequence[Balloon], snapshot: Snapshot, limits: Limits) -> None:
    """The rules "reserve" and "donor". Guests under pressure come first, those whose drivers move
    before those that are stuck; then those that have less than their floor; then what the policy
    wants. Of each kind the smallest come first: so most get all that they need.
    """
    promised = sum(max(0, one.view.ballooned - one.sent) for one in balloons)
    room = _room(snapshot, limits)
    left = max(0, room - promised)
    takers = [one for one in balloons if one.target < one.sent and one.target < one.given_back()]
    if not takers:
        return
    pressed = [one for one in takers if one.pressed]
    goals = {one.view.name: one.target for one in takers}
    moving = [one for one in pressed if not one.stuck]
    stuck = [one for one in pressed if one.stuck]
    others = [one for one in takers if not one.pressed]
    got = dict.fromkeys(goals, 0)
    for group, need in (
        (moving, _whole),
        (stuck, _whole),
        (others, _to_floor),
        (others, _beyond_floor),
    ):
        left = _fill(group, need, got, left)
    for one in takers:
        given_back = one.given_back()
        if got[one.view.name] < given_back - one.target:
            one.set_target("reserve", min(given_back, up(given_back - got[one.view.name])))
    unmet = sum(one.target - goals[one.view.name] for one in pressed)
    if unmet:
        _ask_donors(balloons, unmet + max(0, promised - room))


def _room(snapshot: Snapshot, limits: Limits) -> int:
    return int(snapshot.unused) - limits.kept_free(snapshot.memory)


def _whole(one: Balloon) -> int:
    return one.given_back() - one.target


def _to_floor(one: Balloon) -> int:
    """What it lacks to its floor, whatever the plan says."""
    return max(0, one.given_back() - max(one.target, one.floor))


def _beyond_floor(one: Balloon) -> int:
    return _whole(one) - _to_floor(one)


def _fill(
    group: Sequence[Balloon], need: Callable[[Balloon], int], got: dict[str, int], left: int
) -> int:
    """Gives to each what it needs while there is some; what is left."""
    needs = sorted((need(one), one.view.name) for one in group)
    for amount, name in needs:
        amount = min(amount, left)
        got[name] += amount
        left -= amount
    return left


def _ask_donors(balloons: Sequence[Balloon], missing: int) -> None:
    """Balloons of idle guests grow until, with what is on its way already, what is missing will be
    there; those with the largest part of their memory unused first.
    """
    donors: list[tuple[float, str, Balloon]] = []
    for one in balloons:
        if one.pressed or one.rests or one.target < max(one.sent, one.view.ballooned):
            continue
        if not one.stuck:
            missing -= one.target - one.view.ballooned
        if one.most > one.target:
            donors.append((-_idle_part(one), one.view.name, one))
    for _, _, one in sorted(donors, key=lambda donor: donor[:2]):
        if missing <= 0:
            return
        target = min(one.most, up(one.target + missing))
        missing -= target - one.target
        one.set_target("donor", target)


def _idle_part(one: Balloon) -> float:
    """Share of its size that it does not use; 0 where nobody can tell."""
    view = one.view
    if view.guest is not None:
        return view.guest.unused / max(1, view.size)
    if view.active is None:
        return 0.0
    return (view.size - view.ballooned - view.active) / max(1, view.size)
