"""One VM's balloon target on its way through the rules that look at that VM alone.

Everything goes by the target that was sent last. What the balloon holds by now says only what is
still to come: a guest whose balloon is on its way down to 0 must not have it held where it is.
"""

from __future__ import annotations

from pageengine.policy.base import VMPlan, VMView
from pageengine.policy.guard.clip import Clip
from pageengine.policy.guard.guest import (
    down,
    floor_of,
    is_stuck,
    shrink_most,
    under_pressure,
    why_not,
)
from pageengine.policy.guard.history import History
from pageengine.policy.guard.limits import Limits
from pageengine.units import PAGE_BYTES


class Balloon:
    """view: the VM. wanted: the target that the plan asks for, or the one sent last. target: what
    is left of that. floor: what it may hold by the floor. rests: it is left as it is. pressed: its
    guest is under pressure. What few balloons are asked for is made when it is asked for: most
    guests are quiet, and a host has thousands.
    """

    __slots__ = (
        "_limits",
        "_past",
        "_steps",
        "floor",
        "pressed",
        "rests",
        "sent",
        "target",
        "view",
        "wanted",
    )

    def __init__(self, view: VMView, wish: VMPlan | None, past: History, limits: Limits):
        self.view, self.sent = view, view.balloon_target
        said = wish.balloon if wish is not None else None
        self.wanted = self.target = self.sent if said is None else said
        self.floor = 0
        self.rests = self.pressed = False
        self._past, self._limits = past, limits
        self._steps: list[Clip] | None = None

    @property
    def stuck(self) -> bool:
        """Whether its driver does not move."""
        return is_stuck(self.view, self._limits)

    @property
    def most(self) -> int:
        """What it may be told to hold now; 0 where it may not grow."""
        if self.rests or self.stuck or why_not(self.view, self._limits):
            return 0
        return max(self.sent, min(self.floor, self.allowed(), self.view.balloon_max))

    def allowed(self) -> int:
        """What it may be told to hold by the rate."""
        view, past = self.view, self._past
        left = shrink_most(view, self._limits) - int(past.taken(view.name))
        return max(self.sent, down(int(past.least_target(view)) + left))

    def set_target(self, rule: str, target: int) -> None:
        """A rule gives another target."""
        if target == self.target:
            return
        step = Clip(self.view.name, rule, "balloon", float(self.target), float(target))
        if self._steps is None:
            self._steps = []
        self._steps.append(step)
        self.target = target

    def clips(self) -> list[Clip]:
        """What was changed, if in the end anything was."""
        return [] if self._steps is None or self.target == self.wanted else self._steps

    def given_back(self) -> int:
        """The least that the balloon is to hold by what was or is now sent: what is below its size
        is promised to the guest.
        """
        return min(self.view.ballooned, self.sent)


def settle(balloon: Balloon, past: History, limits: Limits) -> None:
    """The rules from "busy" to "rate"."""
    view, sent = balloon.view, balloon.sent
    pressed = under_pressure(view, past, limits)  # looked at always: it remembers
    if view.busy or view.driver == "none":
        balloon.rests = True
        balloon.set_target("busy" if view.busy else "driver", sent)
        return
    balloon.pressed = pressed
    balloon.floor = down(max(0, view.size - floor_of(view, limits)))
    least = 0 if view.limit >= view.size else min(sent, up(view.size - view.limit))
    if pressed:
        balloon.set_target("pressure", least)
    elif balloon.target > max(balloon.floor, least):
        # what it uses is not taken of it beyond its limit, and not given to it there either
        balloon.set_target("floor", max(balloon.floor, least))
    elif balloon.target < least:
        balloon.set_target("ceiling", least)
    if balloon.target > sent:
        if balloon.stuck:  # what was given and never taken may be withdrawn
            balloon.set_target("stuck", min(balloon.target, max(sent, view.ballooned)))
        if why := why_not(view, limits):
            balloon.set_target(why, sent)
        balloon.set_target("rate", min(balloon.target, balloon.allowed()))
    elif balloon.target < sent and balloon.stuck and not pressed:
        balloon.set_target("stuck", max(balloon.target, balloon.given_back()))


def up(size: int) -> int:
    """Whole pages, no less than this."""
    return -(-size // PAGE_BYTES) * PAGE_BYTES
