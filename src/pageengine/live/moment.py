"""Moments: one row of the lab's timelines of the host, and one of each guest, made from what was
seen of real guests. So whatever shows a simulation shows a real host.

What is not known is None, and a sum of which a part is not known is None. Columns of the lab that
no kernel tells (accesses, decompressions) are always None. Levels are bytes, events are pages since
the moment before, shares are parts of 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from pageengine.lab.timeline import HOST, VM
from pageengine.live.readings import GuestReading
from pageengine.live.settings import GuestSettings
from pageengine.live.watch import Seen
from pageengine.plumbing.frozen import Frozen
from pageengine.units import PAGE_BYTES

Row: TypeAlias = Mapping[str, float | str | None]
Number: TypeAlias = float | None

#: Columns beside the lab's: of the host, and of each guest.
HOST_MORE = (
    "available",
    "swap_total",
    "swap_free",
    "pressure_some",
    "pressure_full",
    "scan_rate",
)
VM_MORE = (
    "status",
    "why",
    "driver",
    "busy",
    "overhead",
    "guest_total",
    "guest_available",
    "stats_age",
)
#: Of all columns: those that are texts, and those of numbers that are not whole.
TEXTS = frozenset({"vm", "status", "why", "driver", "busy"})
FRACTIONS = frozenset({"pressure_some", "pressure_full", "scan_rate", "stats_age"})


class Moment(Frozen):
    """One moment of a host.

    Attributes:
        time: [seconds] since it was first looked at, or the simulation began
        step: [seconds] since the moment before, which events are counted over; None for the first
        host: [by name] columns of the host
        guests: [by name, each] columns of every guest
    """

    time: float
    step: float | None
    host: Row
    guests: tuple[Row, ...]


def moment_of(
    seen: Seen,
    settings: Mapping[str, GuestSettings],
    began: float,
    before: Moment | None = None,
    targets: Mapping[str, int] | None = None,
) -> Moment:
    """What was seen, as a moment. began: the time of the first reading of the host. before: the
    moment before, if there was one. targets: what balloons were last told to hold, where somebody
    does.
    """
    time = seen.host.time - began
    step = None if before is None else time - before.time
    guests = []
    for name in settings:
        more: dict[str, float | str | None] = {
            "time": time,
            "vm": name,
            "status": seen.states.get(name, "connecting"),
            "why": seen.why.get(name, ""),
            "balloon_target": (targets or {}).get(name),
        }
        reading = seen.guests.get(name)
        guests.append({**dict.fromkeys((*VM, *VM_MORE)), **_read(reading, step), **more})
    host = {**dict.fromkeys((*HOST, *HOST_MORE)), **_host(seen, guests, step), "time": time}
    host["balloon_in"], host["balloon_out"] = _balloons(guests, before)
    return Moment(time, step, host, tuple(guests))


def _read(reading: GuestReading | None, step: Number) -> dict[str, float | str | None]:
    """The columns of a guest; nothing is known of one that was not read."""
    if reading is None:
        return {"driver": "", "busy": ""}
    told: dict[str, Number] = {}
    if (guest := reading.guest) is not None:
        told = {
            "guest_total": guest.total,
            "guest_free": guest.free,
            "guest_cache": guest.cache,
            "guest_swapped": guest.swapped,
            "guest_available": guest.available,
        }
    return {
        **told,
        "size": reading.size,
        "granted": reading.granted,
        "consumed": reading.resident,
        "swapped": reading.swapped,
        "shared": reading.shared,
        "private": _less(reading.granted, reading.shared),
        "active": reading.active,
        "balloon": _balloon(reading),
        "stall": reading.stall,
        "blocked": int(reading.busy == "pause"),
        "swap_in": _pages(reading.swap_in_rate, step),
        "overhead": reading.overhead,
        "stats_age": reading.stats_age,
        "driver": reading.driver,
        "busy": reading.busy,
    }


def _balloon(reading: GuestReading) -> Number:
    """Bytes; a guest without a driver has none."""
    return 0 if reading.actual is None and reading.driver == "none" else reading.ballooned


def _host(
    seen: Seen, guests: list[dict[str, float | str | None]], step: Number
) -> dict[str, Number]:
    host = seen.host
    there = [guest for guest in guests if guest["status"] != "absent"]

    def total(key: str) -> Number:
        return _sum(_number(guest[key]) for guest in there)

    stall = total("stall")
    return {
        "free": host.free,
        "memory": host.memory,
        "available": host.available,
        "shared": total("shared"),
        "saving": host.merged,
        "swapped": total("swapped"),
        "compressed": host.compressed,
        "cache": host.cache,
        "ballooned": total("balloon"),
        "private": total("private"),
        "overhead": total("overhead"),
        "stall": None if stall is None else stall / max(len(there), 1),
        "swap_in": _pages(host.swap_in_rate, step),
        "swap_out": _pages(host.swap_out_rate, step),
        "swap_total": host.swap_total,
        "swap_free": host.swap_free,
        "pressure_some": host.pressure_some,
        "pressure_full": host.pressure_full,
        "scan_rate": host.scan_rate,
    }


def _balloons(
    guests: list[dict[str, float | str | None]], before: Moment | None
) -> tuple[Number, Number]:
    """Pages that balloons took, and gave back, since the moment before."""
    was = {guest["vm"]: guest["balloon"] for guest in before.guests} if before else {}
    moved = [
        _less(_number(guest["balloon"]), _number(was.get(guest["vm"])))
        for guest in guests
        if guest["status"] != "absent"
    ]
    if before is None or any(each is None for each in moved):
        return None, None
    taken = [each // PAGE_BYTES for each in moved if each is not None]
    return sum(max(each, 0) for each in taken), sum(max(-each, 0) for each in taken)


def _number(value: float | str | None) -> Number:
    return None if isinstance(value, str) else value


def _less(whole: Number, part: Number) -> Number:
    return None if whole is None or part is None else whole - part


def _pages(rate: Number, step: Number) -> Number:
    """Pages that a rate in bytes per second comes to."""
    return None if rate is None or step is None else rate * step / PAGE_BYTES


def _sum(numbers: Iterable[Number]) -> Number:
    """None where a part is not known."""
    total: float = 0
    for number in numbers:
        if number is None:
            return None
        total += number
    return total
