"""Scenarios: TOML files that say which VMs run what on which host, for how long, and what
changes meanwhile. docs/scenarios.md has every key.

    scenario = Scenario.load("states")  # one that is shipped; or the path of a file
    result = build.run(scenario, policy="esx5")

Everything is checked before anything runs. A message names file and line, key and value, and says
what would be right.
"""

from __future__ import annotations

import copy
import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pageengine.lab import bounds, changes, events, fields, promises, sections
from pageengine.lab.fields import Field, ScenarioError
from pageengine.lab.locate import line_of
from pageengine.plumbing import given, reading, shipped
from pageengine.policy.guard import Limits
from pageengine.units import format_size

__all__ = ["Scenario", "ScenarioError"]

_TEXT_MOST = 16 << 20  # bytes of a scenario
_MESSAGE_MOST = 1000  # characters of what is wrong with one


class Scenario:
    """A scenario that was checked. ``host``, ``run``: the values of these sections, defaults filled
    in; ``policy``: options of the policy, ``asked``: those of them that were changed after the file
    was read; ``guard``: the Limits that plans are held to, or None; ``fleet``: the values of that
    section, None where there is one host; ``entries``: the [[vm]] tables; ``events``: Event objects
    in the order of time; ``data``: the tables as they were written;
    ``trusted``: whether it may name code to run, a policy as "module:Class" or "file.py:Class"."""

    def __init__(
        self,
        data: Mapping[str, Any],
        *,
        source: str = "scenario",
        text: str = "",
        asked: Iterable[str] = (),
        trusted: bool = True,
    ):
        self.source, self._text, self.asked = source, text, frozenset(asked)
        self.trusted = trusted
        if not isinstance(data, Mapping):
            raise ScenarioError(f"{source}: a scenario is tables by name, got {given.shown(data)}")
        try:
            bounds.shallow(dict(data), source)
        except ValueError as error:
            raise ScenarioError(str(error)) from None
        self.data = copy.deepcopy(dict(data))
        self._check_top()
        self.host = self._section("host", sections.HOST)
        self.run = self._section("run", sections.RUN)
        self.policy: dict[str, Any] = dict(self._table("policy"))
        self.guard = self._limits()
        told = "fleet" in self.data
        self.fleet = self._section("fleet", sections.FLEET) if told else None
        self.entries = self._list("vm", sections.VM)
        self.groups = self._names()
        self.events = self._events(self._list("event", sections.EVENT))
        self._check_vms()
        self._check_times()
        self._check_promises()

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, trusted: bool = False) -> Scenario:
        """Reads and checks a file. Where there is none and the path is a mere name, it is the
        shipped scenario of that name (``pageengine examples``). A file is data, and runs no code of
        its own unless it is trusted.

        Raises ScenarioError with file and line, OSError where the file cannot be read.
        """
        path = shipped.scenario(path)
        text = reading.text(path, ScenarioError, _TEXT_MOST)
        data = reading.parsed(text, tomllib.loads, f"{path}: this is not TOML", ScenarioError)
        return cls(data, source=str(path), text=text, trusted=trusted)

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self.data.get("name") or Path(self.source).stem)

    @property
    def seconds(self) -> float:
        """Simulated time."""
        return float(self.run["duration"])

    @property
    def vms(self) -> list[tuple[str, dict[str, Any]]]:
        """Every VM by its name, with the values of its [[vm]] table."""
        return [(name, entry) for entry in self.entries for name in self.groups[entry["name"]]]

    def __repr__(self) -> str:
        host = format_size(self.host["memory"])
        return f"<Scenario {self.name}: {len(self.vms)} VMs on {host}>"

    def changed(self, key: str, value: Any) -> Scenario:
        """The scenario with one value changed: "host.memory", "policy.idle_tax", "run.duration",
        "vm.NAME.size", "vm.size" (of all), "vm.NAME.workload.rate", or "vm.count" (so many
        VMs in all, in the same mix)."""
        data = changes.change(self.data, list(self.groups), key, value)
        asked = self.asked | ({key.split(".")[1]} if key.startswith("policy.") else set())
        trusted = self.trusted or key == "host.policy"  # whoever changes it names the code himself
        return Scenario(data, source=self.source, asked=asked, trusted=trusted)

    # reading

    def _wrong(
        self, message: str, section: str = "", number: int | None = None, key: str | None = None
    ) -> ScenarioError:
        """The error, with the place where it is."""
        line = line_of(self._text, section, number, key) if self._text else None
        where = f"{self.source}:{line}" if line else self.source
        label = ""
        if number is not None:
            entry = self.data[section][number]
            named = entry.get("name") if isinstance(entry, dict) else None
            told = given.shown(named) if isinstance(named, str) else number + 1
            label = f"{section} {told}"
        elif section:
            label = f"[{section}]"
        message = reading.clipped(message, _MESSAGE_MOST)
        return ScenarioError(f"{where}: {label + ': ' if label else ''}{message}")

    def _check_top(self) -> None:
        known = {*sections.TOP, *sections.SECTIONS, "policy"}
        for key, value in self.data.items():
            if key not in known:
                raise self._wrong(
                    f"there is no section or key {given.shown(key)}: {fields.unknown(key, known)}",
                    "",
                    None,
                    key,
                )
            if key in sections.TOP:
                self._read(key, value, sections.TOP[key])
        for key in ("host", "vm"):
            if key not in self.data:
                header = "[[vm]]" if key == "vm" else f"[{key}]"
                raise self._wrong(f"there is no {header}: a scenario needs a host and VMs")

    def _table(self, section: str) -> Mapping[str, Any]:
        table = self.data.get(section, {})
        if not isinstance(table, dict):
            raise self._wrong(f"must be one table: write [{section}]", section)
        return table

    def _section(self, section: str, keys: Mapping[str, Field]) -> dict[str, Any]:
        return self._values(self._table(section), section, None, keys)

    def _limits(self) -> Limits | None:
        if "guard" not in self.data:
            return None
        told = self._section("guard", sections.GUARD)
        with self.section("guard"):
            return Limits(**{key: value for key, value in told.items() if value is not None})

    def _list(self, section: str, keys: Mapping[str, Field]) -> list[dict[str, Any]]:
        entries = self.data.get(section, [])
        if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
            raise self._wrong(f"must be a list of tables: write [[{section}]] for each", section)
        return [self._values(entry, section, i, keys) for i, entry in enumerate(entries)]

    def _values(
        self, table: Mapping[str, Any], section: str, number: int | None, keys: Mapping[str, Field]
    ) -> dict[str, Any]:
        for key in table:
            if key not in keys:
                raise self._wrong(
                    f"there is no key {given.shown(key)}: {fields.unknown(key, keys)}",
                    section,
                    number,
                    key,
                )
        values = {}
        for key, field in keys.items():
            if key in table:
                values[key] = self._read(key, table[key], field, section, number)
            elif field.required:
                raise self._wrong(f"{key} is missing: {field.says}", section, number)
            elif section != "event":
                values[key] = field.default
        return values

    def _read(
        self, key: str, value: Any, field: Field, section: str = "", number: int | None = None
    ) -> Any:
        try:
            return field.read(value)
        except ValueError as error:
            said = f"{key} {given.shown(value)} {error}"
            raise self._wrong(said, section, number, key) from None

    @contextmanager
    def section(
        self, section: str, number: int | None = None, key: str | None = None
    ) -> Iterator[None]:
        """While something is made of a section: what is wrong with it gets its place."""
        try:
            yield
        except ScenarioError:
            raise
        except (ValueError, TypeError) as error:
            raise self._wrong(str(error), section, number, key) from None

    # what goes together

    def _names(self) -> dict[str, list[str]]:
        groups: dict[str, list[str]] = {}
        taken: set[str] = set()
        for number, entry in enumerate(self.entries):
            name, count = entry["name"], entry["count"]
            if len(taken) + count > bounds.VMS_MOST:
                raise self._wrong(
                    f"with these there are {len(taken) + count} VMs, and there can be "
                    f"{bounds.VMS_MOST}",
                    "vm",
                    number,
                    "count",
                )
            names = [name] if count == 1 else [f"{name}-{i + 1}" for i in range(count)]
            mine = {name, *names}
            if not mine.isdisjoint(taken) or not mine.isdisjoint(groups):  # events name both
                raise self._wrong(f"another VM is named {name!r} too", "vm", number, "name")
            groups[name] = names
            taken |= set(names)
        if not groups:
            raise self._wrong("there is no [[vm]]: a scenario needs VMs")
        return groups

    def _events(self, entries: Sequence[Mapping[str, Any]]) -> tuple[events.Event, ...]:
        found = []
        for number, entry in enumerate(entries):
            try:
                found += events.parse(entry, self.groups)
            except events.Wrong as error:
                raise self._wrong(str(error), "event", number, error.key or None) from None
            if entry["at"] > self.seconds:
                raise self._wrong(
                    f"at {self.data['event'][number]['at']!r} is after the end of the run, "
                    f"{self.seconds:g} s: give it an earlier time or the run a longer duration",
                    "event",
                    number,
                    "at",
                )
        return tuple(sorted(found, key=lambda event: event.at))

    def _check_vms(self) -> None:
        for number, entry in enumerate(self.entries):
            size, most = entry["size"], entry["limit"]
            if most is not None and most > size:
                raise self._wrong(
                    f"limit {format_size(most)} is over its size, {format_size(size)}: "
                    "give it a lower limit or none",
                    "vm",
                    number,
                    "limit",
                )
            if entry["reservation"] > (most or size):
                raise self._wrong(
                    f"reservation {format_size(entry['reservation'])} is over its "
                    f"{'limit' if most else 'size'}, {format_size(most or size)}",
                    "vm",
                    number,
                    "reservation",
                )
            if entry["balloon_min"] is not None:
                if "balloon_max" in self.data["vm"][number]:
                    raise self._wrong(
                        "balloon_min and balloon_max say the same thing: give one of them",
                        "vm",
                        number,
                        "balloon_min",
                    )
                entry["balloon_max"] = max(0, size - entry["balloon_min"])

    def _check_times(self) -> None:
        if self.run["epoch"] > self.seconds:
            raise self._wrong(
                f"epoch {self.run['epoch']:g} s is longer than the run, {self.seconds:g} s",
                "run",
                None,
                "epoch",
            )
        with self.section("run", None, "epoch"):
            given.seconds(self.run["epoch"], "epoch", bounds.EPOCH_LEAST)
            bounds.epochs(self.seconds, self.run["epoch"], len(self.vms))
        if self.fleet:
            for section, key in (("fleet", "round"), ("run", "duration")):
                with self.section(section, None, key):
                    bounds.whole_epochs(getattr(self, section)[key], self.run["epoch"], key)
        for number, entry in enumerate(self.entries):
            if entry["stop"] is not None and entry["stop"] <= entry["start"]:
                raise self._wrong(
                    f"stop at {entry['stop']:g} s is not after its start at {entry['start']:g} s",
                    "vm",
                    number,
                    "stop",
                )

    def _check_promises(self) -> None:
        try:
            hosts = self.fleet["hosts"] if self.fleet else 1
            promises.check(self.entries, self.groups, self.events, hosts * self.host["memory"])
        except promises.Broken as error:
            kind = ScenarioError if error.fits else promises.DoesNotFit
            raise kind(str(self._wrong(str(error), "vm", error.number, error.key))) from None
