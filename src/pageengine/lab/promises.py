"""What VMs of a scenario are promised as time goes by: reservations, limits and overhead, with
what events change of them. Promises that no host can keep are found before anything runs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pageengine.lab.events import Event
from pageengine.lab.fields import ScenarioError
from pageengine.units import format_size


class DoesNotFit(ScenarioError):
    """Reservations and overhead are more than the host has: fewer VMs or more memory fit."""


class Broken(ValueError):
    """What is wrong with ``key`` of the ``number``-th [[vm]]. fits: False where the host is too
    small for what is promised."""

    def __init__(self, message: str, number: int, key: str = "reservation", fits: bool = True):
        super().__init__(message)
        self.number, self.key, self.fits = number, key, fits


def check(
    entries: Sequence[Mapping[str, Any]],
    groups: Mapping[str, Sequence[str]],
    events: Sequence[Event],
    memory: int,
) -> None:
    """Walks through starts, stops and changes in the order of time. Raises Broken."""
    now: dict[str, dict[str, Any]] = {}  # promises of every VM, running or not
    moves: list[tuple[float, int, str, Event | None]] = []
    for number, entry in enumerate(entries):
        for name in groups[entry["name"]]:
            now[name] = {**entry, "number": number, "runs": False}
            moves.append((entry["start"], 2, name, None))
            if entry["stop"] is not None:
                moves.append((entry["stop"], 0, name, Event(entry["stop"], "stop", name)))
    moves += [(event.at, 1, event.vm, event) for event in events if event.vm]
    total = 0
    for _, _, name, event in sorted(moves, key=lambda move: move[:2]):
        promised = now[name]
        total -= _held(promised)
        if event is None or event.kind == "start":
            promised["runs"] = True
        elif event.kind == "stop":
            promised["runs"] = False
        elif event.kind == "set" and event.key in ("reservation", "limit"):
            promised[event.key] = event.value
            _own(name, promised, f" from {event.at:g} s on")
        total += _held(promised)
        if event is None or event.kind in ("start", "set"):
            _together(total, promised, memory)


def _own(name: str, promised: Mapping[str, Any], when: str) -> None:
    size, most = promised["size"], promised["limit"]
    if most is not None and most > size:
        raise Broken(
            f"limit {format_size(most)} of {name!r}{when} is over its size, {format_size(size)}",
            promised["number"],
            "limit",
        )
    if promised["reservation"] > (most or size):
        raise Broken(
            f"reservation {format_size(promised['reservation'])} of {name!r}{when} is over its "
            f"{'limit' if most else 'size'}, {format_size(most or size)}",
            promised["number"],
        )


def _held(promised: Mapping[str, Any]) -> int:
    """What a VM is promised now."""
    return promised["reservation"] + promised["overhead"] if promised["runs"] else 0


def _together(total: int, latest: Mapping[str, Any], memory: int) -> None:
    if total > memory and latest["reservation"] + latest["overhead"] > 0:
        raise Broken(
            f"reservations do not fit: with it {format_size(total)} are promised "
            f"(reservations and overhead), and the host has {format_size(memory)}",
            latest["number"],
            fits=False,
        )
