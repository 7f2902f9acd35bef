"""QEMU as a guest: its balloon and its statistics by a QMP socket, its memory by its process.

Looking asks, and sets nothing, not even how often statistics are made: where QEMU was started
without guest-stats-polling-interval they are missing until somebody sets it; ``unasked`` of a
reading is the command.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pageengine.errors import LiveError
from pageengine.live import names
from pageengine.live.driver import Driver
from pageengine.live.guests import Gone, Leaving
from pageengine.live.guests.ballooned import check_balloon, reading_of
from pageengine.live.guests.process import Held
from pageengine.live.qmp import Monitor, flag_of, mapping, mappings
from pageengine.live.readings import GuestReading
from pageengine.live.settings import GuestSettings
from pageengine.live.sources import process
from pageengine.live.worker import Worker
from pageengine.plumbing.frozen import Frozen

#: what QEMU says of its run state -> what it keeps the guest from being asked for memory by
BUSY = {
    "prelaunch": "boot",
    "inmigrate": "migrate",
    "finish-migrate": "migrate",
    "colo": "migrate",
    "save-vm": "save",
    "restore-vm": "save",
    "paused": "pause",
    "suspended": "pause",
    "debug": "pause",
    "io-error": "pause",
    "internal-error": "pause",
    "guest-panicked": "pause",
    "watchdog": "pause",
}
MIGRATING = {"setup", "active", "postcopy-active", "postcopy-paused", "pre-switchover", "device"}
RESIZING = {"DEVICE_ADDED", "DEVICE_DELETED", "MEMORY_DEVICE_SIZE_CHANGE", "RESET", "MIGRATION"}
#: what has a guest asked for statistics, as qmp-shell has it
ASK = "qom-set path={} property=guest-stats-polling-interval value=2"
_ADDRESS = re.compile(r"host virtual address .*? is (0x[0-9a-f]+)", re.I)


class Facts(Frozen):
    """How a QEMU was started, as far as it matters to whoever governs its memory.

    Attributes:
        device: [text] path of its balloon in QEMU's tree of objects; "" if it has none
        period: [seconds] between two statistics of its guest; 0: none are made
        deflate_on_oom: [yes or no] whether the guest takes the balloon's pages rather than kill
        report_free: [yes or no] whether the guest hands free blocks back
        merge: [yes or no] whether KSM may merge its memory
        shared: [yes or no] whether its memory is mapped as shared, which KSM leaves alone
        huge: [bytes] of its memory in huge pages now
        pid: [number] of its process; 0 where that cannot be told
    """

    device: str
    period: int
    deflate_on_oom: bool | None
    report_free: bool | None
    merge: bool | None
    shared: bool | None
    huge: int | None
    pid: int


class QemuGuest:
    """``GuestSettings.at`` is the path of a QMP socket that is nobody else's."""

    techniques = ("balloon", "page-out", "pause")

    def __init__(
        self,
        settings: GuestSettings,
        *,
        root: Path = Path("/"),
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ):
        self._settings = settings
        self._root = root
        self._clock = clock
        self._wall = wall
        self._worker = Worker(f"guest {settings.name}")
        self._monitor: Monitor | None = None
        self._opening = asyncio.Lock()
        self._held: Held | None = None
        self._driver, self._driver_of = Driver(), ""
        self._resets, self._heard, self._reset_at = 0, 0, float("-inf")
        self._device = ""
        self._asked_period: int | None = None
        self._size, self._actual = 0, 0

    async def look(self) -> GuestReading:
        """All that QEMU and its process tell. Raises Gone, Leaving, LiveError."""
        monitor = await self._connected()
        try:
            return await self._read(monitor)
        except LiveError:
            if self._held is not None and not process.is_alive(self._held.life, self._root):
                raise Gone(f"QEMU, process {self._held.pid}, has ended") from None
            raise

    async def set_balloon(self, held: int) -> None:
        """Has the driver told to come to hold so many bytes."""
        monitor = await self._connected()
        size = await self._sized(monitor)
        check_balloon(held, size)
        await monitor.execute("balloon", value=size - held)

    async def page_out(self, memory: int) -> int:
        """Up to so many bytes of its memory; how many it were."""
        await self._sized(await self._connected())
        if self._held is None or not self._held.ranges:
            raise LiveError(f"{self._settings.at}: where QEMU has its guest's memory is not known")
        return await self._held.page_out(memory, self._worker)

    async def pause(self, paused: bool) -> None:
        """Has QEMU stop the guest, or let it go on."""
        await (await self._connected()).execute("stop" if paused else "cont")

    async def facts(self) -> Facts:
        """How it was started."""
        monitor = await self._connected()
        await self._sized(monitor)
        device = await self._found_device(monitor)
        held, memory = self._held, None
        if held is not None and held.ranges:
            memory = await self._worker.run(
                lambda: process.read_process(held.pid, held.ranges, self._root)
            )
        backends = mappings(await monitor.asked("query-memdev"))
        return Facts(
            device=device,
            period=await self._period(monitor),
            deflate_on_oom=flag_of(await self._property(monitor, "deflate-on-oom")),
            report_free=flag_of(await self._property(monitor, "free-page-reporting")),
            merge=flag_of(await monitor.asked("qom-get", path="/machine", property="mem-merge")),
            shared=any(backend.get("share") for backend in backends) if backends else None,
            huge=None if memory is None else memory.huge,
            pid=monitor.pid,
        )

    def learn_of(self, before: object) -> None:
        """Goes on with what was known of the guest's driver, if it is the same QEMU's."""
        if isinstance(before, QemuGuest):
            self._worker.follow(before._worker)
            self._driver, self._driver_of = before._driver, before._driver_of
            self._resets, self._reset_at = before._resets, before._reset_at

    async def close(self) -> None:
        """Lets go of the socket and of the thread."""
        self._worker.close()
        if self._monitor is not None:
            await self._monitor.close()

    async def _connected(self) -> Monitor:
        async with self._opening:
            if self._monitor is None:
                monitor = Monitor(self._settings.at, self._worker)
                try:
                    await monitor.open()
                except BaseException:
                    await monitor.close()
                    raise
                self._monitor = monitor
                life = process.life_of(monitor.pid, self._root) if monitor.pid else None
                self._held = Held(self._settings, life, self._root) if life else None
                if (life or "") != self._driver_of:
                    self._driver, self._driver_of = Driver(), life or ""
                    self._resets, self._reset_at = 0, float("-inf")
            return self._monitor

    async def _read(self, monitor: Monitor) -> GuestReading:
        now, up = self._clock(), self._up(monitor)
        busy = await self._busy(monitor)
        size = await self._sized(monitor)
        told, period = {}, 0
        if await self._found_device(monitor):
            told = names.from_qemu(mapping(await monitor.execute("query-balloon")))
            if told.get("actual", 0) != self._actual:
                # what a balloon leaves is of the size, which may have changed without an event
                self._actual = told.get("actual", 0)
                size = await self._sized(monitor, doubted=True)
                await self._found_device(monitor)
            period = await self._period(monitor)
            told |= names.from_qemu(mapping(await self._property(monitor, "guest-stats")))
        there = None
        if "updated" not in told:
            there = await self._driver_runs(monitor) if self._device else False
        judged = self._driver.judge(
            told, size=size, wall=self._wall(), period=period, up=up, there=there
        )
        if judged.anew:
            self._resets, self._reset_at = self._resets + 1, now
        held, found = self._held, None
        if held is not None and held.ranges:
            found = await self._worker.run(lambda: held.read(now))
        return reading_of(
            time=now,
            life=self._life(),
            size=size,
            told=told,
            judged=judged,
            held=found if found and found.memory else None,
            busy=busy,
            unasked="" if period or not self._device else ASK.format(self._device),
        )

    def _life(self) -> str:
        life = self._held.life if self._held else f"socket {self._settings.at}"
        return f"{life}+{self._resets}" if self._resets else life

    def _up(self, monitor: Monitor) -> float | None:
        """Seconds since the guest began to boot. After a reset it has a driver anew."""
        if monitor.resets != self._heard:
            self._resets += monitor.resets - self._heard
            self._heard, self._reset_at = monitor.resets, self._clock()
            self._driver = Driver(reset=self._wall())
        age = process.age_of(monitor.pid, self._root) if monitor.pid else None
        since = self._clock() - self._reset_at
        return since if age is None and self._resets else age and min(age, since)

    async def _busy(self, monitor: Monitor) -> str:
        status = mapping(await monitor.execute("query-status")).get("status")
        if not isinstance(status, str):
            raise LiveError(f"{self._settings.at}: QEMU tells no status")
        if status in ("shutdown", "postmigrate"):
            raise Leaving(f"{self._settings.at}: QEMU says {status}: the guest is leaving")
        migration = mapping(await monitor.asked("query-migrate"))
        return "migrate" if migration.get("status") in MIGRATING else BUSY.get(status, "")

    async def _sized(self, monitor: Monitor, doubted: bool = False) -> int:
        """Bytes of the guest; it and where they are is asked again after whatever may change it."""
        changed = not self._size or bool(monitor.heard & RESIZING)
        if changed or doubted:
            monitor.heard -= RESIZING
            said = mapping(await monitor.execute("query-memory-size-summary"))
            sizes = [said.get("base-memory"), said.get("plugged-memory", 0)]
            if not all(isinstance(size, int) and 0 <= size < 2**60 for size in sizes):
                raise LiveError(f"{self._settings.at}: QEMU tells no size that can be: {said}")
            if not changed and sum(sizes) == self._size:
                return self._size
            self._device, self._asked_period = "", None
            if self._held is not None:
                self._held.ranges = await self._ranges(monitor, sizes[0])
            self._size = sum(sizes)
        return self._size

    async def _ranges(self, monitor: Monitor, base: int) -> list[process.Range]:
        """Where QEMU has the memory of its guest: what it was started with, and what was added."""
        found = []
        devices = mappings(await monitor.asked("query-memory-devices"))
        added = [mapping(device.get("data")) for device in devices]
        for at, size in [(0, base), *((d.get("addr"), d.get("size")) for d in added)]:
            asked = {"command-line": f"gpa2hva {at}"}
            said = _ADDRESS.search(str(await monitor.asked("human-monitor-command", **asked)))
            if said and isinstance(size, int):
                start = int(said[1], 16)
                found.append((start, start + size))
        if found and not process.maps_all(monitor.pid, found, self._root):
            return []  # who listens is not QEMU: with a proxy between, or a socket handed over
        return found or process.largest_run(monitor.pid, base, self._root)

    async def _found_device(self, monitor: Monitor) -> str:
        for where in ("/machine/peripheral", "/machine/peripheral-anon"):
            if not self._device:
                for one in mappings(await monitor.asked("qom-list", path=where)):
                    if str(one.get("type")).startswith("child<virtio-balloon"):
                        self._device = f"{where}/{one.get('name')}"
        return self._device

    async def _property(self, monitor: Monitor, name: str) -> Any:
        if not self._device:
            return None
        return await monitor.asked("qom-get", path=self._device, property=name)

    async def _period(self, monitor: Monitor) -> int:
        """Seconds between two statistics; asked again with the size, and after it was set."""
        if self._asked_period is None:
            said = await self._property(monitor, "guest-stats-polling-interval")
            self._asked_period = said if isinstance(said, int) and said >= 0 else 0
        return self._asked_period

    async def _driver_runs(self, monitor: Monitor) -> bool | None:
        """Whether the guest has a driver for its balloon; None: QEMU (before 7.2) cannot tell."""
        for path in (f"{self._device}/virtio-backend", self._device):
            said = await monitor.asked("x-query-virtio-status", path=path)
            if "status" in mapping(said):
                return "DRIVER_OK" in str(said["status"])
        return None
