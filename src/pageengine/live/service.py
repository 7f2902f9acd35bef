"""The governor as a service: a step each period until it is told to end, its config read again on
SIGHUP, systemd told that it lives, and guests left at the end as agreed.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from pageengine.errors import LiveError
from pageengine.live.config import read_config
from pageengine.live.governor import Governor, Step
from pageengine.live.lock import Lock
from pageengine.live.notify import notify
from pageengine.live.release import Released
from pageengine.plumbing import given

T = TypeVar("T")

ENDS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Service:
    """governor: what is run. told: called with each step. say: called with what else is to be said,
    in a line.
    """

    def __init__(
        self, governor: Governor, told: Callable[[Step], object], say: Callable[[str], object]
    ):
        self._governor, self._told, self._say = governor, told, say
        self._end = asyncio.Event()
        self._reload = False
        self.ended_by: int | None = None
        self.released: list[Released] = []

    async def run(self, steps: int | None = None) -> None:
        """Steps until a signal comes, or so many of them; then guests are left as agreed. Raises
        LiveError: this host is governed by somebody else, or cannot be read; or the config cannot
        work here, and nothing was touched.
        """
        governor = self._governor
        lock = (
            Lock(governor.config.lock, f"governs by {governor.config.path}")
            if (governor.enforce)
            else None
        )
        try:
            await governor.begin()
        except BaseException:
            await governor.close()
            if lock is not None:
                lock.release()
            raise
        loop = asyncio.get_running_loop()
        for number in ENDS:
            loop.add_signal_handler(number, self._hear, number)
        try:
            await self._steps(steps)
        finally:
            notify("STOPPING=1")
            try:
                self.released = await _alive(governor.release())
            finally:
                for number in ENDS:
                    loop.remove_signal_handler(number)
                await governor.close()
                if lock is not None:
                    lock.release()

    async def _steps(self, steps: int | None) -> None:
        governor, loop, done = self._governor, asyncio.get_running_loop(), 0
        await self._let_go_strangers()
        while not self._end.is_set():
            begun = loop.time()
            if self._reload:
                await self._read_again()
            self._told(await governor.step())
            done += 1
            notify("READY=1\nWATCHDOG=1" if done == 1 else "WATCHDOG=1")
            if steps is not None and done >= steps:
                return
            await self._wait(begun + governor.config.period - loop.time())

    async def _wait(self, seconds: float) -> None:
        """Until it is time, or there is something to do; systemd hears of us meanwhile."""
        loop = asyncio.get_running_loop()
        until, alive = loop.time() + seconds, _watchdog()
        while (left := until - loop.time()) > 1e-3 and not self._end.is_set() and not self._reload:
            try:
                await asyncio.wait_for(self._end.wait(), min(left, alive, 1.0))
            except TimeoutError:
                notify("WATCHDOG=1")

    async def _let_go_strangers(self) -> None:
        """Guests that a governor before us changed, and that our file does not name there."""
        governor = self._governor
        strangers = governor.dropped(governor.config)
        if not governor.enforce or not strangers:
            return
        for done in await _alive(governor.release(strangers)):
            self._say(told(done))

    async def _read_again(self) -> None:
        self._reload = False
        governor = self._governor
        notify("RELOADING=1")
        try:
            config = read_config(governor.config.path)
            governor.check(config)
            for done in await _alive(governor.release(governor.dropped(config))):
                self._say(told(done))
            governor.reload(config)
        except (LiveError, ValueError, OSError) as error:
            self._say(f"the file before stays in force: {error}")
        else:
            self._say(f"{config.path} was read again: {given.listed(config.guests)}")
        notify("READY=1")

    def _hear(self, number: int) -> None:
        if number == signal.SIGHUP:
            self._reload = True
        else:
            self.ended_by = number
            self._end.set()


async def _alive(work: Coroutine[Any, Any, T]) -> T:
    """What it comes to; systemd hears of us meanwhile."""
    task = asyncio.ensure_future(work)
    while not task.done():
        await asyncio.wait({task}, timeout=min(1.0, _watchdog()))
        notify("WATCHDOG=1")
    return task.result()


def told(done: Released) -> str:
    """What became of one guest, as a line."""
    return f"{done.vm}: {done.state}{': ' + done.why if done.why else ''}"


def _watchdog(environment: Mapping[str, str] = os.environ) -> float:
    """Seconds after which systemd should hear of us: half of what it waits."""
    said = environment.get("WATCHDOG_USEC", "")
    return int(said) / 2e6 if said.isdecimal() and int(said) else 1.0
