"""Watch: all guests of a host looked at side by side, so that one that hangs costs the others
nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar

from pageengine.errors import LiveError
from pageengine.live.guests import Gone, Leaving, LiveGuest, open_guest
from pageengine.live.readings import GuestReading, HostReading
from pageengine.live.settings import GuestSettings
from pageengine.live.sources import HostReader
from pageengine.live.sources.process import is_alive
from pageengine.plumbing import given
from pageengine.plumbing.frozen import Frozen, fresh

T = TypeVar("T")

#: what a guest can be to the watch, and what that means.
STATES = {
    "absent": "nobody is there: no process, no domain, no socket; it holds no memory",
    "connecting": "not looked at yet, or somebody is there who has not answered yet",
    "known": "it answered this look",
    "mute": "it was known and did not answer this look; it holds what it held",
    "leaving": "it is shutting down or has migrated away; it holds what it held",
}
BACKOFF_MOST = 60.0  # seconds between two attempts to reach a guest; the first wait is 1 s


class Seen(Frozen):
    """What one look saw.

    Attributes:
        host: [HostReading] the host
        guests: [GuestReading by name] those that answered since the look before this
        states: [text by name] of each guest that is watched, one of STATES
        why: [text by name] of those that did not answer, what is wrong and what would be right
    """

    host: HostReading
    guests: Mapping[str, GuestReading] = fresh(factory=dict)
    states: Mapping[str, str] = fresh(factory=dict)
    why: Mapping[str, str] = fresh(factory=dict)


class Watch:
    """Looks at the guests of a host.

        watch = Watch([GuestSettings(name="web", kind="qemu", at="/run/vms/web.qmp")])
        seen = await watch.look(0.2)

    settings: the guests. host: reads the host; the kernel's files unless given. guest_of: makes
    what speaks to a guest. clock: seconds that never go back, the event loop's own in tests.
    patience: seconds after which a look at a guest is given up; it is longer than the deadline of
    ``look``, so that a slow guest is known late and not never.
    """

    def __init__(
        self,
        settings: Iterable[GuestSettings] = (),
        *,
        host: Callable[[], HostReading] | None = None,
        guest_of: Callable[[GuestSettings], LiveGuest] = open_guest,
        clock: Callable[[], float] = time.monotonic,
        patience: float = 10.0,
    ):
        self._clock = clock
        self._host = host or HostReader(clock=clock).read
        self._guest_of = guest_of
        self._patience = given.real(patience, "patience", 1e-3, 1e9)
        self._watched: dict[str, _Watched] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self.set_guests(settings)

    @property
    def settings(self) -> Mapping[str, GuestSettings]:
        """What is watched, by name, in the order it was given."""
        return {name: watched.settings for name, watched in self._watched.items()}

    def set_guests(self, settings: Iterable[GuestSettings]) -> None:
        """These are watched from now on, and no others. One that is where it was keeps its
        connection. Raises what ``check`` does; then nothing changes.
        """
        settings = list(settings)
        wanted, asked = self.check(settings), {one.name: one for one in settings}
        for name, before in self._watched.items():
            if wanted.get(name) is not before:
                self._let_go(before)
        for name, watched in wanted.items():
            watched.settings = asked[name]
        self._watched = wanted

    def check(self, settings: Iterable[GuestSettings]) -> dict[str, _Watched]:
        """What would be watched, by name; nothing changes. ValueError: two of one name, or a kind
        that there is not; LiveError: what it needs is not installed.
        """
        wanted: dict[str, _Watched] = {}
        for one in settings:
            if one.name in wanted:
                raise ValueError(f"two guests are called {one.name!r}: each needs its own name")
            before = self._watched.get(one.name)
            if before is None or before.place != _place(one):
                wanted[one.name] = _Watched(one, self._guest_of(one))
            else:
                wanted[one.name] = before
        return wanted

    async def look(self, deadline: float) -> Seen:
        """Reads each guest at once, and then the host, so that what a guest was seen to have grown
        by is not free any more. Waits for those that answered in time when they were looked at
        last, and for those that were never tried, but no longer than ``deadline`` seconds; the
        others are looked at beside it, and what they answer is seen by the next look.
        """
        waited = set()
        for watched in self._watched.values():
            hopeful = not watched.tried or (watched.state == "known" and watched.took <= deadline)
            if watched.task is None and self._clock() >= watched.again:
                watched.task = asyncio.create_task(self._read(watched))
            if hopeful and watched.task is not None:
                waited.add(watched.task)
        if waited:
            await asyncio.wait(waited, timeout=deadline)
        else:
            await asyncio.sleep(0)
        guests = {}
        for name, watched in self._watched.items():
            if (reading := watched.taken()) is not None:
                guests[name] = reading
            elif watched.state == "known" or not watched.tried:
                watched.missed(f"no answer within {deadline:g} s")
        states = {name: watched.state for name, watched in self._watched.items()}
        why = {name: watched.why for name, watched in self._watched.items() if watched.why}
        return Seen(host=self._host(), guests=guests, states=states, why=why)

    def guest(self, name: str) -> LiveGuest:
        """What speaks to this guest. LiveError: it is not watched."""
        return self._named(name).guest

    async def do(self, name: str, call: Callable[[LiveGuest], Awaitable[T]], deadline: float) -> T:
        """One call of one guest: ``await watch.do("web", lambda g: g.set_balloon(0), 1.0)``.
        LiveError: it is not watched, refused, or did not answer within ``deadline`` seconds; then
        nobody knows whether it was done, and the guest is spoken to anew. Nothing is sent to one
        that was not looked at since: somebody else may be there.
        """
        watched = self._named(name)
        guest = watched.guest
        if watched.looked_at is not guest:
            raise LiveError(f"guest {name!r}: nothing was sent before it is looked at again")
        try:
            return await _within(call(guest), deadline)
        except TimeoutError:
            self._failed(watched, guest, f"no answer within {deadline:g} s to an order")
            raise LiveError(
                f"guest {name!r}: no answer within {deadline:g} s; whether the order was carried "
                "out is not known before it is looked at again"
            ) from None
        except OSError as error:
            raise LiveError(f"guest {name!r}: {error}") from error

    async def close(self) -> None:
        """Lets all guests go as they are."""
        for watched in self._watched.values():
            self._let_go(watched)
        self._watched = {}
        if self._closing:
            await asyncio.wait(self._closing, timeout=1.0)

    def _named(self, name: str) -> _Watched:
        if name not in self._watched:
            raise LiveError(given.unknown("guest", name, self._watched))
        return self._watched[name]

    async def _read(self, watched: _Watched) -> None:
        guest, started = watched.guest, self._clock()
        try:
            reading = await _within(guest.look(), self._patience)
            watched.same(reading)
            watched.took, watched.looked_at = self._clock() - started, guest
        except TimeoutError:
            self._failed(watched, guest, f"no answer within {self._patience:g} s")
        except Gone as error:
            # its socket may be gone while it runs on, and holds what it held
            state = "" if is_alive(watched.life) else "absent"
            self._failed(watched, guest, str(error), state)
        except Leaving as error:
            self._failed(watched, guest, str(error), "leaving")
        except (LiveError, OSError) as error:
            self._failed(watched, guest, str(error))
        except Exception as error:  # a fault of one guest's is no reason to lose sight of others
            self._failed(watched, guest, f"unforeseen: {type(error).__name__}: {error}")
        else:
            watched.answered(reading)
        finally:
            watched.task = None

    def _failed(self, watched: _Watched, guest: LiveGuest, why: str, state: str = "") -> None:
        """It is spoken to anew after a while, which grows with each failure."""
        if watched.guest is not guest:
            return  # that was done already
        watched.missed(why, state)
        watched.failures += 1
        wait = min(BACKOFF_MOST, 2.0 ** min(watched.failures - 1, 10))
        watched.again = self._clock() + wait
        self._close(guest)
        watched.guest = self._guest_of(watched.settings)
        watched.guest.learn_of(guest)  # else a reset meanwhile would be somebody else's doing
        if watched.task is not None and watched.task is not asyncio.current_task():
            watched.task.cancel()  # a look at what was closed

    def _let_go(self, watched: _Watched) -> None:
        if watched.task is not None:
            watched.task.cancel()
        self._close(watched.guest)

    def _close(self, guest: LiveGuest) -> None:
        try:
            asyncio.get_running_loop()
        except RuntimeError:  # nothing runs, so nothing was ever sent
            return
        task = asyncio.create_task(_closed(guest))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


class _Watched:
    """One guest, and how it went with it so far."""

    def __init__(self, settings: GuestSettings, guest: LiveGuest):
        self.settings = settings
        self.guest = guest
        self.place = _place(settings)
        self.looked_at: LiveGuest | None = None  # what has answered a look
        self.task: asyncio.Task[None] | None = None
        self.state = "connecting"
        self.why = "not looked at yet"
        self.tried = False
        self.took = 0.0  # seconds of the last look at it
        self.failures = 0
        self.again = float("-inf")
        self._known = False  # in this life
        self.life = ""
        self._reading: GuestReading | None = None

    def same(self, reading: GuestReading) -> None:
        """Raises Gone where a guest of one life only has ended, and somebody else is there now."""
        if getattr(self.guest, "one_life", False) and self.life not in ("", reading.life):
            raise Gone(f"{self.life} has ended, and {reading.life} is there in its place")

    def answered(self, reading: GuestReading) -> None:
        self.tried = self._known = True
        self.life = reading.life
        self.state, self.why, self.failures, self._reading = "known", "", 0, reading

    def missed(self, why: str, state: str = "") -> None:
        self.tried = True
        if state == "absent":
            self._known = False
        self.state = state or ("mute" if self._known else "connecting")
        self.why = why

    def taken(self) -> GuestReading | None:
        """What it answered since this was asked for last."""
        reading, self._reading = self._reading, None
        return reading


def _place(settings: GuestSettings) -> tuple[object, ...]:
    """What another connection is needed for when it changes."""
    return settings.kind, settings.at, settings.accessed_bits, settings.cgroup


async def _within(call: Awaitable[T], seconds: float) -> T:
    """TimeoutError after so long, even where the call takes no notice of being cancelled."""
    task = asyncio.ensure_future(call)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if task.done():
            return task.result()
    finally:
        if not task.done():
            task.cancel()
        # whoever is cancelled beside it asks nobody what became of it
        task.add_done_callback(_ignore)
    raise TimeoutError


def _ignore(task: asyncio.Future[Any]) -> None:
    if not task.cancelled():
        task.exception()


async def _closed(guest: LiveGuest) -> None:
    try:
        await _within(guest.close(), 1.0)
    except Exception:  # it is let go of: what is wrong with it is nobody's concern any more
        return
