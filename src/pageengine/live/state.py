"""The state file: what every guest was before it was changed, written before the first change, so
that whoever comes after a governor that died can undo what it did, or go on from there.

It is written whole or not at all (``plumbing.writing``). What is in it: of each guest where it is,
which life of it was changed, what its balloon held before; KSM's knobs before; and what the guard
has to remember, so that rate limits hold across a restart.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from pageengine.errors import LiveError
from pageengine.live import records
from pageengine.live.config import EXITS, SHORT_MOST
from pageengine.live.guests import KINDS
from pageengine.live.settings import GuestSettings
from pageengine.live.sources.process import is_alive
from pageengine.plumbing import given, reading, writing
from pageengine.plumbing.frozen import Frozen, fresh
from pageengine.units import PAGE_BYTES, PAGES_MOST

SCHEMA = 1
_TEXT_MOST = 64 << 20  # bytes
_BOOT = Path("/proc/sys/kernel/random/boot_id")
_BOOT_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BYTES = int, 0, PAGES_MOST * PAGE_BYTES
_MOMENT = float, 0, 2 * given.SECONDS_MOST  # one that is as far ahead as a time may be long
_SHORT = float, 1e-3, SHORT_MOST
#: field -> whole numbers or any, the least and the most that it can be; None where it may be none
SAVED = {
    "within": _SHORT,
    "deadline": _SHORT,
    "memory": _BYTES,
    "reserve": _BYTES,
    "clock": _MOMENT,
    "time": _MOMENT,
}
GUEST = {
    "initial": _BYTES,
    "target": _BYTES,
    "before": _BYTES,
    "most": _BYTES,
    "held": _BYTES,
    "faults": (int, 0, 2**64 - 1),
    "hands_off": _MOMENT,
}


class GuestState(Frozen):
    """One guest that was changed, or is about to be.

    Attributes:
        settings: [GuestSettings] where it is
        life: [text] which life of it was changed
        initial: [bytes] what its balloon held before the first change
        target: [bytes] what its driver was told last, or is about to be; None: nothing yet
        before: [bytes] least that may be in force in place of target, while it is not known that it
            was told; None: it is known
        most: [bytes] most that may be, of the same
        held: [bytes] what its balloon held when that was written
        faults: [events] of GuestReading.faults then
        paused: [yes or no] whether it was paused from here
        hands_off: [seconds] until when it is left alone, by the clock of the file; None: it is not
    """

    settings: GuestSettings
    life: str
    initial: int
    target: int | None = None
    before: int | None = None
    most: int | None = None
    held: int = 0
    faults: int | None = None
    paused: bool = False
    hands_off: float | None = None

    @property
    def in_force(self) -> tuple[int, ...]:
        """Least and most of the targets that its driver may have been told last; none where it was
        told nothing.
        """
        told = [each for each in (self.target, self.before, self.most) if each is not None]
        return tuple(sorted({min(told), max(told)})) if told else ()

    @property
    def owed(self) -> int:
        """Bytes that its balloon was told to give back and had not given when that was written: who
        does not answer may be taking them.
        """
        return max(0, self.held - min(self.in_force, default=self.held))

    def telling(self, target: int, in_force: Iterable[int]) -> GuestState:
        """Before its driver is told this. in_force: what it may have been told before."""
        before = list(in_force)
        return self.__replace__(target=target, before=min(before), most=max(before))

    def told(self, target: int) -> GuestState:
        """Its driver has answered: this is in force, and nothing else."""
        return self.__replace__(target=target, before=None, most=None)


class Saved(Frozen):
    """What a state file holds.

    Attributes:
        config: [text] path of the file that is governed by
        policy: [text] whose plan and memo these are
        boot: [text] which start of the host it is of: no guest outlives that
        exit: [text] config.EXITS: where guests are to be left
        within: [seconds] in which they are there
        deadline: [seconds] that one call may take
        memory: [bytes] machine memory that the guests may use; None: the host's
        reserve: [bytes] free memory that is not given to guests
        lock: [text] path of the lock of the host
        hold: [text] path of the hold file
        clock: [seconds] of the monotonic clock when this was written
        time: [seconds] of the controller's time then
        state: [text] of the last plan
        memo: [by name] of the last plan, what the guard remembers included
        knobs: [text by name] KSM's before the first change; None: KSM was not changed
        guests: [GuestState by name] those that were changed, or are about to be
    """

    config: str = ""
    policy: str = ""
    boot: str = ""
    exit: str = "initial"
    within: float = 30.0
    deadline: float = 1.0
    memory: int | None = None
    reserve: int = 0
    lock: str = ""
    hold: str = ""
    clock: float = 0.0
    time: float = 0.0
    state: str = ""
    memo: Mapping[str, Any] = fresh(factory=dict)
    knobs: Mapping[str, str] | None = None
    guests: Mapping[str, GuestState] = fresh(factory=dict)


def boot_id(path: Path = _BOOT) -> str:
    """Which start of the host this is; "" where the kernel does not tell."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""


class StateFile:
    """The file. path: where."""

    def __init__(self, path: str):
        self.path = path

    def write(self, saved: Saved) -> None:
        """On the disk when this returns. OSError: it could not be written."""
        writing.text(self.path, records.line({"schema": SCHEMA, **vars(saved)}) + "\n")

    def read(self) -> Saved | None:
        """None: there is no such file: nothing was changed. LiveError: it is no state file."""
        try:
            text = reading.text(self.path, LiveError, _TEXT_MOST)
        except FileNotFoundError:
            return None
        data = reading.parsed(text, json.loads, f"{self.path}: no state file", LiveError)
        if not isinstance(data, dict) or data.pop("schema", None) != SCHEMA:
            raise LiveError(f"{self.path}: no state file of this version (schema {SCHEMA})")
        try:
            saved = records.made(Saved, data, guests=_guests, memo=records.memo)
            _check(saved)
            return saved
        except LiveError as error:
            raise LiveError(f"{self.path}: {error}") from None

    def of_this_start(self, saved: Saved, boot: str) -> bool:
        """Whether what was read is of the start of the host that goes on: else nothing is left of
        it. LiveError: it says no, and guests of it run on all the same.
        """
        if saved.boot == boot:
            return True
        for name, entry in saved.guests.items():
            if is_alive(entry.life):
                raise LiveError(
                    f"{self.path}: boot cannot be {given.shown(saved.boot)}: guest {name!r} "
                    f"({entry.life}) was changed in this start of the host, {boot!r}, and runs; "
                    "put that there"
                )
        return False


def _guests(data: Mapping[str, Any]) -> dict[str, GuestState]:
    found = {}
    for name, each in data.items():
        try:
            found[name] = records.made(GuestState, each, settings=_settings)
        except LiveError as error:
            raise LiveError(f"guest {given.shown(name)}: {error}") from None
    return found


def _settings(data: Any) -> GuestSettings:
    try:
        return records.made(GuestSettings, data)
    except LiveError as error:
        raise LiveError(f"settings: {error}") from None


def _check(saved: Saved) -> None:
    """No value that a governor cannot have written is believed. LiveError: this one."""
    _within(saved, "", SAVED)
    if saved.exit not in EXITS:
        _wrong("", "exit", saved.exit, f"it must be one of {', '.join(EXITS)}")
    if saved.boot and not _BOOT_ID.fullmatch(saved.boot):
        _wrong("", "boot", saved.boot, f"it must be as {_BOOT} has it; now that is {boot_id()}")
    for name, entry in saved.guests.items():
        whose = f"guest {given.shown(name)}: "
        _within(entry, whose, GUEST)
        agreed = entry.settings
        if agreed.name != name:
            _wrong(whose, "settings.name", agreed.name, f"it must be the guest's, {name!r}")
        if agreed.kind not in KINDS:
            _wrong(whose, "settings.kind", agreed.kind, f"it must be one of {', '.join(KINDS)}")
        for field, text in (("settings.at", agreed.at), ("life", entry.life)):
            if not text:
                _wrong(whose, field, text, "it must say which guest it is of")


def _within(record: Frozen, whose: str, spans: Mapping[str, tuple[type, float, float]]) -> None:
    for field, (kind, least, most) in spans.items():
        value: Any = getattr(record, field)
        if value is None:  # where that may be
            continue
        broken = kind is int and isinstance(value, float)
        if broken or not least <= value <= most:  # NaN is not
            number = "a whole number" if kind is int else "a number"
            _wrong(whose, field, value, f"it must be {number} from {least:g} to {most:g}")


def _wrong(whose: str, field: str, value: Any, right: str) -> NoReturn:
    raise LiveError(f"{whose}{field} cannot be {given.shown(value)}: {right}")
