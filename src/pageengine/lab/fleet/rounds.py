"""One host for one round, as a task: a pure function of the host's state, what comes to it, and
how long. Whoever runs it, wherever, how often: what comes out is the same, so that a task whose
worker died is simply run again.

A state is what a host is made from, before its first round, and then a checkpoint of its
simulation. Nothing else is kept between tasks.
"""

from __future__ import annotations

import copy
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.lab.fleet import transit
from pageengine.lab.simulation import Simulation
from pageengine.policy.advice import migration
from pageengine.policy.kept import described
from pageengine.policy.states import rank
from pageengine.units import PAGE_BYTES

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pageengine.lab.events import Event
    from pageengine.lab.results import Result
    from pageengine.lab.specs import VMSpec
    from pageengine.policy.base import Policy
    from pageengine.policy.guard import Limits


@dataclass(frozen=True)
class HostSpec:
    """What the simulation of a host is made from. policy: an object. options: of ``Simulation`` by
    name. workloads: by VM, those of somebody's own classes, which no checkpoint has.
    """

    name: str
    memory: int
    policy: Policy
    guard: Limits | None = None
    events: tuple[Event, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    workloads: Mapping[str, Any] = field(default_factory=dict)

    def make(self) -> Simulation:
        """It, without any VM."""
        simulation = Simulation(
            self.memory,
            (),
            policy=copy.deepcopy(self.policy),  # events may change its options
            events=self.events,
            **self.options,
        )
        simulation.host.guard = self.guard
        return simulation

    def opened(self, state: bytes | None) -> Simulation:
        """It, as it was; None: before its first round."""
        if state is None:
            return self.make()
        own = copy.deepcopy(self.policy) if "own" in described(self.policy) else None
        simulation = Simulation.load(
            io.BytesIO(state), policy=own, workloads=copy.deepcopy(dict(self.workloads))
        )
        if own is not None and not hasattr(own, "restore"):
            for event in self.events:  # what they changed is in no checkpoint
                if event.kind == "policy" and event.at < simulation.host.time:
                    setattr(own, event.key, event.value)
        return simulation


@dataclass(frozen=True)
class Arrival:
    """A VM that comes to a host. events: what is to happen to it, where it begins. carried: what it
    took along from another, as ``leave`` gave it, with what is to happen to it. waits: seconds that
    the move costs it.
    """

    spec: VMSpec
    events: tuple[Event, ...] = ()
    carried: bytes | None = None
    waits: float = 0.0


@dataclass(frozen=True)
class Look:
    """What a round showed of a host. time: at its end. memory, free, swapped, compressed,
    ballooned, saving: bytes then; state: the rank of the lowest state, free_least: the least free
    memory, both at the ends of epochs.

    vms: names of those that run. Of each: size, active, consumed, held (wherever it is): bytes
    int64 [n]; stall: mean of the round, written: bytes per second, as far as can be told, float64
    [n]. advice: which of them should leave, as the policy's last plan has it, or, where that has
    none, by the rule that policies without one of their own go by. refused: which that came were
    not admitted. ended: which stopped, and do not start again. events: what happened.
    """

    time: float
    memory: int
    free: int
    free_least: int
    state: int
    swapped: int
    compressed: int
    ballooned: int
    saving: int
    vms: tuple[str, ...]
    size: NDArray[np.int64]
    active: NDArray[np.int64]
    consumed: NDArray[np.int64]
    held: NDArray[np.int64]
    stall: NDArray[np.float64]
    written: NDArray[np.float64]
    advice: tuple[str, ...]
    refused: tuple[str, ...]
    ended: tuple[str, ...]
    events: tuple[dict[str, Any], ...]


def run_round(
    host: HostSpec, state: bytes | None, arrivals: Sequence[Arrival], epochs: int
) -> tuple[bytes, Look]:
    """The host takes what comes, and lives for so many epochs: its state after that, and what was
    seen.
    """
    simulation = host.opened(state)
    watch = _Watch(simulation)
    for each in arrivals:
        _take(host, simulation, each)
    for _ in range(epochs):
        simulation.step()
        watch.look()
    look = watch.result(epochs)
    return _kept(simulation), look


def leave(
    host: HostSpec, state: bytes | None, names: Sequence[str]
) -> tuple[bytes, tuple[bytes, ...]]:
    """VMs leave the host: its state after that, and what each takes along."""
    simulation = host.opened(state)
    carried = tuple(transit.packed(simulation.leave(name)) for name in names)
    return _kept(simulation), carried


def result(host: HostSpec, state: bytes | None) -> Result:
    """The timelines of a host that keeps them."""
    return host.opened(state).finish()


def _kept(simulation: Simulation) -> bytes:
    file = io.BytesIO()
    simulation.save(file)
    simulation.host.close()
    return file.getvalue()


def _take(host: HostSpec, simulation: Simulation, arrival: Arrival) -> None:
    carried, events, name = None, arrival.events, arrival.spec.name
    if arrival.carried is not None:
        own = copy.deepcopy(host.workloads.get(name))
        carried = transit.unpacked(arrival.carried, arrival.spec, own)
        events = carried.events
    taken = simulation.add(arrival.spec, events=events, carried=carried)
    if taken and arrival.waits:
        simulation.running[name].wait(arrival.waits)


class _Watch:
    """Sums up the epochs of a round."""

    def __init__(self, simulation: Simulation):
        self._simulation = simulation
        self._stall: dict[str, float] = {}
        self._epochs: dict[str, int] = {}
        self._state, self._free = 0, simulation.host.memory
        self._before = self._accesses()
        self._told, self._refused = len(simulation.happened), len(simulation.refused)

    def _accesses(self) -> dict[str, int]:
        running = self._simulation.running
        counts = self._simulation.host.columns(running)["accesses"] if running else ()
        return dict(zip(running, map(int, counts), strict=True))

    def look(self) -> None:
        """An epoch is over."""
        for name, vm in self._simulation.running.items():
            self._stall[name] = self._stall.get(name, 0.0) + vm.stall
            self._epochs[name] = self._epochs.get(name, 0) + 1
        host = self._simulation.host
        self._state = max(self._state, rank(host.state))
        self._free = min(self._free, host.stats.free)

    def result(self, epochs: int) -> Look:
        """What was seen of the round."""
        simulation, host = self._simulation, self._simulation.host
        vms, stats = tuple(simulation.running), host.stats
        columns = host.columns(vms)
        seconds = epochs * simulation.epoch
        since = {
            name: count - self._before.get(name, 0) for name, count in self._accesses().items()
        }
        refused = dict.fromkeys(simulation.refused[self._refused :])
        advice = host.last_plan.migrate or migration(host.snapshot())
        return Look(
            host.time,
            host.memory,
            stats.free,
            self._free,
            self._state,
            stats.swapped,
            stats.compressed,
            stats.ballooned,
            stats.saving,
            vms,
            columns["size"],
            columns["active"],
            columns["consumed"],
            columns["granted"] + columns["swapped"] + columns["compressed"],
            np.array([self._stall[name] / self._epochs[name] for name in vms], float),
            np.array([_written(simulation, name, since[name]) / seconds for name in vms], float),
            tuple(each.vm for each in advice if each.vm in simulation.running),
            tuple(name for name in refused if name not in simulation.running),
            simulation.ended,
            tuple(simulation.happened[self._told :]),
        )


def _written(simulation: Simulation, name: str, accesses: int) -> float:
    """Bytes that a VM wrote with so many accesses: the part of them that its workload says, and all
    of them where it does not say.
    """
    part = getattr(simulation.running[name].workload, "write", 1.0)
    return accesses * PAGE_BYTES * (part if isinstance(part, float) else 1.0)
