"""QubesOS: every VM is to have 1.3 times what its guest uses, and all of memory is assigned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pageengine.plumbing import given
from pageengine.policy.ballooning import Ballooning, Sizes, free_of, kept, used_by
from pageengine.policy.base import Plan, Snapshot
from pageengine.policy.ladder import VMNumbers
from pageengine.policy.rounds import due_in
from pageengine.units import MIB

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pageengine.policy.ladder import Bytes

    Flags = NDArray[np.bool_]

CACHE_FACTOR = 1.3
LEAST = 200 * MIB
LESS_FOR_ROUNDING = 0.999
DONATES_FROM = 10 * MIB
MORE_THAN_ASKED = 1.05
RESERVE = 50 * MIB
RESERVE_TO_GIVE = 0.9  # of the reserve must stay free when something is given
SHORT, MISSING, TRANSFER = 15 * MIB, 15 * MIB, 150 * MIB
HOLDS_TOO_MUCH, HOLDS_LITTLE_MORE = 0.25, 0.5  # of the reserve, above the target
WAIT_SECONDS, PERIOD_SECONDS = 0.5, 1.0
# keys of the memo: since when somebody waits, what a VM was assigned then, who has not moved since
WAITS, THEN, STUCK = "qmemman_waits", "qmemman_then ", "qmemman_stuck "


class Domains(NamedTuple):
    """VMs that take part, int64 [n] of bytes: what each guest uses, is assigned, and may have at
    least and at most. boost: more that it should have than that (the original gives its own
    management domain 350 MiB).
    """

    used: Bytes
    assigned: Bytes
    least: Bytes
    most: Bytes
    boost: Bytes | int = 0


def preferred(d: Domains) -> Bytes:
    """What each should have, int64 [n] of bytes."""
    wish = np.minimum(d.used * CACHE_FACTOR + d.boost, d.most)
    found: Bytes = np.maximum(wish, d.least).astype(np.int64)
    return found


def balance(
    free: int, d: Domains, *, donates_from: int = DONATES_FROM, corrected: bool = False
) -> tuple[Bytes, Bytes]:
    """(which, targets): who is to be assigned how much, those that give first; the others stay.
    free: unassigned memory less the reserve, in bytes; it may be below 0.

    With enough for all, what is beyond their wishes goes by their wishes; what a VM cannot take is
    spread in equal parts over the others. Otherwise who has more than it wishes gives all of that,
    and the rest is shared by those that have less. That rest is ``free`` less what is given, as in
    the original, so that nobody gets anything before the next time; corrected: and what is given.
    """
    wish = preferred(d)
    beyond = free - int((wish - d.assigned).sum())
    if beyond > 0:
        targets = _with_enough(beyond, d, wish)
        order = np.argsort(targets >= d.assigned, kind="stable")
        return order, targets[order]
    above = d.assigned - wish
    donors = (above > 0) | (d.assigned >= d.most)
    gives = donors & (above >= donates_from)
    given_up = int(above[gives].sum())
    rest = free + given_up if corrected else free - given_up
    which, targets = np.flatnonzero(gives), wish[gives]
    if rest < 0 or donors.all():
        return which, targets
    takes = ~donors
    parts = wish[takes] / float(wish[takes].sum())
    more = (LESS_FOR_ROUNDING * (d.assigned[takes] + parts * rest)).astype(np.int64)
    return (
        np.concatenate([which, np.flatnonzero(takes)]),
        np.concatenate([targets, np.minimum(more, d.most[takes])]),
    )


def _with_enough(beyond: int, d: Domains, wish: Bytes) -> Bytes:
    """Targets where there is more than all wish for."""
    parts = wish / float(wish.sum())
    targets = (LESS_FOR_ROUNDING * (wish + parts * beyond)).astype(np.int64)
    full = targets > d.most
    left, takers = int((targets - d.most)[full].sum()), int((~full).sum())
    targets = np.minimum(targets, d.most)
    while left > 0 and takers > 0:
        bonus = int(LESS_FOR_ROUNDING * (left / takers))
        room = targets < d.most
        more = targets + bonus
        filled = room & (more >= d.most)
        left, takers = int((more - d.most)[filled].sum()), takers - int(filled.sum())
        targets = np.where(room, np.minimum(more, d.most), targets)
    return targets


def make_room(size: int, d: Domains) -> tuple[Bytes, Bytes]:
    """(which, targets) that free ``size`` bytes for a VM that is to start: who has more than it
    wishes gives by that, and a twentieth more than is asked. Nobody is named where all that they
    have is not enough, or nothing is missing.
    """
    above = d.assigned - preferred(d)
    gives = above > 0
    there = int(above[gives].sum())
    if not 0 < size <= there:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    taken = above[gives] * (size / there) * MORE_THAN_ASKED
    return np.flatnonzero(gives), (d.assigned[gives] - taken).astype(np.int64)


class _Look(NamedTuple):
    """What a decision goes by. d: of all VMs, nothing used by those whose guests do not tell.
    free: memory assigned to nobody. stuck: who is left out.
    """

    snapshot: Snapshot
    m: VMNumbers
    s: Sizes
    d: Domains
    free: int
    wish: Bytes
    stuck: Flags


class Qmemman(Ballooning):
    """qmemman of QubesOS: balances what VMs are assigned by what their guests use.

    Source: QubesOS qubes-core-admin, qubes/qmemman/algo.py and systemstate.py (2026); what the
    original answers to 280 cases is met to the byte. docs/policies.md has the whole rule.

    A VM should have 1.3 times what its guest uses, caches not counted, and at least 200 MiB.
    Assigned is the larger of what its balloon leaves it and what it was last told. Free is memory
    that is assigned to nobody; 50 MiB of it stay. With enough for all, the rest goes by wishes;
    else who has more than it wishes gives that up, and the others share. Nothing is done about
    little: free may be 15 MiB short, a VM 15 MiB under its wish, 150 MiB in all not moved. Those
    that give are told first; the others get what is free by then. Who has not moved half a second
    after somebody began to wait is left out until it has, or needs more than it is assigned.

    VMs without a driver, or whose guests tell nothing (or nothing new), are left as they are; what
    they may use counts as assigned. corrected: what is given up is shared out at once, and not only
    the next time. miniature: a factor for all amounts in bytes. scale: vm.watermark_scale_factor.
    """

    name = "qmemman"

    def __init__(self, corrected: bool = False, miniature: float = 1.0, scale: float = 10):
        super().__init__(miniature, scale)
        self.corrected = given.flag(corrected, "corrected")

    def __repr__(self) -> str:
        return f"Qmemman(corrected={self.corrected}, miniature={self.miniature})"

    def decide(self, snapshot: Snapshot) -> Plan:
        look = self._look(snapshot)
        which, targets = self._wanted(look)
        waits_since: Any = snapshot.memo.get(WAITS)
        told, memo, stuck = which[:0], dict[str, Any](), look.stuck
        if waits_since is not None or self._matters(look, which, targets):
            targets, waiting = self._given(look, which, targets, waits_since)
            told = which[: len(targets)]
            if waiting and waits_since is None:
                memo = {WAITS: snapshot.time}
                memo |= {THEN + look.m.names[i]: float(look.d.assigned[i]) for i in told.tolist()}
            elif waiting and due_in(snapshot, WAITS, WAIT_SECONDS):
                memo = kept(snapshot, (WAITS, THEN))
            elif waiting:
                stuck = stuck | self._not_moved(look)
        memo |= {STUCK + look.m.names[i]: 1.0 for i in np.flatnonzero(stuck).tolist()}
        sizes, chosen = look.s.told.copy(), np.zeros(len(look.m), bool)
        sizes[told], chosen[told] = targets[: len(told)], True
        again = WAIT_SECONDS if WAITS in memo else PERIOD_SECONDS
        return self.marks.plan(snapshot, look.m, look.s.balloons(sizes, chosen), again, memo)

    def room(self, snapshot: Snapshot, size: int) -> dict[str, int]:
        """Balloon targets in bytes, by name, that free ``size`` bytes (and the reserve) for a VM
        that is to start; empty where that is more than all have above their wishes.
        """
        look = self._look(snapshot)
        part, d = self._part(look)
        which, targets = make_room(size + self.amount(RESERVE) - look.free, d)
        sizes, chosen = look.s.told.copy(), np.zeros(len(look.m), bool)
        sizes[part[which]], chosen[part[which]] = targets, True
        balloons = zip(look.m.names, look.s.balloons(sizes, chosen).tolist(), strict=True)
        return {name: balloon for name, balloon in balloons if balloon is not None}

    def _look(self, snapshot: Snapshot) -> _Look:
        m = VMNumbers(snapshot.vms)
        s = Sizes(m)
        assigned = np.maximum(s.now, s.told)
        least = np.maximum(self.amount(LEAST), s.least)
        d = Domains(s.of_guests(used_by), assigned, least, s.most)
        wish = preferred(d)
        stuck = remembered(snapshot, m, STUCK) > 0
        stuck &= assigned > s.told + HOLDS_LITTLE_MORE * self.amount(RESERVE)
        stuck &= ~(s.tells & (assigned < wish))
        return _Look(snapshot, m, s, d, free_of(snapshot, s, assigned), wish, stuck)

    def _part(self, look: _Look) -> tuple[NDArray[np.intp], Domains]:
        """Who takes part, and what is known of them."""
        part = np.flatnonzero(look.s.tells & ~look.stuck)
        return part, Domains(*(column[part] for column in look.d[:4]))

    def _wanted(self, look: _Look) -> tuple[NDArray[np.intp], Bytes]:
        part, d = self._part(look)
        which, targets = balance(
            look.free - self.amount(RESERVE),
            d,
            donates_from=self.amount(DONATES_FROM),
            corrected=self.corrected,
        )
        return part[which], targets

    def _matters(self, look: _Look, which: NDArray[np.intp], targets: Bytes) -> bool:
        """Whether it is enough to do anything at all."""
        missing = self.amount(RESERVE) - look.free
        told, wish = look.s.told[which], look.wish[which]
        change = targets - told
        in_need = (told > 0) & (told < wish) & (change > self.amount(MISSING))
        moved = int(np.abs(change).sum()) + abs(missing)
        return bool(missing > self.amount(SHORT) or in_need.any() or moved > self.amount(TRANSFER))

    def _given(
        self, look: _Look, which: NDArray[np.intp], targets: Bytes, waits_since: float | None
    ) -> tuple[Bytes, bool]:
        """(targets of the first of ``which``, whether others wait): those that give, and those for
        whom there is enough. Who has waited gets what there is above the reserve.
        """
        reserve = self.amount(RESERVE)
        grown = np.maximum(0, targets - look.d.assigned[which])
        left = look.free - np.cumsum(grown)
        waits = np.flatnonzero((grown > 0) & (left < RESERVE_TO_GIVE * reserve))
        if not len(waits):
            return targets, False
        first = int(waits[0])
        there = int(left[first] + grown[first]) - reserve
        waited = waits_since is not None and not due_in(look.snapshot, WAITS, WAIT_SECONDS)
        if waited and there > 0:
            part = int(look.d.assigned[which[first]]) + there
            return np.append(targets[:first], part), True
        return targets[:first], True

    def _not_moved(self, look: _Look) -> Flags:
        """Who holds more than it was told, and just what it held when others began to wait."""
        as_then: Flags = remembered(look.snapshot, look.m, THEN) == look.d.assigned
        much = HOLDS_TOO_MUCH * self.amount(RESERVE)
        return as_then & (look.d.assigned > look.s.told + much)


def remembered(snapshot: Snapshot, m: VMNumbers, key: str) -> NDArray[np.float64]:
    """The numbers under ``key`` and a VM's name, float [n]; 0 where there is none."""
    memo: Any = snapshot.memo
    return np.array([memo.get(key + name, 0.0) for name in m.names], np.float64)
