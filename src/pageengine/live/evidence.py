"""Evidence: all that findings are made from, gathered once. Nothing is changed by that."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pageengine.errors import LiveError
from pageengine.live import holders
from pageengine.live.readings import GuestReading, HostReading
from pageengine.live.settings import GuestSettings
from pageengine.live.sources import process
from pageengine.live.sources.ksm import Ksm, read_ksm
from pageengine.live.sources.mappings import Mapped, read_mapped
from pageengine.live.sources.pressure import counts_memory
from pageengine.live.sources.swap import SwapArea, read_swaps
from pageengine.live.watch import Watch
from pageengine.plumbing.frozen import Frozen

_PATIENCE = 3.0  # seconds that a guest may take to answer


class Running(Frozen):
    """A process of the host.

    Attributes:
        pid: [number] of it
        name: [text] of its program
        command: [text each] its command line
    """

    pid: int
    name: str
    command: tuple[str, ...] = ()


class GuestEvidence(Frozen):
    """What is known of one guest.

    Attributes:
        settings: [GuestSettings] as it was named
        state: [text] one of watch.STATES
        why: [text] it did not answer; "" where it did
        reading: [GuestReading] what it answered
        started: [qemu.Facts or the like] how it was started, where that can be asked
        mapped: [Mapped] how its process has its memory
        holders: [(number, program) each] who was connected to its monitor before we were
    """

    settings: GuestSettings
    state: str = "known"
    why: str = ""
    reading: GuestReading | None = None
    started: Any = None
    mapped: Mapped | None = None
    holders: tuple[tuple[int, str], ...] = ()


class Evidence(Frozen):
    """What is known of a host and its guests.

    Attributes:
        host: [HostReading] its memory
        ksm: [Ksm] how its page sharing is set
        swaps: [SwapArea each] swap areas; None where that cannot be told
        pressure: [yes or no] whether the kernel counts who waits for memory
        processes: [Running each] all of them
        guests: [GuestEvidence each] those that were named
        governor: [text] who holds the lock of pageengine's governors; "" if nobody does
    """

    host: HostReading
    ksm: Ksm = Ksm()
    swaps: tuple[SwapArea, ...] | None = None
    pressure: bool = True
    processes: tuple[Running, ...] = ()
    guests: tuple[GuestEvidence, ...] = ()
    governor: str = ""


async def gather(
    watch: Watch,
    root: Path = Path("/"),
    holders_of: Callable[[str], list[tuple[int, str]]] = holders.holders,
    governor: str = "",
) -> Evidence:
    """Looks at the host and at the guests of the watch."""
    held = {
        name: tuple(each for each in holders_of(settings.at) if each[0] != os.getpid())
        for name, settings in watch.settings.items()
        if settings.kind == "qemu"
    }
    seen = await watch.look(_PATIENCE)
    guests = []
    for name, settings in watch.settings.items():
        reading = seen.guests.get(name)
        pid = _pid_of(reading)
        guests.append(
            GuestEvidence(
                settings=settings,
                state=seen.states.get(name, "absent"),
                why=seen.why.get(name, ""),
                reading=reading,
                started=await _started(watch, name) if reading is not None else None,
                mapped=read_mapped(pid, root) if pid else None,
                holders=held.get(name, ()),
            )
        )
    return Evidence(
        host=seen.host,
        ksm=read_ksm(root),
        swaps=read_swaps(root),
        pressure=counts_memory(root),
        processes=tuple(_running(root)),
        guests=tuple(guests),
        governor=governor,
    )


def sizes_of(evidence: Evidence) -> list[int]:
    """Bytes that each guest may come to hold: its memory, and what running it takes."""
    return [
        each.reading.size + (each.reading.overhead or 0)
        for each in evidence.guests
        if each.reading is not None
    ]


async def _started(watch: Watch, name: str) -> Any:
    """How a guest was started; None where it cannot be asked."""
    asked: Callable[[Any], Any] | None = getattr(type(watch.guest(name)), "facts", None)
    if asked is None:
        return None
    try:
        return await watch.do(name, asked, _PATIENCE)
    except LiveError:
        return None


def _pid_of(reading: GuestReading | None) -> int:
    """The process behind a guest, 0 where its life does not tell."""
    pid = (reading.life if reading is not None else "").partition("@")[0]
    return int(pid) if pid.isdecimal() else 0


def _running(root: Path) -> list[Running]:
    try:
        pids = sorted(int(each) for each in os.listdir(root / "proc") if each.isdecimal())
    except OSError:
        return []
    found = []
    for pid in pids:
        command = tuple(process.command_of(pid, root))
        name = process.name_of(pid, root)
        if name or command:
            found.append(Running(pid=pid, name=name, command=command))
    return found
