"""Guests, a host and time that are made of numbers, for tests of what governs them: guests that
lie, hang, refuse, lag, disconnect, reboot and leave, on a clock that goes as fast as there is
nothing to wait for.
"""

from __future__ import annotations

import asyncio
import selectors

from pageengine.errors import LiveError
from pageengine.live.guests import Gone
from pageengine.live.readings import GuestReading, HostReading
from pageengine.live.settings import GuestSettings
from pageengine.live.sources.ksm import settable
from pageengine.policy.base import GuestView

MIB = 2**20


class Clock:
    """Seconds that go on when they are told to."""

    def __init__(self, now: float = 1000.0):
        self.now = now

    def __call__(self) -> float:
        return self.now


class FakeTime(asyncio.SelectorEventLoop):
    """An event loop in which waiting takes no time: when nothing else is to be done, its clock is
    at what comes next.
    """

    def __init__(self, clock: Clock):
        self._fake = clock
        super().__init__(_Selector(clock))

    def time(self) -> float:
        return self._fake.now


class _Selector(selectors.DefaultSelector):
    def __init__(self, clock: Clock):
        super().__init__()
        self._fake = clock

    def select(self, timeout=None):
        found = super().select(0)
        if not found:
            assert timeout is not None, "everybody waits for something that never comes"
            self._fake.now += max(0.0, timeout)
        return found


class FakeHost:
    """A host of ``memory`` bytes; what its guests hold, each in full, is what is not free.

    written: every call that changes something: (guest, what, value).
    """

    def __init__(self, memory: int, clock: Clock | None = None):
        self.memory = memory
        self.clock = clock or Clock()
        self.guests: dict[str, FakeGuest] = {}
        self.written: list[tuple[str, str, object]] = []
        self.pressure = 0.0
        self.others = 0
        self.knobs = {"run": "0", "pages_to_scan": "100"}
        self.scan_rate = 0.0
        self.read_only = False

    def add(self, name: str, size: int, **how) -> FakeGuest:
        self.guests[name] = FakeGuest(self, name, size, **how)
        return self.guests[name]

    @property
    def free(self) -> int:
        return self.memory - self.others - sum(guest.resident for guest in self.guests.values())

    def read(self) -> HostReading:
        free = max(0, self.free)
        return HostReading(
            time=self.clock(),
            memory=self.memory,
            free=free,
            available=free,
            swap_total=self.memory,
            swap_free=self.memory,
            pressure_some=self.pressure,
            pressure_full=0.0,
            scan_rate=self.scan_rate,
        )

    def settings(self, **of_all) -> dict[str, GuestSettings]:
        return {
            name: GuestSettings(name=name, kind="qemu", at=f"/run/{name}.qmp", **of_all)
            for name in self.guests
        }

    def speaker(self, settings: GuestSettings) -> Speaker:
        """What the watch speaks to."""
        return Speaker(self, settings.name)

    def run(self, seconds: float) -> None:
        """Time passes for the guests."""
        self.clock.now += seconds
        for guest in self.guests.values():
            guest.run(seconds)

    # KSM's knobs, as the governor has them

    def saved(self) -> dict[str, str]:
        return dict(self.knobs)

    def restore(self, saved) -> None:
        self._write("", "knobs", dict(saved))
        self.knobs = dict(saved)

    def set_scan_rate(self, rate: float) -> None:
        self._write("", "scan", rate)
        self.knobs = {"run": "1", "pages_to_scan": str(round(rate))}
        self.scan_rate = settable(rate)

    def _write(self, name, what, value) -> None:
        assert not self.read_only, f"a writing call: {name} {what} {value}"
        self.written.append((name, what, value))


class FakeGuest:
    """One guest: what it is, and what is wrong with it.

    used: bytes that its programs cannot do without. speed: bytes per second of its driver. sticks:
    its driver does not move. hangs: calls never answer. refuses: orders are refused. absent: nobody
    is there. tells: whether it makes statistics; frozen: it made the last ones long ago. lies: what
    it says that it has free, whatever is true. slow: seconds that a call takes.
    """

    def __init__(self, host: FakeHost, name: str, size: int, **how):
        self.host, self.name, self.size = host, name, size
        self.balloon = self.target = 0
        self.used = size // 4
        self.overhead = 0
        self.touched = size
        self.speed = 256 * MIB
        self.sticks = self.hangs = self.refuses = self.absent = self.paused = False
        self.tells, self.driver, self.busy, self.stall = True, "reporting", "", 0.0
        self.frozen: float | None = None
        self.lies: int | None = None
        self.slow = 0.0
        self.starts, self.resets = 1, 0
        self.faults = 10_000
        self.kept: int | None = None  # what its balloon held before a reset, until its driver runs
        self.told: list[int] = []
        self.shown = 0  # what its balloon held when it was looked at last
        vars(self).update(how)

    @property
    def process(self) -> str:
        return f"{self.name}@{self.starts}"

    @property
    def life(self) -> str:
        return f"{self.process}+{self.resets}" if self.resets else self.process

    @property
    def resident(self) -> int:
        return 0 if self.absent else min(self.touched, self.size - self.balloon)

    def run(self, seconds: float) -> None:
        """Its driver moves; its programs touch what they have."""
        self.faults += int(10 * seconds)
        self.kept = None
        step = 0 if self.sticks or self.paused else int(self.speed * seconds)
        self.balloon += max(-step, min(step, self.target - self.balloon))

    def reboot(self) -> None:
        """A reset inside QEMU, which keeps the target, and goes on telling what the balloon held
        until the new driver says that it holds nothing.
        """
        self.resets += 1
        self.faults = 100
        self.kept, self.balloon = self.balloon, 0

    def another(self) -> None:
        """Another process is there: nothing of what it was told is left."""
        self.starts, self.resets = self.starts + 1, 0
        self.balloon = self.target = 0
        self.kept, self.paused = None, False

    def moved_by_others(self, target: int) -> None:
        """Somebody else tells its driver."""
        self.target = target

    def reading(self) -> GuestReading:
        total = self.size - (self.balloon if self.kept is None else self.kept)
        free = max(0, total - self.used) if self.lies is None else min(self.lies, total)
        tells, now = self.tells and self.kept is None, self.host.clock()
        self.shown = self.balloon
        view = GuestView(total=total, free=free, available=free, stall=self.stall)
        return GuestReading(
            time=now,
            life=self.life,
            size=self.size,
            actual=total,
            resident=self.resident,
            granted=self.resident,
            shared=0,
            swapped=0,
            overhead=self.overhead,
            guest=view if tells else None,
            stats_age=(0.0 if self.frozen is None else now - self.frozen) if tells else None,
            busy="pause" if self.paused else "boot" if self.kept is not None else self.busy,
            driver=self.driver,
            faults=self.faults if tells else None,
        )


class Speaker:
    """What speaks to a fake guest, as LiveGuest."""

    techniques = ("balloon", "page-out", "pause")

    def __init__(self, host: FakeHost, name: str):
        self._host, self._name = host, name

    async def look(self) -> GuestReading:
        guest = await self._reached()
        return guest.reading()

    async def set_balloon(self, held: int) -> None:
        guest = await self._ordered("balloon", held)
        assert 0 <= held < guest.size, f"{self._name}: a balloon of {held}"
        guest.told.append(held)
        guest.target = held

    async def page_out(self, memory: int) -> int:
        guest = await self._ordered("page-out", memory)
        won = min(memory, max(0, guest.touched - guest.used))
        guest.touched -= won
        return won

    async def pause(self, paused: bool) -> None:
        guest = await self._ordered("pause", paused)
        guest.paused = paused

    def learn_of(self, before: object) -> None:
        pass

    async def close(self) -> None:
        pass

    async def _ordered(self, what: str, value: object) -> FakeGuest:
        guest = await self._reached()
        if guest.refuses:
            raise LiveError(f"{self._name} refuses")
        self._host._write(self._name, what, value)
        return guest

    async def _reached(self) -> FakeGuest:
        guest = self._host.guests.get(self._name)
        if guest is None or guest.absent:
            raise Gone(f"there is no {self._name}")
        if guest.hangs:
            await asyncio.sleep(1e6)
        if guest.slow:
            await asyncio.sleep(guest.slow)
        return guest
