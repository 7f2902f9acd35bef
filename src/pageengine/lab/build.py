"""From a scenario to a simulation. The only place that knows both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from pageengine.control.driver_faults import DriverFaults
from pageengine.lab import choice, contents, costs, events, workloads
from pageengine.lab.results import Result
from pageengine.lab.scenario import Scenario, ScenarioError
from pageengine.lab.simulated_vm import GuestSpec
from pageengine.lab.simulation import Simulation
from pageengine.lab.specs import VMSpec
from pageengine.lab.workloads.demand import INTERVAL
from pageengine.plumbing import given
from pageengine.policy import table
from pageengine.units import PAGE_BYTES

if TYPE_CHECKING:
    from pageengine.lab.fleet import Fleet
    from pageengine.policy.base import Policy

_Kind = TypeVar("_Kind", GuestSpec, DriverFaults)
_HOST = ("packing", "cache_limit", "swap", "sharing", "victims", "estimator", "reserve_swap")
_PRECOPY = ("bandwidth", "downtime", "slowdown", "per_round")
_PATHS = ("trace", "file")  # options of workloads
_VM = (
    "size",
    "shares",
    "reservation",
    "limit",
    "overhead",
    "balloon_max",
    "salt",
    "start",
    "stop",
    "warm",
)


def run(
    scenario: Scenario,
    *,
    policy: Policy | str | None = None,
    seed: int | None = None,
    progress: Callable[[float, str], Any] | bool | None = None,
    max_time: float | None = None,
    made: Simulation | None = None,
) -> Result:
    """Runs a scenario to its end, or for ``max_time`` seconds of real time. progress: as for
    ``Simulation.run``. made: its simulation, where that goes on from a checkpoint (``lab.resume``).
    """
    made = simulation(scenario, policy=policy, seed=seed) if made is None else made
    result = made.run(scenario.seconds, progress=progress, max_time=max_time)
    result.meta |= _said(scenario, policy)
    return result


def _said(scenario: Scenario, policy: Policy | str | None) -> dict[str, Any]:
    """What a result says of the scenario that was run, beside what a simulation knows of itself."""
    said = {"description": scenario.data.get("description", "")}
    named = scenario.host["policy"] if policy is None else policy
    if isinstance(named, str):
        said["policy"] = named
    left = choice.choose(scenario, policy).left
    if left:
        said["left_out"] = list(left)
    return said


def simulation(
    scenario: Scenario, *, policy: Policy | str | None = None, seed: int | None = None
) -> Simulation:
    """The simulation of a scenario. policy: another one, by name ("kvm", "esx6:idle_tax=0.5") or as
    an object; of the file's options it takes those that it has (``lab.choice``)."""
    _one_host(scenario)
    host, run = scenario.host, scenario.run
    made, happen = _policy(scenario, policy)
    with scenario.section("host"):
        simulated = Simulation(
            host["memory"],
            _vms_of(scenario),
            policy=made,
            costs=costs.make(host["costs"]),
            seed=host["seed"] if seed is None else seed,
            epoch=run["epoch"],
            contents=host["contents"],
            events=_seen(scenario, happen),
            check_every=run["check_every"],
            name=scenario.name,
            host=_host_options(scenario),
        )
    simulated.host.guard = scenario.guard
    return simulated


def fleet(
    scenario: Scenario, *, policy: Policy | str | None = None, seed: int | None = None
) -> Fleet:
    """The fleet of a scenario that has one; as ``simulation``."""
    from pageengine.lab.fleet import Admission, Fleet, Precopy  # which a single host needs not

    told, host, run = scenario.fleet, scenario.host, scenario.run
    if told is None:
        raise ScenarioError(f"{scenario.source}: there is no [fleet]: the scenario has one host")
    made, happen = _policy(scenario, policy)
    with scenario.section("fleet"):
        found = Fleet(
            told["hosts"],
            _vms_of(scenario),
            memory=host["memory"],
            policy=made,
            round=told["round"],
            placement=told["placement"],
            admission=Admission(**{key: told[key] for key in ("full", "overcommit", "unseen")}),
            migration=Precopy(**{key: told[key] for key in _PRECOPY}) if told["migrate"] else None,
            leaving=told["leaving"],
            events=_seen(scenario, happen),
            guard=scenario.guard,
            name=scenario.name,
            costs=costs.make(host["costs"]),
            seed=host["seed"] if seed is None else seed,
            epoch=run["epoch"],
            contents=host["contents"],
            check_every=run["check_every"],
            host=_host_options(scenario),
        )
    found.meta |= _said(scenario, policy)
    return found


def _host_options(scenario: Scenario) -> dict[str, Any]:
    """Options of a Host."""
    host = scenario.host
    options = {key: host[key] for key in _HOST if host[key] is not None}
    if host["compression"] != "none":
        options["compression"] = host["compression"]
    else:
        options["compression"] = None
    followed = [e["workload"] for e in scenario.entries if e["workload"].get("kind") == "demand"]
    if followed:  # an estimate already: noise of another would come on top
        slowest = max(
            given.seconds(each.get("interval", INTERVAL), "interval") for each in followed
        )
        options.setdefault("estimator", {"kind": "accessed-bits", "period": slowest})
    return options


def _one_host(scenario: Scenario) -> None:
    if scenario.fleet is not None:
        raise ScenarioError(
            f"{scenario.source}: [fleet]: what is asked for is done with one host, and here are "
            f"{scenario.fleet['hosts']}: leave the section out, or have pageengine run run them"
        )


def check(scenario: Scenario, policy: Policy | str | None = None, *, fleets: bool = False) -> None:
    """Everything that can be wrong with a scenario's values besides what it looks like: names of
    policy, workloads, contents, costs and their options, now and after every event; and, unless
    ``fleets``, that it has more hosts than one."""
    if not fleets:
        _one_host(scenario)
    made, happen = _policy(scenario, policy)
    _vms_of(scenario)
    for number, entry in enumerate(scenario.entries):
        with scenario.section("vm", number, "workload"):
            workload = workload_of(scenario, entry, entry["workload"])
            workload.start(entry["size"] // PAGE_BYTES, np.random.default_rng(0))
    vms, options = dict(scenario.vms), {e.key for e in happen if e.kind == "policy"}
    for number, entry in enumerate(scenario.data.get("event", ())):
        at_any_time = {**entry, "at": 0.0}
        for event in events.parse(at_any_time, scenario.groups) if "set" in entry else ():
            if event.kind == "policy" and event.key in options:
                with scenario.section("event", number, "to"):
                    _set_option(made, event)
                    _try_option(scenario, policy, event)
            elif event.key == "workload" and event.vm:
                own = vms[event.vm]
                with scenario.section("event", number, "to"):
                    workload = workload_of(scenario, own, event.value)
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


def _vms_of(scenario: Scenario) -> list[VMSpec]:
    specs = []
    for number, entry in enumerate(scenario.entries):
        with scenario.section("vm", number, "workload"):
            workload_of(scenario, entry, entry["workload"])
        with scenario.section("vm", number, "contents"):
            told = entry["contents"]
            if isinstance(told, str) and told.endswith(".json"):
                told = str(Path(scenario.source).parent / told)
            profile = contents.find(told)
        with scenario.section("vm", number, "guest"):
            guest = _guest(entry["guest"])
        with scenario.section("vm", number, "driver"):
            driver = _driver(entry["driver"])
        workload = _beside(scenario, entry["workload"])
        with scenario.section("vm", number):
            specs += [
                VMSpec(
                    name,
                    workload=workload,
                    contents=profile,
                    guest=guest,
                    driver=driver,
                    **{key: entry[key] for key in _VM},
                )
                for name in scenario.groups[entry["name"]]
            ]
    return specs


def workload_of(scenario: Scenario, entry: Mapping[str, Any], told: Any) -> workloads.Workload:
    """A workload of an entry, or what an event makes of it."""
    return workloads.make_for(_beside(scenario, told), bool(entry["guest"]))


def _seen(scenario: Scenario, happen: Iterable[events.Event]) -> list[events.Event]:
    """Events with the paths of traces as seen from here."""
    return [
        replace(event, value=_beside(scenario, event.value)) if event.key == "workload" else event
        for event in happen
    ]


def _beside(scenario: Scenario, workload: dict[str, Any]) -> dict[str, Any]:
    """The workload with its paths as seen from here: files name others beside them."""
    paths = {key: workload[key] for key in _PATHS if isinstance(workload.get(key), str)}
    beside = Path(scenario.source).parent
    return {**workload, **{key: str(beside / path) for key, path in paths.items()}}


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
    return _made(GuestSpec, "guest", value)


def _driver(value: bool | dict[str, Any]) -> bool | DriverFaults:
    return value if isinstance(value, bool) else _made(DriverFaults, "driver", value)


def _made(kind: type[_Kind], name: str, value: dict[str, Any]) -> _Kind:
    """A GuestSpec or DriverFaults of a table."""
    known = tuple(dict.fromkeys((*kind.__annotations__, *(each.name for each in fields(kind)))))
    for key in value:
        if key not in known:
            raise ValueError(f"{name} has no key {key!r}; there are {', '.join(known)}")
    return kind(**value)
