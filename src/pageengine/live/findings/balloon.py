"""Whether balloons can move, and whether it is safe to have them moved."""

from __future__ import annotations

from collections.abc import Iterator

from pageengine.live.evidence import Evidence, GuestEvidence
from pageengine.live.findings import Finding
from pageengine.units import MIB, format_size

_DEVICE = "-device virtio-balloon-pci,guest-stats-polling-interval=2,deflate-on-oom=on"
_LITTLE = 0.05  # of a guest's memory: with less available it has nothing to give


def find(evidence: Evidence) -> Iterator[Finding]:
    """Findings about balloons of the guests that answered."""
    for guest in evidence.guests:
        if guest.reading is not None and guest.settings.kind != "process":
            yield from _driver(guest)
            yield from _statistics(guest)
            yield from _room(guest)


def _driver(guest: GuestEvidence) -> Iterator[Finding]:
    reading, started = guest.reading, guest.started
    if reading is None:
        return
    if reading.driver == "none":
        without = started is not None and not started.device
        yield _of(
            guest,
            "warning",
            "driver",
            "it was started without a balloon" if without else "no driver answers its balloon",
            "its memory can be won by paging it out only",
            f"start it with {_DEVICE}" if without else "in the guest: modprobe virtio_balloon",
        )
    if started is not None and started.device and started.deflate_on_oom is False:
        yield _of(
            guest,
            "warning",
            "deflate",
            "deflate-on-oom is off",
            "when its programs need what its balloon holds, its kernel kills one of them",
            f"start it with {_DEVICE}",
        )
    if reading.driver == "counts-balloon":
        yield _of(
            guest,
            "note",
            "counts",
            "its driver counts the balloon as used memory, as Windows does",
            "what it says of its memory is put right for that",
        )


def _statistics(guest: GuestEvidence) -> Iterator[Finding]:
    reading = guest.reading
    if reading is None or reading.driver == "none":
        return
    if reading.unasked:
        yield _of(
            guest,
            "warning",
            "polling",
            "it is asked for no statistics",
            "what it could give is not known, and a guest without statistics is never shrunk",
            reading.unasked,
        )
    elif reading.driver == "silent":
        yield _of(
            guest,
            "warning",
            "silent",
            "its driver tells no statistics",
            "what it could give is not known, and a guest without statistics is never shrunk",
            "in the guest: a driver that makes them (Linux, virtio-win, FreeBSD from 2026)",
        )
    elif reading.driver == "stale":
        age = "" if reading.stats_age is None else f" ({reading.stats_age:.0f} s)"
        yield _of(
            guest,
            "warning",
            "stale",
            f"its statistics are old{age}",
            "a guest of which only the past is known is never shrunk",
            "see whether the guest runs, and reload its driver",
        )


def _room(guest: GuestEvidence) -> Iterator[Finding]:
    reading, floor = guest.reading, guest.settings.floor
    if reading is None:
        return
    if floor is not None and reading.actual is not None and reading.actual <= floor + MIB:
        yield _of(
            guest,
            "note",
            "floor",
            f"its balloon leaves it {format_size(reading.actual)}, which is its floor",
            "nothing more is taken from it",
            "lower its floor in the configuration, if it can bear that",
        )
    told = reading.guest
    if told is not None and told.available is not None:
        if told.available < _LITTLE * reading.size:
            yield _of(
                guest,
                "note",
                "used",
                f"only {format_size(told.available)} of its {format_size(reading.size)} is "
                "available",
                "it has nothing to give: its balloon would move slowly, or its programs suffer",
            )


def _of(
    guest: GuestEvidence, level: str, rule: str, fact: str, consequence: str, mend: str = ""
) -> Finding:
    return Finding(level, "balloon", rule, guest.settings.name, fact, consequence, mend)
