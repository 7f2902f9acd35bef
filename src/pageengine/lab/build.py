"""From a scenario to a simulation. The only place that knows both."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pageengine import policy as policies
from pageengine.lab import contents, costs, events, workloads
from pageengine.lab.machine import GuestSpec
from pageengine.lab.results import Result
from pageengine.lab.scenario import Scenario
from pageengine.lab.simulation import Simulation, VMSpec
from pageengine.units import PAGE_BYTES

_HOST = ("packing", "cache_limit", "swap", "sharing", "victims", "estimator", "reserve_swap")
_VM = ("size", "shares", "reservation", "limit", "overhead", "driver", "balloon_max", "salt",
       "start", "stop")  # fmt: skip


def run(
    scenario: Scenario,
    *,
    policy=None,
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
    return result


def simulation(scenario: Scenario, *, policy=None, seed: int | None = None) -> Simulation:
    """The simulation of a scenario. policy: another one, by name or as an object; the options of
    the file belong to the file's policy only."""
    host, run = scenario.host, scenario.run
    options = {key: host[key] for key in _HOST if host[key] is not None}
    if host["compression"] != "none":
        options["compression"] = host["compression"]
    else:
        options["compression"] = None
    with scenario.section("host"):
        made = Simulation(
            host["memory"], _machines(scenario), policy=_policy(scenario, policy),
            costs=costs.make(host["costs"]), seed=host["seed"] if seed is None else seed,
            epoch=run["epoch"], contents=host["contents"], events=_events(scenario),
            check_every=run["check_every"], name=scenario.name, host=options,
        )  # fmt: skip
    return made


def check(scenario: Scenario, policy=None) -> None:
    """Everything that can be wrong with a scenario's values besides what it looks like: names of
    policy, workloads, contents, costs and their options."""
    _policy(scenario, policy)
    _machines(scenario)
    for number, entry in enumerate(scenario.entries):
        with scenario.section("vm", number, "workload"):
            workload = workloads.make(_beside(scenario, entry["workload"]))
            workload.start(entry["size"] // PAGE_BYTES, np.random.default_rng(0))
    sizes = {name: entry["size"] // PAGE_BYTES for name, entry in scenario.machines}
    for number, entry in enumerate(scenario.data.get("event", ())):
        for event in events.parse(entry, scenario.groups) if "set" in entry else ():
            if event.key == "workload" and event.vm:
                with scenario.section("event", number, "to"):
                    workload = workloads.make(_beside(scenario, event.value))
                    workload.start(sizes[event.vm], np.random.default_rng(0))
    with scenario.section("host", key="costs"):
        costs.make(scenario.host["costs"])


def _policy(scenario: Scenario, policy):
    if policy is not None and not isinstance(policy, str):
        return policy
    if policy is not None and policy != scenario.host["policy"]:
        return policies.find(policy)
    with scenario.section("policy" if scenario.policy else "host", key="policy"):
        return policies.find(scenario.host["policy"], **scenario.policy)


def _machines(scenario: Scenario) -> list[VMSpec]:
    specs = []
    for number, entry in enumerate(scenario.entries):
        for name in scenario.groups[entry["name"]]:
            with scenario.section("vm", number, "workload"):
                told = _beside(scenario, entry["workload"])
                workload = workloads.make(told)
            with scenario.section("vm", number, "contents"):
                given = entry["contents"]
                if isinstance(given, str) and given.endswith(".json"):
                    given = str(Path(scenario.source).parent / given)
                profile = contents.find(given)
            with scenario.section("vm", number, "guest"):
                guest = _guest(entry["guest"])
            with scenario.section("vm", number, "workload"):
                if workload.needs_guest and guest is None:
                    raise ValueError(
                        f"workload {entry['workload']['kind']!r} works with files, which a guest "
                        "must hold: give the machine guest = true"
                    )
            specs.append(
                VMSpec(
                    name, workload=told, contents=profile, guest=guest,
                    **{key: entry[key] for key in _VM},
                )
            )  # fmt: skip
    return specs


def _events(scenario: Scenario) -> list[events.Event]:
    """The scenario's, with the paths of traces as seen from here."""
    return [
        replace(event, value=_beside(scenario, event.value)) if event.key == "workload" else event
        for event in scenario.events
    ]


def _beside(scenario: Scenario, workload: dict) -> dict:
    """The workload with the path of its trace as seen from here: files name others beside them."""
    if isinstance(workload.get("trace"), str):
        return {**workload, "trace": str(Path(scenario.source).parent / workload["trace"])}
    return workload


def _guest(value) -> GuestSpec | None:
    if value is False or value is None:
        return None
    if value is True:
        return GuestSpec()
    if not isinstance(value, dict):
        raise ValueError(
            f"guest {value!r} must be true, false or a table of swap, kernel, boot and replacement"
        )
    known = tuple(GuestSpec.__dataclass_fields__)
    for key in value:
        if key not in known:
            raise ValueError(f"guest has no key {key!r}; there are {', '.join(known)}")
    return GuestSpec(**value)
