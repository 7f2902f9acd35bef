"""xapi's squeezed: every VM at the same place between its least and its most memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pageengine.plumbing import given
from pageengine.policy.ballooning import Ballooning, Sizes, free_of, kept
from pageengine.policy.base import Plan, Snapshot
from pageengine.policy.ladder import VMNumbers
from pageengine.policy.rounds import due_in
from pageengine.units import MIB

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pageengine.policy.ladder import Bytes

    Flags = NDArray[np.bool_]

KIB = 1024
SLUSH = 64 * MIB
SLUSH_PART = 16  # of a small host, one part in so many
INACCURACY = 4096
STUCK_SECONDS = 5.0
STEP_SECONDS, CHECK_SECONDS = 1.0, 10.0
# keys of the memo: when all was done; who did not move then; of a VM that is not where it was told
# to be, what it has, since when it has not come nearer, and whether it is stuck
DONE, REFUSED, AWAY = "squeezed_done", "squeezed_refused ", "squeezed_away "


def place(least: Bytes, most: Bytes, freeable: Bytes, free: int, wanted: int) -> Bytes:
    """Sizes at which every VM is at the same place between its least and its most, and ``wanted``
    bytes are free; int64 [n] of bytes, in whole KiB from the least. freeable: what each gives up on
    its way there.
    """
    surplus = max(0, free + int(freeable.sum()) - wanted)
    span = np.maximum(0, most - least)
    whole = int(span.sum())
    gamma = min(1.0, surplus / whole) if whole else 0.0
    found: Bytes = least + (gamma * (span // KIB)).astype(np.int64) * KIB
    return found


class _Progress(NamedTuple):
    """Of every VM: which way it is to go (1 up, -1 down, 0 where it is there), since when it has
    not come nearer, whether it is stuck, and whether it was found so only now.
    """

    way: NDArray[np.int64]
    since: NDArray[np.float64]
    stuck: Flags
    newly: Flags


class Squeezed(Ballooning):
    """squeezed of XenServer and XCP-ng: a dynamic range for every VM, and all at the same place in
    it.

    Source: xapi-project xen-api, ocaml/squeezed (2026), whose own scenarios it passes.
    docs/policies.md has the whole rule.

    A VM's range is from what its driver can leave it (reservation and floor, where these are more)
    to its limit or size. Free is memory that no VM may fill without its balloon moving; ``slush``
    bytes of it are to stay (None: 64 MiB, or a sixteenth of a small host). What is free beyond that
    when all have given what they can fixes one place in all ranges. While anybody has to give, only
    those are told, and the others after that (two_phases). A driver misses its target by up to
    ``inaccuracy`` bytes, and what can be freed is counted with that (compensate). A VM that is not
    at its target and has not come nearer for 5 s is stuck and left out: it is told to be no larger
    than it is, so that it may still shrink. A step a second until all are there; 10 s later it
    begins anew, with stuck VMs too. Who was stuck then stands in the memo as
    ``squeezed_refused NAME``.

    No guest is asked for anything. miniature: a factor for the slush. scale:
    vm.watermark_scale_factor.
    """

    name = "squeezed"

    def __init__(
        self,
        slush: int | None = None,
        inaccuracy: int = INACCURACY,
        two_phases: bool = True,
        compensate: bool = True,
        miniature: float = 1.0,
        scale: float = 10,
    ):
        super().__init__(miniature, scale)
        self.slush = slush if slush is None else given.whole(slush, "slush")
        self.inaccuracy = given.whole(inaccuracy, "inaccuracy")
        self.two_phases = given.flag(two_phases, "two_phases")
        self.compensate = given.flag(compensate, "compensate")

    def __repr__(self) -> str:
        return f"Squeezed(slush={self.slush}, inaccuracy={self.inaccuracy})"

    def decide(self, snapshot: Snapshot) -> Plan:
        m = VMNumbers(snapshot.vms)
        if rest := due_in(snapshot, DONE, CHECK_SECONDS):
            return self.marks.plan(snapshot, m, None, rest, kept(snapshot, (DONE, REFUSED)))
        s = Sizes(m)
        progress = self._progress(snapshot, s)
        active = s.can & ~progress.stuck
        targets = s.told.copy()
        targets[active] = self._place(snapshot, s, active)
        gives = active & (targets < s.now - self.inaccuracy)
        chosen = gives if self.two_phases and gives.any() else active
        changed = bool((targets != s.told)[chosen].any())
        memo: dict[str, Any]
        if changed or (progress.way != 0)[active].any():
            again, memo = STEP_SECONDS, _remembered(m, s, progress)
        else:
            again, memo = CHECK_SECONDS, {DONE: snapshot.time}
            memo |= {REFUSED + m.names[i]: 1.0 for i in np.flatnonzero(progress.stuck).tolist()}
        ceiling = np.clip(np.minimum(s.told, s.now), s.least, s.most)
        targets = np.where(progress.newly, ceiling, targets)
        balloon = s.balloons(targets, (chosen & (targets != s.told)) | progress.newly)
        return self.marks.plan(snapshot, m, balloon, again, memo)

    def _place(self, snapshot: Snapshot, s: Sizes, active: Flags) -> Bytes:
        """Sizes of those that are active."""
        slack = 2 * self.inaccuracy if self.compensate else 0
        least, most, now = s.least[active], s.most[active], s.now[active]
        freeable = np.maximum(0, now - least - slack)
        slush = self.slush
        if slush is None:
            slush = min(self.amount(SLUSH), snapshot.memory // SLUSH_PART)
        return place(least, most, freeable, free_of(snapshot, s, s.now), slush)

    def _progress(self, snapshot: Snapshot, s: Sizes) -> _Progress:
        """What came of the last targets. What the snapshot does not know of a balloon's progress
        is known from one decision to the next.
        """
        memo: Any = snapshot.memo
        missing = s.told - s.now
        way = np.where(np.abs(missing) > self.inaccuracy, np.sign(missing), 0)
        first = (0.0, snapshot.time, 0.0)
        there = [(float(now), *first[1:]) for now in s.now.tolist()]
        then = [memo.get(AWAY + name, new) for name, new in zip(s.m.names, there, strict=True)]
        had, since, stood = np.array(then, np.float64).reshape(-1, 3).T
        nearer = (s.now - had) * way > 0
        since = np.where(nearer, snapshot.time, since)
        known = [vm.progress_age for vm in s.m.vms]
        age = np.array(
            [t if k is None else k for k, t in zip(known, snapshot.time - since, strict=True)]
        )
        late = (way != 0) & ~nearer & (age > STUCK_SECONDS)
        was = (stood > 0) & ~nearer
        stuck = s.can & (was | late)
        return _Progress(way, since, stuck, stuck & ~was)


def _remembered(m: VMNumbers, s: Sizes, progress: _Progress) -> dict[str, Any]:
    """The memo of those that are not where they were told to be, or stuck."""
    away = np.flatnonzero((progress.way != 0) | progress.stuck).tolist()
    now, since, stuck = s.now.tolist(), progress.since.tolist(), progress.stuck.tolist()
    return {AWAY + m.names[i]: (float(now[i]), since[i], float(stuck[i])) for i in away}
