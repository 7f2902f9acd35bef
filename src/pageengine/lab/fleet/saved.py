"""A fleet between two rounds in a checkpoint, and back.

The checkpoints of its hosts stand in it, the books, VMs that are between hosts, and what was
recorded.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.core import checkpoint
from pageengine.errors import CheckpointError
from pageengine.lab.fleet import transit
from pageengine.lab.fleet.results import SEEN
from pageengine.lab.fleet.rounds import Look
from pageengine.lab.fleet.views import Newcomer
from pageengine.lab.saved import RECORDS, told_event, told_spec
from pageengine.plumbing import given
from pageengine.plumbing.kept import checked
from pageengine.policy.kept import described

if TYPE_CHECKING:
    from pageengine.core.checkpoint import File, Load
    from pageengine.lab.fleet.fleet import Fleet


class SavedFleet:
    """The part of a Fleet that is written to files and read from them."""

    def save(self, file: File) -> None:
        """Writes what the fleet is between two rounds to a file: a path, where it is there whole or
        not at all, or a file object that takes bytes. From a ``progress`` function of ``run``, or
        when that is over; ``resume`` goes on from it, bit for bit, on any computer.

        ValueError: a round is under way, or was cut short. TypeError: as of ``Simulation.save``.
        """
        fleet: Any = self
        if not fleet._between:
            raise ValueError(
                "a fleet is saved between two rounds: when progress is told of one, or run is over"
            )
        values = {"fleet": _made_as(fleet), "state": _state(fleet)}
        checkpoint.write(file, values, RECORDS)

    def resume(self, file: File) -> None:
        """Has ``run`` go on from what ``save`` wrote of a fleet that was made as this one is: the
        same result comes of it as if nothing had been between, of longer runs as well.

        CheckpointError: it was of another fleet, which is said, or is damaged. ValueError: this one
        has run.
        """
        fleet: Any = self
        if fleet._ran or fleet.time:
            raise ValueError("a fleet that has run cannot begin elsewhere: make another")

        def made(values: Any, load: Load) -> None:
            if not isinstance(values, Mapping) or values.keys() != {"fleet", "state"}:
                raise CheckpointError("it is no checkpoint of a fleet (Simulation.load?)")
            load(None)
            with checkpoint.looked_at("a fleet"):
                _check(values["fleet"], _made_as(fleet))
                _restore(fleet, values["state"])

        checkpoint.read(file, RECORDS, made)

    def _epochs_over(self, seconds: float) -> int:
        """How many are behind the fleet, which is to run until then."""
        fleet: Any = self
        over: int = round(fleet.time / fleet.epoch)
        said = f"the checkpoint was made at {fleet.time:g} s, "
        if fleet.time > seconds:
            raise CheckpointError(said + f"and it is to run until {seconds:g} s")
        if fleet.time < seconds and over % fleet._epochs_a_round:
            raise CheckpointError(
                said + f"where a run ended within a round of {fleet.round:g} s: none goes on there"
            )
        return over


def _made_as(fleet: Fleet) -> dict[str, Any]:
    """What fleets are told apart by: each VM and the events by digests of what is said of them."""
    host = next(iter(fleet._hosts.values()))
    policy = described(host.policy)
    return {
        **fleet._told(),
        "policy": policy.get("class", policy.get("own")),
        "options of the policy": policy.get("options"),
        "guard": host.guard and checkpoint.fields_of(host.guard),
        "events of the policy": _digest([told_event(event) for event in host.events]),
        "vms": {
            name: _digest([told_spec(spec), [told_event(e) for e in fleet._events.get(name, ())]])
            for name, spec in fleet.specs.items()
        },
    }


def _digest(values: Any) -> str:
    file = io.BytesIO()
    checkpoint.write(file, values, RECORDS)
    return hashlib.sha256(file.getvalue()).hexdigest()[:32]


def _check(had: Mapping[str, Any], has: Mapping[str, Any]) -> None:
    """CheckpointError: the checkpoint is of another fleet than this."""
    for what in has:
        if had[what] == has[what]:
            continue
        if what != "vms":
            raise CheckpointError(
                f"it is of another fleet: {what} was {given.shown(had[what])}, "
                f"not {given.shown(has[what])}"
            )
        names = had[what].keys() | has[what].keys()
        other = sorted(name for name in names if had[what].get(name) != has[what].get(name))
        raise CheckpointError(f"it is of another fleet: what is said of {given.listed(other)}")


def _state(fleet: Any) -> dict[str, Any]:
    return {
        "time": fleet.time,
        "hosts": {host: _packed(state) for host, state in fleet._states.items()},
        "books": {
            host: [checkpoint.fields_of(vm) for vm in vms]
            for host, vms in fleet._books.state().items()
        },
        "waiting": fleet._waiting,
        "carried": {vm: (_packed(vm_state), w) for vm, (vm_state, w) in fleet._carried.items()},
        "refused": {vm: sorted(hosts) for vm, hosts in fleet._refused.items()},
        "looks": {host: checkpoint.fields_of(look) for host, look in fleet._looks.items()},
        "rows": fleet._rows.state(),
    }


def _packed(data: bytes | None) -> Any:
    return None if data is None else np.frombuffer(data, np.uint8)


def _unpacked(array: Any) -> bytes | None:
    if array is None:
        return None
    if not isinstance(array, np.ndarray) or array.dtype != np.uint8 or array.ndim != 1:
        raise ValueError(f"a state of a host is {given.shown(array)}")
    return array.tobytes()


def _restore(fleet: Any, told: Mapping[str, Any]) -> None:
    """All of it is looked at before any of it is taken."""
    state = checked(told, _state(fleet), "a fleet")
    hosts, vms = fleet._hosts.keys(), fleet.specs.keys()
    time = given.seconds(state["time"], "the time of a fleet")
    _names(state["hosts"], hosts)
    for found in (state["looks"], state["books"]):
        _names(found, hosts, all_=False)
    for found in (state["waiting"], state["carried"], state["refused"]):
        _names(found, vms, all_=False)
    looks = {host: _looked(Look(**look), vms) for host, look in state["looks"].items()}
    books = {host: [Newcomer(**vm) for vm in each] for host, each in state["books"].items()}
    entered = [vm.name for each in books.values() for vm in each]
    _names(entered, vms, all_=False)
    if len(set(entered)) < len(entered):
        raise ValueError("a VM is on two hosts")
    states = {host: _unpacked(state["hosts"][host]) for host in hosts}
    carried = {}
    for vm, (data, waits) in state["carried"].items():
        carried[vm] = _unpacked(data) or b"", given.seconds(waits, "what a move costs")
        transit.unpacked(carried[vm][0], fleet.specs[vm], None)
    fleet._rows.restore(state["rows"])
    fleet._books.restore(books)
    fleet.time, fleet._states, fleet._carried = time, states, carried
    fleet._waiting = list(state["waiting"])
    fleet._refused = {vm: set(each) for vm, each in state["refused"].items()}
    fleet._looks = looks


def _names(found: Any, there: Any, *, all_: bool = True) -> None:
    """ValueError: a name that is none of those that there are; with all_, or one is missing."""
    left = set(found) - there if not all_ else set(found) ^ there
    if left:
        raise ValueError(f"it names {given.listed(sorted(map(str, left)))}")


def _looked(look: Look, vms: Any) -> Look:
    _names(look.vms, vms, all_=False)
    _names(look.advice, set(look.vms), all_=False)
    for column in SEEN:
        if getattr(look, column).shape != (len(look.vms),):
            raise ValueError(f"{column} of a look has another length than its VMs")
    return look
