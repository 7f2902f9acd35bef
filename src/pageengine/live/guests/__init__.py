"""Kinds of guests: one file each, behind one small protocol, and one line here."""

from __future__ import annotations

import importlib
from collections.abc import Collection
from typing import TYPE_CHECKING, Protocol

from pageengine.errors import LiveError
from pageengine.plumbing import given

if TYPE_CHECKING:
    from pageengine.live.readings import GuestReading
    from pageengine.live.settings import GuestSettings

#: kind -> the module and class that speaks to guests of it, and what they are in one line.
KINDS = {
    "qemu": ("pageengine.live.guests.qemu:QemuGuest", "QEMU by a QMP socket of its own"),
    "libvirt": ("pageengine.live.guests.libvirt:LibvirtGuest", "a domain of libvirt"),
    "process": ("pageengine.live.guests.process:ProcessGuest", "any process: paging out only"),
}


class Gone(LiveError):
    """The guest is not there (any more): it holds no memory."""


class Leaving(LiveError):
    """The guest is shutting down, or has migrated away; what it holds is not free yet."""


class LiveGuest(Protocol):
    """One guest that is spoken to. Every call may take as long as the guest likes: it is for the
    caller to give it a deadline (``asyncio.timeout``), after which the guest is closed and made
    anew. Nothing is changed by ``look``.

    techniques: what it can be told to do, of "balloon", "page-out", "pause". A class whose guests
    have one life only, so that whoever is there after it is somebody else, has ``one_life = True``.
    """

    techniques: Collection[str]

    async def look(self) -> GuestReading:
        """All that can be read of it. Raises LiveError: it cannot be reached; Gone, Leaving."""

    async def set_balloon(self, held: int) -> None:
        """Has its driver told to come to hold so many bytes. Raises LiveError."""

    async def page_out(self, memory: int) -> int:
        """Has so many bytes of it paged out, in small pieces; how many it were."""

    async def pause(self, paused: bool) -> None:
        """A paused guest does not run."""

    def learn_of(self, before: object) -> None:
        """Goes on with what was learnt from look to look by ``before``, which spoke to the guest
        until now and is asked nothing.
        """

    async def close(self) -> None:
        """Nothing is held any more; never raises, never waits for the guest."""


def open_guest(settings: GuestSettings) -> LiveGuest:
    """What speaks to this guest; nothing is sent before its first call. ValueError: no such kind;
    LiveError: what it needs is not installed.
    """
    if settings.kind not in KINDS:
        said = given.unknown("kind of guest", settings.kind, KINDS)
        raise ValueError(f"guest {settings.name!r}: {said}")
    module, _, attribute = KINDS[settings.kind][0].partition(":")
    made: LiveGuest = getattr(importlib.import_module(module), attribute)(settings)
    return made
