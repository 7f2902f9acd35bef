"""Workloads: what programs on simulated VMs do with their memory. One line per workload."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pageengine.lab.workloads.base import (
    Accesses,
    Release,
    Workload,
    burst,
    fastest,
    starts_warm,
    warmed,
)
from pageengine.lab.workloads.boot import Boot
from pageengine.lab.workloads.demand import FollowedDemand
from pageengine.lab.workloads.fileserver import FileServer
from pageengine.lab.workloads.heap import Heap
from pageengine.lab.workloads.idle import Idle
from pageengine.lab.workloads.moving import Moving
from pageengine.lab.workloads.program import Program
from pageengine.lab.workloads.replay import Replay
from pageengine.lab.workloads.sequential import Sequential
from pageengine.lab.workloads.toucher import Toucher
from pageengine.lab.workloads.zipf import Zipf
from pageengine.plumbing import given, kinds

__all__ = [
    "WORKLOADS",
    "Accesses",
    "Release",
    "Workload",
    "burst",
    "fastest",
    "make",
    "make_for",
    "starts_warm",
    "warmed",
]

WORKLOADS: dict[str, Callable[..., Workload]] = {
    "idle": Idle,
    "sequential": Sequential,
    "zipf": Zipf,
    "moving": Moving,
    "toucher": Toucher,
    "boot": Boot,
    "fileserver": FileServer,
    "heap": Heap,
    "replay": Replay,
    "program": Program,
    "demand": FollowedDemand,
}


def make_for(what: Workload | Mapping[str, Any] | str, guest: bool) -> Workload:
    """As ``make``, of a VM that has a guest or none. ValueError: it needs one."""
    workload = make(what)
    if workload.needs_guest and not guest:
        kind = what["kind"] if isinstance(what, Mapping) else what
        raise ValueError(
            f"workload {given.shown(kind)} works with files, which a guest must hold: give the "
            "VM guest = true"
        )
    return workload


def make(what: Workload | Mapping[str, Any] | str) -> Workload:
    """A workload of its name, or of a table ``{"kind": name, option: value, ...}``; one that is
    made already is returned as it is.
    """
    if isinstance(what, str):
        what = {"kind": what}
    elif not isinstance(what, Mapping) and isinstance(what, Workload):  # asked last: it is slow
        return what
    if not isinstance(what, Mapping) or "kind" not in what:
        raise ValueError(
            f"a workload is a table with its kind, {{kind = 'zipf'}}, got {given.shown(what)}"
        )
    made, options = kinds.chosen(what, WORKLOADS, "workload")
    try:
        return made(**options)
    except TypeError as error:
        raise ValueError(f"workload {what['kind']}: {error}") from None
    except RecursionError:
        raise ValueError(f"workload {what['kind']}: one is in another too many times") from None
