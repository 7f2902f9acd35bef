"""What the host's kernel tells, one file per source, and all of it as one reading."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from pageengine.live.readings import HostReading
from pageengine.live.sources.ksm import read_ksm
from pageengine.live.sources.memory import read_memory
from pageengine.live.sources.pressure import read_pressure
from pageengine.live.sources.swap import read_zipped


class HostReader:
    """Reads the host again and again; rates and shares of time are of what passed since the last
    reading, and None in the first.

    root: folder in which proc/ and sys/ are found. clock: seconds that never go back.
    """

    def __init__(self, root: Path = Path("/"), clock: Callable[[], float] = time.monotonic):
        self._root = root
        self._clock = clock
        self._since = Since()

    def read(self) -> HostReading:
        """The host as it is now. What cannot be read is None; nothing is raised."""
        now = self._clock()
        memory, pressure = read_memory(self._root), read_pressure(self._root)
        ksm, zipped = read_ksm(self._root), read_zipped(self._root)
        rate = self._since.rate
        return HostReading(
            time=now,
            memory=memory.total,
            free=memory.free,
            available=memory.available,
            swap_total=memory.swap_total,
            swap_free=memory.swap_free,
            pressure_some=as_share(rate("some", now, pressure.some)),
            pressure_full=as_share(rate("full", now, pressure.full)),
            swap_in_rate=rate("in", now, memory.swapped_in),
            swap_out_rate=rate("out", now, memory.swapped_out),
            merged=ksm.merged,
            scan_rate=ksm.scan_rate,
            compressed=zipped.stored,
            cache=zipped.memory,
        )


class Since:
    """What counters did since they were last looked at."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, float, float | None]] = {}

    def rate(self, name: str, now: float, count: float | None) -> float | None:
        """By how much it grew per second since the last time that it was known; None at first, and
        where it fell: it was begun anew. Asked again at the same moment, it says the same.
        """
        if count is None:
            self._last.pop(name, None)
            return None
        then, before, said = self._last.get(name, (now, count, None))
        if now > then:
            said = (count - before) / (now - then) if count >= before else None
        elif name in self._last:
            return said
        self._last[name] = (now, count, said)
        return said


def as_share(rate: float | None) -> float | None:
    """Seconds per second as a share; clocks that differ a little make no more than all of it."""
    return None if rate is None else min(1.0, max(0.0, rate))
