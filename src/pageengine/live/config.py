"""The file that says what is governed: the host, the policy, limits and guests, in TOML.

    [host]                       [[guest]]
    memory = "all"               name = "web"
    policy = "headroom"          kind = "qemu"
    exit = "initial"             at = "/run/vms/web.qmp"

All of it is checked before anything is touched. A message names file and line, key and value, and
says what would be right.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pageengine.errors import LiveError
from pageengine.lab import fields
from pageengine.lab.fields import Field
from pageengine.lab.locate import line_of
from pageengine.live.driver import OLD_PERIODS
from pageengine.live.guests import KINDS
from pageengine.live.metrics import address_of
from pageengine.live.settings import GuestSettings
from pageengine.plumbing import given, reading
from pageengine.plumbing.frozen import Frozen, fresh
from pageengine.policy import table
from pageengine.policy.guard import Limits
from pageengine.units import format_size

_TEXT_MOST = 4 << 20  # bytes of a file
SOCKET_MOST = 107  # bytes of the path of a socket, as the kernel has it
_AUDIT_LEAST = 1 << 20  # bytes: a line of a hundred guests has a tenth of that
SHORT_MOST = 3600.0  # seconds of a period, of a call, and in which guests are given back
EXITS = {
    "leave": "guests stay as they are, for the next governor to go on from",
    "initial": "guests get back what they had before the governor's first change",
    "max": "guests get all of their memory",
}


class ConfigError(LiveError, ValueError):
    """A file cannot be governed by as it is written."""


def overdrawn(
    limits: Limits, guests: Iterable[GuestSettings], memory: int
) -> tuple[str, str] | None:
    """The key that asks for more of so much memory than there is, and what would be right; None:
    none does.
    """
    kept = limits.kept_free(memory)
    promised = sum(one.reservation for one in guests)
    if kept >= memory:
        key = "reserve" if limits.reserve >= memory else "reserve_part"
        return key, (
            f"{key} keeps {format_size(kept)} free, which is all of memory, {format_size(memory)}: "
            "write less than that"
        )
    if promised + kept > memory:
        return "memory", (
            f"memory {format_size(memory)} is less than all reservations, {format_size(promised)}, "
            f"and the reserve, {format_size(kept)}: reserve less, or allow more"
        )
    return None


class Config(Frozen):
    """What a file says.

    Attributes:
        path: [text] of the file
        guests: [GuestSettings by name] in the order they were written
        policy: [text] who decides
        options: [by name] of the policy
        memory: [bytes] machine memory that the guests may use; None: the host's
        period: [seconds] between two looks
        limits: [Limits] what the guard keeps to
        exit: [text] one of EXITS: where guests are left when the governor ends
        within: [seconds] in which they are there
        deadline: [seconds] that one call of one guest may take
        hands_off: [seconds] that a guest is left alone after somebody else moved its balloon
        state: [text] path of the state file
        hold: [text] path of the hold file: while it is there nothing is written to any guest
        lock: [text] path of the lock of the host
        audit: [text] path of the audit log; "": none
        audit_most: [bytes] at which the log is put aside under its name with .1 and begun anew
        metrics: [text] where metrics are served (metrics.address_of); "": nowhere
    """

    path: str
    guests: Mapping[str, GuestSettings]
    policy: str
    options: Mapping[str, Any] = fresh(factory=dict)
    memory: int | None = None
    period: float = 5.0
    limits: Limits = fresh(factory=Limits)
    exit: str = "initial"
    within: float = 30.0
    deadline: float = 1.0
    hands_off: float = 600.0
    state: str = ""
    hold: str = ""
    lock: str = "/run/lock/pageengine.lock"
    audit: str = ""
    audit_most: int = 256 << 20
    metrics: str = ""


def _all_or_size(value: Any) -> int | None:
    return None if value == "all" else fields.positive_size(value)


def _address(value: Any) -> str:
    text = fields.text(value)
    try:
        address_of(text)
    except ValueError:
        raise ValueError("is no address: write PORT, or one such as '127.0.0.1:9733'") from None
    return text


def _path(value: Any) -> str:
    return given.path(fields.text(value), "it")


def _log_size(value: Any) -> int:
    size = fields.size(value)
    if size < _AUDIT_LEAST:
        least = format_size(_AUDIT_LEAST)
        raise ValueError(f"is too small to keep decisions in: write {least} or more")
    return size


def _place(value: Any) -> str:
    text = fields.text(value)
    if not text or "\0" in text:
        raise ValueError("is no place: name a QMP socket, a libvirt domain or a process number")
    return text


def _short(value: Any) -> float:
    seconds = fields.positive_duration(value)
    if not 0.1 <= seconds <= SHORT_MOST:
        raise ValueError("must be from 0.1 s to 1 h")
    return seconds


HOST = {
    "memory": Field(_all_or_size, "machine memory that guests may use; 'all' is the host's"),
    "reserve": Field(fields.size, "free memory that no guest is given; as reserve in [guard]"),
    "policy": Field(fields.text, "who decides; `pageengine policies` lists them", required=True),
    "period": Field(_short, "time between two looks", 5.0),
    "exit": Field(
        fields.either(*EXITS), "where guests are left at the end: leave, initial, max", "initial"
    ),
    "within": Field(_short, "time in which they are there, or are named as held back", 30.0),
    "deadline": Field(_short, "time that one call of one guest may take", 1.0),
    "hands_off": Field(
        fields.positive_duration,
        "how long a guest is left alone after somebody else moved its balloon",
        600.0,
    ),
    "state": Field(_path, "the state file; beside this file, ending in .state.json"),
    "hold": Field(_path, "while it is there nothing is written; beside this file, in .hold"),
    "lock": Field(_path, "locked by the one governor of the host", "/run/lock/pageengine.lock"),
    "audit": Field(_path, "a line of JSON a decision; none where it is not given", ""),
    "audit_most": Field(_log_size, "size at which it is put aside as .1", 256 << 20),
    "metrics": Field(_address, "where metrics are served; nowhere where it is not given", ""),
}

GUEST = {
    "name": Field(fields.name, "its name everywhere", required=True),
    "kind": Field(fields.either(*KINDS), "qemu, libvirt or process", required=True),
    "at": Field(_place, "QMP socket, libvirt domain, or process number", required=True),
    "shares": Field(fields.shares, "its weight: 'low', 'normal', 'high' or a number", 1000),
    "reservation": Field(fields.size, "machine memory that it is sure to get", 0),
    "limit": Field(fields.positive_size, "most machine memory that it may hold; its size"),
    "floor": Field(fields.size, "memory that its balloon leaves it; the guard's part of its size"),
    "may_pause": Field(fields.truth, "whether a plan that blocks it may pause it", False),
    "page_out": Field(fields.truth, "whether its memory may be paged out", False),
    "accessed_bits": Field(
        fields.truth,
        "whether its working set is found by accessed bits, cleared at each look",
        False,
    ),
    "cgroup": Field(_path, "its cgroup's folder, by whose memory.reclaim it is paged out", ""),
}

#: Named shares are per MiB of size in the lab; a guest's size is not known before it is looked at.
_SHARES = {"low": 500, "normal": 1000, "high": 2000}

#: Keys of [guard] are fields of Limits, but for those that are said guest by guest.
BY_GUEST = {"may_block": "may_pause", "may_page_out": "page_out"}
GUARD = tuple(name for name in Limits.__match_args__ if name not in BY_GUEST)
SECONDS = ("window", "stats_age", "stuck")
PLACES = ("state", "hold", "lock", "audit")
SECTIONS = ("host", "policy", "guard", "guest")


def read_config(path: str | os.PathLike[str]) -> Config:
    """Reads and checks a file; nothing else is touched. Raises ConfigError with file and line,
    OSError where the file cannot be read.
    """
    path = given.path(path, "the file")
    text = reading.text(path, ConfigError, _TEXT_MOST)
    data = reading.parsed(text, tomllib.loads, f"{path}: this is not TOML", ConfigError)
    return _File(path, text, data).config()


class _File:
    """A file that is being read."""

    def __init__(self, path: str, text: str, data: Mapping[str, Any]):
        self._path, self._text, self._data = path, text, data

    def config(self) -> Config:
        for key in self._data:
            if key not in SECTIONS:
                said = fields.unknown(key, SECTIONS)
                raise self._wrong(f"there is no section {given.shown(key)}: {said}", "", None, key)
        if "host" not in self._data:
            raise self._wrong("there is no [host]: it has to say which policy decides")
        host = self._values(self._table("host"), "host", None, HOST)
        try:
            table.entry_of(host["policy"])
        except ValueError as error:
            raise self._wrong(str(error), "host", None, "policy") from None
        options = dict(self._table("policy"))
        try:
            table.find(host["policy"], **options)
        except (TypeError, ValueError) as error:
            option = next((each for each in options if repr(each) in str(error)), None)
            raise self._wrong(str(error), "policy", None, option) from None
        guests = self._guests()
        limits = self._limits(host.pop("reserve"), host["period"], guests.values())
        self._check(host, guests, limits)
        return Config(
            path=self._path, guests=guests, options=options, limits=limits, **self._placed(host)
        )

    def _check(
        self, host: Mapping[str, Any], guests: Mapping[str, GuestSettings], limits: Limits
    ) -> None:
        """Values that are good each by itself, and cannot work together."""
        said = self._table("host")
        half = host["period"] / 2
        if "deadline" in said and host["deadline"] > half:
            text = (
                f"deadline {given.shown(said['deadline'])} is more than half of the period, by "
                f"which all calls have to be over: write {half:g} s or less, or a longer period"
            )
            raise self._wrong(text, "host", None, "deadline")
        if host["memory"] is not None and (
            found := overdrawn(limits, guests.values(), host["memory"])
        ):
            section = "host" if found[0] in said else "guard"
            raise self._wrong(found[1], section, None, found[0])

    def _limits(
        self, reserve: int | None, period: float, guests: Iterable[GuestSettings]
    ) -> Limits:
        said = dict(self._table("guard"))
        for key in said:
            if key in BY_GUEST:
                text = f"{key} is said guest by guest: {BY_GUEST[key]} = true in its [[guest]]"
                raise self._wrong(text, "guard", None, key)
            if key not in GUARD:
                text = f"there is no key {given.shown(key)}: {fields.unknown(key, GUARD)}"
                raise self._wrong(text, "guard", None, key)
            if key in SECONDS and isinstance(said[key], str):
                said[key] = self._as_time(key, said[key])
        if reserve is not None:
            if "reserve" in said:
                raise self._wrong(
                    "reserve stands in [host] too: give it once", "guard", None, "reserve"
                )
            said["reserve"] = reserve
        said.setdefault("stats_age", OLD_PERIODS * period)
        said["may_block"] = [one.name for one in guests if one.may_pause]
        said["may_page_out"] = [one.name for one in guests if one.page_out]
        try:
            return Limits(**said)
        except (TypeError, ValueError) as error:
            at = next((each for each in GUARD if str(error).startswith(f"{each} ")), None)
            raise self._wrong(str(error), "guard", None, at) from None

    def _as_time(self, key: str, value: str) -> float:
        try:
            return fields.duration(value)
        except ValueError as error:
            raise self._wrong(f"{key} {given.shown(value)} {error}", "guard", None, key) from None

    def _placed(self, host: dict[str, Any]) -> dict[str, Any]:
        """Paths are taken from the folder of the file."""
        whole = Path(self._path).absolute()
        host["state"] = host["state"] or str(whole.with_suffix(".state.json"))
        host["hold"] = host["hold"] or str(whole.with_suffix(".hold"))
        for key in PLACES:
            if host[key]:
                host[key] = str(whole.parent / host[key])
        self._apart({"": str(whole), **{key: host[key] for key in PLACES if host[key]}})
        return host

    def _apart(self, places: Mapping[str, str]) -> None:
        """No two of these files are one: what is written to one would be lost of the other."""
        taken: dict[str, str] = {}
        for key, path in places.items():
            if os.path.isdir(path):
                raise self._wrong(f"{key} {path!r} is a folder: name a file", "host", None, key)
            there = [path, f"{path}.1"] if key == "audit" else [path]
            for real in map(os.path.realpath, there):
                if real in taken:
                    whose = taken[real] or "this file"
                    said = f"{key} {path!r} is {whose} already: each needs a file of its own"
                    raise self._wrong(said, "host", None, key)
                taken[real] = key

    def _guests(self) -> dict[str, GuestSettings]:
        entries = self._data.get("guest", [])
        if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
            raise self._wrong("must be a list of tables: write [[guest]] for each", "guest")
        found: dict[str, GuestSettings] = {}
        for number, entry in enumerate(entries):
            values = self._values(entry, "guest", number, GUEST)
            values["shares"] = _SHARES.get(values["shares"], values["shares"])
            one = self._found(GuestSettings(**values), number)
            if one.name in found:
                raise self._wrong(
                    f"another guest is named {one.name!r} too", "guest", number, "name"
                )
            for other in found.values():
                if (other.kind, other.at) == (one.kind, one.at):
                    said = f"{one.at!r} is guest {other.name!r} already: each place is one guest"
                    raise self._wrong(said, "guest", number, "at")
            for key, least in (("reservation", one.reservation), ("floor", one.floor or 0)):
                if one.limit is not None and least > one.limit:
                    text = (
                        f"{key} {format_size(least)} is over its limit, {format_size(one.limit)}: "
                        "write no more than that, or a higher limit"
                    )
                    raise self._wrong(text, "guest", number, key)
            found[one.name] = one
        if not found:
            raise self._wrong("there is no [[guest]]: name the guests that are governed")
        return found

    def _found(self, one: GuestSettings, number: int) -> GuestSettings:
        """A guest whose places are those of the folder of the file."""
        folder, at = Path(self._path).absolute().parent, one.at
        if one.kind == "process" and not (at.isascii() and at.isdecimal() and int(at) > 0):
            text = f"at {given.shown(at)} is no number of a process: write one such as '4711'"
            raise self._wrong(text, "guest", number, "at")
        if one.kind == "qemu":
            at = str(folder / at)
            if len(os.fsencode(at)) > SOCKET_MOST:
                text = f"at {given.shown(at)} has more than {SOCKET_MOST} bytes: no socket can"
                raise self._wrong(text, "guest", number, "at")
        cgroup = one.cgroup and str(folder / one.cgroup)
        return one.__replace__(at=at, cgroup=cgroup)

    def _table(self, section: str) -> Mapping[str, Any]:
        found = self._data.get(section, {})
        if not isinstance(found, dict):
            raise self._wrong(f"must be one table: write [{section}]", section)
        return found

    def _values(
        self, said: Mapping[str, Any], section: str, number: int | None, keys: Mapping[str, Field]
    ) -> dict[str, Any]:
        for key in said:
            if key not in keys:
                hint = fields.unknown(key, keys)
                text = f"there is no key {given.shown(key)}: {hint}"
                raise self._wrong(text, section, number, key)
        values = {}
        for key, field in keys.items():
            if key in said:
                values[key] = self._read(key, said[key], section, number)
            elif field.required:
                raise self._wrong(f"{key} is missing: {field.says}", section, number)
            else:
                values[key] = field.default
        return values

    def _read(self, key: str, value: Any, section: str, number: int | None = None) -> Any:
        field = (GUEST if section == "guest" else HOST)[key]
        try:
            return field.read(value)
        except (TypeError, ValueError) as error:
            text = f"{key} {given.shown(value)} {error}"
            raise self._wrong(text, section, number, key) from None

    def _wrong(
        self, message: str, section: str = "", number: int | None = None, key: str | None = None
    ) -> ConfigError:
        line = line_of(self._text, section, number, key)
        where = f"{self._path}:{line}" if line else self._path
        label = f"[{section}]: " if section else ""
        if number is not None:
            entry = self._data[section][number]
            named = entry.get("name")
            told = given.shown(named) if isinstance(named, str) else str(number + 1)
            label = f"{section} {told}: "
        return ConfigError(f"{where}: {label}{reading.clipped(message, 1000)}")
