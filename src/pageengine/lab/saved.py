"""A simulation in a checkpoint, and back: its host, its VMs with their workloads and generators,
what is still to happen, and what was recorded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Self

from pageengine.core import checkpoint
from pageengine.errors import CheckpointError
from pageengine.host import saved_state as hosts
from pageengine.lab.contents import ContentProfile, find as find_contents
from pageengine.lab.costs import CostModel
from pageengine.lab.events import Event
from pageengine.lab.simulated_vm import GuestSpec, SimulatedVM
from pageengine.lab.specs import VMSpec
from pageengine.lab.storage import Storage
from pageengine.lab.workloads import kept as workloads
from pageengine.plumbing import given
from pageengine.plumbing.lock import serialised

if TYPE_CHECKING:
    import os

    from pageengine.core.checkpoint import File, Load
    from pageengine.faults import FaultPlan
    from pageengine.host.options import Estimator
    from pageengine.lab.simulation import Simulation
    from pageengine.lab.workloads import Workload
    from pageengine.policy.base import Policy

    Own = Mapping[str, Workload]
RECORDS = checkpoint.Records(*hosts.RECORDS, GuestSpec, ContentProfile, CostModel, Event)
_OPTIONS = ("memory", "seed", "epoch", "name")


@serialised
class SavedSimulation:
    """The part of a Simulation that is written to files and read from them."""

    def save(self, file: File) -> None:
        """Writes all that the simulation is to a file, between two steps: a path, where it is there
        whole or not at all, or a file object that takes bytes. ``load`` goes on from it, bit for
        bit, on any computer, for as many times as one likes.

        TypeError: a workload or an estimator of one's own that cannot say how far it has come;
        other errors as of ``Host.save``.
        """
        simulation: Any = self
        values = {"simulation": _state(simulation), "host": hosts.state_of(simulation.host)}
        checkpoint.write(file, values, RECORDS, simulation.host._engine)

    def branch(self, policy: Policy | str, events: Iterable[Event] = ()) -> None:
        """Another policy decides from this moment on, and what is recorded begins here. events: of
        kind "policy", of this policy; those of the last one are dropped, all others stay.
        """
        simulation: Any = self
        simulation.host.policy = policy
        kept = [event for event in simulation.events if event.kind != "policy"]
        simulation.events = sorted([*kept, *events], key=lambda event: event.at)
        simulation._forget_rows()

    @classmethod
    def load(
        cls,
        file: File,
        *,
        policy: Policy | None = None,
        workloads: Own | None = None,
        estimator: Estimator | None = None,
        swap_dir: str | os.PathLike[str] | None = None,
        faults: FaultPlan | None = None,
    ) -> Self:
        """The simulation that ``save`` wrote, from a path or a binary file object. workloads: of
        somebody's own classes, by the names of their VMs. The rest, and errors, as for
        ``Host.load``.
        """

        def made(values: Any, load: Load) -> Any:
            if not isinstance(values, Mapping) or values.keys() != {"simulation", "host"}:
                raise CheckpointError("it is no checkpoint of a simulation (Host.load?)")
            options: dict[str, Any] = {"policy": policy, "estimator": estimator}
            options |= {"swap_dir": swap_dir, "faults": faults}
            host = hosts.restored(values["host"], load, **options)
            try:
                with checkpoint.looked_at("a simulation"):
                    return _restored(cls, host, values["simulation"], workloads or {})
            except BaseException:
                host.close()
                raise

        found: Self = checkpoint.read(file, RECORDS, made)
        return found


def _state(of: Simulation) -> dict[str, Any]:
    return {
        "options": {key: getattr(of, key) for key in _OPTIONS},
        "costs": of.costs,
        "check_every": of._check_every,
        "record": of._records,
        "specs": [told_spec(spec) for spec in of.specs.values()],
        "events": [told_event(event) for event in of.events],
        "waiting": list(of._made),
        "overrides": {name: workloads.told_of(o) for name, o in of._overrides.items()},
        "running": {name: simulated.state() for name, simulated in of.running.items()},
        "device": of._storage.device.state(),
        "slices": of._slices.state(),
        "meters": [of._meter.state(), of._slice_meter.state()],
        "recorder": of._recorder.state(),
        "epochs": of._epochs,
        "slice": of._slice,
        "refused": of.refused,
        "notes": of._notes,
        "log": of._log,
        "clips": dict(of._clips),
    }


def told_spec(spec: VMSpec) -> dict[str, Any]:
    """What a checkpoint says of a VM, by the names of the fields."""
    told = {field.name: getattr(spec, field.name) for field in fields(spec)}
    told["workload"] = workloads.told_of(spec.workload)
    told["contents"] = find_contents(spec.contents)  # it may have been the name of a file
    return told


def told_event(event: Event) -> tuple[Any, ...]:
    """What a checkpoint says of an event."""
    return event.at, event.kind, event.vm, event.key, workloads.told_of(event.value)


def revived_event(told: Any, own: Own) -> Event:
    """The event that ``told_event`` told of."""
    at, kind, vm, key, value = told
    return Event(at, kind, vm, key, workloads.revived(value, find_own(own, vm)))


def find_own(given_: Own, name: str) -> Callable[[str], Any]:
    """Finds the workload of somebody's own for a VM."""

    def find(kind: str) -> Any:
        if name not in given_:
            raise CheckpointError(
                f"the workload of {name!r} is a {given.shown(kind)}, which is none of this "
                f"package: give one, workloads={{{name!r}: ...}}"
            )
        return given_[name]

    return find


def _restored(cls: Any, host: Any, state: Mapping[str, Any], own: Own) -> Any:
    specs = []
    for told in state["specs"]:
        work = workloads.revived(told["workload"], find_own(own, told["name"]))
        specs.append(VMSpec(**{**told, "workload": work}))
    made: Any = cls(
        vms=specs,
        **{key: state["options"][key] for key in _OPTIONS},
        costs=state["costs"],
        check_every=state["check_every"],
        record=state["record"],
        host=host,
    )
    made.events = [revived_event(told, own) for told in state["events"]]
    made._made = {name: made._made[name] for name in state["waiting"]}
    made._overrides = {
        name: workloads.revived(changed, find_own(own, name))
        for name, changed in state["overrides"].items()
    }
    made._storage = Storage.resumed(made.costs, made.seed, state["device"])
    for name, told in state["running"].items():
        made.running[name] = SimulatedVM.resumed(
            host, made.specs[name], made._storage, made.seed, told, find_own(own, name)
        )
    if made.running.keys() != host.vms.keys():
        raise CheckpointError("its VMs are not those of its host")
    made._slices.restore(state["slices"])
    for meter, told in zip((made._meter, made._slice_meter), state["meters"], strict=True):
        meter.resume(told, made.running)
    made._recorder.restore(state["recorder"])
    made._epochs = given.whole(state["epochs"], "epochs")
    made._slice = given.whole(state["slice"], "the number of a slice")
    made.refused, made._notes, made._log = state["refused"], state["notes"], state["log"]
    made._clips = Counter(state["clips"])
    return made
