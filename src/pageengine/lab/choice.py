"""Which policy a scenario runs under, and with which options.

A policy is named with options of its own, "esx6:idle_tax=0.5:margin=0", or takes those of the file:
the file's policy takes all of them, another one those that it has too. What a file says and another
policy cannot take is named in ``left``; what was set by hand is never left out.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pageengine import policy as policies
from pageengine.lab import fields
from pageengine.lab.events import Event
from pageengine.lab.scenario import Scenario
from pageengine.policy import table
from pageengine.policy.base import Policy


@dataclass(frozen=True)
class Choice:
    """policy: a name, or an object that is made already. events: those of the scenario that happen
    under it. left: what of the file is left out, a sentence each."""

    policy: Any
    options: Mapping[str, Any]
    events: tuple[Event, ...]
    left: tuple[str, ...] = ()

    def make(self) -> Policy:
        """The policy, ready to decide."""
        return policies.find(self.policy, **self.options)


def parse(text: str) -> tuple[str, dict[str, Any]]:
    """The name and the options of "NAME:OPTION=VALUE:...". Raises ValueError."""
    parts = fields.split(text, ":")
    options: dict[str, Any] = {}
    while len(parts) > 1 and "=" in parts[-1]:
        key, _, value = parts.pop().partition("=")
        if key.strip() in options:
            raise ValueError(f"{text}: the option {key.strip()} is given twice")
        options[key.strip()] = fields.value(value)
    return ":".join(parts), options


def folder_of(label: str) -> str:
    """A policy's name as the name of a folder."""
    return re.sub(r"[^\w.=-]+", "-", label).strip("-.")


def choose(scenario: Scenario, policy: Policy | str | None = None) -> Choice:
    """The choice for a scenario. policy: another one than the file's, by name, with options or
    without, or as an object. Raises ValueError for what the policy does not have."""
    if policy is not None and not isinstance(policy, str):
        if scenario.asked:
            raise ValueError(
                f"{policy!r} is made already and takes no options: {', '.join(scenario.asked)}"
            )
        return Choice(policy, {}, scenario.events)
    files, given = parse(scenario.host["policy"])
    name, own = (files, given) if policy is None else parse(policy)
    if policy is None and ":" in name and not scenario.trusted:
        raise ValueError(
            f"the file names code to run, {name!r}: say yourself that it may, with --policy {name} "
            "or Scenario.load(path, trusted=True)"
        )
    if name == files:
        return Choice(name, {**given, **scenario.policy, **own}, scenario.events)
    entry = table.entry_of(name)
    taken, left = {}, []
    for key, value in {**given, **scenario.policy}.items():
        if entry.open_ended or key in entry.options or key in scenario.asked:
            taken[key] = value
        else:
            left.append(f"{name} has no option {key!r}: the file's is left out")
    made = policies.find(name, **taken, **own)
    happen = []
    for event in scenario.events:
        if event.kind != "policy" or hasattr(made, event.key):
            happen.append(event)
        else:
            left.append(
                f"{name} has no option {event.key!r}: the event at {event.at:g} s is left out"
            )
    return Choice(name, {**taken, **own}, tuple(happen), tuple(left))
