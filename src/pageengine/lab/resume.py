"""Runs of a scenario that go on from a checkpoint: to their end as if nothing had been between, or
under another policy from that very moment.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pageengine.errors import CheckpointError
from pageengine.lab import build
from pageengine.lab.saved import told_spec
from pageengine.lab.scenario import Scenario
from pageengine.lab.simulation import Simulation
from pageengine.plumbing import given
from pageengine.policy.base import hooks
from pageengine.units import format_size

if TYPE_CHECKING:
    from pageengine.policy.base import Policy

    Path = str | os.PathLike[str]
    Progress = Callable[[float, str], Any]


def resumed(
    scenario: Scenario, file: Path, *, policy: Policy | str | None = None, seed: int | None = None
) -> Simulation:
    """The simulation of a checkpoint, which must have been of this scenario (and policy, and seed).
    CheckpointError: it was of another, or ran longer than the scenario does.
    """
    wanted = build.simulation(scenario, policy=policy, seed=seed)
    try:
        made = Simulation.load(file, policy=None if _known(wanted) else wanted.host.policy)
        try:
            _check(made, wanted, scenario, file)
            had, has = hooks(made.host.policy).name, hooks(wanted.host.policy).name
            if had != has:
                raise CheckpointError(f"{os.fspath(file)}: it is of policy {had!r}, not of {has!r}")
        except BaseException:
            made.host.close()
            raise
        return made
    finally:
        wanted.host.close()


def branch(scenario: Scenario, file: Path, policy: Policy | str) -> Simulation:
    """The simulation of a checkpoint of this scenario, under another policy from that moment on:
    host, VMs, generators and what is still to happen are those of the checkpoint, and what is
    recorded begins there. Options of the policy are taken from the scenario as ``build.run`` does.
    CheckpointError: it was of another scenario.
    """
    wanted = build.simulation(scenario, policy=policy)
    try:
        made = Simulation.load(file, policy=wanted.host.policy)
        try:
            _check(made, wanted, scenario, file, seeds=False)
        except BaseException:
            made.host.close()
            raise
        of_policy = [event for event in wanted.events if event.kind == "policy"]
        made.branch(wanted.host.policy, [e for e in of_policy if e.at > made.host.time])
        return made
    finally:
        wanted.host.close()


def saving_every(every: float, keep: Callable[[], None], now: float, told: Progress) -> Progress:
    """A progress function that saves what runs every so many seconds of its time from ``now`` on,
    and else does what ``told`` does.
    """
    due = now + every

    def progress(now: float, state: str = "") -> Any:
        nonlocal due
        if now >= due:
            keep()
            due += every * max(1, int((now - due) / every) + 1)
        return told(now, state)

    return progress


def _known(wanted: Simulation) -> bool:
    from pageengine.policy.kept import described

    return "class" in described(wanted.host.policy)


def _of_vms(made: Simulation, wanted: Simulation) -> list[str]:
    """What is said otherwise of the first VM of which something is."""
    for name, spec in wanted.specs.items():
        said, asked = told_spec(made.specs[name]), told_spec(spec)
        other = [key for key in asked if said[key] != asked[key]]
        if other:
            key = other[0]
            had, has = given.shown(said[key]), given.shown(asked[key])
            return [f"a VM {name!r} whose {key} is {had}, not {has}"]
    return []


def _check(
    made: Simulation, wanted: Simulation, scenario: Scenario, file: Path, seeds: bool = True
) -> None:
    """CheckpointError: the checkpoint is of another scenario than this."""
    differs = [
        f"{what} {shown(getattr(made, what))}, not {shown(getattr(wanted, what))}"
        for what, shown in (("memory", format_size), ("epoch", str), ("seed", str))
        if getattr(made, what) != getattr(wanted, what) and (seeds or what != "seed")
    ]
    if made.specs.keys() != wanted.specs.keys():
        differs.append(
            f"other VMs: {given.listed(sorted(made.specs.keys() ^ wanted.specs.keys()))}"
        )
    else:
        differs += _of_vms(made, wanted)
    if made.costs != wanted.costs:
        differs.append(f"other costs ({made.costs.name}, not {wanted.costs.name})")
    if differs:
        raise CheckpointError(
            f"{os.fspath(file)}: it is of another scenario than {scenario.name}: it has "
            + ", and ".join(differs)
        )
    if made.host.time > scenario.seconds:
        raise CheckpointError(
            f"{os.fspath(file)}: it was made at {made.host.time:g} s, and {scenario.name} ends at "
            f"{scenario.seconds:g} s"
        )
