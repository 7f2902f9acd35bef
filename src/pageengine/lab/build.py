"""From a scenario to a simulation. The only place that knows both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.lab import choice, contents, costs, events, workloads
from pageengine.lab.machine import GuestSpec
from pageengine.lab.results import Result
from pageengine.lab.scenario import Scenario
from pageengine.lab.simulation import Simulation
from pageengine.lab.specs import VMSpec
from pageengine.plumbing import given
from pageengine.policy import table
from pageengine.units import PAGE_BYTES

if TYPE_CHECKING:
    from pageengine.policy.base import Policy

_HOST = ("packing", "cache_limit", "swap", "sharing", "victims", "estimator", "reserve_swap")
_VM = (
    "size",
    "shares",
    "reservation",
    "limit",
    "overhead",
    "driver",
    "balloon_max",
    "salt",
    "start",
    "stop",
)


def run(
    scenario: Scenario,
    *,
    policy: Policy | str | None = None,
    seed: int | None = None,
    progress: Callable[[float, str], Any] | None = None,
    max_time: float | None = None,
) -> Result:
    """Runs a scenario to its end, or for ``max_time`` seconds of real time."""
    made = simulation(scenario, policy=policy, seed=seed)
    result = made.run(scenario.seconds, progress=progress, max_time=max_time)
    named = scenario.host["policy"] if policy is None else policy
    if isinstance(named, str):
        result.meta["policy"] = named
    result.meta["description"] = scenario.data.get("description", "")
    left = choice.choose(scenario, policy).left
    if left:
        result.meta["left_out"] = list(left)
    return result


def simulation(
    scenario: Scenario, *, policy: Policy | str | None = None, seed: int | None = None
) -> Simulation:
    """The simulation of a scenario. policy: another one, by name ("kvm", "esx6:idle_tax=0.5") or as
    an object; of the file's options it takes those that it has (``lab.choice``)."""
    host, run = scenario.host, scenario.run
    options = {key: host[key] for key in _HOST if host[key] is not None}
    if host["compression"] != "none":
        options["compression"] = host["compression"]
    else:
        options["compression"] = None
    made, happen = _policy(scenario, policy)
    with scenario.section("host"):
        return Simulation(
            host["memory"],
            _machines(scenario),
            policy=made,
            costs=costs.make(host["costs"]),
            seed=host["seed"] if seed is None else seed,
            epoch=run["epoch"],
            contents=host["contents"],
            events=_seen(scenario, happen),
            check_every=run["check_every"],
            name=scenario.name,
            host=options,
        )


def check(scenario: Scenario, policy: Policy | str | None = None) -> None:
    """Everything that can be wrong with a scenario's values besides what it looks like: names of
    policy, workloads, contents, costs and their options, now and after every event."""
    made, happen = _policy(scenario, policy)
    _machines(scenario)
    for number, entry in enumerate(scenario.entries):
        with scenario.section("vm", number, "workload"):
            workload = _workload(scenario, entry, entry["workload"])
            workload.start(entry["size"] // PAGE_BYTES, np.random.default_rng(0))
    machines, options = dict(scenario.machines), {e.key for e in happen if e.kind == "policy"}
    for number, entry in enumerate(scenario.data.get("event", ())):
        at_any_time = {**entry, "at": 0.0}
        for event in events.parse(at_any_time, scenario.groups) if "set" in entry else ():
            if event.kind == "policy" and event.key in options:
                with scenario.section("event", number, "to"):
                    _set_option(made, event)
                    _try_option(scenario, policy, event)
            elif event.key == "workload" and event.vm:
                own = machines[event.vm]
                with scenario.section("event", number, "to"):
                    workload = _workload(scenario, own, event.value)
                    workload.start(own["size"] // PAGE_BYTES, np.random.default_rng(0))
    with scenario.section("host", key="costs"):
        costs.make(scenario.host["costs"])


def _policy(
    scenario: Scenario, policy: Policy | str | None
) -> tuple[Policy, tuple[events.Event, ...]]:
    """The policy, made, and the events that happen under it."""
    if policy is None:
        with scenario.section("policy" if scenario.policy else "host", key="policy"):
            chosen = choice.choose(scenario)
            return chosen.make(), chosen.events
    chosen = choice.choose(scenario, policy)
    return chosen.make(), chosen.events


def _set_option(policy: Policy, event: events.Event) -> None:
    """What an event will do to the policy, on one that is thrown away. Raises ValueError."""
    if not hasattr(policy, event.key):
        raise ValueError(f"the policy {policy!r} has no option {event.key!r}, which an event sets")
    try:
        setattr(policy, event.key, event.value)
    except AttributeError:
        raise ValueError(f"{event.key!r} of {policy!r} cannot be changed by an event") from None


def _try_option(scenario: Scenario, policy: Policy | str | None, event: events.Event) -> None:
    """Makes the policy with what an event will set, where it is one of the options that it is made
    with: what its maker refuses would not be looked at later.
    """
    chosen = choice.choose(scenario, policy)
    if isinstance(chosen.policy, str) and event.key in table.entry_of(chosen.policy).options:
        table.find(chosen.policy, **{**chosen.options, event.key: event.value})


def _machines(scenario: Scenario) -> list[VMSpec]:
    specs = []
    for number, entry in enumerate(scenario.entries):
        with scenario.section("vm", number, "workload"):
            _workload(scenario, entry, entry["workload"])
        with scenario.section("vm", number, "contents"):
            told = entry["contents"]
            if isinstance(told, str) and told.endswith(".json"):
                told = str(Path(scenario.source).parent / told)
            profile = contents.find(told)
        with scenario.section("vm", number, "guest"):
            guest = _guest(entry["guest"])
        workload = _beside(scenario, entry["workload"])
        with scenario.section("vm", number):
            specs += [
                VMSpec(
                    name,
                    workload=workload,
                    contents=profile,
                    guest=guest,
                    **{key: entry[key] for key in _VM},
                )
                for name in scenario.groups[entry["name"]]
            ]
    return specs


def _workload(scenario: Scenario, entry: Mapping[str, Any], told: Any) -> workloads.Workload:
    """A workload of an entry, or what an event makes of it."""
    return workloads.make_for(_beside(scenario, told), bool(entry["guest"]))


def _seen(scenario: Scenario, happen: Iterable[events.Event]) -> list[events.Event]:
    """Events with the paths of traces as seen from here."""
    return [
        replace(event, value=_beside(scenario, event.value)) if event.key == "workload" else event
        for event in happen
    ]


def _beside(scenario: Scenario, workload: dict[str, Any]) -> dict[str, Any]:
    """The workload with the path of its trace as seen from here: files name others beside them."""
    if isinstance(workload.get("trace"), str):
        return {**workload, "trace": str(Path(scenario.source).parent / workload["trace"])}
    return workload


def _guest(value: Any) -> GuestSpec | None:
    if value is False or value is None:
        return None
    if value is True:
        return GuestSpec()
    if not isinstance(value, dict):
        raise ValueError(
            f"guest {given.shown(value)} must be true, false or a table of swap, kernel, boot and "
            "replacement"
        )
    known = tuple(GuestSpec.__dataclass_fields__)
    for key in value:
        if key not in known:
            raise ValueError(f"guest has no key {key!r}; there are {', '.join(known)}")
    return GuestSpec(**value)
