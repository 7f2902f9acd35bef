"""A domain of libvirt as a guest: all through libvirt, which has to know of every change; only what
its process holds is read beside it, where that is allowed.

A reset inside a domain is seen by the guest's own statistics, which are asked for in any case
(``Driver``), and not by libvirt's events: those are lost with their connection, and whoever was not
connected has heard none.

Looking needs no more than a read-only connection. Every call of the library may block for as long
as its daemon likes, so each guest makes its calls in a thread of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

from pageengine.errors import LiveError
from pageengine.live import names
from pageengine.live.driver import Driver
from pageengine.live.guests import Gone, Leaving
from pageengine.live.guests.ballooned import check_balloon, reading_of
from pageengine.live.guests.process import Held, HeldNow
from pageengine.live.readings import GuestReading
from pageengine.live.settings import GuestSettings
from pageengine.live.sources import files, process
from pageengine.live.worker import Worker

KIB = 1024
SYSTEM = "qemu:///system"
#: the folder of the numbers of its processes, below the root, of the daemon of SYSTEM. Domains of
#: other daemons and hosts may have the same names.
PIDS = "run/libvirt/qemu"
#: libvirt's virDomainState -> what it keeps the guest from being asked for memory by
BUSY = {3: "pause", 7: "pause"}
SHUTTING_DOWN, SHUT_OFF, CRASHED = 4, 5, 6


class _Domain(NamedTuple):
    """What libvirt said in one look."""

    state: int
    migrating: bool
    size: int
    told: dict[str, int]
    period: float
    has_balloon: bool
    life: str
    held: HeldNow | None


class LibvirtGuest:
    """``GuestSettings.at`` is "DOMAIN" or "DOMAIN@URI"; without one, qemu:///system."""

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
        self._name, _, uri = settings.at.partition("@")
        self._uri = uri or SYSTEM
        self._root = root
        self._clock = clock
        self._wall = wall
        self._worker = Worker(f"guest {settings.name}")
        self._library = _library()
        self._connections: dict[bool, Any] = {}
        self._driver = Driver()
        self._life, self._resets = "", 0
        self._run = ""  # which start of which domain was looked at
        self._held: Held | None = None

    async def look(self) -> GuestReading:
        """All that libvirt and the domain's process tell. Raises Gone, Leaving, LiveError."""
        now = self._clock()
        seen = await self._worker.run(lambda: self._look(now))
        if seen.state == SHUTTING_DOWN:
            raise Leaving(f"domain {self._name!r} is shutting down")
        if seen.state in (SHUT_OFF, CRASHED):
            raise Gone(f"domain {self._name!r} does not run: virsh start {self._name}")
        if seen.life != self._life:
            self._life, self._resets, self._driver = seen.life, 0, Driver()
        judged = self._driver.judge(
            seen.told,
            size=seen.size,
            wall=self._wall(),
            period=seen.period,
            up=process.age_of(self._held.pid, self._root) if self._held else None,
            there=None if seen.has_balloon else False,
        )
        self._resets += judged.anew
        busy = "migrate" if seen.migrating else BUSY.get(seen.state, "")
        return reading_of(
            time=now,
            life=f"{seen.life}+{self._resets}" if self._resets else seen.life,
            size=seen.size,
            told=seen.told,
            judged=judged,
            held=seen.held,
            busy=busy,
            unasked="" if seen.period or not seen.has_balloon else self._ask,
        )

    def learn_of(self, before: object) -> None:
        """Goes on with what was known of the domain's driver."""
        if isinstance(before, LibvirtGuest):
            self._worker.follow(before._worker)
            self._life, self._resets, self._driver = before._life, before._resets, before._driver

    @property
    def _ask(self) -> str:
        return f"virsh -c {self._uri} dommemstat {self._name} --period 2 --live"

    async def set_balloon(self, held: int) -> None:
        """Has the driver told to come to hold so many bytes."""

        def told(domain: Any) -> None:
            size = domain.info()[1] * KIB
            check_balloon(held, size)
            self._worker.check()
            domain.setMemoryFlags((size - held) // KIB, self._library.VIR_DOMAIN_AFFECT_LIVE)

        await self._change(told)

    async def page_out(self, memory: int) -> int:
        """Up to so many bytes of its memory; how many it were."""
        if self._held is None or not self._held.ranges:
            raise LiveError(f"domain {self._name!r}: where its memory is may not be looked at")
        return await self._held.page_out(memory, self._worker)

    async def pause(self, paused: bool) -> None:
        """Suspends the domain, or resumes it."""
        await self._change(lambda domain: getattr(domain, "suspend" if paused else "resume")())

    async def close(self) -> None:
        """Its thread closes the connections, when it can."""
        if self._connections:
            self._worker.leave(lambda: [one.close() for one in self._connections.values()])
        self._worker.close()

    async def _change(self, change: Callable[[Any], object]) -> None:
        """Changes the domain, if it is the one that was looked at, and somebody still wants it."""

        def safely() -> None:
            try:
                domain = self._domain(writing=True)
                if self._run not in ("", _run_of(domain)):
                    raise LiveError(f"domain {self._name!r} was started anew; nothing was changed")
                self._worker.check()
                change(domain)
            except self._library.libvirtError as error:
                raise self._said(error) from error

        await self._worker.run(safely)

    def _domain(self, writing: bool = False) -> Any:
        connection = self._connections.get(writing)
        if connection is None or not connection.isAlive():
            opened = self._library.open if writing else self._library.openReadOnly
            connection = self._connections[writing] = opened(self._uri)
        return connection.lookupByName(self._name)

    def _look(self, now: float) -> _Domain:
        try:
            domain = self._domain()
            state, size = domain.info()[0], domain.info()[1] * KIB
            if state in (SHUT_OFF, CRASHED, SHUTTING_DOWN):
                return _Domain(state, False, size, {}, 0.0, False, "", None)
            told = names.from_libvirt(domain.memoryStats())
            has_balloon, period = _balloon_of(domain.XMLDesc())
            self._run = _run_of(domain)
            life = self._life_of(domain, size)
            held = self._held.read(now) if self._held and self._held.ranges else None
            return _Domain(
                state, self._migrates(domain), size, told, period, has_balloon, life, held
            )
        except self._library.libvirtError as error:
            raise self._said(error) from error

    def _life_of(self, domain: Any, size: int) -> str:
        """Of its process where that can be told; else which start of which domain it is."""
        pid = None
        if self._uri.partition("?")[0] == SYSTEM:
            pid = files.number(self._root / PIDS / f"{self._name}.pid")
        life = process.life_of(pid, self._root) if pid else None
        if life is None:
            self._held = None
            return self._run
        if self._held is None or self._held.life != life:
            self._held = Held(self._settings, life, self._root)
            self._held.ranges = process.largest_run(self._held.pid, size, self._root)
        return life

    def _migrates(self, domain: Any) -> bool:
        try:
            job = domain.jobStats()
        except self._library.libvirtError:  # its driver has none
            return False
        known = vars(self._library)
        moving = {
            known.get(f"VIR_DOMAIN_JOB_OPERATION_MIGRATION_{way}") for way in ("IN", "OUT")
        } - {None}
        return job.get("type", 0) != 0 and job.get("operation") in moving

    def _said(self, error: Any) -> LiveError:
        said = f"domain {self._name!r} at {self._uri}: {error.get_error_message() or error}"
        if error.get_error_code() == self._library.VIR_ERR_NO_DOMAIN:
            return Gone(f"{said}; virsh -c {self._uri} list --all names those that there are")
        return LiveError(said)


def _run_of(domain: Any) -> str:
    return f"{domain.UUIDString()}#{domain.ID()}"


def _balloon_of(xml: str) -> tuple[bool, float]:
    """Of a domain's description: whether it has a balloon, and the period of its statistics."""
    try:
        balloon = ElementTree.fromstring(xml).find("devices/memballoon")
    except ElementTree.ParseError as error:
        raise LiveError(f"libvirt's description of the domain is no XML: {error}") from error
    if balloon is None or balloon.get("model") == "none":
        return False, 0.0
    stats = balloon.find("stats")
    return True, float(stats.get("period", "0")) if stats is not None else 0.0


def _library() -> Any:
    try:
        import libvirt
    except ImportError as error:
        raise LiveError(
            "domains are spoken to by libvirt's own package: apt install python3-libvirt, or "
            "pip install 'pageengine[libvirt]'"
        ) from error
    # what goes wrong is raised; the library would print it as well
    libvirt.registerErrorHandler(lambda context, error: None, None)
    return libvirt
