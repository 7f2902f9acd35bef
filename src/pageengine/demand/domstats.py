"""A log of ``virsh domstats --balloon``, again and again: before each round the time
(``date +%s`` or ``date -Is``), then a block per VM, which begins with ``Domain: 'web'``.

balloon.maximum is the size; what the guest holds (balloon.available less balloon.unused: its page
cache, too) is used, and balloon.rss, of the process of QEMU, where it tells nothing, of which no
more than the size counts; what it could not give up (balloon.available less balloon.usable) is
active, an estimate of the guest's own kernel. All in KiB. Where no time is written,
balloon.last-update is the time; statistics that were older than ten minutes then are not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from pageengine.demand import columns
from pageengine.demand.base import COLUMNS, Found, Readings
from pageengine.demand.text import lines
from pageengine.plumbing import given, reading
from pageengine.units import KIB

_DOMAIN = re.compile(r"Domain: '(?P<vm>.*)'")
_VALUE = re.compile(r"\s+(?P<name>[\w.-]+)=(?P<value>.*)")
_FIRST = re.compile(rb"^Domain: '", re.MULTILINE)
_OLD = 600.0  # seconds
_BATCH = 1 << 12  # blocks


def recognise(path: str, head: bytes) -> bool:
    """head: the first bytes."""
    return _FIRST.search(head) is not None


def read(path: str, found: Found) -> Iterator[Readings]:
    """A VM is called as its domain."""
    kept: dict[str, list[tuple[float, ...]]] = {}
    count = 0
    for vm, row in _blocks(path, found):
        kept.setdefault(vm, []).append(row)
        count += 1
        if count == _BATCH:
            yield from _readings(kept, path)
            kept, count = {}, 0
    yield from _readings(kept, path)


def _readings(kept: dict[str, list[tuple[float, ...]]], path: str) -> Iterator[Readings]:
    for vm, some in kept.items():
        place, time, *values = np.array(some, np.float64).T
        told = dict(zip(COLUMNS, values, strict=True))
        yield Readings.of(vm, time, told, place.astype(np.int64), path)


def _blocks(path: str, found: Found) -> Iterator[tuple[str, tuple[float, ...]]]:
    """(VM, (line, time, size, used, active)) of every block."""
    time, vm, began = float("nan"), "", 0
    told: dict[str, float] = {}
    for number, line in enumerate(lines(path), 1):
        text = line.rstrip("\r\n")
        value = _VALUE.fullmatch(text)
        if value is not None and vm:
            if value["name"].startswith("balloon."):
                _note(told, value["name"], value["value"], f"{path}, line {number}", found)
            continue
        if not text.strip():
            continue
        domain = _DOMAIN.fullmatch(text)
        if vm:
            yield vm, (began, *_row(told, time, f"{path}, line {began}", found))
        vm, began, told = domain["vm"] if domain else "", number, {}
        if domain is None:
            when = columns.moment(text.strip())
            if np.isnan(when):
                where = f"{path}, line {number}"
                found.add("lines that are neither a time nor of domstats: passed over", where)
            else:
                time = when
    if vm:
        yield vm, (began, *_row(told, time, f"{path}, line {began}", found))


def _note(told: dict[str, float], name: str, value: str, where: str, found: Found) -> None:
    try:
        told[name.removeprefix("balloon.")] = float(value)
    except ValueError:
        said = f"{where}: {given.shown(reading.clipped(value))}"
        found.add(f"{name} that is no number: taken as not read", said)


def _row(told: dict[str, float], time: float, where: str, found: Found) -> tuple[float, ...]:
    """(time, size, used, active)."""

    def of(name: str) -> float:
        return told.get(name, float("nan"))

    made = of("last-update") or float("nan")  # 0: never
    if np.isnan(time):
        time = made
    size, rss = of("maximum"), of("rss")
    used, active = of("available") - of("unused"), of("available") - of("usable")
    if time - made > _OLD:
        used = active = float("nan")
        found.add("statistics of a guest over ten minutes old: taken as not read", where)
    if np.isnan(used):
        used = min(rss, size) if rss > size else rss
    return time, size * KIB, used * KIB, active * KIB
