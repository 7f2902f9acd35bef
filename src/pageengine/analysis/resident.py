"""Resident memory of this process beyond what it had at a given moment."""

import os


def resident_bytes() -> int | None:
    """Resident memory of this process in bytes; None where the system does not tell (not Linux)."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return None


class Resident:
    """Growth of resident memory since this object was made; ``peak`` is the most that ``look`` ever
    saw."""

    def __init__(self) -> None:
        self._base = resident_bytes()
        self.peak: int | None = None if self._base is None else 0

    @property
    def now(self) -> int | None:
        now = resident_bytes()
        return None if now is None or self._base is None else max(0, now - self._base)

    def look(self) -> None:
        now = self.now
        if now is not None:
            self.peak = max(self.peak or 0, now)
