"""The ledger: what has been changed on this host, kept in the state file, always ahead of the
changes themselves; and what a governor that ended left in it, taken up again.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any

from pageengine.live.config import Config
from pageengine.live.elsewhere import Notes
from pageengine.live.hands import FAR, Hands
from pageengine.live.orders import Orders
from pageengine.live.readings import GuestReading
from pageengine.live.settings import GuestSettings
from pageengine.live.snapshot import Remembered
from pageengine.live.sources import process
from pageengine.live.state import GuestState, Saved, StateFile, boot_id
from pageengine.policy.base import Plan
from pageengine.policy.guard import remembered
from pageengine.units import format_size


class Ledger:
    """file: where it is kept. before: what was found there; of another start of the host it counts
    for nothing. knobs: KSM's as they are now, asked for before the first change. notes: by which
    governors of other configs find this file. boot: which start of the host this is.
    """

    def __init__(
        self,
        file: StateFile,
        before: Saved | None,
        clock: Callable[[], float],
        knobs: Callable[[], Mapping[str, str]],
        boot: str | None = None,
        notes: Notes | None = None,
    ):
        self._file, self._clock, self._read_knobs, self._notes = file, clock, knobs, notes
        self._boot = boot = boot_id() if boot is None else boot
        if before is None or not file.of_this_start(before, boot):
            before = Saved(boot=boot, clock=clock())
        self.saved = before
        self._strange = dict(before.guests)  # not seen since: whose target is to be taken up

    def time_at(self, clock: float) -> float:
        """What the controller's time would be at this moment, had the one before gone on. The same
        moment must be meant by both: a second more at each restart would shorten the windows of
        rate limits.
        """
        return self.saved.time + max(0.0, clock - self.saved.clock)

    def plan_for(self, policy: str) -> Plan:
        """What is to be known of the last plan of the governor before; another policy than this
        cannot read what that one noted, but for what the guard remembers.
        """
        if policy != self.saved.policy:
            return Plan(memo=remembered(self.saved.memo))
        return Plan(state=self.saved.state, memo=self.saved.memo)

    def agreed(self, config: Config, memory: int) -> None:
        """What the file says from now on of how guests are to be left."""
        self.saved = self.saved.__replace__(
            config=config.path,
            policy=config.policy,
            exit=config.exit,
            within=config.within,
            deadline=config.deadline,
            memory=config.memory,
            reserve=config.limits.kept_free(memory),
            lock=config.lock,
            hold=config.hold,
        )

    def begin(self) -> None:
        """The file is there from now on, so that its absence always means a wrong path. OSError: it
        cannot be written.
        """
        self._write(time=self.time_at(self._clock()))

    def check_others(
        self, settings: Iterable[GuestSettings], seen: Mapping[str, GuestReading]
    ) -> None:
        """Raises LiveError: a guest is still to be given back by another state file. seen: what was
        read of these guests.
        """
        if self._notes is not None:
            self._notes.check(
                settings, seen, lambda file, saved: file.of_this_start(saved, self._boot)
            )

    def take_up(self, name: str, known: Remembered, hands: Hands) -> Remembered:
        """A guest that is seen for the first time: with what the governor before had told it."""
        before = self._strange.pop(name, None)
        if before is None or not process.is_same(before.life, known.life):
            return known
        if before.hands_off is not None:
            hands.leave(name, before.hands_off, "somebody else had moved its balloon")
        elif why := _moved(before, known):
            until = self._clock() + hands.seconds
            hands.leave(name, until, why)
            entry = before.__replace__(hands_off=until)
            self.saved = self.saved.__replace__(guests={**self.saved.guests, name: entry})
        may_be = before.in_force
        others = may_be[-1:] if before.before is not None else ()
        return known.__replace__(
            target=may_be[0] if may_be else None, others=others, blocked=before.paused
        )

    def another(self, name: str, now: GuestSettings, life: str = "") -> str:
        """Somebody of this life, or nobody, is there now under this name. What was taken of another
        one before, where that may be running yet, is kept under a name of its own, to be given
        back; what to say about that, or "". OSError: the file cannot be written.
        """
        entry = self.saved.guests.get(name)
        if entry is None:
            return ""
        moved = (entry.settings.kind, entry.settings.at) != (now.kind, now.at)
        if process.is_same(entry.life, life):  # also by another socket of the same QEMU
            entry = entry.__replace__(settings=now)
            self.saved = self.saved.__replace__(guests={**self.saved.guests, name: entry})
            return ""
        self._strange.pop(name, None)
        # a domain of libvirt's that is found at its place has ended if another run of it is there
        if process.has_ended(entry.life) or not (moved or process.is_alive(entry.life)):
            self.forget(name)
            return ""
        own = f"{name} at {entry.settings.at}" if moved else f"{name} ({entry.life})"
        kept = entry.__replace__(settings=entry.settings.__replace__(name=own))
        rest = {key: each for key, each in self.saved.guests.items() if key != name}
        self._write(guests={**rest, own: kept}, clock=self.saved.clock, time=self.saved.time)
        return (
            f"{name}: another guest has this name now. What was taken of the one before is not "
            f"given back yet: it is kept as {own!r} ({_owes(entry)}); to give it back: pageengine "
            f"release {self._file.path}, when this governor has ended"
        )

    def owed(self, known: Container[str], states: Mapping[str, str]) -> int:
        """Bytes that guests who cannot be seen were told to take back and may be taking. known: of
        whom it is seen what they hold. states: of all that are watched.
        """
        return sum(
            entry.owed
            for name, entry in self.saved.guests.items()
            if name not in known and (states.get(name) != "absent" or process.is_alive(entry.life))
        )

    def lose_sight(self, name: str) -> None:
        """It is not watched any more: what is still to be undone of it stays to be undone."""
        if name in self.saved.guests:
            self._strange[name] = self.saved.guests[name]

    def forget(self, name: str) -> None:
        """It is gone, or another process is there: nothing of ours is left to undo."""
        if name in self.saved.guests:
            guests = {key: each for key, each in self.saved.guests.items() if key != name}
            self.saved = self.saved.__replace__(guests=guests)

    def ahead(
        self,
        orders: Orders,
        last: Mapping[str, Remembered],
        plan: Plan,
        moment: tuple[float, float],
        config: Config,
    ) -> None:
        """Writes what is about to be done. moment: the clock, and the controller's time by it.
        OSError: it could not be written, and so may not be done.
        """
        guests = dict(self.saved.guests)
        for name in orders.names:
            known = last[name]
            entry = guests.get(name)
            if entry is None or not process.is_same(entry.life, known.life):
                entry = GuestState(config.guests[name], known.life, _held(known))
            if (target := orders.balloon.get(name)) is not None:
                entry = entry.telling(target, _in_force(entry, known))
                entry = entry.__replace__(held=_held(known), faults=known.reading.faults)
            # until it is known that it goes on, it is to be let go on by whoever comes after
            guests[name] = entry.__replace__(paused=entry.paused or orders.pause.get(name, False))
        knobs = self.saved.knobs
        if orders.scan is not None and knobs is None:
            knobs = self._read_knobs()
        at = {"clock": moment[0], "time": moment[1]}
        self._write(guests=guests, knobs=knobs, state=plan.state, memo=dict(plan.memo), **at)

    def told(self, targets: Mapping[str, int], going: Iterable[str] = ()) -> None:
        """Drivers that have answered: this is in force. going: guests that were paused and go on.
        OSError: it could not be written.
        """
        guests = dict(self.saved.guests)
        for name in targets.keys() & guests.keys():
            guests[name] = guests[name].told(targets[name])
        for name in guests.keys() & set(going):
            guests[name] = guests[name].__replace__(paused=False)
        if guests != self.saved.guests:
            moment = self.saved.clock, self.saved.time
            self._write(guests=guests, clock=moment[0], time=moment[1])

    def hands_off(self, name: str, until: float) -> None:
        """Somebody else moves this guest: whoever comes after leaves it alone too."""
        entry = self.saved.guests.get(name)
        if entry is not None:
            entry = entry.__replace__(hands_off=until)
            self._write(guests={**self.saved.guests, name: entry}, time=self.time_at(self._clock()))

    def hands_on(self, name: str, known: Remembered | None) -> None:
        """It is governed again, from what others made of it."""
        entry = self.saved.guests.get(name)
        if entry is not None and known is not None:
            entry = entry.__replace__(
                initial=_held(known), target=None, before=None, most=None, hands_off=None
            )
            self.saved = self.saved.__replace__(guests={**self.saved.guests, name: entry})

    def giving_back(self, guests: Mapping[str, GuestState]) -> None:
        """What is to be undone yet while a release goes on. OSError: it could not be written."""
        self._write(guests=guests, time=self.time_at(self._clock()))

    def left(
        self, guests: Mapping[str, GuestState], knobs: Mapping[str, str] | None, *, done: bool
    ) -> None:
        """After a release: what is still not as it was. done: nobody goes on governing."""
        memo = {} if done and not guests else self.saved.memo
        time = self.time_at(self._clock())
        self._write(guests=guests, knobs=knobs, memo=memo, time=time)
        if done and not guests and knobs is None and self._notes is not None:
            self._notes.remove()

    def _write(self, **changes: Any) -> None:
        saved = self.saved.__replace__(**{"clock": self._clock(), **changes})
        if (saved.guests or saved.knobs is not None) and self._notes is not None:
            self._notes.leave()
        self._file.write(saved)
        self.saved = saved


def _owes(entry: GuestState) -> str:
    """What a guest was changed to."""
    told = "it was paused" if entry.paused else "nothing"
    if entry.in_force:
        told = f"its balloon was told to hold {format_size(max(entry.in_force))}"
    return f"{told}, {format_size(entry.initial)} at first"


def _held(known: Remembered) -> int:
    return known.reading.ballooned or 0


def _in_force(entry: GuestState, known: Remembered) -> list[int]:
    """What may be in force before the next target is sent."""
    in_doubt = entry.in_force if entry.before is not None else ()
    told = [] if known.target is None else [known.target]
    return [*told, *known.others, *in_doubt] or [_held(known)]


def _moved(before: GuestState, known: Remembered) -> str:
    """Whether it is where nobody of ours has sent it."""
    if before.target is None or known.reading.actual is None:
        return ""
    said = [before.initial, *before.in_force]
    low, high = min(said), max(said)
    faults, now = before.faults, known.reading.faults
    if known.reading.busy == "boot" or (faults is not None and now is not None and now < faults):
        low = 0  # it was reset since: its new driver begins at nothing
    held = _held(known)
    if low - FAR <= held <= high + FAR:
        return ""
    return (
        f"its balloon holds {format_size(held)}, which is not between what it held at first, "
        f"{format_size(before.initial)}, and what it was told, {format_size(before.target)}: "
        "somebody else has moved it"
    )
