"""Release: every guest goes where the exit mode says, one after another, and none of them at the
cost of the host: what the host cannot give is not given, and named.

Sizes may add up to more than there is, so that to give all of them everything at once would drive
the host into its swap space. So guests under pressure come first, and each gets no more than is
available on the host beyond the reserve, less what was promised to those before it and is not used
yet. What guests may use together (``memory``) is a limit of governing, and holds nothing back here.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import suppress

from pageengine.errors import LiveError
from pageengine.live.act import Knobs
from pageengine.live.readings import GuestReading
from pageengine.live.settings import GuestSettings
from pageengine.live.snapshot import NEAR, Remembered, free_of, remember
from pageengine.live.sources.process import is_alive, is_same
from pageengine.live.state import GuestState, Saved
from pageengine.live.watch import Seen, Watch
from pageengine.plumbing.frozen import Frozen
from pageengine.units import format_size

PAUSE = 0.25  # seconds between two looks
PAGE = 4096


class Released(Frozen):
    """What became of one guest.

    Attributes:
        vm: [text] its name; "" for KSM
        state: [text] "released", "left" (as it is, as agreed), "gone", "hands off", "held back" (by
            the host's reserve, the hold file, or another governor, whose it is) or "no answer"
        held: [bytes] what its balloon holds now, as far as it is known
        goal: [bytes] what it should hold
        why: [text] what is wrong, and what would be right
    """

    vm: str
    state: str
    held: int | None = None
    goal: int | None = None
    why: str = ""

    @property
    def stays(self) -> bool:
        """Whether it is not where it should be."""
        return self.state in ("held back", "no answer")


class Releasing:
    """saved: what is to be undone. watch: has these guests among its own. knobs: KSM's. clock:
    seconds. exit: another mode than the file's. whose: "" for a guest that may be written to, or
    else who governs it now. ahead: called before a driver is told something, with what is to be
    undone yet if that is the last that is heard of this; OSError: it is told all the same.
    """

    def __init__(
        self,
        saved: Saved,
        watch: Watch,
        knobs: Knobs,
        clock: Callable[[], float],
        exit: str | None = None,
        whose: Callable[[GuestSettings], str] = lambda _: "",
        ahead: Callable[[Mapping[str, GuestState]], object] = lambda _: None,
    ):
        self._saved, self._watch, self._knobs, self._clock = saved, watch, knobs, clock
        self._mode, self._whose, self._ahead = exit or saved.exit, whose, ahead
        self._last: dict[str, Remembered] = {}
        self._open: dict[str, GuestState] = dict(saved.guests)
        self._entries: dict[str, GuestState] = dict(saved.guests)  # with what was told since
        self._granted: dict[str, tuple[int, int]] = {}  # growth, resident before
        self._sent: dict[str, int] = {}
        self._resumed: set[str] = set()
        self._short: set[str] = set()  # the host had not enough for them
        self._done: dict[str, Released] = {}
        self._why: dict[str, str] = {}
        #: KSM's knobs that are still to be set back; None: none are
        self.knobs_left = saved.knobs

    async def run(self) -> list[Released]:
        """Everything, within ``saved.within`` seconds."""
        until = self._clock() + self._saved.within
        if not self._held():
            while self._open:
                await self._round(until)
                if not self._open or self._clock() + PAUSE >= until or self._held():
                    break
                await asyncio.sleep(PAUSE)
        for name in list(self._open):
            self._end(name, self._unfinished(name))
        return [*(self._done[name] for name in self._saved.guests), *self._set_knobs()]

    def left(self) -> dict[str, GuestState]:
        """What is to be undone yet, or gone on from, for the state file."""
        return {
            name: entry.__replace__(
                paused=entry.paused and name not in self._resumed,
                held=self._holds(name) if self._is_it(name) else entry.held,
            )
            for name, entry in self._entries.items()
            if (done := self._done.get(name)) is None or done.stays or done.state == "left"
        }

    def _set_knobs(self) -> list[Released]:
        """KSM as it was; what keeps it from that."""
        if self._mode == "leave" or self.knobs_left is None:
            return []
        if self._held():
            return [Released("", "held back", why=f"KSM: {self._saved.hold} is there")]
        try:
            self._knobs.restore(self.knobs_left)
        except LiveError as error:
            return [Released("", "no answer", why=str(error))]
        self.knobs_left = None
        return []

    async def _round(self, until: float) -> None:
        seen = await self._watch.look(min(self._saved.deadline, max(0.1, until - self._clock())))
        self._last = remember(self._last, seen)
        self._why = {**seen.why}
        for name in list(self._open):
            self._settle(name, seen)
        todo = [name for name in self._open if name in seen.guests and self._is_it(name)]
        for name in todo:
            await self._resume(name)
        if self._mode == "leave":
            for name in todo:
                if name in self._resumed or not self._open[name].paused:
                    self._end(name, Released(name, "left", self._holds(name)))
            return
        shrink = [name for name in todo if self._goal(name) > self._holds(name)]
        await asyncio.gather(*(self._send(name, self._goal(name)) for name in shrink))
        grow = [name for name in todo if name not in shrink]
        for name in sorted(grow, key=self._need_of):
            await self._grow(name, seen)

    def _settle(self, name: str, seen: Seen) -> None:
        """Ends what has nothing to be waited for."""
        entry, known = self._open[name], self._last.get(name)
        if why := self._whose(entry.settings):
            self._end(name, Released(name, "held back", why=why))
        elif seen.states.get(name, "absent") == "absent":
            why = seen.why.get(name, "")
            if is_alive(entry.life):
                self._why[name] = f"its process runs ({entry.life}) and is not reached: {why}"
            else:
                self._end(name, Released(name, "gone", why=why))
        elif name not in seen.guests or known is None:
            return
        elif not self._is_it(name) and is_alive(entry.life):
            self._why[name] = f"its process runs ({entry.life}), and another is at its place"
        elif not self._is_it(name):
            why = "another life of it is there now, which was not changed from here"
            self._end(name, Released(name, "gone", why=why))
        elif entry.hands_off is not None and entry.hands_off > self._clock() and not entry.paused:
            why = "somebody else has moved its balloon"
            self._end(name, Released(name, "hands off", self._holds(name), why=why))
        elif self._mode != "leave" and self._is_there(name):
            self._end(name, Released(name, "released", self._holds(name), self._goal(name)))

    def _is_it(self, name: str) -> bool:
        """Whether who was seen there is the one that was changed."""
        known = self._last.get(name)
        return known is not None and is_same(known.life, self._saved.guests[name].life)

    def _is_there(self, name: str) -> bool:
        if self._open[name].paused and name not in self._resumed:
            return False
        goal = self._goal(name)
        # what the file says that it was told may never have been sent: it is told in any case
        told = self._open[name].target is None or self._sent.get(name) == goal
        return told and abs(self._holds(name) - goal) <= NEAR

    async def _resume(self, name: str) -> None:
        if self._open[name].paused and name not in self._resumed:
            try:
                await self._watch.do(name, lambda guest: guest.pause(False), self._saved.deadline)
            except LiveError as error:
                self._why[name] = str(error)
            else:
                self._resumed.add(name)

    async def _grow(self, name: str, seen: Seen) -> None:
        """Gives one guest back what it should have, as far as there is something to give."""
        goal, held = self._goal(name), self._holds(name)
        way, promised = self._way(name), self._promised()
        if self._entries[name].before is None:
            held = min(held, self._told(name))  # what is on its way was counted
        else:
            promised -= way  # it may be on its way: counted here
        growth = held - goal
        available, reserve = self._available(seen), self._saved.reserve
        room = max(0, available - reserve - promised) // PAGE * PAGE
        got = min(growth, room)
        if got < growth:
            self._why[name] = (
                f"{format_size(growth)} to give back; the host has {format_size(available)} "
                f"available, less its reserve of {format_size(reserve)} (reserve and reserve_part "
                f"in the config; release takes another by --reserve) and {format_size(promised)} "
                "promised to guests before: free memory, or move guests, and release again"
            )
        (self._short.add if got < growth else self._short.discard)(name)
        if growth <= 0:
            await self._send(name, goal)
        elif (got == growth or got > NEAR) and await self._send(name, held - got):
            before = self._granted.get(name, (way, self._resident(name)))
            self._granted[name] = before[0] + got, before[1]

    async def _send(self, name: str, target: int) -> bool:
        """Whether its driver was told."""
        if self._sent.get(name) == target or self._held():
            return False
        self._sent.pop(name, None)
        entry = self._entries[name]
        self._entries[name] = entry.telling(target, entry.in_force or (self._holds(name),))
        with suppress(OSError):  # what was taken is in the file; where it cannot be written to
            self._ahead(self.left())  # any more, that is no reason to give nothing back
        try:
            await self._watch.do(
                name, lambda guest: guest.set_balloon(target), self._saved.deadline
            )
        except LiveError as error:
            self._why[name] = str(error)
            return False
        self._sent[name] = target
        self._entries[name] = self._entries[name].told(target)
        return True

    def _available(self, seen: Seen) -> int:
        """Bytes that the host has available: its own, whatever guests may use while governed."""
        memory = self._saved.memory if seen.host.memory is None else None
        return free_of(seen, self._watch.settings, memory, self._last)

    def _promised(self) -> int:
        """Bytes that guests were given and do not use yet."""
        promised = 0
        for name in self._saved.guests.keys() & self._last.keys():
            growth, before = self._granted.get(name, (0, 0))
            unused = growth - max(0, self._resident(name) - before)
            promised += max(0, unused, self._way(name))
        return promised

    def _told(self, name: str) -> int:
        """The least that its driver may have been told last, here or by the governor before."""
        return min(self._entries[name].in_force, default=self._holds(name))

    def _way(self, name: str) -> int:
        """What its balloon is giving back and has not given yet."""
        return max(0, self._holds(name) - self._told(name))

    def _goal(self, name: str) -> int:
        size = self._reading(name).size
        return 0 if self._mode == "max" else min(self._open[name].initial, size)

    def _holds(self, name: str) -> int:
        return self._reading(name).ballooned or 0

    def _resident(self, name: str) -> int:
        reading = self._reading(name)
        left = reading.size - (reading.ballooned or 0)
        return left if reading.resident is None else reading.resident

    def _reading(self, name: str) -> GuestReading:
        return self._last[name].reading

    def _need_of(self, name: str) -> tuple[float, float, str]:
        """Guests that wait, then those with the least memory left, come first."""
        reading = self._reading(name)
        view = reading.guest
        waits = max(reading.stall or 0.0, (view.stall if view else None) or 0.0)
        left = 1.0 if view is None else (view.available or view.free) / max(1, view.total)
        return -waits, left, name

    def _held(self) -> bool:
        return bool(self._saved.hold) and os.path.lexists(self._saved.hold)

    def _unfinished(self, name: str) -> Released:
        if self._held():
            why = f"{self._saved.hold} is there: nothing is written until it is removed"
            return Released(name, "held back", why=why)
        known = self._last.get(name)
        why = self._why.get(name, "")
        if known is None or not self._is_it(name):
            return Released(name, "no answer", why=why or "it does not answer")
        held = self._holds(name)
        if self._mode == "leave":
            return Released(name, "no answer", held, why=why)
        goal = self._goal(name)
        if self._sent.get(name) == goal:
            why = f"its driver was told, and has not come there within {self._saved.within:g} s"
            return Released(name, "no answer", held, goal, why)
        state = "held back" if name in self._short else "no answer"
        return Released(name, state, held, goal, why)

    def _end(self, name: str, said: Released) -> None:
        del self._open[name]
        self._done[name] = said
