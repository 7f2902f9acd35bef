"""What the guard takes a guest to be: how much it must keep, whether it is short of memory, and why
nothing may be taken from it.
"""

from __future__ import annotations

from pageengine.policy.base import GuestView, VMView
from pageengine.policy.guard.history import History
from pageengine.policy.guard.limits import Limits
from pageengine.units import PAGE_BYTES


def agreed_floor(view: VMView, limits: Limits) -> int:
    """Bytes that it is promised: its floor, or a part of its size where none is agreed, as far as
    its limit allows; and its reservation.
    """
    floor = view.floor or int(limits.floor_part * view.size)
    return max(view.reservation, min(floor, view.limit))


def floor_of(view: VMView, limits: Limits) -> int:
    """Bytes of guest memory that its balloon must leave it."""
    agreed = agreed_floor(view, limits)
    if view.guest is None:
        return agreed
    return max(agreed, used(view, view.guest) + int(limits.margin * view.size))


def used(view: VMView, guest: GuestView) -> int:
    """Bytes that it cannot do without: what its balloon leaves it, less what it has to spare. So
    what its kernel keeps is in it, which is in no total of its own.
    """
    return max(0, view.size - view.ballooned - guest.unused)


def under_pressure(view: VMView, past: History, limits: Limits) -> bool:
    """Whether it is short of memory of its own. Old statistics count as well: a guest that has come
    to a standstill tells nothing new.
    """
    guest = view.guest
    if guest is None:
        return False
    rate = 0.0 if guest.swap_in is None else past.swap_in_rate(view)
    return (
        rate >= limits.swap_in
        or guest.unused < limits.available * view.size
        or (guest.stall is not None and guest.stall >= limits.stall)
    )


def is_stuck(view: VMView, limits: Limits) -> bool:
    """Whether its driver has not moved for long, though its target is elsewhere."""
    return (
        view.progress_age is not None
        and view.progress_age > limits.stuck
        and abs(view.balloon_target - view.ballooned) >= PAGE_BYTES
    )


def is_stale(view: VMView, limits: Limits) -> bool:
    """Whether what it tells is too old to take memory by."""
    return view.driver == "stale" or (
        view.stats_age is not None and view.stats_age > limits.stats_age
    )


def is_silent(view: VMView) -> bool:
    """Whether it tells nothing, or nobody knows when it told it."""
    return view.guest is None or view.stats_age is None or view.driver == "silent"


def wins_nothing(view: VMView, limits: Limits) -> bool:
    """Whether the host still holds what the balloon took, as where giving pages back does nothing:
    more machine memory than the guest has memory left, by what two windows may take.
    """
    kept = view.consumed - (view.size - view.ballooned)
    return kept > max(limits.kept, 2 * down(shrink_most(view, limits)) - PAGE_BYTES)


def shrink_most(view: VMView, limits: Limits) -> int:
    """Bytes that may be taken of a VM in any window."""
    return min(limits.shrink, int(limits.shrink_part * view.size))


def down(size: int) -> int:
    """Whole pages, no more than this."""
    return size // PAGE_BYTES * PAGE_BYTES


def why_not(view: VMView, limits: Limits) -> str:
    """The rule by which its balloon may take no more, whatever its driver does; "" if it may."""
    if is_stale(view, limits):
        return "stale"
    if limits.must_tell and is_silent(view):
        return "silent"
    return "gain" if wins_nothing(view, limits) else ""
