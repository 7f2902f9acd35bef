"""What each of several policies would have done with the decisions of an audit log, counted: how
often it would have taken memory, how much and of whom, and how often the guard would have changed
what it said.
"""

from __future__ import annotations

from collections import Counter

from pageengine.live.backend import PAGED_OUT
from pageengine.live.replay import Compared
from pageengine.plumbing.frozen import Frozen
from pageengine.policy.base import Plan, VMView


class Take(Frozen):
    """What one decision takes of one VM.

    Attributes:
        vm: [text] whose
        wanted: [bytes] by which the policy would have its balloon hold more than it does
        allowed: [bytes] the same after the guard
        paged_out: [bytes] that would be paged out, after the guard
        given_back: [bytes] by which its balloon would hold less than it does, after the guard
    """

    vm: str
    wanted: int = 0
    allowed: int = 0
    paged_out: int = 0
    given_back: int = 0

    @property
    def nothing(self) -> bool:
        """Whether it stays as it is."""
        return not (self.wanted or self.allowed or self.paged_out or self.given_back)


def takes(compared: Compared) -> list[Take]:
    """Of one decision, VM by VM; none where the policy failed."""
    if compared.other is None or compared.wanted is None:
        return []
    found = []
    for view in compared.snapshot.vms:
        wanted, allowed = _target(compared.wanted, view), _target(compared.other, view)
        plan = compared.other.vms.get(view.name)
        found.append(
            Take(
                view.name,
                max(0, wanted - view.ballooned),
                max(0, allowed - view.ballooned),
                int(plan.reclaim) if plan is not None and plan.technique in PAGED_OUT else 0,
                max(0, view.ballooned - allowed),
            )
        )
    return found


class Tally:
    """Of one policy: ``add`` each decision."""

    def __init__(self) -> None:
        self.decisions = self.failed = self.differ = self.takes = self.clipped = 0
        self.why: Counter[str] = Counter()
        self.rules: Counter[str] = Counter()
        self._sums: dict[str, Counter[str]] = {}

    def add(self, compared: Compared) -> list[Take]:
        """Counts one decision; what it takes."""
        if compared.other is None:
            self.failed += 1
            self.why[compared.why] += 1
            return []
        self.decisions += 1
        self.differ += bool(compared.differences())
        self.clipped += bool(compared.clips)
        self.rules.update(clip.rule for clip in compared.clips)
        found = takes(compared)
        self.takes += any(each.wanted or each.paged_out for each in found)
        for each in found:
            sums = self._sums.setdefault(each.vm, Counter())
            for what in ("wanted", "allowed", "paged_out", "given_back"):
                sums[what] += getattr(each, what)
        return found

    @property
    def vms(self) -> dict[str, Take]:
        """Of each VM the mean over all decisions."""
        count = max(1, self.decisions)
        return {
            name: Take(name, **{what: round(total / count) for what, total in sums.items()})
            for name, sums in self._sums.items()
        }


def _target(plan: Plan, view: VMView) -> int:
    said = plan.vms.get(view.name)
    return view.balloon_target if said is None or said.balloon is None else int(said.balloon)
