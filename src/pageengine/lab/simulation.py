"""Simulation: virtual machines with workloads on one host, epoch by epoch.

In every epoch each machine runs for as long as it does not wait: the epoch less what its last
accesses cost. Its workload says what it touches in that time, the host serves it, the cost model
turns what happened into waiting. Then the host does its housekeeping for the epoch, and a row is
recorded. The same simulation and seed give the same result, bit for bit.
"""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pageengine.errors import AdmissionError
from pageengine.host.host import Host
from pageengine.lab import bounds
from pageengine.lab import costs as cost_models
from pageengine.lab.contents import find as find_contents
from pageengine.lab.events import Event, check_events
from pageengine.lab.machine import Machine
from pageengine.lab.meter import Meter, of_guests
from pageengine.lab.recorder import Recorder
from pageengine.lab.results import Result, summary_of
from pageengine.lab.slices import Slices, on_grid
from pageengine.lab.specs import VMSpec, by_name
from pageengine.lab.storage import Storage
from pageengine.lab.workloads import Workload, make_for
from pageengine.plumbing import given
from pageengine.plumbing.lock import locks_itself, serialised
from pageengine.policy.base import hooks
from pageengine.units import Size, format_size, parse_size

if TYPE_CHECKING:
    from pageengine.policy.base import Policy


@serialised
class Simulation:
    """memory, policy and host: as for ``Host`` (host: its further options). vms: VMSpecs. costs: of
    events (``lab.costs``). epoch: seconds of one step. events: what changes meanwhile
    (``lab.events.Event``). check_every: epochs between checks of every invariant, 0 for none.
    name: for the report. record: whether timelines are kept, 208 bytes per machine and epoch;
    without them there is no result but what a caller looks at between steps. Used once: ``run``, or
    ``step`` by ``step`` and ``finish``.
    """

    def __init__(
        self,
        memory: Size,
        vms: Iterable[VMSpec],
        *,
        policy: Policy | str | None = None,
        costs: cost_models.CostModel | Mapping[str, Any] | str = "nvme",
        seed: int = 0,
        epoch: float = 1.0,
        contents: str = "tokens",
        events: Iterable[Event] = (),
        check_every: int = 0,
        name: str = "",
        host: Mapping[str, Any] | None = None,
        record: bool = True,
    ):
        self.specs = by_name(vms)
        self.costs = cost_models.make(costs)
        self.epoch = given.seconds(epoch, "epoch", bounds.EPOCH_LEAST)
        self.seed, self.name = given.whole(seed, "seed", most=2**64 - 1), given.text(name, "name")
        self.memory = parse_size(memory, "memory")
        self.events = self._all_events(events)
        self._check_every, self._epochs = given.whole(check_every, "check_every"), 0
        if host is not None and not isinstance(host, Mapping):
            raise TypeError(f"host must be options of a Host by name, got {given.shown(host)}")
        self.host = Host(memory, seed=seed, contents=contents, policy=policy, **(host or {}))
        self._lock = self.host._lock
        self.host.swap_bandwidth = self.costs.swap_bandwidth
        self.machines: dict[str, Machine] = {}
        self._overrides: dict[str, dict[str, Any]] = {}
        self.refused: list[str] = []
        self._notes: dict[str, list[str]] = {}
        self._log: list[dict[str, Any]] = []
        self._recorder, self._meter, self._records = (
            Recorder(self.specs),
            Meter(),
            given.flag(record, "record"),
        )
        self.host.on_plan(self._recorder.saw)
        self._storage, self._slices = Storage(self.costs, self.seed), Slices(self.host)
        self._slice_meter, self._slice = Meter(), 0
        self._made: dict[str, Workload] = {}  # of machines that have not started yet
        for spec in self.specs.values():  # what is wrong with a workload is said before the start
            find_contents(spec.contents)
            self._made[spec.name] = self._workload_of(spec)

    @staticmethod
    def _workload_of(spec: VMSpec) -> Workload:
        try:
            return make_for(spec.workload, spec.guest is not None)
        except ValueError as error:
            raise ValueError(f"virtual machine {spec.name!r}: {error}") from None

    def _all_events(self, events: Iterable[Event]) -> list[Event]:
        all_ = given.several(events, "events")
        check_events(all_, self.specs)
        for spec in self.specs.values():
            all_.append(Event(spec.start, "start", spec.name))
            if spec.stop is not None:
                all_.append(Event(spec.stop, "stop", spec.name))
        return sorted(all_, key=lambda event: event.at)

    @locks_itself
    def run(
        self,
        seconds: float,
        progress: Callable[[float, str], Any] | None = None,
        max_time: float | None = None,
    ) -> Result:
        """Runs for ``seconds`` of simulated time. progress(time, state): called every epoch; when
        it returns False the run ends. max_time: seconds of real time after which it ends. A run
        that ended before its time, also by Ctrl-C, gives what was recorded, marked partial.
        """
        began, partial = clock.monotonic(), ""
        epochs = bounds.epochs(seconds, self.epoch, len(self.specs) if self._records else 1)
        if max_time is not None:
            given.real(max_time, "max_time", unit="seconds")
        try:
            for _ in range(epochs):
                self.step()
                if progress and progress(self.host.time, self.host.state) is False:
                    partial = "stopped"
                if max_time is not None and clock.monotonic() - began > max_time:
                    partial = "out of its time limit"
                if partial:
                    break
        except KeyboardInterrupt:
            partial = "interrupted"
        finally:
            result = self._result(seconds, partial)
            self.host.close()
        return result

    def step(self) -> None:
        """One epoch, for callers that have a clock of their own; ``finish`` ends it."""
        self._step(self._epochs)
        self._epochs += 1
        if self._check_every and self._epochs % self._check_every == 0:
            self.host.check()

    def add(self, spec: VMSpec) -> bool:
        """Starts one more machine now; whether it was admitted."""
        if spec.name in self.machines:
            raise ValueError(f"there is a machine {spec.name!r} already")
        self.specs[spec.name] = spec
        self._recorder.know(spec.name)
        self._start(spec.name, self.host.time)
        return spec.name in self.machines

    def remove(self, name: str) -> VMSpec:
        """Stops a machine now, as what it is to be started with elsewhere."""
        if name not in self.machines:
            raise ValueError(f"there is no machine {name!r}; there are {', '.join(self.machines)}")
        self._stop(name)
        return self.specs[name]

    def finish(self) -> Result:
        """What was recorded so far; the host is closed."""
        result = self._result(self.host.time, "")
        self.host.close()
        return result

    def _step(self, number: int) -> None:
        now, end = self.host.time, on_grid((number + 1) * self.epoch)
        while now < end:
            while self.events and on_grid(self.events[0].at) <= now:
                self._happen(self.events.pop(0), now)
            if self.host.due <= now:  # of what happened the policy hears at once
                self.host.balance()
            until = on_grid(self.events[0].at) if self.events else end
            self._live(now, min(until, end))
            now = self.host.time
        self._record((number + 1) * self.epoch)

    def _live(self, now: float, until: float) -> None:
        """One slice, until then or a time before."""
        machines = list(self.machines.values())
        until = self._slices.end(now, until, machines)
        for i in self._turns(machines):
            machines[i].live(now, until)
        columns, guests = self.host.counts(), of_guests(machines)
        meter = self._slice_meter
        meter.read(machines, columns, guests)
        self._storage.charge(machines, meter.events)
        self._storage.serve(until, meter.sums)
        seconds = until - now
        ran = {machine.name: machine.pass_time(seconds) for machine in machines}
        self._slices.happened(seconds, meter.sums)
        self.host.swap_was_read(self._storage.device.read_busy)
        self.host.advance(seconds, ran)

    def _turns(self, machines: list[Machine]) -> list[int]:
        """Machines take turns, in an order of each slice's own that does not depend on how they are
        listed.
        """
        self._slice += 1
        salt = np.uint64((self._slice + self.seed) * 0xBF58476D1CE4E5B9 % 2**64)
        numbers = np.array([machine.number for machine in machines], np.uint64)
        keys = (numbers ^ salt) * np.uint64(0x9E3779B97F4A7C15)  # the product keeps its low bits
        order: list[int] = np.argsort(keys, kind="stable").tolist()
        return order

    def _record(self, end: float) -> None:
        machines = list(self.machines.values())
        for machine in machines:
            machine.end_row(self.epoch)
        if self._records:
            columns, guests = self.host.columns(self.machines), of_guests(machines)
            self._meter.read(machines, columns, guests)
            self._recorder.record(self.host, end, machines, columns, guests, self._meter)

    # events

    def _happen(self, event: Event, now: float) -> None:
        if event.kind == "start":
            self._start(event.vm, now)
        elif event.kind == "stop":
            if event.vm in self.machines:
                self._stop(event.vm)
        elif event.kind == "reboot":
            if event.vm in self.machines:
                self._note(self.machines[event.vm])
                self.machines[event.vm].reboot()
        elif event.kind == "policy":
            self._set_policy(event.key, event.value)
        else:
            self._set(event)
        self._log.append({"time": now, "what": event.what, "vm": event.vm})

    def _start(self, name: str, now: float) -> None:
        if name in self.machines:
            return
        spec, options = self.specs[name], self._overrides.get(name, {})
        try:
            self._ask_policy(spec)
            workload = self._made.pop(name, None)  # a machine that starts again has a new one
            if workload is None or "workload" in options:
                workload = options.get("workload", spec.workload)
            machine = Machine(self.host, spec, options, workload, self._storage, self.seed)
        except AdmissionError as error:
            self.refused.append(name)
            self._log.append({"time": now, "what": f"{name} is refused: {error}", "vm": name})
            return
        self.machines[name] = machine

    def _stop(self, name: str) -> None:
        self._note(self.machines[name])
        self.machines.pop(name).leave()
        self.host.remove_vm(name)

    def _ask_policy(self, spec: VMSpec) -> None:
        """A policy that promises room for whole machines says whether one more fits."""
        sizes = [vm.size + vm.overhead for vm in self.host.vms.values()]
        size = parse_size(spec.size) + parse_size(spec.overhead)
        if not hooks(self.host.policy).admits(self.memory, [*sizes, size]):
            raise AdmissionError(
                f"{format_size(size)} do not fit beside {format_size(sum(sizes))} "
                f"in {format_size(self.memory)}, and nothing is overcommitted"
            )

    def _set(self, event: Event) -> None:
        self._overrides.setdefault(event.vm, {})[event.key] = event.value
        machine = self.machines.get(event.vm)
        if machine is not None:
            self._note(machine)
            machine.change(event.key, event.value)

    def _set_policy(self, key: str, value: Any) -> None:
        policy = self.host.policy
        if not hasattr(policy, key):
            raise ValueError(f"the policy {policy!r} has no option {key!r}")
        setattr(policy, key, value)
        self.host.policy = policy

    def _note(self, machine: Machine) -> None:
        """What its workload has to say of itself is kept."""
        for note in getattr(machine.workload, "notes", ()):
            if note not in self._notes.setdefault(machine.name, []):
                self._notes[machine.name].append(note)

    # results

    def _result(self, seconds: float, partial: str) -> Result:
        host, vms = self._recorder.tables()
        for machine in self.machines.values():
            self._note(machine)
        policy = self.host.policy
        said = hooks(policy)
        shown = said.thresholds(self.memory)
        meta = {
            "name": self.name,
            "policy": said.name,
            "policy_options": repr(policy),
            "seed": self.seed,
            "memory": self.memory,
            "seconds": float(seconds),
            "epoch": self.epoch,
            "costs": self.costs.name,
            "contents": self.host.contents,
            "refused": list(self.refused),
            "partial": partial,
            "notes": {name: list(notes) for name, notes in self._notes.items()},
            "thresholds": dict(zip(shown.names, shown.bytes, strict=True)) if shown else {},
        }
        return Result(host, vms, summary_of(host), self._log, meta)
