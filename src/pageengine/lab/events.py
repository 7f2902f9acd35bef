"""What changes while a simulation runs: VMs start, stop and boot anew, shares, limits,
workloads and options of the policy change.

An event of a scenario names one VM or all VMs of a ``[[vm]]`` entry; the simulation gets
one Event per VM.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pageengine.lab import fields
from pageengine.lab.sections import CHANGEABLE, VM
from pageengine.plumbing import given

#: Kinds of events: what the key of the scenario is, and the word in the list of events.
VERBS = {"start": "starts", "stop": "stops", "reboot": "boots anew"}


@dataclass(frozen=True)
class Event:
    """at: seconds. kind: "start", "stop", "reboot", "set" (``key`` of ``vm`` becomes ``value``) or
    "policy" (option ``key`` becomes ``value``)."""

    at: float
    kind: str
    vm: str = ""
    key: str = ""
    value: Any = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "at", given.seconds(self.at, "at"))
        given.choice(self.kind, "the kind of an event", (*VERBS, "set", "policy"))
        for key in ("vm", "key"):
            given.text(getattr(self, key), f"{key} of an event")

    @property
    def what(self) -> str:
        """One line for the reader of a report."""
        if self.kind in VERBS:
            return f"{self.vm} {VERBS[self.kind]}"
        value = self.value
        if isinstance(value, Mapping):
            value = value.get("kind", value)
        return f"{self.key} of {self.vm or 'the policy'} becomes {value}"


def check_events(events: Iterable[Event], vms: Collection[str]) -> None:
    """Raises TypeError and ValueError for what is no Event, and for VMs that are not there."""
    for event in events:
        if not isinstance(event, Event):
            raise TypeError(f"events are of lab.events.Event, got {given.shown(event)}")
        if event.kind != "policy" and event.vm not in vms:
            raise ValueError(
                f"an event names a VM {given.shown(event.vm)}; there are: {given.listed(vms)}"
            )


def parse(entry: Mapping[str, Any], groups: Mapping[str, Sequence[str]]) -> list[Event]:
    """The events of one ``[[event]]``. groups: names of the VMs by name of their entry. Raises
    Wrong, which names the key."""
    kinds = [kind for kind in (*VERBS, "set") if kind in entry]
    if len(kinds) != 1:
        given = " and ".join(kinds) or "none"
        raise Wrong("", f"an event has exactly one of start, stop, reboot and set; here is {given}")
    kind, at = kinds[0], entry["at"]
    if ("to" in entry) != (kind == "set"):
        raise Wrong("to", "'set' and 'to' belong together: set = 'vm.web.shares', to = 4000")
    if kind != "set":
        return [Event(at, kind, name) for name in _vms_of(entry[kind], kind, groups)]
    return _setting(at, entry["set"], entry["to"], groups)


class Wrong(ValueError):
    """What is wrong with ``key`` of an entry."""

    def __init__(self, key: str, message: str):
        super().__init__(message)
        self.key = key


def _setting(at: float, path: str, value: Any, groups: Mapping[str, Sequence[str]]) -> list[Event]:
    parts = path.split(".")
    if parts[0] == "policy" and len(parts) == 2:
        return [Event(at, "policy", "", parts[1], value)]
    if parts[0] != "vm" or len(parts) != 3:
        raise Wrong("set", f"{path!r} cannot be changed: write 'vm.NAME.KEY' or 'policy.KEY'")
    _, name, key = parts
    if key not in CHANGEABLE:
        raise Wrong(
            "set",
            f"{path!r} cannot be changed while it runs: {fields.unknown(key, CHANGEABLE)}",
        )
    try:
        value = VM[key].read(value)
    except ValueError as error:
        raise Wrong("to", f"{key} {value!r} {error}") from None
    return [Event(at, "set", vm, key, value) for vm in _vms_of(name, "set", groups)]


def _vms_of(name: str, key: str, groups: Mapping[str, Sequence[str]]) -> list[str]:
    if name in groups:
        return list(groups[name])
    every = [vm for names in groups.values() for vm in names]
    if name in every:
        return [name]
    raise Wrong(key, f"there is no VM {name!r}. {fields.unknown(name, {*groups, *every})}")
