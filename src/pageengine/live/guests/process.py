"""Any process as a guest: no balloon and no statistics, but what it holds can be told, it can be
paged out, and it can be stopped.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from pageengine.errors import LiveError
from pageengine.live.guests import Gone
from pageengine.live.paging import PIECE, PageOut, reclaim_cgroup
from pageengine.live.readings import GuestReading
from pageengine.live.settings import GuestSettings
from pageengine.live.sources import Since, as_share, process
from pageengine.live.sources.files import PAGE
from pageengine.live.sources.pressure import read_pressure
from pageengine.live.worker import Worker
from pageengine.plumbing.frozen import Frozen


class HeldNow(Frozen):
    """What was read of the process behind a guest.

    Attributes:
        memory: [ProcessMemory] what it holds; None where it may not be looked into
        active: [bytes] of that, what was used since the last time; None where nobody asked
        stall: [share, 0 to 1] of the time since the last time, what its cgroup waited for memory
        swap_in_rate: [bytes per second] by its major faults, each of which brings a page or more
    """

    memory: process.ProcessMemory | None
    active: int | None
    stall: float | None
    swap_in_rate: float | None


class Held:
    """What is read of the process behind a guest, look after look, and paging it out.

    life: of the process. ranges: the addresses of it that are the guest's memory; all if none.
    """

    def __init__(self, settings: GuestSettings, life: str, root: Path = Path("/")):
        self.life = life
        self.pid = int(life.partition("@")[0])
        self.ranges: Sequence[process.Range] = ()
        self._settings = settings
        self._root = root
        self._since = Since()
        self._out = PageOut(life)
        self._forgotten = False

    def read(self, now: float) -> HeldNow:
        """What it holds. Blocks for as long as the kernel does."""
        found = process.read_process(self.pid, self.ranges, self._root)
        faults = process.major_faults(self.pid, self._root)
        waited, used = None, None
        if self._settings.cgroup:
            waited = read_pressure(self._root, self._settings.cgroup).some
        if self._settings.accessed_bits and found is not None:
            used = found.referenced if self._forgotten else None
            self._forgotten = process.forget_accessed(self.pid, self._root)
        return HeldNow(
            found,
            used,
            as_share(self._since.rate("stall", now, waited)),
            self._since.rate("in", now, None if faults is None else faults * PAGE),
        )

    async def page_out(self, memory: int, worker: Worker) -> int:
        """Up to so many bytes, a piece at a time, so that it can be given up between two."""
        won = 0
        if self._settings.cgroup:
            while won < memory:
                piece = min(memory - won, PIECE)
                got = await worker.run(partial(reclaim_cgroup, self._settings.cgroup, piece))
                won += got
                if got < piece // 2:
                    break
            return won
        ranges = await worker.run(self._can_go)
        for part in self._out.pieces(ranges):
            if won >= memory:
                break
            won += await worker.run(partial(self._out.page_out, part, memory - won))
        return won

    def _can_go(self) -> list[process.Range]:
        if self.ranges:
            found = process.ranges_within(self.pid, self.ranges, self._root)
        else:
            found = process.private_ranges(self.pid, self._root)
        if found is None:
            raise LiveError(
                f"process {self.pid} cannot be paged out: its memory may not be looked into, which "
                "takes CAP_SYS_PTRACE, or it has ended"
            )
        return found


class ProcessGuest:
    """``GuestSettings.at`` is the process's number. Its size is the most that it was seen to hold,
    in machine memory and swap space. Once it was looked at, a process that gets the same number
    later is not taken for it.
    """

    techniques = ("page-out", "pause")
    one_life = True

    def __init__(
        self,
        settings: GuestSettings,
        *,
        root: Path = Path("/"),
        clock: Callable[[], float] = time.monotonic,
    ):
        if not settings.at.isdecimal() or not 0 < int(settings.at) < 2**31:
            raise LiveError(
                f"guest {settings.name!r}: {settings.at!r} is not the number of a process"
            )
        self._settings = settings
        self._root = root
        self._clock = clock
        self._worker = Worker(f"guest {settings.name}")
        self._held: Held | None = None
        self._size = 0

    async def look(self) -> GuestReading:
        """What it holds now. Raises Gone: it has ended, or never was; LiveError: it may not be
        looked into.
        """
        held = self._same()
        now = self._clock()
        found = await self._worker.run(lambda: held.read(now))
        self._same()
        if (memory := found.memory) is None:
            raise LiveError(
                f"process {held.pid} may not be looked into: that takes being its owner or "
                "CAP_SYS_PTRACE"
            )
        self._size = max(self._size, memory.granted + memory.swapped)
        return GuestReading(
            time=now,
            life=held.life,
            size=self._size,
            resident=memory.resident,
            granted=memory.granted,
            shared=memory.shared,
            swapped=memory.swapped,
            active=found.active,
            busy="pause" if process.is_stopped(held.pid, self._root) else "",
            driver="none",
            stall=found.stall,
            swap_in_rate=found.swap_in_rate,
        )

    async def set_balloon(self, held: int) -> None:
        """Raises LiveError: no process has a balloon."""
        raise LiveError(f"guest {self._settings.name!r}: a process has no balloon; page it out")

    async def page_out(self, memory: int) -> int:
        """Pages up to so many bytes out; how many it were."""
        return await self._same().page_out(memory, self._worker)

    async def pause(self, paused: bool) -> None:
        """Stops it (SIGSTOP) or has it go on."""
        held = self._same()
        try:
            handle = os.pidfd_open(held.pid)
            try:
                self._same()  # the handle is of whoever has the number now
                signal.pidfd_send_signal(handle, signal.SIGSTOP if paused else signal.SIGCONT)
            finally:
                os.close(handle)
        except OSError as error:
            raise LiveError(f"process {held.pid} cannot be stopped: {error.strerror}") from error

    def learn_of(self, before: object) -> None:
        """Its calls may hang yet."""
        if isinstance(before, ProcessGuest):
            self._worker.follow(before._worker)

    async def close(self) -> None:
        """Its thread ends."""
        self._worker.close()

    def _same(self) -> Held:
        life = process.life_of(int(self._settings.at), self._root)
        if life is None:
            raise Gone(f"there is no process {self._settings.at}")
        if self._held is None:
            self._held = Held(self._settings, life, self._root)
        if self._held.life != life:
            raise Gone(f"process {self._settings.at} has ended; another one has its number now")
        return self._held
