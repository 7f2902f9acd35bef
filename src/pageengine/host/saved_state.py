"""A host in a checkpoint, and back: what it was made with, its VMs, what is known of them, the plan
in force; the rest is the core's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from pageengine.control.driver_faults import DriverFaults
from pageengine.core import checkpoint, state as streams
from pageengine.errors import CheckpointError
from pageengine.host.admission import ResourceAllocation
from pageengine.host.options import told_estimator
from pageengine.host.vm import VM
from pageengine.plumbing import given, reading
from pageengine.policy import base, guard
from pageengine.units import PAGE_BYTES

if TYPE_CHECKING:
    import os

    from pageengine.core.engine import Engine
    from pageengine.core.guest import Guest
    from pageengine.faults import FaultPlan
    from pageengine.host.host import Host
    from pageengine.host.options import Estimator
    from pageengine.policy.base import Policy

#: What stands in a checkpoint of a host beside plain values.
RECORDS = (
    base.Plan,
    base.VMPlan,
    base.Migration,
    base.GuestView,
    guard.Limits,
    guard.Clip,
    DriverFaults,
    ResourceAllocation,
)
TABLE = checkpoint.Records(*RECORDS)
_OPTIONS = ("memory", "seed", "contents", "sharing", "compression", "packing", "victims")


def state_of(host: Host) -> dict[str, Any]:
    """All of a host but what the core keeps, as values of a checkpoint."""
    from pageengine.policy.kept import described  # which loads all policies

    return {
        "options": {name: getattr(host, name) for name in _OPTIONS},
        "cache_limit": host._cache_limit,
        "swap": host._promises.has_swap,
        "estimator": told_estimator(host._new_estimator),
        "promises": host._promises.state(),
        "vms": [_vm_state(host, vm) for vm in host._vms.values()],
        "backend": host._backend.state(),
        "controller": host._controller.state(),
        "policy": described(host.policy),
    }


def _vm_state(host: Host, vm: VM) -> dict[str, Any]:
    control = host._backend.table[vm.name]
    faults = control.faults
    if faults is not None:  # of a subclass, perhaps, which says more than a host knows
        told = {field.name: getattr(faults, field.name) for field in fields(DriverFaults)}
        faults = DriverFaults(**told)
    guest = vm.guest
    return {
        "name": vm.name,
        "id": vm._id,
        "allocation": vm.allocation,
        "driver": faults,
        "control": control.state(),
        "guest": None if guest is None else (guest.options, _as_array(guest.state())),
    }


def _as_array(data: bytes) -> Any:
    import numpy as np

    return np.frombuffer(data, np.uint8)


def restored(
    state: Any,
    load: Callable[[Engine], None],
    *,
    policy: Policy | None = None,
    estimator: Estimator | None = None,
    swap_dir: str | os.PathLike[str] | None = None,
    faults: FaultPlan | None = None,
) -> Host:
    """The host of a state; ``load`` brings what the core keeps. CheckpointError."""
    from pageengine.host.host import Host
    from pageengine.policy.kept import made

    try:
        chosen = state["estimator"] if estimator is None else estimator
        if chosen is None:
            raise CheckpointError("its estimator is of somebody's own: give it, estimator=")
        host = Host(
            **{name: state["options"][name] for name in _OPTIONS},
            cache_limit=state["cache_limit"],
            swap=None if state["swap"] else 0,
            swap_dir=swap_dir,
            policy=made(state["policy"], policy),
            estimator=chosen,
            faults=faults,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _wrong(error) from None
    try:
        load(host._engine)
        _fill(host, state)
    except BaseException as error:
        host.close()
        if isinstance(error, (KeyError, TypeError, ValueError, IndexError, AttributeError)):
            raise _wrong(error) from None
        raise
    return host


def _wrong(error: Exception) -> Exception:
    if isinstance(error, CheckpointError):
        return error
    return CheckpointError(f"its values are not those of a host: {reading.brief(error)}")


def _fill(host: Host, state: Mapping[str, Any]) -> None:
    held = streams.vms(host._engine)
    host._promises.restore(state["promises"])
    for told in state["vms"]:
        allocation = told["allocation"]
        if not isinstance(allocation, ResourceAllocation) or told["name"] in host._vms:
            raise CheckpointError(f"a VM in it cannot be: {given.shown(told['name'])}")
        name = given.text(told["name"], "the name of a virtual machine", least=1)
        if held.get(told["id"], 0) * PAGE_BYTES != allocation.size:
            raise CheckpointError(f"it holds no VM of {name!r}, or one of another size")
        vm = VM(host, name, told["id"], allocation, _guest(told["guest"], allocation))
        faults = told["driver"]
        driver = faults if isinstance(faults, DriverFaults) else True
        host._backend.add(vm, host._new_estimator(), driver, 0, told["control"])
        host._vms[name] = vm
    if len(host._vms) != len(held):
        raise CheckpointError("it names other VMs than it holds")
    host._backend.restore(state["backend"])
    host._controller.restore(state["controller"])


def _guest(told: Any, allocation: ResourceAllocation) -> Guest | None:
    from pageengine.core.guest import Guest

    if told is None:
        return None
    options, state = told
    if options["pages"] * PAGE_BYTES != allocation.size:
        raise CheckpointError("a guest in it is of another size than its VM")
    guest = Guest(**options)
    guest.restore(state.tobytes())
    return guest
