"""Workloads in a checkpoint: what they were made of, and how far they have come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from pageengine.errors import CheckpointError
from pageengine.lab import workloads
from pageengine.plumbing import given, reading

_MADE, _OWN = "made workload", "own workload"
_PLAIN = (str, int, float, list, tuple, np.ndarray, type(None))


def told_of(workload: Any) -> Any:
    """What a workload is, as plain values: a table or name as it is; one that is made already by
    its kind and options; one of somebody's own by the name of its class.
    """
    if isinstance(workload, Mapping):
        return {key: told_of(value) for key, value in workload.items()}
    # the protocol is asked last: that is slow
    if isinstance(workload, _PLAIN) or not isinstance(workload, workloads.Workload):
        return workload
    kinds = [kind for kind, made in workloads.WORKLOADS.items() if made is type(workload)]
    if not kinds:
        return {_OWN: type(workload).__name__}
    options: dict[str, Any] = getattr(workload, "options", {})
    return {_MADE: kinds[0], **{key: told_of(value) for key, value in options.items()}}


def own_of(workload: Any) -> Any:
    """The workload, where it is made already and of somebody's own class; else None."""
    told = told_of(workload)
    return workload if isinstance(told, Mapping) and _OWN in told else None


def revived(told: Any, own: Callable[[str], Any]) -> Any:
    """What ``told_of`` told of. own: gives the workload of somebody's own class of this name."""
    if not isinstance(told, Mapping):
        return told
    if _OWN in told:
        return own(str(told[_OWN]))
    values = {key: revived(value, own) for key, value in told.items()}
    if _MADE not in values:
        return values
    kind = values.pop(_MADE)
    try:
        return workloads.make({"kind": kind, **values})
    except (TypeError, ValueError) as error:
        raise CheckpointError(f"a workload in it cannot be: {reading.brief(error)}") from None


def state_of(name: str, workload: Any) -> Any:
    """How far the workload of this VM has come. TypeError: it cannot say."""
    if not callable(getattr(workload, "state", None)) or not hasattr(workload, "restore"):
        raise TypeError(
            f"the workload of {name!r}, {given.shown(workload)}, cannot be saved: give it state(), "
            "which returns how far it has come as plain values and arrays, and restore(state), "
            "which is called after start(pages, rng)"
        )
    return workload.state()


def restore(name: str, workload: Any, state: Any) -> None:
    """It goes on from there; it was started already."""
    if not hasattr(workload, "restore"):
        raise CheckpointError(
            f"the workload of {name!r}, {given.shown(workload)}, has no restore(state)"
        )
    workload.restore(state)
