"""What the guard must remember from one decision to the next: what limits over windows of time need
to know. It stands in the memo, under keys that begin with "guard.", so that whoever keeps the memo
over a restart keeps the limits with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pageengine.policy.base import Snapshot, VMView

Memo = Mapping[str, float | tuple[float, ...]]
Pairs = tuple[float, ...]  # time, number, time, number, ...

PREFIX = "guard."
TARGET, TAKEN, SWAP_IN = "guard.target ", "guard.taken ", "guard.swap_in "
_TARGET, _TAKEN, _SWAP_IN = TARGET.rstrip(), TAKEN.rstrip(), SWAP_IN.rstrip()
READ_AGAIN = 1.0  # seconds: a rate over less is noise


def remembered(memo: Memo) -> dict[str, float | tuple[float, ...]]:
    """The guard's part of a memo."""
    return {key: value for key, value in memo.items() if key.startswith(PREFIX)}


class History:
    """What the memo of a snapshot says, and what it is to say next.

    "guard.target NAME": (time, target) for each balloon target that was in force within the window
    and is below the present one: time is when it was seen last. "guard.taken NAME": (time, bytes)
    of what was to be reclaimed. "guard.swap_in NAME": time, counter of the guest's swap reads,
    bytes per second.
    """

    def __init__(self, snapshot: Snapshot, window: float):
        self._now, self._window = snapshot.time, window
        self._targets: dict[str, Pairs] = {}
        self._taken: dict[str, Pairs] = {}
        self._swap_in: dict[str, Any] = {}
        self.next: dict[str, float | tuple[float, ...]] = {}
        targets, taken, swap_in = self._targets, self._taken, self._swap_in
        for key, value in snapshot.memo.items():
            what, there, name = key.partition(" ")
            if not there:
                continue
            if what == _TARGET:
                targets[name] = self._within(value)
            elif what == _TAKEN:
                taken[name] = self._within(value)
            elif what == _SWAP_IN:
                swap_in[name] = value

    def _within(self, pairs: Any) -> Pairs:
        """Those of the window. A time that is still to come is one of another clock, and is now."""
        now, window = self._now, self._window
        if len(pairs) == 2:  # as most are
            return (min(pairs[0], now), pairs[1]) if now - pairs[0] <= window else ()
        kept: list[float] = []
        for time, number in zip(pairs[::2], pairs[1::2], strict=True):
            if now - time <= window:
                kept += (min(time, now), number)
        return tuple(kept)

    def least_target(self, view: VMView) -> float:
        """The least balloon target in force within the window, the present one included."""
        pairs = self._targets.get(view.name)
        return min(view.balloon_target, *pairs[1::2]) if pairs else view.balloon_target

    def taken(self, name: str) -> float:
        """Bytes that were to be reclaimed within the window."""
        pairs = self._taken.get(name)
        return sum(pairs[1::2]) if pairs else 0

    def swap_in_rate(self, view: VMView) -> float:
        """Bytes per second that the guest reads from its own swap space."""
        if view.guest is None or view.guest.swap_in is None:
            return 0.0
        counter, old = view.guest.swap_in, self._swap_in.get(view.name)
        if old is None or counter < old[1] or self._now < old[0]:
            new = (self._now, counter, 0.0)  # seen for the first time, or its guest booted anew
        elif self._now - old[0] < READ_AGAIN:
            new = tuple(old)
        else:
            new = (self._now, counter, (counter - old[1]) / (self._now - old[0]))
        self.next[SWAP_IN + view.name] = new
        return float(new[2])

    def carry(self, view: VMView, target: float, taken: float) -> None:
        """What this decision gave. Of past targets only those can matter later that are below it,
        or below the present one: an order may fail.
        """
        pairs = self._targets.get(view.name, ())
        if not pairs:
            if target > view.balloon_target:
                self.next[TARGET + view.name] = (self._now, view.balloon_target)
        else:
            seen = (*pairs, self._now, view.balloon_target)
            lower = _lowest_first(seen, max(target, view.balloon_target))
            if lower:
                self.next[TARGET + view.name] = lower
        before = self._taken.get(view.name, ())
        if taken > 0:
            if before and before[-2] == self._now:
                before, taken = before[:-2], taken + before[-1]
            before = (*before, self._now, taken)
        if before:
            self.next[TAKEN + view.name] = before

    def carry_absent(self, snapshot: Snapshot) -> None:
        """VMs that are not there now may be again before their windows are over."""
        there = {view.name for view in snapshot.vms}
        for prefix, kept in ((TARGET, self._targets), (TAKEN, self._taken)):
            for name, pairs in kept.items():
                if pairs and name not in there:
                    self.next[prefix + name] = pairs


def _lowest_first(pairs: Pairs, below: float) -> Pairs:
    """Targets in the order of time, without those that a later one, or ``below``, is as low as."""
    if len(pairs) == 4 and pairs[1] >= pairs[3]:  # as most are: the last is what is left
        return pairs[2:] if pairs[3] < below else ()
    kept: list[tuple[float, float]] = []
    for time, target in zip(pairs[::2], pairs[1::2], strict=True):
        while kept and kept[-1][1] >= target:
            kept.pop()
        if target < below and not (kept and kept[-1][0] == time):
            kept.append((time, target))
    return tuple(number for pair in kept for number in pair)
