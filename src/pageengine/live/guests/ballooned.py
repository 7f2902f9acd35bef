"""What guests with a balloon have in common, whoever speaks to them: the reading that comes of what
they tell and of what their process holds, and what a balloon may be told.
"""

from __future__ import annotations

from collections.abc import Mapping

from pageengine.errors import LiveError
from pageengine.live.driver import Told, faults_of
from pageengine.live.guests.process import HeldNow
from pageengine.live.readings import GuestReading


def reading_of(
    *,
    time: float,
    life: str,
    size: int,
    told: Mapping[str, int],
    judged: Told,
    held: HeldNow | None,
    busy: str,
    unasked: str,
) -> GuestReading:
    """told: what its monitor says, by names.py's names; judged: what that says of its driver. held:
    what its process holds; None where that cannot be told. The others are as in a GuestReading.
    """
    memory = held.memory if held else None
    return GuestReading(
        time=time,
        life=life,
        size=size,
        actual=told.get("actual"),
        resident=memory.resident if memory else None,
        granted=memory.granted if memory else None,
        shared=memory.shared if memory else None,
        swapped=memory.swapped if memory else None,
        overhead=memory.elsewhere if memory else None,
        active=judged.active if held is None or held.active is None else held.active,
        guest=judged.guest,
        stats_age=judged.age,
        busy=busy or ("boot" if judged.booting else ""),
        driver=judged.driver,
        stall=held.stall if held else None,
        swap_in_rate=held.swap_in_rate if held else None,
        faults=faults_of(told),
        unasked=unasked,
    )


def check_balloon(held: int, size: int) -> None:
    """LiveError: no balloon of so many bytes can be in a guest of this size."""
    if not 0 <= held < size:
        raise LiveError(f"a balloon of {held} bytes in a guest of {size}: none holds all of it")
