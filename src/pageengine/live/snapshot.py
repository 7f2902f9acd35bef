"""What the watch saw, as a policy sees it: a pure function, and what has to be remembered of each
guest between two looks.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from pageengine.errors import LiveError
from pageengine.live.readings import GuestReading, HostReading
from pageengine.live.settings import GuestSettings
from pageengine.live.sources import process
from pageengine.live.watch import Seen
from pageengine.plumbing.frozen import Frozen
from pageengine.policy.base import Snapshot, VMView

#: bytes by which a balloon may be off its target and is there: drivers move whole batches of pages
NEAR = 1 << 20


class Remembered(Frozen):
    """What is remembered of one guest from look to look.

    Attributes:
        life: [text] of which life of it this is (GuestReading.life)
        reading: [GuestReading] the last one
        target: [bytes] the balloon's target that was sent last to this process, which keeps it when
            its guest is reset; None: none was
        moved: [seconds] of the host's reading's clock: when its balloon last was at its target, or
            came nearer to it than ever since it was sent
        nearest: [bytes] how near that was; None: nothing is known since it was sent
        blocked: [yes or no] whether it was paused by whoever sends the targets
        paged: [seconds] of the same clock: when paging out of it by order ended last; None: never
        others: [bytes each] least and most of the targets that may be in force in place of
            ``target``: nobody knows whether it arrived; none where it did
    """

    life: str
    reading: GuestReading
    target: int | None = None
    moved: float = 0.0
    nearest: int | None = None
    blocked: bool = False
    paged: float | None = None
    others: tuple[int, ...] = ()

    def sent(self, target: int, time: float) -> Remembered:
        """After its driver was told to come to hold ``target`` bytes."""
        if target == self.target and not self.others:
            return self
        nearest = _off(self.reading, target)
        return self.__replace__(target=target, moved=time, nearest=nearest, others=())

    def tried(self, target: int, time: float) -> Remembered:
        """After its driver was to be told, and nobody knows whether it was."""
        before = [*self.others, *([] if self.target is None else [self.target])]
        others = tuple(sorted({min(before), max(before)})) if before else ()
        return self.sent(target, time).__replace__(others=others)


def remember(last: Mapping[str, Remembered], seen: Seen) -> dict[str, Remembered]:
    """What is remembered after a look, of every guest that is there. What was known of one that is
    absent, or is another process now, is forgotten.
    """
    kept = {}
    for name, state in seen.states.items():
        before, reading = last.get(name), seen.guests.get(name)
        if reading is not None:
            kept[name] = _remembered(before, reading)
        elif before is not None and state != "absent":
            kept[name] = before
    return kept


def snapshot_of(
    seen: Seen,
    settings: Mapping[str, GuestSettings],
    memory: int | None,
    last: Mapping[str, Remembered],
    time: float,
    state: str,
    memo: Mapping[str, Any],
) -> Snapshot:
    """The snapshot of a real host.

    memory: bytes of machine memory that the guests may use, their overhead included; None: the
    host's. last: of ``remember`` after this look. time, state, memo: the controller's own.

    Free memory is what could be used without paging anything out, page cache of the host included,
    and no more than what is left of ``memory``. A guest that does not answer is there as it was
    last seen, its statistics older by now and its driver "stale"; one that was never known is not,
    and while there is one, all that the host uses counts as held by guests (``unknown``).
    What cannot be told is None where the snapshot has that; where it has not, a guest holds all
    that its balloon leaves it, and shares and swaps nothing. Raises LiveError: no memory given, and
    the host's cannot be read.
    """
    there = [
        (agreed, last[name], name in seen.guests)
        for name, agreed in settings.items()
        if name in last
    ]
    usable, free, told = _room(seen, settings, memory, last)
    host, now = seen.host, seen.host.time
    return Snapshot(
        memory=usable,
        free=free,
        swap_free=host.swap_free or 0,
        vms=tuple(_view(known, agreed, answered, now) for agreed, known, answered in there),
        time=time,
        state=state,
        memo=memo,
        available=free if told else None,
        pressure_some=host.pressure_some,
        pressure_full=host.pressure_full,
        swap_in_rate=host.swap_in_rate,
    )


def free_of(
    seen: Seen,
    settings: Mapping[str, GuestSettings],
    memory: int | None,
    last: Mapping[str, Remembered],
) -> int:
    """``Snapshot.free`` of the same, without the rest."""
    return _room(seen, settings, memory, last)[1]


def unknown(seen: Seen, settings: Collection[str], last: Collection[str]) -> list[str]:
    """Guests of which nobody can tell what they hold: they have never answered, and are not known
    to be absent.
    """
    return [
        name
        for name in settings
        if name not in last and seen.states.get(name, "absent") != "absent"
    ]


def _room(
    seen: Seen,
    settings: Collection[str],
    memory: int | None,
    last: Mapping[str, Remembered],
) -> tuple[int, int, bool]:
    """(bytes that guests may use, bytes that are free of them, whether the host tells that)."""
    host = seen.host
    readings = [last[name].reading for name in settings if name in last]
    usable = host.memory if memory is None else memory
    if usable is None:
        raise LiveError(
            "how much memory the host has cannot be read (MemTotal): it has to be given"
        )
    usable = max(0, usable - sum(reading.overhead or 0 for reading in readings))
    left = max(0, usable - sum(map(_consumed, readings)))
    unused = host.unused
    if unknown(seen, settings, last):  # who never answered may hold all that nobody else holds
        left = min(left, _beyond(host, usable))
    return usable, left if unused is None else min(left, unused), unused is not None


def _beyond(host: HostReading, usable: int) -> int:
    """What is left to guests if all that the host uses is theirs; nothing, if it does not tell."""
    if host.memory is None or host.unused is None:
        return 0
    return max(0, usable - (host.memory - host.unused))


def _consumed(reading: GuestReading) -> int:
    return _granted(reading) if reading.resident is None else reading.resident


def _granted(reading: GuestReading) -> int:
    return _left(reading) if reading.granted is None else min(reading.size, reading.granted)


def _left(reading: GuestReading) -> int:
    """What its balloon leaves it."""
    return reading.size - (reading.ballooned or 0)


def _view(known: Remembered, agreed: GuestSettings, answered: bool, now: float) -> VMView:
    reading = known.reading
    size = reading.size
    granted = _granted(reading)
    swapped = reading.swapped or 0
    ballooned = reading.ballooned or 0
    reservation = min(agreed.reservation, size)
    floor = min(agreed.floor or 0, size)
    age = reading.stats_age
    has_driver = reading.driver != "none" and reading.busy != "boot"
    return VMView(
        name=agreed.name,
        size=size,
        consumed=_consumed(reading),
        granted=granted,
        shared=min(granted, reading.shared or 0),
        swapped=swapped,
        compressed=0,
        ballooned=ballooned,
        mapped=min(size, granted + swapped),
        shares=agreed.shares,
        reservation=reservation,
        limit=size if agreed.limit is None else agreed.limit,
        blocked=known.blocked,
        overhead=reading.overhead or 0,
        active=reading.active,
        balloon_target=_in_force(known, ballooned),
        balloon_max=size - max(reservation, floor) if has_driver else 0,
        stall=reading.stall or 0.0,
        guest=reading.guest,
        stats_age=None if age is None else age + max(0.0, now - reading.time),
        progress_age=_progress_age(known, ballooned, now),
        floor=floor,
        busy=reading.busy,
        driver=reading.driver if answered or not has_driver else "stale",
        swap_in_rate=reading.swap_in_rate if answered else None,
    )


def _in_force(known: Remembered, ballooned: int) -> int:
    """The balloon's target; the least that it may be where nobody knows whether the last arrived:
    what limits count from, and what a guest may go back to.
    """
    return ballooned if known.target is None else min((known.target, *known.others))


def _progress_age(known: Remembered, ballooned: int, now: float) -> float | None:
    if known.reading.actual is None or known.others:
        return None  # where it goes is not known
    if known.target is None or abs(ballooned - known.target) <= NEAR:
        return 0.0
    return max(0.0, now - known.moved)


def _remembered(before: Remembered | None, reading: GuestReading) -> Remembered:
    if before is None or not process.is_same(before.life, reading.life):
        return Remembered(reading.life, reading, moved=reading.time)
    if before.life != reading.life:  # its driver begins anew, towards the target before
        return before.__replace__(
            life=reading.life, reading=reading, moved=reading.time, nearest=None
        )
    off = None if before.target is None else _off(reading, before.target)
    moved, nearest = before.moved, before.nearest
    if off is not None:
        if off <= NEAR or nearest is None or off < nearest:
            moved = reading.time
        nearest = off if nearest is None else min(off, nearest)
    return before.__replace__(reading=reading, moved=moved, nearest=nearest)


def _off(reading: GuestReading, target: int) -> int | None:
    """Bytes by which its balloon is off a target."""
    return None if reading.ballooned is None else abs(reading.ballooned - target)
